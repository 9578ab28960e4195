//! Claimed domains, and single sign-on.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use jiff::Timestamp;
use scim_core::org::{ClaimedDomain, DomainName, DomainRecords, DomainState, SsoSettings};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Error, Result};

use super::{all, millisecond, one, optional_time, time, word};
use crate::store::error::of;
use crate::store::statement::{integer, name, statement};
use crate::store::tables::{domains, sso_settings};
use crate::store::transaction::{DieselTransaction, id_of};

/// The columns of [`DomainRow`], and the beginning of a condition: each new user asks who has its domain.
const CLAIMS: &str = "SELECT org, id, name, token, state, created, verified, checked, missing FROM domains \
                      WHERE name = ";
type ClaimColumns =
    (Text, Text, Text, Text, Text, BigInt, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>);

impl DomainRecords for DieselTransaction<'_> {
    fn domains(&mut self, org: &Tenant) -> Result<Vec<ClaimedDomain>> {
        self.enter(org)?;
        all(domains::table
            .filter(domains::org.eq(org.as_str()))
            .order(domains::id)
            .load::<DomainRow>(self.conn_to_read(&[])?))
    }

    fn claims_on(&mut self, name: &DomainName) -> Result<Vec<ClaimedDomain>> {
        let known = self.seen.claims_on(name.as_str());
        if let Some(claims) = known.or_else(|| self.remembered_claims(name.as_str())) {
            return Ok(claims);
        }
        let claims = self.entered(
            |tx| {
                let rows: Vec<DomainRow> = statement(CLAIMS)
                    .text(name.as_str())
                    .sql(" ORDER BY org, id")
                    .rows_of::<name::Claims, ClaimColumns, _>(tx.conn_to_read(&[])?)?;
                all(Ok(rows))
            },
            |claims: &Vec<ClaimedDomain>| claims.iter().map(|claim| claim.org.clone()).collect(),
        )?;
        self.remember_claims(name.as_str(), &claims);
        Ok(claims)
    }

    fn put_domain(&mut self, domain: &ClaimedDomain) -> Result<()> {
        self.enter_alone(&domain.org)?;
        self.unsettle();
        let key = (domain.org.as_str(), domain.id.as_str());
        put!(self, domains::table, key, DomainRow::from(domain))
    }

    fn remove_domain(&mut self, org: &Tenant, id: &Id) -> Result<()> {
        self.enter_alone(org)?;
        self.unsettle();
        diesel::delete(domains::table.find((org.as_str(), id.as_str())))
            .execute(self.conn()?)
            .map_err(of)
            .map(drop)
    }

    fn sso(&mut self, org: &Tenant) -> Result<Option<SsoSettings>> {
        self.enter(org)?;
        let body: Option<String> = sso_settings::table
            .find(org.as_str())
            .select(sso_settings::body)
            .first(self.conn_to_read(&[])?)
            .optional()
            .map_err(of)?;
        body.map(|body| serde_json::from_str(&body).map_err(Error::internal)).transpose()
    }

    fn put_sso(&mut self, org: &Tenant, settings: Option<&SsoSettings>) -> Result<()> {
        self.enter_alone(org)?;
        diesel::delete(sso_settings::table.find(org.as_str())).execute(self.conn()?).map_err(of)?;
        if let Some(settings) = settings {
            let body = serde_json::to_string(settings).map_err(Error::internal)?;
            diesel::insert_into(sso_settings::table)
                .values((sso_settings::org.eq(org.as_str()), sso_settings::body.eq(body)))
                .execute(self.conn()?)
                .map_err(of)?;
        }
        Ok(())
    }
}

impl DieselTransaction<'_> {
    /// Claims of all organizations that DNS has said nothing of since then, from the first behind `after`: those
    /// that count, or those that don't.
    ///
    /// # Errors
    /// From the database.
    pub(crate) fn domains_due(
        &mut self,
        since: Timestamp,
        holds: bool,
        after: Option<&ClaimedDomain>,
        limit: usize,
    ) -> Result<Vec<ClaimedDomain>> {
        let states: &[DomainState] = if holds {
            &[DomainState::Verified, DomainState::Grace]
        } else {
            &[DomainState::Pending, DomainState::Conflict, DomainState::Unverified]
        };
        let mut due = domains::table
            .filter(domains::checked.is_null().or(domains::checked.lt(since.as_millisecond())))
            .filter(domains::state.eq_any(states.iter().map(ToString::to_string)))
            .order((domains::org, domains::id))
            .limit(integer(limit))
            .into_boxed();
        if let Some(after) = after {
            let same = domains::org.eq(after.org.as_str()).and(domains::id.gt(after.id.as_str()));
            due = due.filter(domains::org.gt(after.org.as_str()).or(same));
        }
        all(due.load::<DomainRow>(self.conn()?))
    }

    /// A claim, whosever it is by now.
    ///
    /// # Errors
    /// From the database.
    pub(crate) fn domain_of_id(&mut self, id: &Id) -> Result<Option<ClaimedDomain>> {
        self.entered(
            |tx| {
                one(domains::table
                    .filter(domains::id.eq(id.as_str()))
                    .load::<DomainRow>(tx.conn()?))
            },
            |claim: &Option<ClaimedDomain>| claim.iter().map(|claim| claim.org.clone()).collect(),
        )
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = domains, primary_key(org, id), treat_none_as_null = true)]
pub(in crate::store) struct DomainRow {
    org: String,
    id: String,
    name: String,
    token: String,
    state: String,
    created: i64,
    verified: Option<i64>,
    checked: Option<i64>,
    missing: Option<i64>,
}

#[cfg(feature = "postgres")]
impl DomainRow {
    pub(in crate::store) fn new(
        [org, id, name, token, state]: [String; 5],
        created: i64,
        [verified, checked, missing]: [Option<i64>; 3],
    ) -> Self {
        Self { org, id, name, token, state, created, verified, checked, missing }
    }
}

impl From<&ClaimedDomain> for DomainRow {
    fn from(d: &ClaimedDomain) -> Self {
        Self {
            org: d.org.as_str().to_owned(),
            id: d.id.as_str().to_owned(),
            name: d.name.as_str().to_owned(),
            token: d.token.clone(),
            state: d.state.to_string(),
            created: d.created.as_millisecond(),
            verified: millisecond(d.verified),
            checked: millisecond(d.checked),
            missing: millisecond(d.missing),
        }
    }
}

impl TryFrom<DomainRow> for ClaimedDomain {
    type Error = Error;

    fn try_from(row: DomainRow) -> Result<Self> {
        Ok(Self {
            org: Tenant::new(&row.org),
            id: id_of(&row.id)?,
            name: DomainName::parse(&row.name)?,
            token: row.token,
            state: word(&row.state)?,
            created: time(row.created)?,
            verified: optional_time(row.verified)?,
            checked: optional_time(row.checked)?,
            missing: optional_time(row.missing)?,
        })
    }
}
