//! Teams, and what people said of who is in them.

use diesel::prelude::*;
use scim_core::org::{Place, Team, TeamRecords};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Error, Result};

use super::{all, one, time};
use crate::store::error::of;
use crate::store::tables::{team_members, teams};
use crate::store::transaction::{DieselTransaction, id_of};

impl TeamRecords for DieselTransaction<'_> {
    fn teams(&mut self, org: &Tenant) -> Result<Vec<Team>> {
        self.enter(org)?;
        all(teams::table
            .filter(teams::org.eq(org.as_str()))
            .order(teams::id)
            .load::<TeamRow>(self.conn_to_read(&[])?))
    }

    fn team_named(&mut self, org: &Tenant, key: &str) -> Result<Option<Team>> {
        self.enter(org)?;
        one(teams::table
            .filter(teams::org.eq(org.as_str()))
            .filter(teams::key.eq(key))
            .load::<TeamRow>(self.conn_to_read(&[])?))
    }

    fn team_of(&mut self, org: &Tenant, group: &Id) -> Result<Option<Team>> {
        self.enter(org)?;
        one(teams::table
            .filter(teams::org.eq(org.as_str()))
            .filter(teams::group_id.eq(group.as_str()))
            .load::<TeamRow>(self.conn_to_read(&[])?))
    }

    fn put_team(&mut self, team: &Team) -> Result<()> {
        self.enter_alone(&team.org)?;
        let key = (team.org.as_str(), team.id.as_str());
        put!(self, teams::table, key, TeamRow::from(team))
    }

    fn remove_team(&mut self, org: &Tenant, id: &Id) -> Result<()> {
        self.enter_alone(org)?;
        diesel::delete(
            team_members::table
                .filter(team_members::org.eq(org.as_str()))
                .filter(team_members::team_id.eq(id.as_str())),
        )
        .execute(self.conn()?)
        .map_err(of)?;
        diesel::delete(teams::table.find((org.as_str(), id.as_str())))
            .execute(self.conn()?)
            .map_err(of)
            .map(drop)
    }

    fn team_members(&mut self, org: &Tenant, team: &Id) -> Result<Vec<(Id, Place)>> {
        self.enter(org)?;
        let found: Vec<(String, bool)> = team_members::table
            .filter(team_members::org.eq(org.as_str()))
            .filter(team_members::team_id.eq(team.as_str()))
            .order(team_members::account_id)
            .select((team_members::account_id, team_members::taken_out))
            .load(self.conn_to_read(&[])?)
            .map_err(of)?;
        let place = |out: bool| if out { Place::TakenOut } else { Place::PutIn };
        found.iter().map(|(text, out)| Ok((id_of(text)?, place(*out)))).collect()
    }

    fn set_team_member(
        &mut self,
        org: &Tenant,
        team: &Id,
        account: &Id,
        place: Option<Place>,
    ) -> Result<()> {
        self.enter_alone(org)?;
        let key = (org.as_str(), team.as_str(), account.as_str());
        diesel::delete(team_members::table.find(key)).execute(self.conn()?).map_err(of)?;
        let Some(place) = place else { return Ok(()) };
        diesel::insert_into(team_members::table)
            .values((
                team_members::org.eq(org.as_str()),
                team_members::team_id.eq(team.as_str()),
                team_members::account_id.eq(account.as_str()),
                team_members::taken_out.eq(place == Place::TakenOut),
            ))
            .execute(self.conn()?)
            .map_err(of)
            .map(drop)
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = teams, primary_key(org, id), treat_none_as_null = true)]
pub(in crate::store) struct TeamRow {
    org: String,
    id: String,
    name: String,
    key: String,
    group_id: Option<String>,
    adopted: bool,
    created: i64,
}

impl From<&Team> for TeamRow {
    fn from(t: &Team) -> Self {
        Self {
            org: t.org.as_str().to_owned(),
            id: t.id.as_str().to_owned(),
            name: t.name.clone(),
            key: t.key.clone(),
            group_id: t.group.as_ref().map(|group| group.as_str().to_owned()),
            adopted: t.adopted,
            created: t.created.as_millisecond(),
        }
    }
}

impl TryFrom<TeamRow> for Team {
    type Error = Error;

    fn try_from(row: TeamRow) -> Result<Self> {
        Ok(Self {
            org: Tenant::new(&row.org),
            id: id_of(&row.id)?,
            name: row.name,
            key: row.key,
            group: row.group_id.as_deref().map(id_of).transpose()?,
            adopted: row.adopted,
            created: time(row.created)?,
        })
    }
}
