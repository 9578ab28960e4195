//! Members as they are read: each becomes a reference at once, so that of a huge list no JSON values are held.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::members::{MemberRef, member_ref};
use crate::dialect::{Dialect, Normalizer, Preset};
use crate::error::Result;
use crate::json::Watch;
use crate::schema::{Attribute, ResourceType};
use crate::text::same_name;

/// The nesting of a PATCH message: its object, the list of operations, an operation, its value.
const MESSAGE: usize = 0;
const OPERATIONS: usize = 1;
const OPERATION: usize = 2;
const VALUE: usize = 3;

/// What an operation lists as members. Whether that is an error shows only once the whole body is known to be
/// JSON and the operations before are known to be right.
#[derive(Debug)]
pub(super) struct Listed {
    refs: Result<Vec<MemberRef>>,
    fired: Vec<Normalizer>,
}

impl Listed {
    /// The members, with what had to be put right on the way noted in the request's dialect.
    pub(super) fn refs(self, dialect: &mut Dialect) -> Result<Vec<MemberRef>> {
        for normalizer in self.fired {
            dialect.allows(normalizer);
        }
        self.refs
    }
}

/// Takes the `value` of operations whose `path`, which has to come before, is `members`.
pub(super) struct Reader {
    members: Arc<Attribute>,
    dialect: Dialect,
    preset: Preset,
    operations: bool,
    number: usize,
    part: Part,
    path: bool,
    lists: HashMap<usize, Listed>,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Path,
    Value,
    Other,
}

impl Reader {
    /// For a type that has members.
    pub(super) fn new(kind: &ResourceType, preset: Preset) -> Option<Self> {
        let members = kind.attribute("members").filter(|_| kind.has_members())?;
        Some(Self {
            members: Arc::clone(members),
            dialect: Dialect::new(preset),
            preset,
            operations: false,
            number: 0,
            part: Part::Other,
            path: false,
            lists: HashMap::new(),
        })
    }

    /// What was taken, by the number of the operation, from 1.
    pub(super) fn into_lists(self) -> HashMap<usize, Listed> {
        self.lists
    }
}

impl Watch for Reader {
    fn element(&mut self, level: usize) {
        if level == OPERATIONS && self.operations {
            self.number = self.number.saturating_add(1);
            (self.part, self.path) = (Part::Other, false);
        }
    }

    fn name(&mut self, level: usize, name: &str) {
        match level {
            MESSAGE => self.operations = same_name(name, "Operations"),
            OPERATION if same_name(name, "path") => self.part = Part::Path,
            OPERATION if same_name(name, "value") => self.part = Part::Value,
            OPERATION => self.part = Part::Other,
            _ => {}
        }
    }

    fn value(&mut self, level: usize, value: &Value) {
        if level == OPERATION && self.part == Part::Path {
            self.path = value.as_str().is_some_and(|path| same_name(path.trim(), "members"));
        }
    }

    fn takes(&mut self, level: usize) -> bool {
        let takes = level == VALUE && self.operations && self.path && self.part == Part::Value;
        if takes {
            self.dialect = Dialect::new(self.preset);
            let listed = Listed { refs: Ok(Vec::new()), fired: Vec::new() };
            self.lists.insert(self.number, listed);
        }
        takes
    }

