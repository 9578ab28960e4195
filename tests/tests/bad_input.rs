//! Bad input to the administrative API: each kind has its own code and a sentence that says what to do, and
//! nothing changes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "tests fail by panicking"
)]

use scim_tests::{Answer, Family, Person, assert_unchanged};
use serde_json::{Value, json};

const VALID: &str = include_str!("../certificates/valid.pem");
const EXPIRED: &str = include_str!("../certificates/expired.pem");

/// Checks a refusal: its code, and a sentence for people that names `word`.
#[track_caller]
fn refuses(answer: &Answer, status: u16, code: &str, word: &str) {
    answer.problem(status, code);
    let body = answer.json();
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(word), "\"{detail}\" says nothing of \"{word}\"");
    assert!(detail.contains(' ') && detail.len() > 20 && detail.len() < 500, "\"{detail}\"");
    assert_eq!(body["type"], "about:blank");
    assert!(body["title"].is_string() && body["request_id"].is_string(), "{body}");
}

struct Bad {
    f: Family,
    before: Vec<(String, String)>,
}

impl Bad {
    fn start(prepare: impl Fn(&Family)) -> Self {
        let f = Family::start();
        prepare(&f);
        let before = f.operator.everything();
        Self { f, before }
    }

    fn hq(&self, part: &str) -> String {
        format!("/organizations/{}{part}", self.f.hq)
    }

    fn shop(&self, part: &str) -> String {
        format!("/organizations/{}{part}", self.f.shop)
    }

    /// The operator's, to whom nothing is refused for want of a role.
    fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        self.f.operator.send(method, path, &[], Some(&body))
    }

    fn nothing_changed(&self) {
        assert_unchanged("bad input", &self.before, &self.f.operator.everything());
    }
}

#[test]
fn names() {
    let bad = Bad::start(|f| {
        f.operator
            .post(&format!("/organizations/{}/teams", f.shop), json!({"name": "Red"}))
            .is(201);
        let cafe = f.operator.organization("Bistro", json!({}));
        f.operator.link(&f.hq, &cafe, Some("Caf\u{e9}"));
    });
    let solo = bad.f.operator.list("/organizations");
    let bistro = solo.iter().find(|o| o["name"] == "Bistro").unwrap()["id"].clone();
    let team = bad.f.operator.list(&bad.shop("/teams"))[0]["id"].as_str().unwrap().to_owned();
    let linked = format!("{}/{}", bad.hq("/linked-organizations"), bad.f.shop);
    let batch = |name: &str| json!({"organizations": [{"id": bad.f.shop, "scim_name": name}]});
    for name in [
        "",
        "   ",
        "\u{2003}\t",
        &"x".repeat(300),
        &"é".repeat(257),
        "a\u{7}b",
        "two\nlines",
        // Nothing to be seen; and what turns text around, so that it isn't read as it is stored.
        "\u{200b}",
        " \u{feff}\u{ad} ",
        "a\u{202e}b",
        "\u{2066}a\u{2069}",
        "a\u{200f}",
    ] {
        for (method, path, body) in [
            ("POST", "/organizations".to_owned(), json!({"name": name})),
            ("PATCH", bad.shop(""), json!({"name": name})),
            ("POST", bad.shop("/admin-organization"), json!({"name": name})),
            ("POST", bad.shop("/teams"), json!({"name": name})),
            ("PATCH", bad.shop(&format!("/teams/{team}")), json!({"name": name})),
            ("PATCH", linked.clone(), json!({"scim_name": name})),
            ("PATCH", bad.hq("/linked-organizations:batch"), batch(name)),
            ("POST", "/accounts".to_owned(), json!({"email": "new@a.example", "name": name})),
        ] {
            let answer = bad.send(method, &path, body);
            assert_eq!(answer.status, 422, "{name:?}: {method} {path}: {}", answer.text);
            refuses(&answer, 422, "invalid_name", "must have 1 to 256 characters");
            assert!(!answer.text.contains("name of a SCIM Name"), "{}", answer.text);
        }
    }
    // Equal but for case, spaces, Unicode form or what can't be seen.
    for name in [
        "CAF\u{c9}",
        " cafe\u{301} ",
        "Caf\u{e9}\u{a0}",
        "Ca\u{200b}f\u{e9}",
        "\u{feff}Caf\u{e9} \u{200d}",
        "Caf\u{ad}e\u{200c}\u{301}",
    ] {
        refuses(
            &bad.send("PATCH", &linked, json!({"scim_name": name})),
            409,
            "scim_name_taken",
            "Bistro",
        );
        let answer = bad.send("PATCH", &bad.hq("/linked-organizations:batch"), batch(name));
        refuses(&answer, 409, "scim_name_taken", "both in one request");
    }
    for name in ["red", " RED ", "R\u{200b}ed", "Red\u{2060}"] {
        refuses(
            &bad.send("POST", &bad.shop("/teams"), json!({"name": name})),
            409,
            "team_exists",
            "another",
        );
    }
    let twice = json!({"organizations": [{"id": bistro, "scim_name": "A"}, {"id": bistro, "scim_name": "B"}]});
    let path = bad.hq("/linked-organizations:batch");
    refuses(&bad.send("PATCH", &path, twice), 422, "invalid_name", "twice");
    refuses(
        &bad.send("PATCH", &path, json!({"organizations": []})),
        422,
        "invalid_value",
        "1 to 200",
    );
    let note = json!({"note": "x".repeat(300)});
    refuses(&bad.send("POST", &bad.hq("/link-codes"), note), 400, "invalid_value", "256");
    bad.nothing_changed();
}

