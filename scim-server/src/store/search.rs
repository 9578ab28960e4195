//! Searches: in SQL where the keys tell all of it, else by looking at what they leave over.

use std::collections::HashMap;
use std::sync::Arc;

use scim_core::filter::{Op, Predicate};
use scim_core::query::{Page, Position, Query, Window};
use scim_core::resource::{Id, Resource};
use scim_core::schema::ResourceType;
use scim_core::store::hydrate;
use scim_core::{Error, Kind, Result};
use serde_json::Value;

use super::index::IndexPlan;
use super::narrow::{Condition, Keys, Reach, Scope, asks_the_plan};
use super::order::Order;
use super::statement::{Statement, integer, name, statement};
use super::transaction::{COLUMNS, Columns, DieselTransaction, FEW, LIST, Row};

/// Rows looked at in one go.
const CHUNK: usize = 1000;

/// Resources that match and are kept while others are looked at; of more, those of the page are read again.
const KEPT: usize = 16;

/// What the resources of a page may take together, in bytes; one may take more.
const PAGE_BYTES: usize = 16 << 20;

/// Resources that are read by their keys before it is known whether that is all.
const SOME: usize = 24;

/// What matches: where it stands, and the resources themselves as long as they are few.
#[derive(Default)]
struct Matching {
    placed: Vec<(Position, Id)>,
    kept: Vec<Resource>,
}

impl Matching {
    fn add(&mut self, query: &Query, resource: Resource) -> Result<()> {
        self.placed.push((query.position(&resource)?, resource.id().clone()));
        if self.placed.len() <= KEPT {
            self.kept.push(resource);
        } else {
            self.kept = Vec::new();
        }
        Ok(())
    }
}