    fn take(&mut self, element: Value) {
        let Some(listed) = self.lists.get_mut(&self.number) else { return };
        let Ok(refs) = &mut listed.refs else { return };
        match member_ref(&self.members, element, &mut self.dialect) {
            Ok(member) => refs.extend(member),
            Err(error) => listed.refs = Err(error),
        }
        if listed.fired.len() < self.dialect.fired().len() {
            listed.fired = self.dialect.fired().to_vec();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Kind;
    use crate::json::{parse_object, parse_object_watched};
    use crate::patch::Patch;
    use crate::schema::Registry;

    fn body(operations: &str) -> String {
        format!(
            r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":{operations}}}"#
        )
    }

    #[test]
    fn a_message_is_read_as_it_would_be_parsed() {
        let registry = Registry::standard().unwrap();
        let values = [
            r#"[{"value":"a"},{"VALUE":"b","display":"B","type":"User","$ref":"x"},"c",null,""]"#,
            r#"[{"value":"not an id"},{"value":""},{"display":"x"}]"#,
            r#"[{"value":"a","nick":"x"},{"value":7},{"value":"a"}]"#,
            r#"[{"value":"a"},true,[{"value":"b"}]]"#,
            r#"[[[1]]]"#,
            "[]",
            r#"{"value":"a"}"#,
            r#""a""#,
            "null",
        ];
        let shapes = [
            r#"[{"op":"OP","path":"members","value":VALUE}]"#,
            r#"[{"OP":"OP","Path":" MEMBERS ","Value":VALUE}]"#,
            r#"[{"value":VALUE,"path":"members","op":"OP"}]"#,
            r#"[{"op":"OP","value":{"members":VALUE}}]"#,
            r#"[{"op":"OP","path":"members[value eq \"a\"]","value":VALUE}]"#,
            r#"[{"op":"OP","path":"displayName","value":VALUE}]"#,
            r#"[{"op":"add","path":"nothing","value":1},{"op":"OP","path":"members","value":VALUE}]"#,
            r#"[{"op":"OP","path":"members","value":VALUE},VALUE]"#,
            r#"[{"op":"OP","path":"members","value":VALUE},{"op":"add","path":"members","value":["z"]}]"#,
            r#"{"x":{"op":"OP","path":"members","value":VALUE}}"#,
            r#"[[{"op":"OP","path":"members","value":VALUE}]]"#,
        ];
        for preset in Preset::ALL {
            for kind in registry.types() {
                for (shape, value) in shapes.iter().flat_map(|s| values.iter().map(move |v| (s, v)))
                {
                    for op in ["add", "replace", "Remove", "what"] {
                        let body = body(&shape.replace("OP", op).replace("VALUE", value));
                        let (mut one, mut other) = (Dialect::new(preset), Dialect::new(preset));
                        let read = Patch::read(body.as_bytes(), kind, &mut one);
                        let parsed = parse_object(body.as_bytes())
                            .and_then(|body| Patch::parse(Value::Object(body), kind, &mut other));
                        let told = |patch: Result<Patch>| match patch {
                            Ok(patch) => format!("{patch:?}"),
                            Err(error) => format!("{:?} {}", error.kind(), error.detail()),
                        };
                        assert_eq!(told(read), told(parsed), "{preset} {body}");
                        assert_eq!(one.fired(), other.fired(), "{preset} {body}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_json_is_refused_before_what_is_no_member() {
        let registry = Registry::standard().unwrap();
        let groups = registry.by_name("Group").unwrap();
        for rest in [r#"{"value":"a","VALUE":"b"}"#, r#""\u0000""#, "}", &"[".repeat(70)] {
            let operations = format!(r#"[{{"op":"add","path":"members","value":[true,{rest}]}}]"#);
            let error = Patch::read(body(&operations).as_bytes(), groups, &mut Dialect::default());
            let error = error.unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidSyntax);
            assert!(error.detail().contains("not acceptable JSON"), "{}", error.detail());
        }
    }

    #[test]
    fn a_list_of_members_leaves_no_json() {
        let registry = Registry::standard().unwrap();
        let groups = registry.by_name("Group").unwrap();
        let mut reader = Reader::new(groups, Preset::Lenient).unwrap();
        let members: Vec<_> = (0..1000).map(|i| json!({"value": format!("m{i}")})).collect();
        let operations = json!([{"op": "add", "path": "members", "value": members}]);
        let left =
            parse_object_watched(body(&operations.to_string()).as_bytes(), &mut reader).unwrap();
        assert_eq!(left["Operations"][0]["value"], json!([]));
        let listed = reader.into_lists().remove(&1).unwrap();
        assert_eq!(listed.refs(&mut Dialect::default()).unwrap().len(), 1000);
        assert!(Reader::new(registry.by_name("User").unwrap(), Preset::Lenient).is_none());
    }
}
