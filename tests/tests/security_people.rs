//! The security requirements about people, each by its number: who adopts whom, who may change an address,
//! who gets a role, what ends with a deactivation, how often one may guess.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use scim_tests::{Answer, Client, Clock, Family, Person, Server, assert_unchanged, scim_user};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

fn sign_in(server: &Server, email: &str, password: &str) -> Answer {
    Person::anonymous(server).post("/sessions", json!({"email": email, "password": password}))
}

fn emails(email: &str) -> Value {
    json!([{"op": "replace", "path": "emails", "value": [{"value": email, "primary": true}]}])
}

/// Adopts by a bare address and rewrites it in the same breath; the password reset then goes to the
/// attacker (CISO Assistant PR 4658). Here the address finds nobody.
#[test]
fn s06_a_bare_address_adopts_nobody() {
    let f = Family::start();
    let (victim, account) = f.operator.newcomer(&f.server, "victim@bank.example");
    let bank = victim.post("/organizations", json!({"name": "Bank"})).is(201).id();
    // The attacker's own organization takes users of every domain.
    let evil = f.operator.organization("Evil", json!({"scim_domains": "any"}));
    let attacker = f.operator.provisioner(&f.server, &evil);
    let me = || victim.get("/accounts/me").is(200).text;
    let before = me();

    let user = attacker.post("/Users", &scim_user("victim@bank.example")).is(201).id();
    assert_eq!(me(), before);
    assert_ne!(f.operator.account(&evil, "victim@bank.example"), account);
    attacker.patch(&format!("/Users/{user}"), emails("attacker@evil.example")).is(200);
    assert_eq!(me(), before);
    attacker.patch(&format!("/Users/{user}"), emails("victim@bank.example")).is(200);
    for change in ["active", "displayName"] {
        let value = if change == "active" { json!(false) } else { json!("Not I") };
        let replace = json!([{"op": "replace", "path": change, "value": value}]);
        attacker.patch(&format!("/Users/{user}"), replace).is(200);
        assert_eq!(me(), before, "{change}");
    }
    attacker.delete(&format!("/Users/{user}")).is(204);
    assert_eq!(me(), before);
    victim.get(&format!("/organizations/{bank}")).is(200);
    sign_in(&f.server, "victim@bank.example", PASSWORD).is(201);
    sign_in(&f.server, "attacker@evil.example", PASSWORD).problem(401, "sign_in_failed");
}

#[test]
fn s06_adoption_takes_the_verified_domain_and_does_not_change_the_address() {
    let f = Family::start();
    let (ann, account) = f.operator.newcomer(&f.server, "ann@example.com");
    // A claim that is pending proves nothing.
    let other = f.operator.organization("Other", json!({"scim_domains": "any"}));
    f.operator
        .post(&format!("/organizations/{other}/domains"), json!({"domain": "example.com"}))
        .problem(409, "domain_claimed_elsewhere");
    let theirs = f.operator.provisioner(&f.server, &other);
    theirs.post("/Users", &scim_user("ann@example.com")).is(201);
    assert_eq!(ann.get("/accounts/me").json()["memberships"], json!([]));
    // The verified one does: the same account, its address as it was, told in the log.
    let user = f.user("Ann@Example.com");
    assert_eq!(f.operator.account(&f.hq, "ann@example.com"), account);
    let me = ann.get("/accounts/me").is(200).json();
    assert_eq!((&me["id"], &me["email"]), (&json!(account), &json!("ann@example.com")));
    assert!(f.operator.told(&f.hq, Some(&account)).contains(&"scim_user.adopted".to_owned()));
    // A second user with the address of the first; a second directory for the account.
    let mut second = scim_user("ann2@example.com");
    second["emails"] = json!([{"value": "ann@example.com"}]);
    let before = f.operator.everything();
    f.idp.post("/Users", &second).refuses(409, "uniqueness");
    let bob = f.user("bob@example.com");
    f.idp.patch(&format!("/Users/{bob}"), emails("ANN@example.com")).refuses(409, "uniqueness");
    f.idp.delete(&format!("/Users/{bob}")).is(204);
    let after = f.operator.everything();
    let lists = |all: &[(String, String)]| -> Vec<(String, String)> {
        all.iter().filter(|(path, _)| path.contains("/members")).cloned().collect()
    };
    assert_eq!(lists(&before), lists(&after));
    assert_eq!(f.idp.get(&format!("/Users/{user}")).json()["userName"], "Ann@Example.com");
}