impl DieselTransaction<'_> {
    pub(super) fn search_page(&mut self, kind: &Arc<ResourceType>, query: &Query) -> Result<Page> {
        let plan = match &query.predicate {
            Some(predicate) if asks_the_plan(predicate) => self.plan_to_read()?,
            _ => self.store.plans.last(),
        };
        if let Some(page) = self.those_with(kind, &plan, query)? {
            return Ok(page);
        }
        let meant = self.groups_meant(kind, query.predicate.as_ref())?;
        let scope = Scope { tenant: &self.tenant, kind, plan: &plan, meant: &meant };
        let condition = query.predicate.as_ref().map(|predicate| scope.narrow(predicate));
        let exact = condition.as_ref().is_none_or(|condition| condition.exact);
        if self.brief && !(exact && self.touches_few(kind, &plan, query)?) {
            self.no_time_for_more()?;
        }
        match self.order(kind, query.sort.as_ref()) {
            Some(order) if exact => self.in_sql(kind, query, condition.as_ref(), &order),
            _ => self.by_looking(kind, query, condition.as_ref()),
        }
    }

    /// The first page of what has a value, or begins with it, where that is all: what identity providers ask for
    /// most. `None` if there is more, or if the keys don't tell.
    fn those_with(
        &mut self,
        kind: &Arc<ResourceType>,
        plan: &IndexPlan,
        query: &Query,
    ) -> Result<Option<Page>> {
        let Query { predicate: Some(Predicate::Compare(compare)), sort: None, window } = query
        else {
            return Ok(None);
        };
        let Window::Offset { offset: 0, count } = window else { return Ok(None) };
        let scope = Scope { tenant: &self.tenant, kind, plan, meant: &[] };
        // On PostgreSQL it was found before it was asked for, together with all else.
        let found = if self.link.is_far() { None } else { scope.by_key(COLUMNS, compare) };
        let Some((table, sql)) = found else { return Ok(None) };
        let most = SOME.min(*count);
        let sql = sql.limit(integer(most.saturating_add(1)));
        let conn = self.conn()?;
        let mut rows: Vec<Row> = match (table, compare.op) {
            (Keys::Unique, Op::Eq) => sql.rows_of::<name::ByUnique, Columns, _>(conn)?,
            (Keys::Attribute, Op::Eq) => sql.rows_of::<name::ByKey, Columns, _>(conn)?,
            _ => sql.rows::<Columns, _>(conn)?,
        };
        if rows.len() > most {
            return Ok(None);
        }
        rows.sort_by(|one, other| one.0.cmp(&other.0));
        rows.dedup_by(|one, other| one.0 == other.0);
        let resources = rows.into_iter().map(|row| row.resource(kind));
        let resources = resources.collect::<Result<Vec<_>>>()?;
        Ok(Some(Page { total: resources.len(), resources, more: false }))
    }

    /// Whether an exact search looks at a few rows only, however many there are.
    fn touches_few(
        &mut self,
        kind: &Arc<ResourceType>,
        plan: &IndexPlan,
        query: &Query,
    ) -> Result<bool> {
        if query.window.count() > FEW {
            return Ok(false);
        }
        let scope = Scope { tenant: &self.tenant, kind, plan, meant: &[] };
        match (&query.predicate, &query.sort, &query.window) {
            (None, sort, window) => {
                let near = match window {
                    Window::Offset { offset, .. } => {
                        let total = if *offset > FEW { self.count_of(kind)? } else { 0 };
                        // From the end, what comes after the page is skipped.
                        let after =
                            total.saturating_sub(offset.saturating_add(query.window.count()));
                        *offset <= FEW || (*offset > total / 2 && after <= FEW)
                    }
                    Window::After { .. } | Window::Before { .. } => true,
                };
                Ok(near && self.order(kind, sort.as_ref()).is_some())
            }
            (Some(Predicate::Compare(compare)), None, _) => match scope.reach(compare) {
                Reach::One => Ok(true),
                Reach::Rows(rows) => {
                    let few = statement("SELECT COUNT(*) FROM (")
                        .then(&rows)
                        .limit(integer(FEW + 1))
                        .sql(") few")
                        .count(self.conn()?)?;
                    Ok(few <= integer(FEW))
                }
                Reach::Unknown => Ok(false),
            },
            (Some(_), _, _) => Ok(false),
        }
    }

    fn in_sql(
        &mut self,
        kind: &Arc<ResourceType>,
        query: &Query,
        condition: Option<&Condition>,
        order: &Order,
    ) -> Result<Page> {
        let count = query.window.count();
        let total = if condition.is_none() { Some(self.count_of(kind)?) } else { None };
        if let (Some(total), Window::Offset { offset, .. }) = (total, &query.window)
            && *offset > total / 2
        {
            return self.near_the_end(kind, (*offset, count), total, order);
        }
        let with = |mut sql: Statement| {
            if let Some(condition) = condition {
                sql = sql.sql(" AND (").then(&condition.sql).sql(")");
            }
            sql
        };
        let backward = matches!(query.window, Window::Before { .. });
        let mut sql = with(statement("SELECT ").sql(COLUMNS).sql(" FROM ").then(&order.from));
        let mut offset = None;
        match &query.window {
            Window::Offset { offset: 0, .. } => {}
            Window::Offset { offset: n, .. } => offset = Some(*n),
            Window::After { position, .. } | Window::Before { position, .. } => {
                sql = order.beyond(sql, position, backward)?;
            }
        }
        let sql = order.by(sql, backward).limit(integer(count.saturating_add(1)));
        let sql = match offset {
            Some(n) => sql.offset(n),
            None => sql,
        };
        let (rows, cut) = self.rows_of_a_page(sql)?;
        let more = rows.len() > count || cut;
        let mut resources = rows
            .into_iter()
            .take(count)
            .map(|row| row.resource(kind))
            .collect::<Result<Vec<_>>>()?;
        if backward {
            resources.reverse();
        }
        let whole = matches!(query.window, Window::Offset { offset: 0, .. }) && !more;
        let total = match (total, condition) {
            _ if whole => resources.len(),
            (Some(total), _) => total,
            (None, None) => self.count_of(kind)?,
            (None, Some(condition)) => {
                let sql = statement("SELECT COUNT(*) FROM ")
                    .then(&self.resources_of(kind))
                    .sql(" AND (")
                    .then(&condition.sql)
                    .sql(")");
                usize::try_from(sql.count(self.conn()?)?).unwrap_or_default()
            }
        };
        Ok(Page { total, resources, more })
    }

    /// A page by index that is nearer to the end: what comes after it is skipped, rather than what comes before.
    fn near_the_end(
        &mut self,
        kind: &Arc<ResourceType>,
        (offset, count): (usize, usize),
        total: usize,
        order: &Order,
    ) -> Result<Page> {
        let left = total.saturating_sub(offset);
        let more = left > count;
        let from = |backward: bool| {
            let sql = statement("SELECT ").sql(COLUMNS).sql(" FROM ").then(&order.from);
            let skipped = if backward { left.saturating_sub(count) } else { offset };
            order.by(sql, backward).limit(integer(left.min(count))).offset(skipped)
        };
        let (rows, cut) = self.rows_of_a_page(from(true))?;
        if cut {
            // What is left out has to be its end.
            let (rows, _) = self.rows_of_a_page(from(false))?;
            let resources = rows.into_iter().map(|row| row.resource(kind));
            return Ok(Page { total, resources: resources.collect::<Result<_>>()?, more: true });
        }
        let resources = rows.into_iter().rev().map(|row| row.resource(kind));
        Ok(Page { total, resources: resources.collect::<Result<_>>()?, more })
    }

    /// Looks at each resource that the condition lets through.
    fn by_looking(
        &mut self,
        kind: &Arc<ResourceType>,
        query: &Query,
        condition: Option<&Condition>,
    ) -> Result<Page> {
        let needs = query.predicate.as_ref().map(|p| p.needs()).unwrap_or_default();
        let (mut matching, mut looked, mut after) = (Matching::default(), 0_usize, String::new());
        loop {
            let mut sql = statement("SELECT ")
                .sql(COLUMNS)
                .sql(" FROM ")
                .then(&self.resources_of(kind))
                .sql(" AND r.id > ")
                .text(&after);
            if let Some(condition) = condition {
                sql = sql.sql(" AND (").then(&condition.sql).sql(")");
            }
            let sql = sql.sql(" ORDER BY r.id").limit(integer(CHUNK));
            let (rows, cut) = self.rows_of_a_page(sql)?;
            let full = cut || rows.len() == CHUNK;
            looked = self.look(looked, rows.len())?;
            if let Some(last) = rows.last() {
                after.clone_from(&last.0);
            }
            let rows = rows.into_iter().map(|row| row.resource(kind));
            let resources = rows.collect::<Result<Vec<_>>>()?;
            match &query.predicate {
                None => resources.into_iter().try_for_each(|r| matching.add(query, r))?,
                Some(predicate) => {
                    // A group's members are many.
                    let at_once = if needs.members { 1 } else { CHUNK };
                    for some in resources.chunks(at_once) {
                        let whole = hydrate(self, some, needs)?;
                        for (resource, whole) in some.iter().zip(&whole) {
                            let members = whole.get("members").and_then(Value::as_array);
                            looked = self.look(looked, members.map_or(0, Vec::len))?;
                            if predicate.matches(whole) {
                                matching.add(query, resource.clone())?;
                            }
                        }
                    }
                }
            }
            if !full {
                return self.page_of(kind, query, matching);
            }
        }
    }

    /// Counts so many more that are looked at.
    fn look(&self, looked: usize, more: usize) -> Result<usize> {
        let looked = looked.saturating_add(more);
        if looked <= self.store.budget {
            return Ok(looked);
        }
        let detail = format!(
            "The search would look at more than {} resources; add a condition on an indexed attribute such as \
             userName, externalId or emails.value",
            self.store.budget
        );
        Err(Error::new(Kind::TooMany, detail))
    }

    /// The page out of what matches.
    fn page_of(
        &mut self,
        kind: &Arc<ResourceType>,
        query: &Query,
        matching: Matching,
    ) -> Result<Page> {
        let Matching { placed, kept } = matching;
        let total = placed.len();
        let (mut ids, mut more) = query.cut(placed);
        // What doesn't fit is at the end that is read last.
        let backward = matches!(query.window, Window::Before { .. });
        if backward {
            ids.reverse();
        }
        let mut found: HashMap<Id, Resource> =
            kept.into_iter().map(|resource| (resource.id().clone(), resource)).collect();
        let (mut resources, mut bytes) = (Vec::with_capacity(ids.len()), 0_usize);
        'all: for some in ids.chunks(LIST) {
            if total > KEPT {
                let rows = statement("SELECT ")
                    .sql(COLUMNS)
                    .sql(" FROM ")
                    .then(&self.resources_of(kind))
                    .sql(" AND r.id ")
                    .among(some.iter().map(Id::as_str))
                    .rows::<Columns, Row>(self.conn()?)?;
                for row in rows {
                    let resource = row.resource(kind)?;
                    found.insert(resource.id().clone(), resource);
                }
            }
            for id in some {
                let Some(resource) = found.remove(id) else { continue };
                bytes = bytes.saturating_add(resource.text().len());
                if bytes > PAGE_BYTES && !resources.is_empty() {
                    more = true;
                    break 'all;
                }
                resources.push(resource);
            }
        }
        if backward {
            resources.reverse();
        }
        Ok(Page { total, resources, more })
    }

    /// Rows of a page, as many as fit; tells whether there were more.
    fn rows_of_a_page(&mut self, sql: Statement) -> Result<(Vec<Row>, bool)> {
        let (mut bytes, mut first) = (0_usize, true);
        sql.rows_while::<Columns, Row>(self.conn()?, |row| {
            bytes = bytes.saturating_add(row.size());
            std::mem::take(&mut first) || bytes <= PAGE_BYTES
        })
    }

    /// A page of a type in the order of ids.
    pub(super) fn page_after(
        &mut self,
        kind: &Arc<ResourceType>,
        after: &str,
        count: usize,
    ) -> Result<Vec<Resource>> {
        let rows: Vec<Row> = statement("SELECT ")
            .sql(COLUMNS)
            .sql(" FROM ")
            .then(&self.resources_of(kind))
            .sql(" AND r.id > ")
            .text(after)
            .sql(" ORDER BY r.id")
            .limit(integer(count))
            .rows::<Columns, _>(self.conn()?)?;
        rows.into_iter().map(|row| row.resource(kind)).collect()
    }

    fn count_of(&mut self, kind: &ResourceType) -> Result<usize> {
        let n = statement(
            "SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM resource_counts WHERE org = ",
        )
        .text(self.tenant.as_str())
        .sql(" AND kind = ")
        .text(&kind.name)
        .count(self.conn()?)?;
        Ok(usize::try_from(n).unwrap_or_default())
    }
}
