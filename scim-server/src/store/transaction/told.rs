//! Events, kept until the transaction ends.

use std::collections::BTreeSet;

use scim_core::Result;
use scim_core::event::Event;
use scim_core::resource::Id;
use scim_core::store::Tenant;

use super::DieselTransaction;
use crate::store::later::EVENTS;
use crate::store::statement::{Statement, name};

/// Events written in one statement.
const TOLD: usize = 16;

/// On PostgreSQL instances have clocks of their own, and the log has to be in the order of commits: what
/// comes after an event that an instance with a faster clock has told is told of a later time, all of it by
/// the same.
const LATER_EVENTS: &str = "SELECT e.org, CASE WHEN s.by = 0 THEN e.id ELSE \
     substr(lpad(to_hex(s.by + CAST(CAST('x0000' || substr(e.id, 1, 8) || substr(e.id, 10, 4) AS bit(64)) \
     AS bigint)), 12, '0'), 1, 8) || '-' || \
     substr(lpad(to_hex(s.by + CAST(CAST('x0000' || substr(e.id, 1, 8) || substr(e.id, 10, 4) AS bit(64)) \
     AS bigint)), 12, '0'), 9, 4) || substr(e.id, 14) END, \
     GREATEST(e.at + s.by, s.at), e.name, e.actor, e.request_id, e.target, e.detail FROM ";

/// An event as its row will have it.
pub(super) struct Told {
    org: Tenant,
    id: Id,
    at: i64,
    name: String,
    actor: String,
    request_id: String,
    target: Id,
    /// As text: of many members as values there would be two copies.
    detail: String,
}

impl Told {
    pub(super) fn new(org: &Tenant, event: &Event) -> Self {
        Self {
            org: org.clone(),
            id: event.id.clone(),
            at: event.at.as_millisecond(),
            name: event.name.clone(),
            actor: event.actor.clone(),
            request_id: event.request_id.clone(),
            target: event.target.clone(),
            detail: event.detail.to_string(),
        }
    }
}

/// The time in an id of the kind that rises with time, in milliseconds.
pub(in crate::store) fn milliseconds(id: &Id) -> Option<i64> {
    let uuid = uuid::Uuid::parse_str(id.as_str()).ok().filter(|id| id.get_version_num() == 7)?;
    i64::try_from(uuid.as_u128() >> 80).ok()
}

impl DieselTransaction<'_> {
    /// Writes the events that were kept for the end, in one statement.
    pub(in crate::store) fn finish(&mut self) -> Result<()> {
        self.leave_events()?;
        self.write_at_last()
    }

    pub(in crate::store) fn leave_events(&mut self) -> Result<()> {
        let told = std::mem::take(&mut self.told);
        let mut told = told.into_iter().peekable();
        while told.peek().is_some() {
            self.insert_events(told.by_ref().take(TOLD).collect())?;
        }
        Ok(())
    }

    fn insert_events(&mut self, told: Vec<Told>) -> Result<()> {
        // A failure is the whole transaction's: SQLite need not keep copies of the pages to undo it.
        let mut sql = Statement::default()
            .per_backend("INSERT OR FAIL INTO", "INSERT INTO")
            .sql(" events (org, id, at, name, actor, request_id, target, detail) ");
        let first = self.first_told.clone().filter(|_| self.link.is_far());
        let first = first.and_then(|id| milliseconds(&id).map(|time| (id, time)));
        sql = match first {
            None => sql.sql("VALUES "),
            Some(_) => sql.sql(LATER_EVENTS).sql("(VALUES "),
        };
        let organizations: BTreeSet<Tenant> = match first {
            None => BTreeSet::new(),
            Some(_) => told.iter().map(|event| event.org.clone()).collect(),
        };
        let (rows, named_by) = (told.len(), told.first().map(|event| event.id.clone()));
        for (i, event) in told.into_iter().enumerate() {
            sql = sql
                .sql(if i > 0 { ", (" } else { "(" })
                .text(event.org.as_str())
                .sql(", ")
                .text(event.id.as_str())
                .sql(", ")
                .integer(event.at)
                .sql(", ")
                .owned_text(event.name)
                .sql(", ")
                .owned_text(event.actor)
                .sql(", ")
                .owned_text(event.request_id)
                .sql(", ")
                .text(event.target.as_str())
                .sql(", ")
                .owned_text(event.detail)
                .sql(")");
        }
        sql = match first {
            None => sql.named_by::<name::InsertEvents>(rows),
            Some((id, time)) => {
                sql
                .sql(
                    ") AS e (org, id, at, name, actor, request_id, target, detail), \
                     (SELECT CASE WHEN l.id >= ",
                )
                .text(id.as_str())
                .sql(
                    " AND l.id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7' THEN 1 + \
                     CAST(CAST('x0000' || substr(l.id, 1, 8) || substr(l.id, 10, 4) AS bit(64)) AS bigint) - ",
                )
                .integer(time)
                .sql(" ELSE 0 END AS by, l.at FROM (SELECT MAX(p.id) AS id, MAX(p.at) AS at FROM unnest(")
                .list(organizations.iter().map(Tenant::as_str))
                .sql(
                    ") AS o (org) CROSS JOIN LATERAL (SELECT id, at FROM events WHERE events.org = o.org \
                     ORDER BY id DESC LIMIT 1) p) l) s",
                )
            }
        };
        self.write_later(EVENTS, named_by.as_ref().map(Id::as_str).unwrap_or_default(), sql)
    }
}