/// Pulls a user in by name and address, then changes the address over SCIM (GitLab CVE-2022-1680).
#[test]
fn s07_whoever_owns_an_organization_does_not_own_the_people_in_it() {
    let f = Family::start();
    let victim = f.somebody(&f.shop, "victim@bank.example", "owner");
    let before = victim.get("/accounts/me").is(200).text;
    let (mallory, _) = f.operator.newcomer(&f.server, "mallory@evil.example");
    let evil = mallory.post("/organizations", json!({"name": "Evil"})).is(201).id();
    f.operator.verified(&f.dns, &evil, "evil.example");
    let token =
        mallory.post(&format!("/organizations/{evil}/scim/tokens"), json!({})).is(201).json();
    let scim = Client::new(&f.server, token["token"].as_str().unwrap());

    scim.post("/Users", &scim_user("victim@bank.example")).refuses(400, "invalidValue");
    let mut hybrid = scim_user("victim@bank.example");
    hybrid["userName"] = "victim@evil.example".into();
    scim.post("/Users", &hybrid).refuses(400, "invalidValue");
    // Added by hand, the person is a member, and no user of the directory.
    mallory.add(&evil, "victim@bank.example", "member");
    let account = mallory.account(&evil, "victim@bank.example");
    scim.patch(&format!("/Users/{account}"), emails("mallory@evil.example")).refuses(404, "");
    assert_eq!(scim.get("/Users").json()["totalResults"], 0);
    mallory
        .put(&format!("/accounts/{account}/password"), json!({"password": "mallory's own one"}))
        .problem(404, "not_found");
    mallory.delete(&format!("/organizations/{evil}/members/{account}")).is(200);
    // An own user's address can't be turned into the victim's.
    let own = scim.post("/Users", &scim_user("alias@evil.example")).is(201).id();
    for change in [
        emails("victim@bank.example"),
        json!([{"op": "replace", "path": "userName", "value": "victim@bank.example"}]),
    ] {
        scim.patch(&format!("/Users/{own}"), change).refuses(400, "invalidValue");
    }
    scim.put(&format!("/Users/{own}"), &scim_user("victim@bank.example"))
        .refuses(400, "invalidValue");
    assert_eq!(victim.get("/accounts/me").is(200).text, before);
    sign_in(&f.server, "victim@bank.example", "mallory's own one").problem(401, "sign_in_failed");
}

#[test]
fn s07_an_address_changes_within_verified_domains_and_ends_all_sessions() {
    let f = Family::start();
    f.operator.verified(&f.dns, &f.hq, "example.net");
    let ann = f.user("ann@example.com");
    let session = f.sign_in(&f.hq, "ann@example.com");
    let account = f.operator.account(&f.hq, "ann@example.com");
    let before = f.operator.everything();
    f.idp.patch(&format!("/Users/{ann}"), emails("ann@other.org")).refuses(400, "invalidValue");
    assert_unchanged("an unverified domain", &before, &f.operator.everything());
    session.get("/accounts/me").is(200);
    f.idp.patch(&format!("/Users/{ann}"), emails("ann@example.net")).is(200);
    session.get("/accounts/me").is(401);
    assert_eq!(f.operator.account(&f.hq, "ann@example.net"), account);
    assert!(f.operator.told(&f.hq, Some(&account)).contains(&"account.email_changed".to_owned()));
    sign_in(&f.server, "ann@example.com", PASSWORD).problem(401, "sign_in_failed");
    sign_in(&f.server, "ann@example.net", PASSWORD).is(201);
    // Where users of every domain are taken, an account that is known by a proven address keeps one.
    let open = f.operator.organization("Open", json!({"scim_domains": "any"}));
    f.operator.verified(&f.dns, &open, "open.example");
    let scim = f.operator.provisioner(&f.server, &open);
    let own = scim.post("/Users", &scim_user("eve@open.example")).is(201).id();
    scim.patch(&format!("/Users/{own}"), emails("ann@example.net")).refuses(400, "invalidValue");
}