#[test]
fn domains() {
    let bad = Bad::start(|f| {
        let solo = f.operator.organization("Solo", json!({}));
        f.operator.claim(&solo, "pending.example");
    });
    let all = bad.f.operator.list("/organizations");
    let solo = all.iter().find(|o| o["name"] == "Solo").unwrap()["id"].as_str().unwrap();
    let path = format!("/organizations/{solo}/domains");
    let long = format!("{}.example", "x".repeat(64));
    let very_long = format!("{}example", "xxxxxxxxx.".repeat(26));
    for (domain, word) in [
        ("localhost", "single label"),
        ("", "domain"),
        ("   ", "domain"),
        ("*.example.org", "wildcard"),
        ("co.uk", "public suffix"),
        ("com", "single label"),
        ("github.io", "public suffix"),
        ("gmail.com", "everybody"),
        ("GMAIL.COM.", "everybody"),
        ("Outlook.com", "everybody"),
        ("outlook.de", "everybody"),
        ("hotmail.co.jp", "everybody"),
        ("live.nl", "everybody"),
        ("yahoo.com.br", "everybody"),
        ("onmicrosoft.com", "everybody"),
        ("firma.local", "reserved"),
        ("firma.internal", "reserved"),
        ("a.b.invalid", "reserved"),
        ("firma.localhost", "reserved"),
        ("firma.home.arpa", "reserved"),
        ("abc.onion", "reserved"),
        ("127.0.0.1", "address"),
        ("[::1]", "domain"),
        ("2001:db8::1", "domain"),
        ("1.2.3", "domain"),
        ("https://example.org", "domain like example.com"),
        ("example.org/path", "domain like example.com"),
        ("ann@example.org", "domain like example.com"),
        ("exa mple.org", "domain like example.com"),
        ("a..org", "domain like example.com"),
        ("-a.org", "domain like example.com"),
        ("xn--a.org", "domain like example.com"),
        (&long, "domain like example.com"),
        (&very_long, "domain like example.com"),
        ("a\u{7}.org", "domain like example.com"),
    ] {
        let answer = bad.send("POST", &path, json!({"domain": domain}));
        assert_eq!(answer.status, 422, "{domain}: {}", answer.text);
        refuses(&answer, 422, "domain_not_claimable", word);
    }
    let again = json!({"domain": "PENDING.example."});
    refuses(&bad.send("POST", &path, again), 409, "domain_already_claimed", "verify");
    let theirs = json!({"domain": "example.com"});
    refuses(&bad.send("POST", &path, theirs), 409, "domain_claimed_elsewhere", "withdraw");
    let linked = json!({"domain": "shop.example"});
    refuses(&bad.send("POST", &bad.shop("/domains"), linked), 409, "organization_linked", "Unlink");
    bad.nothing_changed();
}

