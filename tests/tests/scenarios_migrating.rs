//! An organization with single sign-on of its own comes under an Admin Organization: acceptance scenarios 2
//! and 3, the two orders of migration, and 4, what its old application can do then.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::sync::atomic::{AtomicBool, Ordering};

use scim_tests::{Client, Family, Log, Person, Say, oidc, saml, scim_group};
use serde_json::{Value, json};

/// An organization with a verified domain, single sign-on, a directory with two users, and a team by group.
struct Firma {
    dora: Person,
    id: String,
    claim: Value,
    idp: Client,
    ann: String,
    team: Value,
}

impl Firma {
    fn new(f: &Family) -> Self {
        let (dora, id) = f.unlinked("firma");
        let claim = dora.verified(&f.dns, &id, "firma.example");
        let claim = dora.get(&format!("/organizations/{id}/domains/{claim}")).is(200).json();
        dora.put(&format!("/organizations/{id}/sso"), oidc()).is(200);
        let idp = dora.provisioner(&f.server, &id);
        let (ann, bob) = (idp.push_user("ann@firma.example"), idp.push_user("bob@firma.example"));
        idp.push_group("Crew", &[&ann, &bob]);
        let team = dora.list(&format!("/organizations/{id}/teams")).remove(0);
        assert_eq!(dora.route("ann@firma.example"), ("sso".into(), id.clone()));
        // The Admin Organization has the same identity provider.
        f.olga.put(&format!("/organizations/{}/sso", f.hq), saml()).is(200);
        Self { dora, id, claim, idp, ann, team }
    }

    fn at(&self, path: &str) -> String {
        format!("/organizations/{}{path}", self.id)
    }

    fn claimed(&self, action: &str) -> String {
        self.at(&format!("/domains/{}{action}", self.claim["id"].as_str().unwrap()))
    }

    fn link(&self, f: &Family) {
        let code = json!({"code": f.olga.code(&f.hq)});
        self.dora.post(&self.at("/link"), code).is(200);
    }

    fn source(&self) -> Value {
        let path = self.at("/sso/effective");
        self.dora.get(&path).is(200).json()["source_organization"].clone()
    }

    /// What is the same after both orders: people are recognized, and come by the group too.
    fn is_provisioned_by(&self, f: &Family) {
        let (olga, admin) = (&f.olga, &f.hq);
        let account = self.dora.member(&self.id, "ann@firma.example")["account"].clone();
        assert_eq!(self.dora.grants(&self.id, "ann@firma.example"), ["directory"]);
        let mut log = Log::of(olga, admin);
        let again = f.idp.push_user("ann@firma.example");
        assert_ne!(again, self.ann);
        let names = log.names();
        assert!(names.contains(&"scim_user.adopted".to_owned()), "{names:?}");
        let cora = f.idp.push_user("cora@firma.example");
        f.name(&self.id, "Firma");
        f.idp.push_group("Firma", &[&again, &cora]);
        let member = self.dora.member(&self.id, "ann@firma.example");
        assert_eq!(member["account"], account);
        assert_eq!(olga.member(admin, "ann@firma.example")["account"], account);
        assert_eq!(self.dora.grants(&self.id, "ann@firma.example"), ["directory", "group Firma"]);
        assert_eq!(self.dora.grants(&self.id, "bob@firma.example"), ["directory"]);
        assert_eq!(self.dora.grants(&self.id, "cora@firma.example"), ["group Firma"]);
        // Everybody is listed once, whom both the old directory and the group have too.
        let mut people =
            ["ann", "bob", "cora"].map(|name| format!("{name}@firma.example")).to_vec();
        people.push("owner@firma.example".into());
        assert_eq!(self.dora.active_members(&self.id), people);
        // The old application is shut out; its team stays, and is the people's now.
        self.idp.get(&format!("/Users/{}", self.ann)).refuses(403, "");
        let mut team = self.team.clone();
        assert_eq!(team["managed_by"], "scim");
        team["managed_by"] = "manual".into();
        assert_eq!(self.dora.list(&self.at("/teams")), [team]);
    }
}