#[test]
fn s07_a_directory_that_lost_a_domain_changes_no_address_of_it() {
    let f = Family::start();
    let (mallory, _) = f.operator.newcomer(&f.server, "mallory@evil.example");
    let evil = mallory.post("/organizations", json!({"name": "Evil"})).is(201).id();
    let lost = f.operator.verified(&f.dns, &evil, "once.example");
    f.operator.verified(&f.dns, &evil, "evil.example");
    let victim = f.somebody(&f.shop, "victim@once.example", "owner");
    let scim = f.operator.provisioner(&f.server, &evil);
    let user = scim.post("/Users", &scim_user("victim@once.example")).is(201).id();
    let account = f.operator.account(&evil, "victim@once.example");
    assert_eq!(f.operator.account(&f.shop, "victim@once.example"), account);
    f.operator.delete(&format!("/organizations/{evil}/domains/{lost}")).is(200);
    for owned in [false, true] {
        if owned {
            f.operator.verified(&f.dns, &f.hq, "once.example");
        }
        let before = f.operator.everything();
        let path = format!("/Users/{user}");
        scim.patch(&path, emails("victim@evil.example")).refuses(400, "invalidValue");
        scim.put(&path, &scim_user("victim@evil.example")).refuses(400, "invalidValue");
        assert_unchanged("a lost domain", &before, &f.operator.everything());
    }
    assert_eq!(victim.get("/accounts/me").is(200).json()["email"], "victim@once.example");
    // What isn't the account's is the directory's nevertheless.
    let title = json!([{"op": "replace", "path": "title", "value": "Boss"}]);
    scim.patch(&format!("/Users/{user}"), title).is(200);
}

#[test]
fn s10_no_group_and_no_attribute_gives_a_role() {
    let f = Family::start();
    let ann = f.user("ann@example.com");
    // Groups named like whatever has power here.
    for name in ["HQ", "Admin", "admins", "Owner", "owners", "operator", "Administrators", "Shop"] {
        f.group(name, &[&ann]);
    }
    f.group("Sales", &[&ann]);
    let mut eve = scim_user("eve@example.com");
    eve["roles"] = json!([{"value": "owner", "primary": true}]);
    eve["role"] = "owner".into();
    eve["isAdmin"] = true.into();
    eve["entitlements"] = json!([{"value": "admin"}]);
    eve["organization"] = f.shop.clone().into();
    f.idp.post("/Users", &eve).is(201);
    for (org, email) in
        [(&f.hq, "ann@example.com"), (&f.shop, "ann@example.com"), (&f.hq, "eve@example.com")]
    {
        assert_eq!(f.operator.member(org, email)["role"], "member", "{email}");
    }
    assert_eq!(f.operator.members(&f.shop), ["ann@example.com"]);
    let session = f.sign_in(&f.hq, "ann@example.com");
    session.get(&format!("/organizations/{}", f.hq)).problem(404, "not_found");
    session.post("/accounts", json!({"email": "x@y.example"})).problem(403, "operator_only");
    session.get(&format!("/organizations/{}/domains", f.shop)).problem(403, "role_required");
    // Nor does SCIM lower one.
    let account = f.operator.account(&f.shop, "ann@example.com");
    let at = format!("/organizations/{}/members/{account}", f.shop);
    f.operator.patch(&at, json!({"role": "admin"})).is(200);
    f.idp.put(&format!("/Users/{ann}"), &scim_user("ann@example.com")).is(200);
    assert_eq!(f.operator.get(&at).json()["role"], "admin");
}

#[test]
fn s10_the_local_admin_gets_in_when_the_last_admin_was_deprovisioned() {
    let f = Family::start();
    // HQ comes to be owned by a person of its directory and by nobody else; one from outside is an admin.
    let ann = f.user("ann@example.com");
    f.operator
        .patch(
            &format!(
                "/organizations/{}/members/{}",
                f.hq,
                f.operator.account(&f.hq, "ann@example.com")
            ),
            json!({"role": "owner"}),
        )
        .is(200);
    let owner = f.sign_in(&f.hq, "ann@example.com");
    let olga = f.operator.account(&f.hq, "olga@hq.example");
    owner.delete(&format!("/organizations/{}/members/{olga}", f.hq)).is(200);
    let local = f.somebody(&f.hq, "local@elsewhere.org", "admin");
    let required = json!({"protocol": "oidc", "issuer": "https://idp.example.com", "client_id": "c",
        "client_secret": "s", "enabled": true, "required": true});
    owner.put(&format!("/organizations/{}/sso", f.hq), required).is(200);
    f.idp.delete(&format!("/Users/{ann}")).is(204);
    owner.get(&format!("/organizations/{}", f.hq)).is(401);
    // The break-glass: an administrator's password, told in the log.
    local.get(&format!("/organizations/{}", f.hq)).is(200);
    let again = Person::sign_in(&f.server, "local@elsewhere.org");
    let hq = again.get(&format!("/organizations/{}", f.hq)).is(200).json();
    assert_eq!(hq["has_active_owner"], false);
    assert!(f.operator.told(&f.hq, None).contains(&"session.break_glass_used".to_owned()));
    f.operator
        .post(
            &format!("/organizations/{}/owners:recover", f.hq),
            json!({"email": "local@elsewhere.org"}),
        )
        .is(200);
    assert_eq!(
        f.operator.get(&format!("/organizations/{}", f.hq)).json()["has_active_owner"],
        true
    );
}