#[test]
fn addresses_and_roles() {
    let bad = Bad::start(|f| f.operator.add(&f.shop, "gus@guest.example", "owner"));
    let gus = bad.f.operator.account(&bad.f.shop, "gus@guest.example");
    let member = bad.shop(&format!("/members/{gus}"));
    let long = format!("{}@example.com", "x".repeat(320));
    for email in [
        "",
        "ann",
        "a@b@example.com",
        "@example.com",
        "ann@",
        "ann@localhost",
        "an n@example.com",
        "ann@exa mple.com",
        "ann@127.0.0.1",
        "ann@*.example.com",
        "a\u{7}@example.com",
        "a\u{200b}nn@example.com",
        "\u{202e}ann@example.com",
        &long,
    ] {
        for (path, body) in [
            (bad.shop("/members"), json!({"email": email})),
            ("/accounts".to_owned(), json!({"email": email})),
            ("/organizations".to_owned(), json!({"name": "New", "owner": email})),
            (bad.shop("/owners:recover"), json!({"email": email})),
            ("/sessions".to_owned(), json!({"email": email, "password": "correct horse battery"})),
        ] {
            let answer = bad.send("POST", &path, body);
            assert_eq!(answer.status, 422, "{email:?} {path}: {}", answer.text);
            refuses(&answer, 422, "invalid_email", "looks like ann@example.com");
        }
        if email.is_empty() || email.contains('\u{7}') {
            continue;
        }
        for path in ["/sso/resolve".to_owned(), bad.shop("/explain")] {
            let path = format!("{path}?email={}", scim_tests::encode(email));
            refuses(&bad.send("GET", &path, Value::Null), 422, "invalid_email", "ann@example.com");
        }
    }
    for path in ["/sso/resolve".to_owned(), bad.shop("/explain")] {
        refuses(&bad.send("GET", &path, Value::Null), 400, "invalid_parameter", "?email=");
    }
    for role in ["superuser", "", "OWNER", "billing_admin"] {
        refuses(
            &bad.send("PATCH", &member, json!({"role": role})),
            422,
            "invalid_role",
            "owner, admin or",
        );
        let body = json!({"email": "new@guest.example", "role": role});
        refuses(
            &bad.send("POST", &bad.shop("/members"), body),
            422,
            "invalid_role",
            "owner, admin or",
        );
    }
    let billing = json!({"email": "new@guest.example", "role": "billing_admin"});
    let answer = bad.send("POST", &bad.hq("/members"), billing);
    refuses(&answer, 409, "not_available_in_admin_org", "billing");
    let there = json!({"email": "GUS@guest.example"});
    refuses(&bad.send("POST", &bad.shop("/members"), there), 409, "already_a_member", "role");
    let known = json!({"email": "gus@guest.example"});
    refuses(&bad.send("POST", "/accounts", known), 409, "email_taken", "already");
    refuses(
        &bad.send("DELETE", &member, Value::Null),
        409,
        "last_owner",
        "another member an owner",
    );
    refuses(
        &bad.send("PATCH", &member, json!({"role": "admin"})),
        409,
        "last_owner",
        "owner first",
    );
    for password in ["", "short", "11character", &"x".repeat(1_025)] {
        let body = json!({"email": "new@a.example", "password": password});
        refuses(&bad.send("POST", "/accounts", body), 422, "invalid_password", "12");
        let path = format!("/accounts/{gus}/password");
        refuses(
            &bad.send("PUT", &path, json!({"password": password})),
            422,
            "invalid_password",
            "12",
        );
    }
    bad.nothing_changed();
}

