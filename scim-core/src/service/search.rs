//! Searches, and `/.search` (RFC 7644 §3.4.2, §3.4.3, RFC 9865): of one type, or of several.

use std::sync::Arc;

use super::cursor::Cursor;
use super::params::{Count, Params};
use super::read::may_read;
use super::render::{Links, Loaded, Output, load, load_one};
use super::{Call, Service, Settings};
use crate::dialect::{Dialect, Normalizer};
use crate::directory::Directory;
use crate::error::{Error, Kind, Result};
use crate::filter::{Filter, Options, Selection};
use crate::http::Response;
use crate::path::AttrPath;
use crate::projection::Projection;
use crate::query::{Page, Query, Sort, Window};
use crate::resource::Resource;
use crate::schema::{AttrRef, ResourceType, Type};
use crate::store::{Foresight, Store, Transaction};

/// The schema of an answer with several resources.
pub(super) const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// How far into results of several types a page by index may reach: each type is read up to there.
const DEEPEST_MIXED_OFFSET: usize = 10_000;

/// A search of one resource type.
struct Plan {
    kind: Arc<ResourceType>,
    query: Query,
    projection: Projection,
}

/// How the client pages, and what it gets to go on with.
struct Paging {
    window: Window,
    /// Names the organization, caller and query, so that cursors and anchors are for them only.
    binding: String,
    /// By index: where the page begins. By cursor: `None`.
    start_index: Option<usize>,
    /// By cursor: whether there was one, and whether it goes back.
    came_by: Option<bool>,
}

impl<S: Store, D> Service<S, D>
where
    D: for<'a> Directory<S::Tx<'a>>,
{
    pub(super) fn search(
        &self,
        call: Call<'_>,
        kinds: &[Arc<ResourceType>],
        params: &Params,
        dialect: &mut Dialect,
    ) -> Result<Response> {
        may_read(call.caller)?;
        let paging = self.paging(call, kinds, params)?;
        let plans = plans(kinds, params, &paging.window, dialect)?;
        let output = self.read(call, foresight(&plans), |tx| {
            let (page, order) = mixed_page(tx, &plans)?;
            self.list(call, tx, &plans, &order, page, &paging)
        })?;
        let body = self.0.body(&call.caller.tenant, call.links.base_url, output);
        Ok(Response { body, ..Response::message(200, Vec::new()) })
    }

    fn paging(
        &self,
        call: Call<'_>,
        kinds: &[Arc<ResourceType>],
        params: &Params,
    ) -> Result<Paging> {
        let settings = &self.0.settings;
        let endpoints: Vec<_> = kinds.iter().map(|kind| kind.endpoint.as_str()).collect();
        let binding = serde_json::to_string(&(
            call.caller.tenant.as_str(),
            &call.caller.actor,
            endpoints,
            &params.filter,
            &params.sort_by,
            params.descending,
        ))
        .map_err(Error::internal)?;
        let clamp =
            |n: i64| usize::try_from(n.max(0)).unwrap_or(usize::MAX).min(settings.max_page_size);
        if let Some(cursor) = &params.cursor {
            let count = settings.cursor_count(params)?;
            if cursor.is_empty() {
                let window = Window::Offset { offset: 0, count };
                return Ok(Paging { window, binding, start_index: None, came_by: None });
            }
            let Cursor { position, backward } = self.0.cursors.open(&binding, cursor, call.now)?;
            let window = if backward {
                Window::Before { position, count }
            } else {
                Window::After { position, count }
            };
            return Ok(Paging { window, binding, start_index: None, came_by: Some(backward) });
        }
        let count = match &params.count {
            None => settings.default_page_size,
            // RFC 7644 §3.4.2.4: "A negative value SHALL be interpreted as 0."
            Some(Count::Number(n)) => clamp(*n),
            Some(Count::Other(text)) => {
                let detail = format!("count must be a whole number, not \"{text}\"");
                return Err(Error::invalid_value(detail));
            }
        };
        let start = params.start_index.unwrap_or(1);
        let anchor = (start > 1).then(|| self.0.anchors.find(&binding, start, call.now)).flatten();
        let window = match anchor {
            Some(position) => Window::After { position, count },
            None => Window::Offset { offset: start - 1, count },
        };
        Ok(Paging { window, binding, start_index: Some(start), came_by: None })
    }

    /// Writes a ListResponse (RFC 7644 §3.4.2).
    fn list(
        &self,
        call: Call<'_>,
        tx: &mut S::Tx<'_>,
        plans: &[Plan],
        order: &Query,
        page: Page,
        paging: &Paging,
    ) -> Result<Output> {
        let Page { total, resources, more } = page;
        let mut output = Output::default();
        output.raw(&format!("{{\"schemas\":[\"{LIST_RESPONSE}\"]"));
        output.raw(&format!(",\"totalResults\":{total},\"itemsPerPage\":{}", resources.len()));
        let first = resources.first().map(|r| order.position(r)).transpose()?;
        let last = resources.last().map(|r| order.position(r)).transpose()?;
        if let Some(start) = paging.start_index {
            output.raw(&format!(",\"startIndex\":{start}"));
            if let (true, Some(last)) = (more, last) {
                let next = start.saturating_add(resources.len());
                self.0.anchors.set(&paging.binding, next, last, call.now);
            }
        } else {
            // Going back, there is always the page that was come from; going on, what the store says.
            let backward = paging.came_by == Some(true);
            let next = last.filter(|_| more || backward).map(|p| ("nextCursor", p, false));
            let previous = first
                .filter(|_| if backward { more } else { paging.came_by.is_some() })
                .map(|p| ("previousCursor", p, true));
            for (name, position, backward) in next.into_iter().chain(previous) {
                let cursor = Cursor { position, backward };
                let token = self.0.cursors.seal(&paging.binding, &cursor, call.now)?;
                output.raw(&format!(",\"{name}\":"));
                output.string(&token)?;
            }
        }
        output.raw(",\"Resources\":[");
        let mut comma = false;
        for loaded in load_mixed(tx, plans, resources, call.links)? {
            let Some(plan) = plans.iter().find(|p| p.kind.name == loaded.resource.kind().name)
            else {
                continue;
            };
            if std::mem::replace(&mut comma, true) {
                output.raw(",");
            }
            output.resource(&loaded, &plan.projection, call.links)?;
        }
        output.raw("]}");
        Ok(output)
    }
}

