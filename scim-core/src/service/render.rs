//! Writes resources as JSON. A plain read sends the stored text as it is, between its id and what is
//! derived: `meta`, `groups`, `members`.

mod members;

pub(super) use members::{MEMBER_PAGE, MemberWriter, write_members};

use crate::error::{Error, Result};
use crate::projection::{Part, Projection};
use crate::resource::{Id, Resource, instant};
use crate::schema::{Registry, ResourceType};
use crate::store::{Membership, Transaction};

/// Where resources are found.
#[derive(Clone, Copy)]
pub(super) struct Links<'a> {
    pub(super) base_url: &'a str,
    pub(super) registry: &'a Registry,
}

impl Links<'_> {
    /// The URI of the endpoint of the type with that name.
    fn place_of(self, kind: &str) -> String {
        let endpoint = self.registry.by_name(kind).map(|kind| kind.endpoint.as_str());
        format!("{}{}", self.base_url, endpoint.unwrap_or_default())
    }

    /// The URI of a group.
    fn of_group(self, id: &Id) -> String {
        let kind = self.registry.types().iter().find(|kind| kind.has_members());
        format!("{}{}/{id}", self.base_url, kind.map(|k| k.endpoint.as_str()).unwrap_or_default())
    }
}

/// A resource with what is derived for it.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) resource: Resource,
    groups: Vec<Membership>,
    members: Members,
}

/// The first members of a group, as they are written.
#[derive(Debug, Default)]
struct Members {
    bytes: Vec<u8>,
    /// The last of them, if there may be more.
    last: Option<Id>,
}

/// A body in the making: bytes, and places where members of a group go on.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) pieces: Vec<Piece>,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Vec<u8>),
    /// The members after `after`, each behind a comma.
    Members {
        group: Id,
        after: Id,
        part: Part,
    },
}

/// Reads what the projection shows beyond the stored documents.
pub(super) fn load<T: Transaction>(
    tx: &mut T,
    resources: Vec<Resource>,
    projection: &Projection,
    links: Links<'_>,
) -> Result<Vec<Loaded>> {
    let users: Vec<Id> = resources
        .iter()
        .filter(|resource| shows_groups(resource, projection))
        .map(|resource| resource.id().clone())
        .collect();
    let mut groups = if users.is_empty() { Vec::new() } else { tx.groups_of(&users)? };
    groups.sort_by(|a, b| (&a.member, &a.group).cmp(&(&b.member, &b.group)));
    resources
        .into_iter()
        .map(|resource| {
            let from = groups.partition_point(|m| m.member < *resource.id());
            let of_it = groups.get(from..).unwrap_or_default();
            let of_it = of_it.iter().take_while(|m| m.member == *resource.id()).cloned().collect();
            with_groups(tx, resource, (projection, links), of_it)
        })
        .collect()
}

/// As [`load`], of one.
pub(super) fn load_one<T: Transaction>(
    tx: &mut T,
    resource: Resource,
    projection: &Projection,
    links: Links<'_>,
) -> Result<Loaded> {
    let mut groups = Vec::new();
    if shows_groups(&resource, projection) {
        groups = tx.groups_of(std::slice::from_ref(resource.id()))?;
        groups.sort_by(|a, b| a.group.cmp(&b.group));
    }
    with_groups(tx, resource, (projection, links), groups)
}

/// As [`load`], of a resource that no group can hold yet.
pub(super) fn load_fresh<T: Transaction>(
    tx: &mut T,
    resource: Resource,
    projection: &Projection,
    links: Links<'_>,
) -> Result<Loaded> {
    with_groups(tx, resource, (projection, links), Vec::new())
}

fn shows_groups(resource: &Resource, projection: &Projection) -> bool {
    resource.kind().has_groups() && projection.part_named(resource.kind(), "groups").is_shown()
}

