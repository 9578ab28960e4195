//! What somebody who just types an address learns of whoever has it: nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use scim_tests::{Family, oidc, saml, scim_user};
use serde_json::{Value, json};

#[test]
fn adding_a_member_tells_neither_whether_there_is_an_account_nor_its_name() {
    let f = Family::start();
    let account = json!({"email": "Victoria@bank.example", "name": "Victoria Regina"});
    f.operator.post("/accounts", account).is(201);
    let (mallory, _) = f.operator.newcomer(&f.server, "mallory@evil.example");
    let evil = mallory.organization("Evil", json!({}));
    let members = format!("/organizations/{evil}/members");
    let dry = |email: &str| {
        let body = json!({"email": email, "role": "admin"});
        let mut answer = mallory.post(&format!("{members}?dry_run=true"), body).is(200).json();
        for change in answer["effects"]["changes"].as_array_mut().unwrap() {
            assert_eq!(change["email"].take(), email);
            assert_eq!(change["account"], Value::Null);
        }
        answer
    };
    let (known, unknown) = (dry("victoria@bank.example"), dry("nobody@bank.example"));
    assert_eq!(known, unknown);
    assert_eq!(known["effects"]["gains"], 1);

    let shown = mallory.post(&members, json!({"email": "victoria@bank.example"})).is(201).json();
    assert_eq!(shown["name"], Value::Null);
    let at = format!("{members}/{}", shown["account"].as_str().unwrap());
    assert_eq!(mallory.get(&at).is(200).json()["name"], Value::Null);
    assert!(!mallory.get(&members).is(200).text.contains("Regina"));
    // The name is the person's and the operator's to see, and of those whose directory has the person.
    assert_eq!(f.operator.get(&at).is(200).json()["name"], "Victoria Regina");
    let mut ann = scim_user("ann@example.com");
    ann["displayName"] = "Ann Onymous".into();
    let ann = f.idp.post("/Users", &ann).is(201).id();
    f.group("Sales", &[&ann]);
    for (org, role) in [(&f.hq, "owner"), (&f.shop, "member")] {
        let person = f.somebody(org, &format!("{role}@side.example"), role);
        assert_eq!(person.member(org, "ann@example.com")["name"], "Ann Onymous", "{role}");
    }
    mallory.post(&members, json!({"email": "ann@example.com"})).is(201);
    assert_eq!(mallory.member(&evil, "ann@example.com")["name"], Value::Null);
    // Who is a member already, is known by an id in a dry run too.
    let body = json!({"email": "ann@example.com", "role": "admin"});
    f.operator.patch(&format!("/organizations/{}", f.shop), json!({"name": "Shop"})).is(200);
    let owner = f.somebody(&f.shop, "olga@side.example", "owner");
    let dry = format!("/organizations/{}/members?dry_run=true", f.shop);
    let effects = owner.post(&dry, body).is(200).json()["effects"].clone();
    let account = f.operator.account(&f.shop, "ann@example.com");
    assert_eq!(effects["changes"][0]["account"], account);
}

#[test]
fn a_sign_in_page_learns_the_method_and_where_to_start_and_no_more() {
    let f = Family::start();
    f.user("ann@example.com");
    let path = "/sso/resolve?email=ann@example.com";
    let (stranger, _) = f.operator.newcomer(&f.server, "stranger@nowhere.example");
    let aron = f.somebody(&f.hq, "aron@hq.example", "admin");
    let settings = format!("/organizations/{}/sso", f.hq);
    let password = json!({"method": "password", "protocol": null, "start_url": null});
    assert_eq!(stranger.get(path).is(200).json(), password);
    for (sso, protocol, start) in [
        (saml(), "saml", saml()["sign_on_url"].clone()),
        (oidc(), "oidc", oidc()["issuer"].clone()),
    ] {
        f.operator.put(&settings, sso.clone()).is(200);
        let seen = stranger.get(path).is(200).json();
        assert_eq!(seen, json!({"method": "sso", "protocol": protocol, "start_url": start}));
        for person in [&aron, &f.operator] {
            let seen = person.get(path).is(200).json();
            assert_eq!((&seen["organization"], &seen["start_url"]), (&json!(f.hq), &start));
            assert_eq!(seen["sso"]["issuer"], sso["issuer"]);
        }
    }
}