impl Settings {
    /// How many results a page by cursor has.
    pub(super) fn cursor_count(&self, params: &Params) -> Result<usize> {
        match &params.count {
            None => Ok(self.default_page_size),
            Some(Count::Number(n)) if *n >= 1 => {
                Ok(usize::try_from(*n).unwrap_or(usize::MAX).min(self.max_page_size))
            }
            Some(_) => {
                let detail = format!(
                    "With a cursor, count must be a whole number from 1 to {}",
                    self.max_page_size
                );
                Err(Error::new(Kind::InvalidCount, detail))
            }
        }
    }
}

/// One plan for each resource type that may have a match.
fn plans(
    kinds: &[Arc<ResourceType>],
    params: &Params,
    window: &Window,
    dialect: &mut Dialect,
) -> Result<Vec<Plan>> {
    let filter = match &params.filter {
        None => None,
        Some(text) => {
            let bare_values = dialect.preset().uses(Normalizer::BareFilterValues);
            Some(Filter::parse(text, Options { bare_values })?)
        }
    };
    let window = match (kinds, window) {
        ([_], window) => window.clone(),
        (_, Window::Offset { offset, count }) => {
            let reach = offset.saturating_add(*count);
            if reach > DEEPEST_MIXED_OFFSET {
                let detail = format!(
                    "A search of several resource types reaches {DEEPEST_MIXED_OFFSET} deep by index; \
                     use a cursor, or search one type"
                );
                return Err(Error::new(Kind::TooMany, detail));
            }
            window.clone()
        }
        (_, window) => window.clone(),
    };
    let mut plans = Vec::new();
    for kind in kinds {
        let selection = filter.as_ref().map(|f| Selection::resolve(f, kind, kinds, dialect));
        let predicate = match selection.transpose()? {
            Some(Selection::None) => continue,
            Some(Selection::Those(predicate)) => Some(predicate),
            Some(Selection::All) | None => None,
        };
        let sort = match &params.sort_by {
            None => None,
            Some(text) => {
                let attr = sort_by_of_any(kind, kinds, text)?;
                Some(Sort { attr, descending: params.descending })
            }
        };
        let projection = Projection::new(kind, &params.attributes, &params.excluded);
        let query = Query { predicate, sort, window: window.clone() };
        plans.push(Plan { kind: Arc::clone(kind), query, projection });
    }
    Ok(plans)
}