#[test]
fn scenario_02_withdraw_claim_verify_link_and_no_single_sign_on_in_between() {
    let f = Family::start();
    let firma = Firma::new(&f);
    let (olga, admin, dora) = (&f.olga, &f.hq, &firma.dora);
    let (ours, theirs) = (("sso".to_owned(), admin.clone()), ("sso".into(), firma.id.clone()));
    let password = ("password".to_owned(), String::new());
    let route = || olga.route("ann@firma.example");
    let domains = format!("/organizations/{admin}/domains");
    let domain = json!({"domain": "Firma.Example."});
    let (mut here, mut there) = (Log::of(olga, admin), Log::of(dora, &firma.id));

    // While the organization has it nobody else gets it, nor learns who has it.
    let refused = olga.post(&domains, domain.clone());
    refused.problem(409, "domain_claimed_elsewhere");
    assert!(!refused.text.contains("\"firma\"") && !refused.text.contains(&firma.id));
    assert_eq!(route(), ("sso".to_owned(), String::new()));
    assert_eq!(dora.route("ann@firma.example"), theirs);

    // Withdrawn: sign-on by the domain is gone at once, people and access are as they were.
    let withdrawn = dora.delete(&firma.claimed("")).is(200).json();
    assert_eq!(withdrawn["effects"]["changes"].as_array().unwrap().len(), 3, "{withdrawn}");
    assert_eq!(route(), password);
    assert_eq!(firma.source(), firma.id);
    assert_eq!(there.names(), ["domain.withdrawn"]);
    assert_eq!(dora.active_members(&firma.id).len(), 3);
    let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "eve@firma.example"});
    firma.idp.post("/Users", &user).refuses(400, "invalidValue");
    // Leavers can still be taken out.
    let path = format!("/Users/{}", firma.ann);
    let active = |is: bool| json!([{"op": "replace", "path": "active", "value": is}]);
    firma.idp.patch(&path, active(false)).is(200);
    assert_eq!(dora.member(&firma.id, "ann@firma.example")["state"], "suspended");
    firma.idp.patch(&path, active(true)).is(200);

    // Claimed again it has a new token: the old record says nothing.
    let claimed = olga.post(&domains, domain).is(201).json();
    assert_eq!(
        (&claimed["domain"], &claimed["state"]),
        (&json!("firma.example"), &json!("pending"))
    );
    let record = claimed["record_value"].as_str().unwrap();
    assert_ne!(record, firma.claim["record_value"]);
    let claimed = format!("{domains}/{}", claimed["id"].as_str().unwrap());
    let verify = || olga.post(&format!("{claimed}:verify"), Value::Null).is(200).json();
    let still = verify();
    assert_eq!((&still["state"], &still["finding"]), (&json!("pending"), &json!("absent")));
    assert_eq!(route(), password);
    f.dns.set("firma.example", Say::txt(record));
    assert_eq!(verify()["state"], "verified");
    assert_eq!(
        here.names(),
        ["domain.claim_added", "domain.verification_failed", "domain.verified"]
    );

    // Verified it counts for whom the Admin Organization governs: after the link that is everybody there.
    assert_eq!(route(), password);
    firma.link(&f);
    assert_eq!(route(), ours);
    assert_eq!(olga.route("nobody@firma.example"), password);
    assert_eq!(firma.source(), *admin);
    assert_eq!(here.names(), ["link_code.issued", "link_code.redeemed", "organization.linked"]);
    firma.is_provisioned_by(&f);
    assert_eq!(route(), ours);
    assert_eq!(olga.route("cora@firma.example"), ours);
}

