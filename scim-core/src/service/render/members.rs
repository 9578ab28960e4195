//! Writes the members of groups.

use super::Links;
use crate::error::{Error, Result};
use crate::projection::Part;
use crate::resource::Id;
use crate::store::{MemberView, Transaction};

/// Members of a group read at once; a group with more is sent piece by piece.
pub(in crate::service) const MEMBER_PAGE: usize = 1000;

/// Reads the members after `after`, a page of them, and writes each behind a comma. Gives the last of them, if
/// there may be more.
pub(in crate::service) fn write_members<T: Transaction>(
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
pub(in crate::service) struct MemberWriter<'a> {
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
    pub(in crate::service) fn new(part: &'a Part, links: Links<'a>) -> Self {
        Self { links, part, kind: String::new(), segments: Vec::new() }
    }

    /// Writes one, behind a comma.
    pub(in crate::service) fn write(
        &mut self,
        bytes: &mut Vec<u8>,
        member: MemberView<'_>,
    ) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Registry;

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