#[test]
fn single_sign_on_settings() {
    let bad = Bad::start(|_| ());
    let path = bad.hq("/sso");
    let saml = |certificates: Value| {
        json!({"protocol": "saml", "issuer": "urn:idp", "sign_on_url": "https://idp.example/in",
            "certificates": certificates})
    };
    let key = VALID.replace("CERTIFICATE", "PRIVATE KEY");
    let broken: String = VALID.replacen("MII", "MIJ", 1);
    let two = format!("{VALID}\n{VALID}");
    for (certificates, word) in [
        (json!([]), "one signing certificate"),
        (json!([""]), "PEM"),
        (json!(["hello"]), "-----BEGIN CERTIFICATE-----"),
        (json!(["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]), "can't be read"),
        (json!([VALID.split_at(VALID.len() / 2).0]), "PEM"),
        (json!([key]), "PEM"),
        (json!([broken]), "certificate"),
        (json!([two]), "more than one"),
        (json!([EXPIRED]), "expired"),
        (json!([EXPIRED, EXPIRED]), "expired"),
        (json!([VALID, format!("{VALID}\n\n")]), "twice"),
        (json!([VALID, VALID, VALID]), "two while they are exchanged"),
    ] {
        let answer = bad.send("PUT", &path, saml(certificates.clone()));
        assert_eq!(answer.status, 422, "{certificates}: {}", answer.text);
        refuses(&answer, 422, "invalid_certificate", word);
    }
    let with = |settings: Value, name: &str, value: Value| {
        let mut settings = settings;
        settings[name] = value;
        settings
    };
    let good = saml(json!([VALID]));
    let oidc = json!({"protocol": "oidc", "issuer": "https://idp.example", "client_id": "c",
        "client_secret": "s"});
    for (settings, word) in [
        (with(good.clone(), "protocol", json!("ldap")), "saml or oidc"),
        (with(good.clone(), "issuer", json!("  ")), "issuer"),
        (with(good.clone(), "issuer", json!("x".repeat(2_000))), "1 to 1024"),
        (with(good.clone(), "sign_on_url", json!("http://idp.example/in")), "https://"),
        (with(good.clone(), "sign_on_url", json!("https://")), "https://"),
        (with(good.clone(), "sign_on_url", json!("javascript:alert(1)")), "https://"),
        (with(good.clone(), "sign_on_url", json!("https://a@idp.example/")), "https://"),
        (with(good.clone(), "sign_on_url", Value::Null), "sign_on_url is needed"),
        (with(good.clone(), "client_id", json!("c")), "no place"),
        (with(good.clone(), "required", json!(true)), "only while it is enabled"),
        (with(oidc.clone(), "issuer", json!("idp.example")), "https://"),
        (with(oidc.clone(), "client_id", Value::Null), "client_id is needed"),
        (with(oidc.clone(), "client_secret", Value::Null), "client_secret is needed"),
        (with(oidc.clone(), "client_secret", json!("")), "client_secret is needed"),
        (with(oidc, "certificates", json!([VALID])), "no place"),
    ] {
        let answer = bad.send("PUT", &path, settings.clone());
        assert_eq!(answer.status, 422, "{settings}: {}", answer.text);
        refuses(&answer, 422, "invalid_sso", word);
    }
    let answer = bad.send("PUT", &bad.shop("/sso"), good);
    refuses(&answer, 409, "organization_linked", "Admin Organization");
    refuses(&bad.send("DELETE", &path, Value::Null), 404, "not_found", "single sign-on");
    bad.nothing_changed();
    // While two are exchanged, one of them may have expired; the dates are read out.
    let both = saml(json!([EXPIRED, VALID]));
    let stored = bad.send("PUT", &path, with(both, "enabled", json!(true))).is(200).json();
    assert_eq!(stored["certificates"][0]["state"], "expired");
    assert_eq!(stored["certificates"][0]["not_after"], "2011-01-01T00:00:00.000Z");
    assert_eq!(stored["certificates"][1]["state"], "valid");
    refuses(&bad.send("DELETE", &path, Value::Null), 409, "sso_enabled", "Disable");
}

#[test]
fn things_in_another_state() {
    let bad = Bad::start(|f| {
        let ann = f.user("ann@example.com");
        f.group("Sales", &[&ann]);
        let solo = f.operator.organization("Solo", json!({}));
        f.operator.claim(&solo, "solo.example");
        f.operator.organization("Cheap", json!({"plan": "other"}));
        for _ in 0..20 {
            f.operator.code(&f.hq);
        }
    });
    let f = &bad.f;
    let all = f.operator.list("/organizations");
    let id = |name: &str| {
        let found = all.iter().find(|o| o["name"] == name).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let solo = |part: &str| format!("/organizations/{}{part}", id("Solo"));
    let cheap = |part: &str| format!("/organizations/{}{part}", id("Cheap"));
    let claim = f.operator.list(&solo("/domains"))[0]["id"].as_str().unwrap().to_owned();
    let ann = f.operator.account(&f.shop, "ann@example.com");
    let used = f.operator.list(&bad.hq("/link-codes"));
    let used = used.iter().find(|code| code["state"] == "redeemed").unwrap()["id"].clone();
    let used = bad.hq(&format!("/link-codes/{}", used.as_str().unwrap()));
    let ann_at_shop = bad.shop(&format!("/members/{ann}"));
    let ann_at_hq = bad.hq(&format!("/members/{ann}"));
    let transfer = solo(&format!("/domains/{claim}:transfer"));
    let none = || Value::Null;
    for (method, path, body, status, code, word) in [
        ("POST", bad.shop("/link"), json!({"code": "x"}), 409, "already_linked", "unlink it first"),
        ("POST", bad.shop("/link:preview"), json!({"code": "x"}), 409, "already_linked", "unlink"),
        ("POST", bad.hq("/link"), json!({"code": "x"}), 409, "admin_org_cannot_be_linked", "can't"),
        ("POST", cheap("/link"), json!({"code": "x"}), 403, "plan_required", "Enterprise"),
        (
            "POST",
            cheap("/admin-organization"),
            json!({"name": "A"}),
            403,
            "plan_required",
            "Enterprise",
        ),
        ("POST", bad.hq("/link-codes"), json!({}), 409, "link_code_limit", "revoke some"),
        ("POST", solo("/link-codes"), json!({}), 409, "not_an_admin_org", "Admin Organization"),
        ("GET", solo("/link-codes"), none(), 409, "not_an_admin_org", "Admin Organization"),
        ("GET", bad.shop("/linked-organizations"), none(), 409, "not_an_admin_org", "only those"),
        ("DELETE", used, none(), 409, "link_code_redeemed", "unlink"),
        ("POST", solo("/unlink"), json!({"members": "keep"}), 409, "not_linked", "linking code"),
        (
            "POST",
            bad.shop("/unlink"),
            json!({"members": "maybe"}),
            422,
            "invalid_value",
            "keep or remove",
        ),
        ("POST", transfer, none(), 409, "not_linked", "linking code"),
        ("DELETE", bad.hq(""), none(), 409, "has_linked_organizations", "unlink them"),
        (
            "POST",
            bad.hq("/teams"),
            json!({"name": "T"}),
            409,
            "not_available_in_admin_org",
            "teams",
        ),
        ("PATCH", bad.hq(""), json!({"plan": "other"}), 409, "not_available_in_admin_org", "plan"),
        (
            "POST",
            bad.hq("/admin-organization"),
            json!({"name": "A"}),
            409,
            "not_available_in_admin_org",
            "Admin Organization",
        ),
        ("DELETE", ann_at_shop, none(), 409, "membership_managed_by_scim", "Sales"),
        ("DELETE", ann_at_hq, none(), 409, "membership_managed_by_scim", "identity provider"),
        (
            "POST",
            solo("/owners:recover"),
            json!({"email": "who@a.example"}),
            404,
            "not_found",
            "make one",
        ),
        ("PATCH", solo(""), json!({"plan": "gold"}), 422, "invalid_value", "enterprise"),
        ("PATCH", solo(""), json!({"scim_domains": "all"}), 422, "invalid_value", "claimed"),
        (
            "POST",
            "/organizations".into(),
            json!({"name": "N", "kind": "x"}),
            422,
            "invalid_value",
            "regular",
        ),
        ("POST", solo("/audit-exports"), json!({"format": "pdf"}), 422, "invalid_value", "ndjson"),
        ("POST", solo("/scim/tokens"), json!({"preset": "x"}), 422, "invalid_value", "preset"),
        ("POST", solo("/scim/tokens"), json!({"scopes": "read,fly"}), 422, "invalid_value", "fly"),
        ("POST", solo("/scim/tokens"), json!({"expires_in_days": 0}), 400, "invalid_value", "1 to"),
        (
            "POST",
            solo("/scim/tokens"),
            json!({"expires_in_days": 9999}),
            400,
            "invalid_value",
            "1 to",
        ),
    ] {
        let answer = bad.send(method, &path, body);
        assert_eq!(answer.json()["code"], code, "{method} {path}: {}", answer.text);
        refuses(&answer, status, code, word);
    }
    let intended = json!({"intended_organization": "x".repeat(1_000)});
    f.operator.post(&bad.hq("/link-codes"), intended).problem(400, "invalid_value");
    bad.nothing_changed();
    // A code that is none changes nothing but the log, which tells of it.
    for code in ["x", ""] {
        let answer = bad.send("POST", &solo("/link"), json!({"code": code}));
        refuses(&answer, 404, "link_code_invalid", "copied whole");
    }
    let told = f.operator.events(&id("Solo")).len();
    let is_log = |(path, _): &(String, String)| path.contains("/audit-events");
    let rest = |all: Vec<(String, String)>| all.into_iter().filter(|e| !is_log(e)).collect();
    let (before, after): (Vec<_>, Vec<_>) =
        (rest(bad.before.clone()), rest(f.operator.everything()));
    assert_unchanged("a code that is none", &before, &after);
    assert_eq!(told, 4);
}

#[test]
fn linking_codes() {
    let bad = Bad::start(|f| drop(f.operator.organization("Solo", json!({}))));
    let all = bad.f.operator.list("/organizations");
    let solo = all.iter().find(|o| o["name"] == "Solo").unwrap()["id"].as_str().unwrap().to_owned();
    let (link, long) = (format!("/organizations/{solo}/link"), "x".repeat(10_000));
    let codes = ["", "x", "link-0000", &long];
    for code in codes {
        let answer = bad.send("POST", &link, json!({"code": code}));
        refuses(&answer, 404, "link_code_invalid", "copied whole");
    }
    // It stands in the log, without the code, and nothing else changed.
    let log = format!("/organizations/{solo}/audit-events?limit=200");
    let after = bad.f.operator.everything();
    let others = |all: &[(String, String)]| -> Vec<(String, String)> {
        all.iter().filter(|(path, _)| *path != log).cloned().collect()
    };
    assert_unchanged("a bad code", &others(&bad.before), &others(&after));
    let told = bad.f.operator.told(&solo, None);
    assert_eq!(told.iter().filter(|name| *name == "link_code.rejected").count(), codes.len());
    assert!(!bad.f.operator.get(&log).text.contains("link-0000"));
}

#[test]
fn unknown_ids_and_paths() {
    let bad = Bad::start(|f| {
        f.operator
            .post(&format!("/organizations/{}/teams", f.shop), json!({"name": "Red"}))
            .is(201);
    });
    let f = &bad.f;
    let odd =
        ["nope", "dom_0000000000000000", "..", "%2e%2e%2f", "a%2Fb", "a%20b", "%C3%A9", "'--", "*"];
    let long = "x".repeat(300);
    for operation in f.operator.operations() {
        let names = operation.path.matches('{').count();
        if names == 0 {
            continue;
        }
        for id in odd.into_iter().chain([long.as_str()]) {
            // The last part of the path is unknown, what is before it is there.
            let mut path = operation.path.clone();
            if names > 1 {
                let admin = ["linked-organizations", "link-codes", "link-requests"]
                    .iter()
                    .any(|p| path.contains(p));
                path = path.replacen("{org}", if admin { &f.hq } else { &f.shop }, 1);
            }
            for name in ["org", "linked", "code", "request", "domain", "token", "account", "team"] {
                path = path.replace(&format!("{{{name}}}"), id);
            }
            let body = match operation.name.as_str() {
                _ if !operation.takes_body => Value::Null,
                "setScimName" => json!({"scim_name": "A"}),
                "setMembershipPolicy" => json!({"membership": "additive"}),
                "setPassword" => json!({"password": "correct horse battery"}),
                "setRole" => json!({"role": "admin"}),
                "renameTeam" | "createTeam" | "createAdminOrganization" => json!({"name": "A"}),
                "unlink" | "unlinkLinkedOrganization" => json!({"members": "keep"}),
                "previewLink" | "link" => json!({"code": "x"}),
                _ => json!({}),
            };
            let answer = bad.send(&operation.method, &path, body);
            let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
            assert_eq!(answer.status, 404, "{} {path}: {}", operation.method, answer.text);
            let known = ["not_found", "no_such_endpoint", "not_a_member"];
            assert!(known.contains(&code.as_str()), "{} {path}: {}", operation.method, answer.text);
        }
    }
    for path in ["/organizations/%00", "/organizations/%zz", "/organizations/%ff"] {
        f.operator.get(path).problem(400, "invalid_encoding");
    }
    f.operator.get("/nothing").problem(404, "no_such_endpoint");
    let refused = f.operator.delete("/organizations");
    refuses(&refused, 405, "method_not_allowed", "GET");
    assert!(refused.headers["allow"].contains("POST"), "{:?}", refused.headers);
    bad.nothing_changed();
}

#[test]
fn bodies_and_parameters() {
    let bad = Bad::start(|_| ());
    let f = &bad.f;
    let client = scim_tests::Client::new(&f.server, &operator_token(f));
    let raw = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let json = [("Content-Type", "application/json")];
        let given = headers.iter().any(|(name, _)| *name == "Content-Type");
        let headers = [headers, if given { &[] } else { &json[..] }].concat();
        client.send(method, &format!("/api/v1{path}"), &headers, Some(body))
    };
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for (body, word) in [
        ("", "no body"),
        ("not json", "JSON"),
        ("[]", "object"),
        ("\"x\"", "object"),
        ("{\"name\": \"A\"", "JSON"),
        ("{\"name\": \"A\", \"name\": \"B\"}", "name"),
        ("{}", "name"),
        ("{\"name\": 5}", "string"),
        ("{\"name\": null}", "string"),
        ("{\"name\": \"a\\u0000b\"}", "U+0000"),
        ("{\"name\": \"A\", \"isAdmin\": true}", "isAdmin"),
        ("{\"name\": \"A\", \"__proto__\": {}}", "__proto__"),
        (&format!("{{\"name\": {deep}}}"), "deep"),
    ] {
        let answer = raw("POST", "/organizations", &[], body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        refuses(&answer, 400, "invalid_body", word);
    }
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(2 << 20));
    raw("POST", "/organizations", &[], &large).problem(413, "payload_too_large");
    let text = [("Content-Type", "text/plain")];
    let answer = raw("POST", "/organizations", &text, "{\"name\": \"A\"}");
    refuses(&answer, 415, "unsupported_media_type", "application/json");
    let answer = raw("DELETE", &bad.hq(""), &[], "{\"members\": \"keep\"}");
    refuses(&answer, 400, "invalid_body", "no body");
    // What is null clears a SCIM Name; what is left out says nothing.
    let linked = format!("{}/{}", bad.hq("/linked-organizations"), f.shop);
    refuses(&raw("PATCH", &linked, &[], "{}"), 400, "invalid_body", "scim_name");

    for (path, code, word) in [
        ("?limit=0", "invalid_parameter", "1 to 200"),
        ("?limit=201", "invalid_parameter", "1 to 200"),
        ("?limit=-1", "invalid_parameter", "1 to 200"),
        ("?limit=many", "invalid_parameter", "1 to 200"),
        ("?limit=1&limit=2", "invalid_parameter", "twice"),
        ("?cursor=%21%21", "invalid_cursor", "cursor"),
        ("?cursor=eyJ4IjoxfQ", "invalid_cursor", "cursor"),
        ("?dryrun=true", "unknown_parameter", "dryrun"),
        ("?dry_run=true", "unknown_parameter", "dry_run"),
        ("?state=gone", "invalid_parameter", "active or suspended"),
        ("?source=magic", "invalid_parameter", "directory or group"),
    ] {
        let answer = raw("GET", &bad.hq(&format!("/members{path}")), &[], "");
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
        refuses(&answer, 400, code, word);
    }
    let answer = raw("GET", &bad.hq("/audit-events?order=random"), &[], "");
    refuses(&answer, 400, "invalid_parameter", "newest or oldest");
    for dry_run in ["maybe", "1", "", "TRUE"] {
        let path = format!("{}?dry_run={dry_run}", bad.shop("/unlink"));
        let answer = raw("POST", &path, &[], "{\"members\": \"keep\"}");
        refuses(&answer, 400, "invalid_parameter", "true or false");
    }
    for key in ["", "with space", &"x".repeat(256)] {
        let answer =
            raw("POST", "/organizations", &[("Idempotency-Key", key)], "{\"name\": \"A\"}");
        refuses(&answer, 400, "invalid_idempotency_key", "255");
    }
    let answer = raw("PATCH", &bad.shop(""), &[("If-Match", "\"old\"")], "{\"name\": \"A\"}");
    refuses(&answer, 412, "precondition_failed", "again");
    bad.nothing_changed();
    let once = [("Idempotency-Key", "one")];
    let made = raw("POST", "/organizations", &once, "{\"name\": \"A\"}").is(201).id();
    assert_eq!(raw("POST", "/organizations", &once, "{\"name\": \"A\"}").is(201).id(), made);
    let answer = raw("POST", "/organizations", &once, "{\"name\": \"B\"}");
    refuses(&answer, 422, "idempotency_key_reused", "new one");
    let people = Person::new(&f.server, &operator_token(f)).list("/organizations");
    assert_eq!(people.iter().filter(|o| o["name"] == "A" || o["name"] == "B").count(), 1);
}

fn operator_token(f: &Family) -> String {
    let line = f.server.welcome.lines().find(|line| line.contains("Operator:")).unwrap();
    line.split_whitespace().last().unwrap().to_owned()
}

#[test]
fn a_cursor_goes_on_only_with_the_list_that_gave_it() {
    let f = Family::start();
    for n in 0..4 {
        for org in [&f.hq, &f.shop] {
            f.operator.add(org, &format!("m{n}@guest.example"), "member");
        }
    }
    let members = |org: &str, query: &str| format!("/organizations/{org}/members?limit=2{query}");
    let page = f.operator.get(&members(&f.shop, "&state=active")).is(200).json();
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    let on = format!("&cursor={cursor}");
    // Of another size it is the same list.
    let path = members(&f.shop, &format!("&state=active{on}")).replace("limit=2", "limit=3");
    let rest = f.operator.get(&path).is(200).json();
    let of = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|member| member["email"].as_str().unwrap().to_owned()).collect()
    };
    let mut all = [of(&page), of(&rest)].concat();
    all.sort();
    assert_eq!(all, (0..4).map(|n| format!("m{n}@guest.example")).collect::<Vec<_>>());
    // Another organization, another filter, another list, another letter.
    let mut forged = cursor.clone().into_bytes();
    forged[3] = if forged[3] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for path in [
        members(&f.hq, &format!("&state=active{on}")),
        members(&f.shop, &on),
        members(&f.shop, &format!("&state=suspended{on}")),
        format!("/organizations/{}/teams?cursor={cursor}", f.shop),
        format!("/organizations/{}/audit-events?cursor={cursor}", f.shop),
        format!("/organizations?cursor={cursor}"),
        members(&f.shop, &format!("&state=active&cursor={forged}")),
    ] {
        refuses(&f.operator.get(&path), 400, "invalid_cursor", "begin anew");
    }
}

#[test]
fn short_lists_are_paged_as_long_ones_are() {
    let f = Family::start();
    for _ in 0..3 {
        f.operator.code(&f.hq);
    }
    let codes = format!("/organizations/{}/link-codes", f.hq);
    let all = f.operator.list(&codes);
    assert!(all.len() >= 3, "{all:?}");
    assert_eq!(f.operator.list(&format!("{codes}?limit=1")), all);
    let first = f.operator.get(&format!("{codes}?limit=2")).is(200).json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    for list in ["link-codes", "link-requests", "domains", "scim/tokens"] {
        let path = format!("/organizations/{}/{list}", f.hq);
        refuses(
            &f.operator.get(&format!("{path}?cursor=zzz")),
            400,
            "invalid_cursor",
            "begin anew",
        );
        refuses(&f.operator.get(&format!("{path}?limit=0")), 400, "invalid_parameter", "limit");
    }
}
