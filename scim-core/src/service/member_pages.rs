//! `GET /Groups/{id}/members?cursor=&count=`: the members of a group, a page at a time. An extension of our
//! own: SCIM itself hands out all members of a group or none.

use std::sync::Arc;

use super::cursor::Cursor;
use super::params::Params;
use super::read::may_read;
use super::render::{MemberWriter, Output};
use super::route::no_such;
use super::{Call, Service};
use crate::directory::Directory;
use crate::error::{Error, Kind, Result};
use crate::http::Response;
use crate::projection::{Part, Projection};
use crate::query::Position;
use crate::resource::Id;
use crate::schema::ResourceType;
use crate::store::{Store, Transaction};

/// The schema of the answer.
const MEMBER_PAGE: &str = "urn:scim-core:api:messages:1.0:MemberPage";

impl<S: Store, D> Service<S, D>
where
    D: for<'a> Directory<S::Tx<'a>>,
{
    /// A page in the order of ids, each page read by key: it costs the same anywhere in the group, and sees
    /// each member that stays exactly once.
    pub(super) fn member_page(
        &self,
        call: Call<'_>,
        kind: &Arc<ResourceType>,
        id: &Id,
        params: &Params,
    ) -> Result<Response> {
        may_read(call.caller)?;
        if params.filter.is_some() {
            let detail = "Members are paged, not searched; GET /Groups?filter=members.value eq \"…\" tells who \
                          holds a member";
            return Err(Error::new(Kind::InvalidFilter, detail));
        }
        let caller = call.caller;
        let binding =
            serde_json::to_string(&(caller.tenant.as_str(), &caller.actor, id.as_str(), "members"))
                .map_err(Error::internal)?;
        let count = self.0.settings.cursor_count(params)?;
        let after = match params.cursor.as_deref() {
            None | Some("") => None,
            Some(cursor) => match self.0.cursors.open(&binding, cursor, call.now)? {
                Cursor { position, backward: false } => Some(position.id),
                Cursor { .. } => {
                    let detail = "Members are paged forward only; use the nextCursor";
                    return Err(Error::new(Kind::InvalidCursor, detail));
                }
            },
        };
        let (members, more) = self.read(call, None, |tx| {
            tx.find(kind, id)?.ok_or_else(|| no_such(kind))?;
            let mut members = tx.members(id, after.as_ref(), count.saturating_add(1))?;
            let more = members.len() > count;
            members.truncate(count);
            Ok((members, more))
        })?;
        let mut output = Output::default();
        output.raw("{\"schemas\":[\"");
        output.raw(MEMBER_PAGE);
        output.raw(&format!("\"],\"itemsPerPage\":{}", members.len()));
        if let (true, Some(last)) = (more, members.last()) {
            let position = Position { key: None, id: last.id.clone() };
            let cursor = Cursor { position, backward: false };
            output.raw(",\"nextCursor\":");
            output.string(&self.0.cursors.seal(&binding, &cursor, call.now)?)?;
        }
        output.raw(",\"members\":[");
        let projection = Projection::new(kind, &params.attributes, &params.excluded);
        let part = match projection.part_named(kind, "members") {
            // Who asks for members is shown them.
            Part::Nothing => Projection::default().part_named(kind, "members"),
            part => part,
        };
        let mut writer = MemberWriter::new(&part, call.links);
        let mut bytes = Vec::new();
        members.iter().try_for_each(|member| writer.write(&mut bytes, member.into()))?;
        // Each is written behind a comma.
        output.bytes.extend_from_slice(bytes.get(1..).unwrap_or_default());
        output.raw("]}");
        Ok(Response::message(200, output.bytes))
    }
}
