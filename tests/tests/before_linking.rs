//! Before an organization is linked: what whoever holds a linking code learns of the Admin Organization, and
//! what the Admin Organization learns of that.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use scim_tests::{Family, Log, Person};
use serde_json::{Value, json};

/// HQ has the groups "Sales" (which matches Shop), "Stock" with three people, and one that nobody is to hear
/// of. "Solo" is gerda's, and one of the three is a member there already.
struct Scene {
    f: Family,
    gerda: Person,
    solo: String,
    code: String,
}

impl Scene {
    fn set() -> Self {
        let f = Family::start();
        let people = ["ann", "bob", "cid"].map(|name| f.user(&format!("{name}@example.com")));
        let people: Vec<&str> = people.iter().map(String::as_str).collect();
        f.group("Sales", &people[..1]);
        f.group("Stock", &people);
        f.group("Layoffs", &people[1..]);
        let solo = f.operator.organization("Solo", json!({}));
        let gerda = f.somebody(&solo, "gerda@solo.example", "owner");
        f.operator.add(&solo, "ann@example.com", "member");
        let code = f.operator.code(&f.hq);
        Self { f, gerda, solo, code }
    }

    fn at(&self, part: &str) -> String {
        format!("/organizations/{}/{part}", self.solo)
    }

    fn with_name(&self, name: &str) -> Value {
        json!({"code": self.code, "scim_name": name})
    }
}

/// None of these words is in a text.
#[track_caller]
fn silent(text: &str, words: &[&str]) {
    for word in words {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[test]
fn a_preview_tells_of_the_name_that_was_asked_for_and_of_no_other() {
    let scene = Scene::set();
    let (gerda, path) = (&scene.gerda, scene.at("link:preview"));
    let plain = gerda.post(&path, json!({"code": scene.code})).is(200);
    assert_eq!(
        plain.json(),
        json!({
            "admin_organization_name": "HQ", "needs_approval": false,
            "verified_domains": ["example.com"],
            "sso_enabled": false,
            "sso_required": false,
            "members_outside": 1,
            "hidden_domains": [],
            "scim_name": null,
            "warnings": ["sso_not_configured"],
        })
    );
    for (name, matches, people) in [(" STOCK", true, 3), ("Nobody", false, 0)] {
        let named = gerda.post(&path, scene.with_name(name)).is(200);
        assert_eq!(named.json()["scim_name"], json!({"matches": matches, "people": people}));
        silent(&named.text, &["Layoffs", "Stock", "bob@", "Shop"]);
    }
    gerda.post(&path, scene.with_name(" ")).problem(422, "invalid_name");
    let taken = gerda.post(&path, scene.with_name("Sales"));
    taken.problem(409, "scim_name_taken");
    silent(&taken.text, &["Shop", &scene.f.shop]);
}

#[test]
fn a_dry_run_of_linking_names_own_members_only_and_counts_the_others() {
    let scene = Scene::set();
    let (gerda, path) = (&scene.gerda, scene.at("link"));
    let dry = format!("{path}?dry_run=true");
    let planned = gerda.post(&dry, scene.with_name("Stock")).is(200);
    silent(&planned.text, &["bob@", "cid@"]);
    let effects = planned.json()["effects"].clone();
    assert_eq!((&effects["gains"], &effects["unnamed"]), (&json!(3), &json!(2)));
    let changes = effects["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0]["email"], "ann@example.com");
    for path in [&dry, &path] {
        let taken = gerda.post(path, scene.with_name("Sales"));
        taken.problem(409, "scim_name_taken");
        silent(&taken.text, &["Shop", &scene.f.shop]);
    }
    // Whoever administers both sides may see both; a plain member of HQ sees no more than a stranger.
    scene.f.operator.add(&scene.f.hq, "gerda@solo.example", "member");
    let effects = gerda.post(&dry, scene.with_name("Stock")).is(200).json()["effects"].clone();
    assert_eq!(effects["unnamed"], 2);
    let account = scene.f.operator.account(&scene.f.hq, "gerda@solo.example");
    let role = format!("/organizations/{}/members/{account}", scene.f.hq);
    scene.f.operator.patch(&role, json!({"role": "admin"})).is(200);
    let effects = gerda.post(&dry, scene.with_name("Stock")).is(200).json()["effects"].clone();
    assert_eq!((&effects["unnamed"], &effects["gains"]), (&json!(0), &json!(3)));
    assert_eq!(effects["changes"].as_array().unwrap().len(), 3);
    // Linked, they are members of hers, and named.
    let linked = gerda.post(&path, scene.with_name("Stock")).is(200).json();
    assert_eq!(linked["effects"], effects);
}

#[test]
fn each_look_with_a_good_code_is_told_to_the_admin_organization() {
    let scene = Scene::set();
    let (gerda, f) = (&scene.gerda, &scene.f);
    let (mut theirs, mut own) = (Log::of(&f.operator, &f.hq), Log::of(gerda, &scene.solo));
    gerda.post(&scene.at("link:preview"), json!({"code": scene.code})).is(200);
    gerda.post(&scene.at("link?dry_run=true"), scene.with_name("Stock")).is(200);
    let news = theirs.news();
    assert_eq!(news.len(), 2, "{news:?}");
    for (event, dry_run) in news.iter().zip([false, true]) {
        assert_eq!(event["name"], "link_code.previewed");
        assert_eq!(event["actor"], "gerda@solo.example");
        assert_eq!(event["detail"], json!({"other_org": scene.solo, "dry_run": dry_run}));
        assert_eq!(
            event["target"],
            f.operator
                .list(&format!("/organizations/{}/link-codes", f.hq))
                .iter()
                .find(|code| code["state"] == "issued")
                .unwrap()["id"]
        );
    }
    assert_eq!(own.names(), [""; 0]);
    // A name that is taken says something too, however it was tried.
    for path in ["link:preview", "link?dry_run=true", "link"] {
        gerda.post(&scene.at(path), scene.with_name("Sales")).problem(409, "scim_name_taken");
    }
    let news = theirs.news();
    assert_eq!(news.len(), 3, "{news:?}");
    for event in &news {
        assert_eq!(event["name"], "link_code.rejected");
        let detail = json!({"other_org": scene.solo, "reason": "scim_name_taken"});
        assert_eq!(event["detail"], detail);
    }
    // Linking itself is told as ever; what is refused for another reason, not at all.
    gerda.post(&scene.at("link"), json!({"code": scene.code})).is(200);
    assert_eq!(theirs.names(), ["link_code.redeemed", "organization.linked"]);
    gerda
        .post(&scene.at("link:preview"), json!({"code": scene.code}))
        .problem(409, "already_linked");
    assert_eq!(theirs.names(), [""; 0]);
}

#[test]
fn looks_with_a_good_code_are_counted_too() {
    let scene = Scene::set();
    let gerda = &scene.gerda;
    // A look is no wrong try: more than five are fine; but nobody goes through a dictionary of names.
    let mut looks = 0;
    for n in 0..40 {
        let path = if n % 2 == 0 { "link:preview" } else { "link?dry_run=true" };
        let answer = gerda.post(&scene.at(path), scene.with_name(&format!("Name {n}")));
        if answer.status == 200 {
            looks += 1;
        } else {
            answer.problem(429, "rate_limited");
        }
    }
    assert_eq!(looks, 20);
    gerda.post(&scene.at("link"), json!({"code": scene.code})).problem(429, "rate_limited");
}