#[test]
fn s11_deactivation_and_deletion_end_sessions_and_tokens_with_the_next_request() {
    let f = Family::start();
    for (email, delete) in [("ann@example.com", false), ("bob@example.com", true)] {
        let user = f.user(email);
        let session = f.sign_in(&f.hq, email);
        let other = Person::sign_in(&f.server, email);
        let made = session.post("/accounts/me/tokens", json!({"note": "ci"})).is(201).json();
        let personal = Person::new(&f.server, made["token"].as_str().unwrap());
        let all = [&session, &other, &personal];
        for person in all {
            person.get("/accounts/me").is(200);
        }
        if delete {
            f.idp.delete(&format!("/Users/{user}")).is(204);
        } else {
            f.set_active(&user, json!(false));
        }
        for person in all {
            person.get("/accounts/me").problem(401, "unauthorized");
            person.get("/organizations").problem(401, "unauthorized");
            person.post("/organizations", json!({"name": "X"})).problem(401, "unauthorized");
        }
        sign_in(&f.server, email, PASSWORD).problem(401, "sign_in_failed");
        // Back again: what was ended stays ended.
        if delete {
            f.user(email);
            sign_in(&f.server, email, PASSWORD).problem(401, "sign_in_failed");
        } else {
            f.set_active(&user, json!(true));
            sign_in(&f.server, email, PASSWORD).is(201);
        }
        for person in all {
            person.get("/accounts/me").problem(401, "unauthorized");
        }
    }
    // Also by PUT, by Bulk, and with a new password.
    for (i, how) in ["put", "bulk", "password"].into_iter().enumerate() {
        let email = format!("user{i}@example.com");
        let user = f.user(&email);
        let session = f.sign_in(&f.hq, &email);
        session.get("/accounts/me").is(200);
        let mut inactive = scim_user(&email);
        inactive["active"] = false.into();
        match how {
            "put" => {
                f.idp.put(&format!("/Users/{user}"), &inactive).is(200);
            }
            "bulk" => {
                let operation =
                    json!({"method": "PUT", "path": format!("/Users/{user}"), "data": inactive});
                f.idp.post("/Bulk", &json!({"Operations": [operation]})).is(200);
            }
            _ => {
                let new = json!({"password": "another horse battery"});
                session.put("/accounts/me/password", new).is(204);
            }
        }
        session.get("/accounts/me").problem(401, "unauthorized");
    }
}

#[test]
fn s11_codes_of_who_left_are_shown_as_such_and_can_be_revoked_at_once() {
    let f = Family::start();
    let ann = f.user("ann@example.com");
    let account = f.operator.account(&f.hq, "ann@example.com");
    let role = json!({"role": "admin"});
    f.operator.patch(&format!("/organizations/{}/members/{account}", f.hq), role).is(200);
    let session = f.sign_in(&f.hq, "ann@example.com");
    let codes = format!("/organizations/{}/link-codes", f.hq);
    let code = session.post(&codes, json!({})).is(201).json();
    let shown = || {
        let all = f.operator.list(&codes);
        all.into_iter().find(|other| other["id"] == code["id"]).unwrap()
    };
    assert_eq!(shown()["issuer_present"], true);
    f.set_active(&ann, json!(false));
    assert_eq!(shown()["issuer_present"], false);
    f.operator.post(&format!("{codes}:revoke-all"), Value::Null).is(200);
    let depot = f.operator.organization("Depot", json!({}));
    f.operator
        .post(&format!("/organizations/{depot}/link"), json!({"code": code["code"]}))
        .problem(410, "link_code_revoked");
}

