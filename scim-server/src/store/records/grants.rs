//! Why somebody is a member, and in which role.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use scim_core::org::{Grant, GrantRecords, Role, Source};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Error, Result};

use super::{all, from, millisecond, optional_time, word};
use crate::store::error::of;
use crate::store::statement::{integer, name, statement};
use crate::store::tables::{grants, roles};
use crate::store::transaction::{DieselTransaction, id_of};

/// The columns of [`GrantRow`], and the beginning of a condition.
const GRANTS: &str =
    "SELECT org, account_id, source, note, suspended, since FROM grants WHERE account_id = ";
type GrantColumns = (Text, Text, Text, Nullable<Text>, Bool, Nullable<BigInt>);

impl GrantRecords for DieselTransaction<'_> {
    fn grants(&mut self, org: &Tenant, account: &Id) -> Result<Vec<Grant>> {
        self.enter(org)?;
        if let Some(person) = self.seen.person_of(account) {
            return Ok(person.grants.iter().filter(|grant| grant.org == *org).cloned().collect());
        }
        let rows: Vec<GrantRow> = statement(GRANTS)
            .text(account.as_str())
            .sql(" AND org = ")
            .text(org.as_str())
            .sql(" ORDER BY source")
            .rows_of::<name::Grants, GrantColumns, _>(self.conn_to_read(&[])?)?;
        all(Ok(rows))
    }

    fn grants_after(
        &mut self,
        org: &Tenant,
        after: Option<&Id>,
        limit: usize,
    ) -> Result<Vec<Grant>> {
        self.enter(org)?;
        let after = from(after.map(Id::as_str));
        let last: Option<String> = grants::table
            .filter(grants::org.eq(org.as_str()))
            .filter(grants::account_id.gt(&after))
            .order(grants::account_id)
            .select(grants::account_id)
            .distinct()
            .limit(integer(limit))
            .load::<String>(self.conn_to_read(&[])?)
            .map_err(of)?
            .pop();
        let Some(last) = last else { return Ok(Vec::new()) };
        all(grants::table
            .filter(grants::org.eq(org.as_str()))
            .filter(grants::account_id.gt(&after))
            .filter(grants::account_id.le(&last))
            .order((grants::account_id, grants::source))
            .load::<GrantRow>(self.conn_to_read(&[])?))
    }

    fn grants_of(&mut self, account: &Id) -> Result<Vec<Grant>> {
        if let Some(person) = self.seen.person_of(account) {
            return Ok(person.grants.clone());
        }
        let rows: Vec<GrantRow> = statement(GRANTS)
            .text(account.as_str())
            .sql(" ORDER BY org, source")
            .rows_of::<name::AllGrants, GrantColumns, _>(self.conn_to_read(&[])?)?;
        all(Ok(rows))
    }

    fn put_grant(&mut self, grant: &Grant) -> Result<()> {
        self.enter_alone(&grant.org)?;
        self.seen.person = None;
        let key = (grant.org.as_str(), grant.account.as_str(), grant.source.word());
        put!(self, grants::table, key, GrantRow::from(grant))
    }

    fn remove_grant(&mut self, org: &Tenant, account: &Id, source: &Source) -> Result<()> {
        self.enter_alone(org)?;
        self.seen.person = None;
        diesel::delete(grants::table.find((org.as_str(), account.as_str(), source.word())))
            .execute(self.conn()?)
            .map_err(of)
            .map(drop)
    }

    fn role(&mut self, org: &Tenant, account: &Id) -> Result<Option<Role>> {
        self.enter(org)?;
        if let Some(person) = self.seen.person_of(account)
            && person.knows(org)
        {
            let role = person.roles.iter().find(|(of, _)| of == org);
            return Ok(role.map(|(_, role)| *role));
        }
        let roles: Vec<String> = statement("SELECT role FROM roles WHERE org = ")
            .text(org.as_str())
            .sql(" AND account_id = ")
            .text(account.as_str())
            .rows_of::<name::Role, Text, _>(self.conn_to_read(&[])?)?;
        roles.into_iter().next().map(|role| word(&role)).transpose()
    }

    fn roles(&mut self, org: &Tenant) -> Result<Vec<(Id, Role)>> {
        self.enter(org)?;
        let rows: Vec<(String, String)> =
            statement("SELECT account_id, role FROM roles WHERE org = ")
                .text(org.as_str())
                .sql(" ORDER BY account_id")
                .rows_of::<name::Roles, (Text, Text), _>(self.conn_to_read(&[])?)?;
        rows.into_iter().map(|(account, role)| Ok((id_of(&account)?, word(&role)?))).collect()
    }

    fn put_role(&mut self, org: &Tenant, account: &Id, role: Role) -> Result<()> {
        self.enter_alone(org)?;
        self.seen.person = None;
        let key = (org.as_str(), account.as_str());
        if role == Role::Member {
            diesel::delete(roles::table.find(key)).execute(self.conn()?).map_err(of)?;
            return Ok(());
        }
        let row = RoleRow {
            org: org.as_str().to_owned(),
            account_id: account.as_str().to_owned(),
            role: role.to_string(),
        };
        put!(self, roles::table, key, row)
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = grants, primary_key(org, account_id, source), treat_none_as_null = true)]
pub(in crate::store) struct GrantRow {
    org: String,
    account_id: String,
    source: String,
    note: Option<String>,
    suspended: bool,
    since: Option<i64>,
}

impl GrantRow {
    pub(in crate::store) fn new(
        (org, account_id, source): (String, String, String),
        note: Option<String>,
        suspended: bool,
        since: Option<i64>,
    ) -> Self {
        Self { org, account_id, source, note, suspended, since }
    }
}

impl From<&Grant> for GrantRow {
    fn from(g: &Grant) -> Self {
        Self {
            org: g.org.as_str().to_owned(),
            account_id: g.account.as_str().to_owned(),
            source: g.source.word().to_owned(),
            note: g.note.clone(),
            suspended: g.suspended,
            since: millisecond(g.since),
        }
    }
}

impl TryFrom<GrantRow> for Grant {
    type Error = Error;

    fn try_from(row: GrantRow) -> Result<Self> {
        let source = Source::stored(&row.source)
            .ok_or_else(|| Error::internal("a stored grant of no known source"))?;
        Ok(Self {
            org: Tenant::new(&row.org),
            account: id_of(&row.account_id)?,
            source,
            note: row.note,
            suspended: row.suspended,
            since: optional_time(row.since)?,
        })
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = roles, primary_key(org, account_id))]
struct RoleRow {
    org: String,
    account_id: String,
    role: String,
}
