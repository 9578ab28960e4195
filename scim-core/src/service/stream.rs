//! Bodies that are read from the store while they are sent: groups with more members than one page.

use std::sync::Arc;

use super::Inner;
use super::render::{Links, Output, Piece, write_members};
use crate::error::Result;
use crate::http::Body;
use crate::projection::Part;
use crate::resource::Id;
use crate::store::{Store, Tenant};

/// The pieces of a body, members read page by page. Each page is a read of its own: members that come
/// or go meanwhile may be missed, none is sent twice.
struct Chunks<S, D> {
    inner: Arc<Inner<S, D>>,
    tenant: Tenant,
    base_url: String,
    pieces: std::vec::IntoIter<Piece>,
    members: Option<(Id, Id, Part)>,
}

impl<S, D> Inner<S, D>
where
    S: Store,
    D: Send + Sync + 'static,
{
    /// The body out of its pieces.
    pub(super) fn body(
        self: &Arc<Self>,
        tenant: &Tenant,
        base_url: &str,
        mut output: Output,
    ) -> Body {
        if output.pieces.is_empty() {
            return Body::Full(output.bytes);
        }
        output.pieces.push(Piece::Bytes(output.bytes));
        Body::Chunks(Box::new(Chunks {
            inner: Arc::clone(self),
            tenant: tenant.clone(),
            base_url: base_url.to_owned(),
            pieces: output.pieces.into_iter(),
            members: None,
        }))
    }
}

impl<S, D> Iterator for Chunks<S, D>
where
    S: Store,
{
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((group, after, part)) = self.members.take() {
                match self.page(group, &after, part) {
                    Ok(bytes) if bytes.is_empty() => {}
                    other => return Some(other),
                }
            }
            match self.pieces.next()? {
                Piece::Bytes(bytes) if bytes.is_empty() => {}
                Piece::Bytes(bytes) => return Some(Ok(bytes)),
                Piece::Members { group, after, part } => self.members = Some((group, after, part)),
            }
        }
    }
}

impl<S: Store, D> Chunks<S, D> {
    fn page(&mut self, group: Id, after: &Id, part: Part) -> Result<Vec<u8>> {
        let links = Links { base_url: &self.base_url, registry: &self.inner.registry };
        let mut bytes = Vec::new();
        let last = self.inner.store.read(&self.tenant, |tx| {
            write_members(tx, &group, Some(after), &part, links, &mut bytes)
        })?;
        self.members = last.map(|last| (group, last, part));
        Ok(bytes)
    }
}