#[test]
fn scenario_03_link_then_transfer_and_never_without_single_sign_on_after_it() {
    let f = Family::start();
    let firma = Firma::new(&f);
    let (olga, admin, dora) = (&f.olga, &f.hq, &firma.dora);
    let (ours, password) = (("sso".to_owned(), admin.clone()), ("password".into(), String::new()));
    let domains = format!("/organizations/{admin}/domains");
    let domain = json!({"domain": "firma.example"});

    dora.post(&firma.claimed(":transfer"), Value::Null).problem(409, "not_linked");
    firma.link(&f);
    // The organization has the shared settings at once. Its claim is hidden: by address nobody is routed.
    assert_eq!(firma.source(), *admin);
    assert_eq!(olga.route("ann@firma.example"), password);
    let hidden = dora.list(&firma.at("/domains")).remove(0);
    assert_eq!((&hidden["state"], &hidden["hidden"]), (&json!("verified"), &json!(true)));
    // It still keeps others from the domain; to the Admin Organization it says what to do.
    let refused = olga.post(&domains, domain.clone());
    refused.problem(409, "domain_claimed_by_linked_organization");
    assert!(refused.json()["detail"].as_str().unwrap().contains("transfer it from there"));
    let (otto, other) = f.unlinked("other");
    let path = format!("/organizations/{other}/domains");
    otto.post(&path, domain.clone()).problem(409, "domain_claimed_elsewhere");

    let (mut here, mut there) = (Log::of(olga, admin), Log::of(dora, &firma.id));
    let (transferred, over) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watch = |email: &'static str| {
            let (olga, ours) = (olga.again(), &ours);
            let (transferred, over) = (&transferred, &over);
            scope.spawn(move || {
                let (mut seen, mut after) = (false, 0);
                while !over.load(Ordering::SeqCst) {
                    let must = seen || transferred.load(Ordering::SeqCst);
                    let route = olga.route(email);
                    seen = route == *ours;
                    assert!(seen || !must, "{email} was without single sign-on: {route:?}");
                    after += usize::from(must);
                }
                after
            })
        };
        let watchers = [watch("ann@firma.example"), watch("bob@firma.example")];
        // Whatever fails here, the watchers end.
        let rest = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let moved = dora.post(&firma.claimed(":transfer"), Value::Null).is(200).json();
            transferred.store(true, Ordering::SeqCst);
            for same in ["domain", "state", "record_value", "verified", "created"] {
                assert_eq!(moved[same], hidden[same], "{same}");
            }
            assert_eq!(moved["hidden"], false);
            assert_eq!(there.names(), ["domain.transferred_out"]);
            assert_eq!(here.names(), ["domain.transferred_in"]);
            // Nothing changes in DNS.
            let claim = format!("{domains}/{}:verify", moved["id"].as_str().unwrap());
            assert_eq!(olga.post(&claim, Value::Null).is(200).json()["state"], "verified");
            assert_eq!(dora.list(&firma.at("/domains")), Vec::<Value>::new());
            dora.post(&firma.claimed(":transfer"), Value::Null).problem(404, "not_found");
            otto.post(&path, domain).problem(409, "domain_claimed_elsewhere");
            firma.is_provisioned_by(&f);
            f.linked("wien");
        }));
        over.store(true, Ordering::SeqCst);
        for watcher in watchers {
            let after = watcher.join().unwrap_or_else(|e| std::panic::resume_unwind(e));
            assert!(after > 10, "looked {after} times after the transfer");
        }
        rest.unwrap_or_else(|e| std::panic::resume_unwind(e));
    });
    for email in ["ann@firma.example", "bob@firma.example", "cora@firma.example"] {
        assert_eq!(olga.route(email), ours);
    }
    // Without managed access only people of the family are sent there.
    assert_eq!(olga.route("nobody@firma.example"), password);
}