#[test]
fn s19_bad_credentials_are_throttled_by_where_they_come_from() {
    let server = Server::with_environment(&[], &[("SCIM_FAILURE_LIMIT", "5")]);
    let (operator, scim) = (server.operator(), server.provisioner());
    for (secret, most) in [("op_guess", 5), ("scim_guess", 5)] {
        let bad = Person::new(&server, secret);
        let wrong = Client::new(&server, secret);
        let ask = |i: usize| match secret {
            "op_guess" => Person::new(&server, &format!("op_{i}")).get("/organizations").status,
            _ => Client::new(&server, &format!("scim_{i}")).get("/Users").status,
        };
        for i in 0..most {
            assert_eq!(ask(i), 401, "{secret} {i}");
        }
        let status =
            if secret == "op_guess" { bad.get("/organizations") } else { wrong.get("/Users") };
        assert_eq!(status.status, 429, "{}", status.text);
        assert!(status.text.contains("wait a minute"), "{}", status.text);
        assert_eq!(status.headers["retry-after"], "60");
    }
    // Whoever has a good one notices nothing.
    operator.get("/organizations").is(200);
    scim.get("/Users").is(200);
    // Passwords count too: the right one doesn't get in either until the time is over.
    operator.post("/accounts", json!({"email": "ann@example.com", "password": PASSWORD})).is(201);
    sign_in(&server, "ann@example.com", PASSWORD).problem(429, "rate_limited");
}

#[test]
fn s19_guessing_passwords_gets_nowhere() {
    let clock = Clock::at("2026-12-01 00:00:00");
    let mut environment = clock.environment();
    environment.push(("SCIM_FAILURE_LIMIT", "15"));
    let server = Server::with_environment(&[], &environment);
    let operator = server.operator();
    for email in ["ann@example.com", "bob@example.com"] {
        operator.post("/accounts", json!({"email": email, "password": PASSWORD})).is(201);
    }
    // Many for one account: after ten the right one is refused as well. Spelling is no way round.
    for i in 0..10 {
        let email = if i % 2 == 0 { "ann@example.com" } else { "ANN@Example.COM" };
        let refused = sign_in(&server, email, &format!("guess number {i}"));
        refused.problem(401, "sign_in_failed");
        assert_eq!(refused.json()["detail"], sign_in_failed(&server, i), "like one of nobody");
        clock.set(&format!("2026-12-01 00:0{}:30", i / 2 + 1));
    }
    sign_in(&server, "ann@example.com", PASSWORD).problem(429, "rate_limited");
    sign_in(&server, "bob@example.com", PASSWORD).is(201);
    clock.set("2026-12-01 00:20:00");
    sign_in(&server, "ann@example.com", PASSWORD).is(201);
    // One for many accounts, from one place.
    for i in 0..15 {
        sign_in(&server, &format!("user{i}@example.com"), PASSWORD).problem(401, "sign_in_failed");
    }
    sign_in(&server, "bob@example.com", PASSWORD).problem(429, "rate_limited");
    clock.set("2026-12-01 00:21:01");
    // Those that succeed don't count.
    for _ in 0..20 {
        sign_in(&server, "bob@example.com", PASSWORD).is(201);
    }
}

/// What somebody hears who signs in with an address that nobody has.
fn sign_in_failed(server: &Server, i: usize) -> Value {
    let answer = sign_in(server, &format!("nobody{i}@example.com"), PASSWORD);
    answer.problem(401, "sign_in_failed");
    answer.json()["detail"].clone()
}

#[test]
fn s19_the_sixth_try_of_a_linking_code_fails_with_the_right_one_too() {
    let clock = Clock::at("2026-12-01 00:00:00");
    let environment = clock.environment();
    let f = Family::with_environment(&environment);
    let depot = f.operator.organization("Depot", json!({}));
    let olga = f.somebody(&depot, "olga@elsewhere.org", "owner");
    let (code, link) = (f.operator.code(&f.hq), format!("/organizations/{depot}/link"));
    // 160 random bits: 32 letters and digits.
    assert_eq!(
        code.chars().filter(char::is_ascii_alphanumeric).count(),
        "link".len() + 32,
        "{code}"
    );
    for i in 0..5 {
        let path = if i % 2 == 0 { link.clone() } else { format!("{link}:preview") };
        olga.post(&path, json!({"code": format!("link-{i}")})).problem(404, "link_code_invalid");
    }
    let before = f.operator.everything();
    for path in [&link, &format!("{link}:preview")] {
        let refused = olga.post(path, json!({"code": code}));
        refused.problem(429, "rate_limited");
        assert_eq!(refused.headers["retry-after"], "600");
        assert!(refused.text.contains("wait 10 minutes"), "{}", refused.text);
    }
    assert_unchanged("the sixth try", &before, &f.operator.everything());
    // For another organization of hers it counts apart; after ten minutes it is forgotten.
    let second = f.operator.organization("Second", json!({}));
    f.operator.add(&second, "olga@elsewhere.org", "owner");
    let preview = format!("/organizations/{second}/link:preview");
    olga.post(&preview, json!({"code": code})).is(200);
    clock.set("2026-12-01 00:11:00");
    let olga = Person::sign_in(&f.server, "olga@elsewhere.org");
    olga.post(&link, json!({"code": code})).is(200);
    // Used once, it is used up.
    let refused = f.operator.post(&format!("/organizations/{second}/link"), json!({"code": code}));
    refused.problem(409, "link_code_redeemed");
}

