#![allow(clippy::needless_pass_by_value, reason = "operations are written where they are used")]

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::dialect::{Dialect, Preset};
use crate::error::{Kind, Result};
use crate::patch::{MemberChange, Patch};
use crate::schema::Registry;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn patch_as(preset: Preset, document: &Value, operations: Value) -> Result<Value> {
    let registry = Registry::standard()?;
    let kind = registry.by_name("User").unwrap();
    let mut dialect = Dialect::new(preset);
    let message = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    });
    let patch = Patch::parse(message, kind, &mut dialect)?;
    let (mut document, mut secrets) = (document.as_object().unwrap().clone(), Default::default());
    patch.apply(&mut document, &mut secrets, &mut dialect)?;
    Ok(Value::Object(document))
}

fn patch(document: &Value, operations: Value) -> Value {
    patch_as(Preset::Lenient, document, operations).unwrap()
}

fn refused(preset: Preset, operations: Value) -> Kind {
    patch_as(preset, &user(), operations).unwrap_err().kind()
}

fn user() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "ann",
        "name": {"givenName": "Ann", "familyName": "Lee"},
        "emails": [{"value": "a@x", "type": "work", "primary": true}, {"value": "h@x", "type": "home"}],
    })
}

#[test]
fn add() {
    let done = patch(
        &user(),
        json!([
            {"op": "add", "value": {"title": "Dr", "name": {"middleName": "B"}}},
            {"op": "add", "path": "emails", "value": [{"value": "o@x", "type": "other", "primary": true}]},
            {"op": "add", "path": "emails", "value": [{"value": "H@X", "type": "home", "display": "Home"}]},
            {"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "IT"},
        ]),
    );
    assert_eq!(done["title"], "Dr");
    assert_eq!(done["name"], json!({"givenName": "Ann", "familyName": "Lee", "middleName": "B"}));
    assert_eq!(
        done["emails"],
        json!([
            {"value": "a@x", "type": "work", "primary": false},
            {"value": "H@X", "type": "home", "display": "Home"},
            {"value": "o@x", "type": "other", "primary": true},
        ])
    );
    assert_eq!(done[ENTERPRISE], json!({"department": "IT"}));
}

#[test]
fn adding_what_is_there_changes_nothing() {
    for operation in [
        json!({"op": "add", "path": "userName", "value": "ann"}),
        json!({"op": "add", "path": "emails", "value": [{"value": "h@x", "type": "home"}]}),
        json!({"op": "add", "value": {"name": {"givenName": "Ann"}}}),
        json!({"op": "replace", "path": "emails[type eq \"work\"].value", "value": "a@x"}),
        json!({"op": "remove", "path": "title"}),
        json!({"op": "remove", "path": "phoneNumbers[type eq \"fax\"]"}),
    ] {
        assert_eq!(patch(&user(), json!([operation])), user());
    }
}

#[test]
fn replace() {
    let done = patch(
        &user(),
        json!([
            {"op": "Replace", "path": "NAME.givenname", "value": "Anne"},
            {"op": "replace", "path": "emails[type eq \"home\"]", "value": {"value": "n@x", "primary": true}},
            {"op": "replace", "path": "addresses[type eq \"work\"].locality", "value": "Oslo"},
            {"op": "replace", "value": {
                "name.familyName": "Li",
                format!("{ENTERPRISE}:manager"): "26",
                "phoneNumbers[type eq \"work\"].value": "1",
                "id": "x", "meta": {}, "nosuch": 1,
            }},
        ]),
    );
    assert_eq!(done["name"], json!({"givenName": "Anne", "familyName": "Li"}));
    assert_eq!(
        done["emails"],
        json!([
            {"value": "a@x", "type": "work", "primary": false},
            {"value": "n@x", "type": "home", "primary": true},
        ])
    );
    assert_eq!(done["addresses"], json!([{"type": "work", "locality": "Oslo"}]));
    assert_eq!(done["phoneNumbers"], json!([{"type": "work", "value": "1"}]));
    assert_eq!(done[ENTERPRISE], json!({"manager": {"value": "26"}}));
    let list = json!([{"op": "replace", "path": "emails", "value": [{"value": "z@x"}]}]);
    assert_eq!(patch(&user(), list)["emails"], json!([{"value": "z@x"}]));
}

#[test]
fn remove() {
    let done = patch(
        &user(),
        json!([
            {"op": "Remove", "path": "emails[type eq \"home\"].value", "value": "stale"},
            {"op": "remove", "path": "emails", "value": [{"value": "A@X"}]},
            {"op": "remove", "path": "name.givenName"},
        ]),
    );
    assert_eq!(done["emails"], json!([{"type": "home"}]));
    assert_eq!(done["name"], json!({"familyName": "Lee"}));
    for value in [json!(null), json!(""), json!([])] {
        let done = patch(&user(), json!([{"op": "replace", "path": "emails", "value": value}]));
        assert!(done.get("emails").is_none());
    }
    let managed =
        patch(&user(), json!([{"op": "add", "path": "manager", "value": [{"value": "1"}]}]));
    for clear in [json!(""), json!(null), json!({"value": ""})] {
        let path = format!("{ENTERPRISE}:manager");
        let done = patch(&managed, json!([{"op": "replace", "path": path, "value": clear}]));
        assert!(done.get(ENTERPRISE).is_none(), "{done}");
    }
    // A location belongs to the value that it came with.
    let located =
        json!([{"op": "add", "path": "manager", "value": {"value": "1", "$ref": "../Users/1"}}]);
    for change in [json!("2"), json!({"value": "2"})] {
        let path = format!("{ENTERPRISE}:manager");
        let moved = json!([{"op": "replace", "path": path, "value": change}]);
        let done = patch(&patch(&user(), located.clone()), moved);
        assert_eq!(done[ENTERPRISE]["manager"], json!({"value": "2"}));
    }
    let gone = patch(&managed, json!([{"op": "remove", "path": ENTERPRISE}]));
    assert!(gone.get(ENTERPRISE).is_none());
}

#[test]
fn what_is_refused() {
    use Preset::{Lenient, Strict};
    for (preset, operation, kind) in [
        (Lenient, json!({"op": "remove"}), Kind::NoTarget),
        (Lenient, json!({"op": "move", "path": "a"}), Kind::InvalidSyntax),
        (Lenient, json!({"op": "add", "path": "title"}), Kind::InvalidSyntax),
        (Lenient, json!({"op": "add", "path": "nosuch", "value": 1}), Kind::InvalidPath),
        (Lenient, json!({"op": "add", "path": "emails[", "value": 1}), Kind::InvalidPath),
        (Lenient, json!({"op": "replace", "path": "id", "value": "x"}), Kind::Mutability),
        (Lenient, json!({"op": "replace", "path": "groups", "value": []}), Kind::Mutability),
        (Lenient, json!({"op": "replace", "path": "meta.created", "value": "x"}), Kind::Mutability),
        (Lenient, json!({"op": "replace", "path": "active", "value": "maybe"}), Kind::InvalidValue),
        (Lenient, json!({"op": "replace", "path": "title", "value": {"a": 1}}), Kind::InvalidValue),
        (Lenient, json!({"op": "replace", "value": "x"}), Kind::InvalidValue),
        (
            Lenient,
            json!({"op": "replace", "path": "emails[type co \"fax\"].value", "value": "x"}),
            Kind::NoTarget,
        ),
        (
            Strict,
            json!({"op": "replace", "path": "emails[type eq \"fax\"].value", "value": "x"}),
            Kind::NoTarget,
        ),
        (Strict, json!({"op": "remove", "path": "emails[type eq \"fax\"]"}), Kind::NoTarget),
        (Strict, json!({"op": "replace", "value": {"id": "x"}}), Kind::InvalidPath),
        (Strict, json!({"op": "add", "path": "nosuch", "value": "x"}), Kind::InvalidPath),
        (
            Strict,
            json!({"op": "remove", "path": "emails", "value": [{"value": "a@x"}]}),
            Kind::InvalidSyntax,
        ),
    ] {
        assert_eq!(refused(preset, json!([operation.clone()])), kind, "{operation}");
    }
    assert_eq!(refused(Strict, json!([])), Kind::InvalidSyntax);
    assert_eq!(patch(&user(), json!([])), user());
    let many: Vec<_> = (0..1001).map(|_| json!({"op": "remove", "path": "title"})).collect();
    assert_eq!(refused(Lenient, json!(many)), Kind::TooMany);
}

#[test]
fn members_come_out_apart() {
    let registry = Registry::standard().unwrap();
    let kind = registry.by_name("Group").unwrap();
    let message = json!({"Operations": [
        {"op": "Add", "path": "members", "value": [{"$ref": null, "value": "a"}, "b"]},
        {"op": "Remove", "path": "members", "value": [{"value": "a"}]},
        {"op": "remove", "path": "members[value eq \"a\" or value eq \"b\"]"},
        {"op": "remove", "path": "members[type eq \"Group\"]"},
        {"op": "remove", "path": "members"},
        {"op": "replace", "value": {"members": [{"value": "c", "display": null}]}},
        {"op": "replace", "path": "members", "value": []},
    ]});
    let patch = Patch::parse(message, kind, &mut Dialect::default()).unwrap();
    assert!(patch.is_empty());
    let ids = |change: &MemberChange| match change {
        MemberChange::Add(refs) => {
            format!("add {:?}", refs.iter().map(|r| r.as_str()).collect::<Vec<_>>())
        }
        MemberChange::Replace(refs) => {
            format!("replace {:?}", refs.iter().map(|r| r.as_str()).collect::<Vec<_>>())
        }
        MemberChange::Remove(ids) => format!("remove {ids:?}"),
        MemberChange::RemoveAll => "clear".into(),
        MemberChange::RemoveWhere(_) => "where".into(),
    };
    let said: Vec<_> = patch.member_changes().iter().map(ids).collect();
    assert_eq!(
        said,
        [
            "add [\"a\", \"b\"]",
            "remove [\"a\"]",
            "remove [\"a\", \"b\"]",
            "where",
            "clear",
            "replace [\"c\"]",
            "replace []",
        ]
    );
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z]{0,3}|True|ann|work|a@x".prop_map(Value::from),
    ];
    let name = "value|type|primary|userName|name|emails|active|id|groups|title|givenName|x";
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map(name, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn operation() -> impl Strategy<Value = Value> {
    let path = prop_oneof![
        Just(None),
        "userName|name|name.givenName|emails|emails.value|emails\\[type eq \"work\"\\]|emails\\[type eq \"fax\"\\].value|active|id|groups|meta|title|x|[a-z\\[\\]\". ]{0,12}"
            .prop_map(Some),
    ];
    ("add|replace|remove|Add|x", path, json_value())
        .prop_map(|(op, path, value)| json!({"op": op, "path": path, "value": value}))
}

proptest! {
    #[test]
    fn law_a_patch_never_panics_and_never_writes_what_is_read_only(
        operations in prop::collection::vec(operation(), 1..4)
    ) {
        for preset in Preset::ALL {
            if let Ok(done) = patch_as(preset, &user(), Value::from(operations.clone())) {
                prop_assert!(done.get("id").is_none() && done.get("groups").is_none());
                prop_assert!(done.get("meta").is_none() && done.get("members").is_none());
                prop_assert_eq!(&done["schemas"], &user()["schemas"]);
            }
        }
    }

    #[test]
    fn law_replace_is_idempotent(mut operation in operation()) {
        operation["op"] = "replace".into();
        // A replace may change what its own brackets select by.
        prop_assume!(!operation["path"].as_str().is_some_and(|path| path.contains('[')));
        let operations = json!([operation]);
        if let Ok(once) = patch_as(Preset::Lenient, &user(), operations.clone()) {
            let twice = patch_as(Preset::Lenient, &once, operations);
            prop_assert_eq!(twice.ok(), Some(once));
        }
    }
}