/// A search of one type for what has no members.
fn foresight(plans: &[Plan]) -> Option<Foresight<'_>> {
    let [Plan { kind, query, projection }] = plans else { return None };
    let groups = kind.has_groups() && projection.part_named(kind, "groups").is_shown();
    (!kind.has_members()).then_some(Foresight::Search { kind, query, groups })
}

/// As [`sort_by`]; where several types are searched, what only another of them has is of no resource of this one.
fn sort_by_of_any(kind: &ResourceType, kinds: &[Arc<ResourceType>], text: &str) -> Result<AttrRef> {
    sort_by(kind, text)
        .or_else(|error| kinds.iter().find_map(|other| sort_by(other, text).ok()).ok_or(error))
}

fn sort_by(kind: &ResourceType, text: &str) -> Result<AttrRef> {
    let wrong = |detail: String| Error::invalid_value(format!("sortBy: {detail}"));
    let path = AttrPath::parse(text).map_err(|e| wrong(e.detail().to_owned()))?;
    let mut attr =
        kind.resolve(&path, Kind::InvalidValue).map_err(|e| wrong(e.detail().to_owned()))?;
    if attr.leaf().kind == Type::Complex {
        // RFC 7644 §3.4.2.3 sorts a complex multi-valued attribute by its value.
        attr.sub = attr.attribute.sub("value").cloned();
        if attr.sub.is_none() {
            return Err(wrong(format!("\"{text}\" is complex; name one of its sub-attributes")));
        }
    }
    let derived = matches!(attr.attribute.name.as_str(), "members" | "groups");
    if attr.is_secret() || (derived && attr.extension.is_none()) || attr.is_location() {
        return Err(wrong(format!("\"{text}\" can't be sorted by")));
    }
    Ok(attr)
}

/// Searches each type and merges: ids are unique across types, so one order serves all.
fn mixed_page<T: Transaction>(tx: &mut T, plans: &[Plan]) -> Result<(Page, Query)> {
    let [first, rest @ ..] = plans else {
        let window = Window::Offset { offset: 0, count: 0 };
        let nothing = Page { total: 0, resources: Vec::new(), more: false };
        return Ok((nothing, Query { predicate: None, sort: None, window }));
    };
    if rest.is_empty() {
        return Ok((tx.search(&first.kind, &first.query)?, first.query.clone()));
    }
    let order = first.query.clone();
    let (mut total, mut beyond) = (0_usize, false);
    let mut merged: Vec<Resource> = Vec::new();
    for plan in plans {
        let mut query = plan.query.clone();
        if let Window::Offset { offset, count } = query.window {
            query.window = Window::Offset { offset: 0, count: offset.saturating_add(count) };
        }
        let page = tx.search(&plan.kind, &query)?;
        total = total.saturating_add(page.total);
        beyond |= page.more;
        merged.extend(page.resources);
    }
    let cut = order.page(merged)?;
    Ok((Page { total, more: cut.more || beyond, resources: cut.resources }, order))
}

fn load_mixed<T: Transaction>(
    tx: &mut T,
    plans: &[Plan],
    resources: Vec<Resource>,
    links: Links<'_>,
) -> Result<Vec<Loaded>> {
    if let [plan] = plans {
        return load(tx, resources, &plan.projection, links);
    }
    let mut all = Vec::with_capacity(resources.len());
    for resource in resources {
        let plan = plans.iter().find(|p| p.kind.name == resource.kind().name);
        let projection = plan.map(|p| p.projection.clone()).unwrap_or_default();
        all.push(load_one(tx, resource, &projection, links)?);
    }
    Ok(all)
}
