//! Writes resources as JSON. A plain read sends the stored text as it is, between its id and what is
//! derived: `meta`, `groups`, `members`.

use crate::error::{Error, Result};
use crate::projection::{Part, Projection};
use crate::resource::{Id, Resource, instant};
use crate::schema::{Registry, ResourceType};
use crate::store::{MemberView, Membership, Transaction};

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

/// Reads the members after `after`, a page of them, and writes each behind a comma. Gives the last of them, if
/// there may be more.
pub(super) fn write_members<T: Transaction>(
    tx: &mut T,
    group: &Id,
    after: Option<&Id>,
    part: &Part,
    links: Links<'_>,
    bytes: &mut Vec<u8>,
) -> Result<Option<Id>> {
    let mut writer = MemberWriter::new(part, links);
    let (mut last, mut count) = (String::new(), 0);
    tx.each_member(group, after, MEMBER_PAGE, &mut |member| {
        count += 1;
        last.clear();
        last.push_str(member.id);
        writer.write(bytes, member)
    })?;
    Ok(if count == MEMBER_PAGE { Id::parse(&last) } else { None })
}

/// Writes members. They are mostly of one type: what is the same for all of one is made up once.
pub(super) struct MemberWriter<'a> {
    links: Links<'a>,
    part: &'a Part,
    kind: String,
    segments: Vec<Segment>,
}

/// A piece of what is written of a member.
enum Segment {
    Text(String),
    Id,
    Display,
    Type(String),
}

impl<'a> MemberWriter<'a> {
    pub(super) fn new(part: &'a Part, links: Links<'a>) -> Self {
        Self { links, part, kind: String::new(), segments: Vec::new() }
    }

    /// Writes one, behind a comma.
    pub(super) fn write(&mut self, bytes: &mut Vec<u8>, member: MemberView<'_>) -> Result<()> {
        if self.kind != member.kind || self.segments.is_empty() {
            member.kind.clone_into(&mut self.kind);
            self.segments = self.segments_of(member.kind)?;
        }
        for segment in &self.segments {
            match segment {
                Segment::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                // An id is letters, digits, - and _: there is nothing to escape.
                Segment::Id => bytes.extend_from_slice(member.id.as_bytes()),
                Segment::Display => {
                    if let Some(text) = member.display {
                        comma(bytes);
                        bytes.extend_from_slice(b"\"display\":");
                        serde_json::to_writer(&mut *bytes, text).map_err(Error::internal)?;
                    }
                }
                Segment::Type(text) => {
                    comma(bytes);
                    bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        Ok(())
    }

    fn segments_of(&self, kind: &str) -> Result<Vec<Segment>> {
        let (value, reference) = (self.part.shows("value"), self.part.shows("$ref"));
        let (mut text, mut segments) = (",{".to_owned(), Vec::new());
        if value {
            text.push_str("\"value\":\"");
            segments.extend([Segment::Text(std::mem::take(&mut text)), Segment::Id]);
            text.push_str(if reference { "\"," } else { "\"" });
        }
        if reference {
            let place = quoted(&self.links.place_of(kind))?;
            text.push_str("\"$ref\":");
            text.push_str(place.strip_suffix('"').unwrap_or_default());
            text.push('/');
            segments.extend([Segment::Text(std::mem::take(&mut text)), Segment::Id]);
            text.push('"');
        }
        segments.push(Segment::Text(text));
        if self.part.shows("display") {
            segments.push(Segment::Display);
        }
        if self.part.shows("type") {
            segments.push(Segment::Type(format!("\"type\":{}", quoted(kind)?)));
        }
        segments.push(Segment::Text("}".to_owned()));
        Ok(segments)
    }
}

/// Where something stands before.
fn comma(bytes: &mut Vec<u8>) {
    if bytes.last() != Some(&b'{') {
        bytes.push(b',');
    }
}

/// A text as JSON.
fn quoted(text: &str) -> Result<String> {
    serde_json::to_string(text).map_err(Error::internal)
}

/// The URI of a resource.
pub(super) fn location(base_url: &str, resource: &Resource) -> String {
    place(base_url, resource.kind(), resource.id())
}

/// The URI of the resource of that type and id.
pub(super) fn place(base_url: &str, kind: &ResourceType, id: &Id) -> String {
    format!("{base_url}{}/{id}", kind.endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_show_what_is_asked_for() {
        let registry = Registry::standard().unwrap();
        let links = Links { base_url: "http://x", registry: &registry };
        let written = |part: Part| {
            let (mut writer, mut bytes) = (MemberWriter::new(&part, links), Vec::new());
            for (kind, display) in [("User", Some("A \"B\"")), ("Group", None)] {
                writer.write(&mut bytes, MemberView { id: "i", kind, display }).unwrap();
            }
            String::from_utf8(bytes).unwrap()
        };
        let subs = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(
            written(Part::Whole),
            r#",{"value":"i","$ref":"http://x/Users/i","display":"A \"B\"","type":"User"},{"value":"i","$ref":"http://x/Groups/i","type":"Group"}"#
        );
        assert_eq!(written(Part::Only(subs(&["value"]))), r#",{"value":"i"},{"value":"i"}"#);
        assert_eq!(written(Part::Only(subs(&["display"]))), r#",{"display":"A \"B\""},{}"#);
        assert_eq!(
            written(Part::Except(subs(&["value", "display"]))),
            r#",{"$ref":"http://x/Users/i","type":"User"},{"$ref":"http://x/Groups/i","type":"Group"}"#
        );
        assert_eq!(
            written(Part::Only(subs(&["display", "type"]))),
            r#",{"display":"A \"B\"","type":"User"},{"type":"Group"}"#
        );
    }
}