#[test]
fn scenario_04_an_old_applications_mass_deactivation_changes_nothing_once_the_organization_is_linked()
 {
    let f = Family::start();
    let (olga, admin) = (&f.olga, &f.hq);
    let (dora, firma) = f.unlinked("firma");
    dora.verified(&f.dns, &firma, "firma.example");
    let old = dora.provisioner(&f.server, &firma);
    let emails: Vec<String> = (0..20).map(|n| format!("p{n:02}@firma.example")).collect();
    let users: Vec<String> = emails.iter().map(|email| old.push_user(email)).collect();
    let ids: Vec<&str> = users.iter().map(String::as_str).collect();
    let crew = old.push_group("Crew", &ids[..10]);
    // One of them signs in: that too stays.
    let account = dora.member(&firma, "p00@firma.example")["account"].clone();
    let path = format!("/accounts/{}/password", account.as_str().unwrap());
    f.operator.put(&path, json!({"password": "correct horse battery"})).is(204);
    let worker = Person::sign_in(&f.server, "p00@firma.example");
    let dump = |old: &Client| {
        let mut texts = vec![old.get("/Users?count=100").is(200).text];
        texts.push(old.get(&format!("/Groups/{crew}")).is(200).text);
        texts.extend(users.iter().map(|id| old.get(&format!("/Users/{id}")).is(200).text));
        texts
    };
    let world = || {
        let members = dora.list(&format!("/organizations/{firma}/members"));
        let teams = dora.list(&format!("/organizations/{firma}/teams"));
        let team = teams[0]["id"].as_str().unwrap();
        let crew = dora.list(&format!("/organizations/{firma}/teams/{team}/members"));
        (members, teams.len(), crew, dora.events(&firma).len(), olga.events(admin).len())
    };
    let before = dump(&old);
    let link = format!("/organizations/{firma}/link");
    dora.post(&link, json!({"code": olga.code(admin)})).is(200);
    let linked = world();
    assert_eq!(dora.active_members(&firma).len(), 21);

    let user = |email: &str, active: bool| json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": email, "active": active});
    let mut answers = Vec::new();
    for (id, email) in users.iter().zip(&emails) {
        let path = format!("/Users/{id}");
        // Okta, Entra, and those who replace or delete.
        answers.push(old.patch(&path, json!([{"op": "replace", "value": {"active": false}}])));
        let entra = json!([{"op": "Replace", "path": "active", "value": "False"}]);
        answers.push(old.patch(&path, entra));
        answers.push(old.put(&path, &user(email, false)));
        answers.push(old.delete(&path));
        answers.push(old.get(&path));
    }
    let remove = json!([{"op": "remove", "path": "members"}]);
    let path = format!("/Groups/{crew}");
    answers.push(old.patch(&path, remove));
    answers.push(old.put(&path, &scim_group("Crew", &[])));
    answers.push(old.delete(&path));
    answers.push(old.post("/Groups", &scim_group("Other", &[])));
    answers.push(old.post("/Users", &user("new@firma.example", true)));
    let delete = |id: &String| json!({"method": "DELETE", "path": format!("/Users/{id}")});
    let operations: Vec<Value> = users.iter().map(delete).collect();
    answers.push(old.post("/Bulk", &json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations})));
    answers.push(old.get("/Users"));
    answers.push(old.filter("/Users", "userName eq \"p00@firma.example\""));
    answers.push(old.get("/Groups"));
    answers.push(old.post("/Users/.search", &json!({"filter": "active eq true"})));
    for answer in answers {
        answer.refuses(403, "");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("linked to \"HQ\""), "{detail}");
        assert!(detail.contains("provision through the SCIM endpoint"), "{detail}");
    }
    assert_eq!(world(), linked);
    assert_eq!(worker.get("/accounts/me").is(200).json()["id"], account);
    assert_eq!(worker.get(&format!("/organizations/{firma}")).is(200).json()["id"], firma);
    assert_eq!(dora.grants(&firma, "p19@firma.example"), ["directory"]);

    // Awake again it has everything as it was, to the byte.
    let unlink = format!("/organizations/{firma}/unlink");
    dora.post(&unlink, json!({"members": "keep"})).is(200);
    assert_eq!(dump(&old), before);
}