fn with_groups<T: Transaction>(
    tx: &mut T,
    resource: Resource,
    (projection, links): (&Projection, Links<'_>),
    groups: Vec<Membership>,
) -> Result<Loaded> {
    let mut loaded = Loaded { groups, members: Members::default(), resource };
    let kind = loaded.resource.kind();
    if kind.has_members() {
        let part = projection.part_named(kind, "members");
        if part.is_shown() {
            let Members { bytes, last } = &mut loaded.members;
            *last = write_members(tx, loaded.resource.id(), None, &part, links, bytes)?;
        }
    }
    Ok(loaded)
}

impl Output {
    /// Writes one resource.
    pub(super) fn resource(
        &mut self,
        loaded: &Loaded,
        projection: &Projection,
        links: Links<'_>,
    ) -> Result<()> {
        let Loaded { resource, groups, members } = loaded;
        let kind = resource.kind();
        self.raw("{\"id\":");
        self.string(resource.id().as_str())?;
        if projection.is_plain(kind) {
            self.document(resource.text());
        } else {
            let shown = projection.apply(kind, resource.document()?);
            self.document(&serde_json::to_string(&shown).map_err(Error::internal)?);
        }
        self.meta(resource, &projection.part_named(kind, "meta"), links.base_url)?;
        if !groups.is_empty() {
            self.groups(groups, &projection.part_named(kind, "groups"), links)?;
        }
        // The first of them has a comma before it as each has.
        if let Some((_, bytes)) = members.bytes.split_first() {
            self.raw(",\"members\":[");
            self.bytes.extend_from_slice(bytes);
            if let Some(last) = &members.last {
                let part = projection.part_named(kind, "members");
                self.pieces.push(Piece::Bytes(std::mem::take(&mut self.bytes)));
                let (group, after) = (resource.id().clone(), last.clone());
                self.pieces.push(Piece::Members { group, after, part });
            }
            self.raw("]");
        }
        self.raw("}");
        Ok(())
    }

    /// The names and values of a JSON object, without its braces, behind a comma.
    fn document(&mut self, text: &str) {
        let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or_default();
        if !inner.is_empty() {
            self.raw(",");
            self.raw(inner);
        }
    }

    fn meta(&mut self, resource: &Resource, part: &Part, base_url: &str) -> Result<()> {
        if !part.is_shown() {
            return Ok(());
        }
        let kind = resource.kind();
        let facts: [(&str, String); 5] = [
            ("resourceType", kind.name.clone()),
            ("created", instant(resource.created())),
            ("lastModified", instant(resource.modified())),
            ("version", resource.version().to_string()),
            ("location", location(base_url, resource)),
        ];
        self.raw(",\"meta\":");
        self.object(facts.iter().map(|(n, v)| (*n, Some(v.as_str()))), part)
    }

    fn groups(&mut self, groups: &[Membership], part: &Part, links: Links<'_>) -> Result<()> {
        self.raw(",\"groups\":[");
        for (i, membership) in groups.iter().enumerate() {
            if i > 0 {
                self.raw(",");
            }
            let reference = links.of_group(&membership.group);
            let facts = [
                ("value", Some(membership.group.as_str())),
                ("$ref", Some(reference.as_str())),
                ("display", membership.display.as_deref()),
                ("type", Some(if membership.direct { "direct" } else { "indirect" })),
            ];
            self.object(facts.into_iter(), part)?;
        }
        self.raw("]");
        Ok(())
    }

    fn object<'a>(
        &mut self,
        facts: impl Iterator<Item = (&'a str, Option<&'a str>)>,
        part: &Part,
    ) -> Result<()> {
        self.raw("{");
        let mut first = true;
        for (name, value) in facts {
            let Some(value) = value.filter(|_| part.shows(name)) else { continue };
            if !std::mem::take(&mut first) {
                self.raw(",");
            }
            self.raw("\"");
            self.raw(name);
            self.raw("\":");
            self.string(value)?;
        }
        self.raw("}");
        Ok(())
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(super) fn string(&mut self, text: &str) -> Result<()> {
        serde_json::to_writer(&mut self.bytes, text).map_err(Error::internal)
    }
}

/// The URI of a resource.
pub(super) fn location(base_url: &str, resource: &Resource) -> String {
    place(base_url, resource.kind(), resource.id())
}

/// The URI of the resource of that type and id.
pub(super) fn place(base_url: &str, kind: &ResourceType, id: &Id) -> String {
    format!("{base_url}{}/{id}", kind.endpoint)
}