#[test]
fn s15_a_kept_answer_tells_nothing_of_the_password_in_its_request() {
    let mut server = Server::start();
    let operator = server.operator();
    operator.newcomer(&server, "ann@example.com");
    operator.newcomer(&server, "bob@example.com");
    // Whoever isn't signed in has no name that a key could belong to.
    let anonymous = Person::anonymous(&server);
    let key = [("Idempotency-Key", "mine")];
    for email in ["ann@example.com", "bob@example.com"] {
        let body = json!({"email": email, "password": "correct horse battery"});
        anonymous.send("POST", "/sessions", &key, Some(&body)).is(201);
    }
    let body = json!({"email": "cid@example.com", "password": "a long password"});
    operator.send("POST", "/accounts", &key, Some(&body)).is(201);
    server.stop();
    let kept = server.database().sql("SELECT request FROM idempotency_keys");
    assert_eq!(kept.lines().count(), 1, "{kept}");
    let plain = format!("POST\0/accounts\0\0{body}");
    let script = "import hashlib,sys; print(hashlib.sha256(sys.argv[1].replace('|','\\0').encode()).hexdigest())";
    let hashed = std::process::Command::new("python3")
        .args(["-c", script, &plain.replace('\0', "|")])
        .output()
        .unwrap();
    assert!(!kept.contains(String::from_utf8(hashed.stdout).unwrap().trim()), "{kept}");
}

/// An owner who can't get in owns nothing: else nobody could help the organization.
#[test]
fn s11_an_owner_who_cannot_sign_in_is_no_active_owner() {
    let f = Family::start();
    let (ann, bob) = (f.user("ann@example.com"), f.user("bob@example.com"));
    f.sign_in(&f.hq, "bob@example.com");
    // An organization that has nothing to do with HQ, which decides about their accounts.
    let club = f.operator.organization("Club", json!({"scim_domains": "any"}));
    let otto = f.somebody(&club, "otto@elsewhere.org", "owner");
    for email in ["ann@example.com", "bob@example.com"] {
        f.operator.add(&club, email, "owner");
    }
    f.set_active(&ann, json!(false));
    f.idp.delete(&format!("/Users/{bob}")).is(204);
    // Nor is one whose address nothing proves.
    let own = f.operator.provisioner(&f.server, &club);
    own.post("/Users", &scim_user("eve@nowhere.example")).is(201);
    let at = |email: &str| {
        let account = f.operator.account(&club, email);
        format!("/organizations/{club}/members/{account}")
    };
    f.operator.patch(&at("eve@nowhere.example"), json!({"role": "owner"})).is(200);
    let owned = |expected: bool| {
        let shown = f.operator.get(&format!("/organizations/{club}")).is(200).json();
        assert_eq!(shown["has_active_owner"], expected);
    };
    owned(true);
    otto.delete(&at("otto@elsewhere.org")).problem(409, "last_owner");
    otto.patch(&at("otto@elsewhere.org"), json!({"role": "member"})).problem(409, "last_owner");
    // Those who can't get in may go; she who is deactivated is back, and the last one may leave.
    otto.delete(&at("bob@example.com")).is(200);
    f.set_active(&ann, json!(true));
    otto.delete(&at("otto@elsewhere.org")).is(200);
    owned(true);
    // Nobody is left: the operator gives it an owner, one who can get in.
    f.set_active(&ann, json!(false));
    owned(false);
    let recover = format!("/organizations/{club}/owners:recover");
    let to = |email: &str| f.operator.post(&recover, json!({"email": email}));
    for email in ["ann@example.com", "bob@example.com"] {
        to(email).problem(409, "account_inactive");
    }
    to("otto@elsewhere.org").is(200);
    owned(true);
    to("otto@elsewhere.org").problem(409, "has_active_owner");
}
