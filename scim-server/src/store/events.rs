//! Reading the log: the audit, and why somebody is a member.

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use jiff::Timestamp;
use scim_core::event::Event;
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Error, Result};

use super::error::of;
use super::statement::integer;
use super::statement::statement;
use super::tables::events;
use super::transaction::{id_of, milliseconds};
use super::{DieselStore, DieselTransaction};

/// Events about many people that are looked at for one of them.
const MASS: usize = 200;

#[derive(Queryable)]
struct Row {
    _org: String,
    id: String,
    at: i64,
    name: String,
    actor: String,
    request_id: String,
    target: String,
    detail: String,
}

impl TryFrom<Row> for Event {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: id_of(&row.id)?,
            at: Timestamp::from_millisecond(row.at).map_err(Error::internal)?,
            name: row.name,
            actor: row.actor,
            request_id: row.request_id,
            target: id_of(&row.target)?,
            detail: serde_json::from_str(&row.detail).map_err(Error::internal)?,
        })
    }
}

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Those that came before this one; without it, the latest.
    pub before: Option<String>,
    /// Those that came after this one, the oldest first.
    pub after: Option<String>,
    /// Those of that name, e.g. `organization.linked`.
    pub name: Option<String>,
    /// Those about that.
    pub target: Option<String>,
}

impl DieselStore {
    /// When the latest event of all was told by its id, in milliseconds since 1970, if the database was written
    /// after `now`: the clock has been put back since. PostgreSQL, where several instances tell, puts each event
    /// behind the one before.
    ///
    /// # Errors
    /// From the database.
    pub fn latest_event(&self, now: Timestamp) -> Result<Option<i64>> {
        if self.0.written.is_none_or(|written| written <= now) {
            return Ok(None);
        }
        let latest: Vec<Option<String>> = self.0.glance(|conn| {
            statement(
                "SELECT MAX((SELECT e.id FROM events e WHERE e.org = o.id ORDER BY e.id DESC LIMIT 1)) \
                 FROM organizations o",
            )
            .rows::<Nullable<Text>, _>(conn)
        })?;
        let latest = latest.into_iter().flatten().next();
        Ok(latest.and_then(|id| milliseconds(&Id::parse(&id)?)))
    }
}

impl DieselTransaction<'_> {
    /// Events of an organization: the latest first, or, with `after`, the oldest first.
    ///
    /// # Errors
    /// From the database.
    pub fn events(
        &mut self,
        org: &Tenant,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<Vec<Event>> {
        // What this transaction has told itself is among them.
        self.finish()?;
        let mut query = events::table
            .filter(events::org.eq(org.as_str().to_owned()))
            .limit(integer(limit))
            .into_boxed();
        if let Some(before) = &filter.before {
            query = query.filter(events::id.lt(before));
        }
        if let Some(name) = &filter.name {
            query = query.filter(events::name.eq(name));
        }
        if let Some(target) = &filter.target {
            query = query.filter(events::target.eq(target));
        }
        query = match &filter.after {
            Some(after) => query.filter(events::id.gt(after)).order(events::id.asc()),
            None => query.order(events::id.desc()),
        };
        let rows: Vec<Row> = query.load(self.conn()?).map_err(of)?;
        rows.into_iter().map(Event::try_from).collect()
    }

    /// The latest event of that name, like `membership.granted`, about somebody's grant of that source.
    ///
    /// # Errors
    /// From the database.
    pub fn event_of_grant(
        &mut self,
        name: &str,
        org: &Tenant,
        account: &Id,
        source: &str,
    ) -> Result<Option<Event>> {
        let named = |target: &str| EventFilter {
            name: Some(name.to_owned()),
            target: Some(target.to_owned()),
            ..EventFilter::default()
        };
        let is_it = |event: &Event| {
            let accounts = event.detail.get("accounts").and_then(serde_json::Value::as_array);
            event.detail.get("source").and_then(serde_json::Value::as_str) == Some(source)
                && accounts.into_iter().flatten().any(|a| a.as_str() == Some(account.as_str()))
        };
        for target in [account.as_str(), org.as_str()] {
            let events = self.events(org, &named(target), MASS)?;
            if let Some(event) = events.into_iter().find(|event| is_it(event)) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}
