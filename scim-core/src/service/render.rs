//! Writes resources as JSON. A plain read sends the stored text as it is, between its id and what is
//! derived: `meta`, `groups`, `members`.

use crate::error::{Error, Result};
use crate::projection::{Part, Projection};
use crate::resource::{Id, Resource, instant};
use crate::schema::Registry;
use crate::store::{Member, Membership, Transaction};

/// Members of a group read at once; a group with more is sent piece by piece.
pub(super) const MEMBER_PAGE: usize = 5000;

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
    members: Vec<Member>,
    more_members: bool,
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
) -> Result<Vec<Loaded>> {
    let users: Vec<Id> = resources
        .iter()
        .filter(|r| r.kind().has_groups() && projection.part_named(r.kind(), "groups").is_shown())
        .map(|r| r.id().clone())
        .collect();
    let groups = if users.is_empty() { Vec::new() } else { tx.groups_of(&users)? };
    with_groups(tx, resources, projection, groups)
}

/// As [`load`], of a resource that no group can hold yet.
pub(super) fn load_fresh<T: Transaction>(
    tx: &mut T,
    resource: Resource,
    projection: &Projection,
) -> Result<Vec<Loaded>> {
    with_groups(tx, vec![resource], projection, Vec::new())
}

fn with_groups<T: Transaction>(
    tx: &mut T,
    resources: Vec<Resource>,
    projection: &Projection,
    mut groups: Vec<Membership>,
) -> Result<Vec<Loaded>> {
    groups.sort_by(|a, b| (&a.member, &a.group).cmp(&(&b.member, &b.group)));
    resources
        .into_iter()
        .map(|resource| {
            let from = groups.partition_point(|m| m.member < *resource.id());
            let of_it = groups.get(from..).unwrap_or_default();
            let of_it = of_it.iter().take_while(|m| m.member == *resource.id());
            let mut loaded = Loaded {
                groups: of_it.cloned().collect(),
                members: Vec::new(),
                more_members: false,
                resource,
            };
            let kind = loaded.resource.kind();
            if kind.has_members() && projection.part_named(kind, "members").is_shown() {
                loaded.members = tx.members(loaded.resource.id(), None, MEMBER_PAGE)?;
                loaded.more_members = loaded.members.len() == MEMBER_PAGE;
            }
            Ok(loaded)
        })
        .collect()
}

impl Output {
    /// Writes one resource.
    pub(super) fn resource(
        &mut self,
        loaded: &Loaded,
        projection: &Projection,
        links: Links<'_>,
    ) -> Result<()> {
        let Loaded { resource, groups, members, more_members } = loaded;
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
        if let Some(last) = members.last() {
            let part = projection.part_named(kind, "members");
            self.raw(",\"members\":[");
            self.members(members, &part, links, true)?;
            if *more_members {
                self.pieces.push(Piece::Bytes(std::mem::take(&mut self.bytes)));
                let (group, after) = (resource.id().clone(), last.id.clone());
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

    /// Writes members; `first` leaves out the comma before the first of them.
    pub(super) fn members(
        &mut self,
        members: &[Member],
        part: &Part,
        links: Links<'_>,
        first: bool,
    ) -> Result<()> {
        self.bytes.reserve(members.len().saturating_mul(180));
        let [value, reference, display, kind] =
            ["value", "$ref", "display", "type"].map(|name| part.shows(name));
        // Members are mostly of one type: how it is written is made up once.
        let mut known: Option<(&str, String, String)> = None;
        for (i, member) in members.iter().enumerate() {
            let (place, type_name) = match &known {
                Some((name, place, type_name)) if *name == member.kind => (place, type_name),
                _ => {
                    let place = quoted(&links.place_of(&member.kind))?;
                    let made = known.insert((&member.kind, place, quoted(&member.kind)?));
                    (&made.1, &made.2)
                }
            };
            let mut comma = if i > 0 || !first { ",{" } else { "{" };
            let mut name = |output: &mut Self, name: &str| {
                output.raw(std::mem::replace(&mut comma, ","));
                output.raw(name);
            };
            // An id is letters, digits, - and _: there is nothing to escape.
            if value {
                name(self, "\"value\":\"");
                self.raw(member.id.as_str());
                self.raw("\"");
            }
            if reference {
                name(self, "\"$ref\":");
                self.raw(place.strip_suffix('"').unwrap_or_default());
                self.raw("/");
                self.raw(member.id.as_str());
                self.raw("\"");
            }
            if let Some(text) = member.display.as_deref().filter(|_| display) {
                name(self, "\"display\":");
                self.string(text)?;
            }
            if kind {
                name(self, "\"type\":");
                self.raw(type_name);
            }
            if comma != "," {
                self.raw(comma);
            }
            self.raw("}");
        }
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

/// A text as JSON.
fn quoted(text: &str) -> Result<String> {
    serde_json::to_string(text).map_err(Error::internal)
}

/// The URI of a resource.
pub(super) fn location(base_url: &str, resource: &Resource) -> String {
    format!("{base_url}{}/{}", resource.kind().endpoint, resource.id())
}
