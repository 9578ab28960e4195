//! Acceptance scenario 25 over the socket: after any sequence of what identity providers and people do, what
//! the server answers is what a naive model says. (The property test of `scim_core::testkit` goes deeper: it
//! shrinks, knows nested groups and domains, and runs on each store.)
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use scim_tests::{Family, Person, scim_group, scim_user};
use serde_json::{Value, json};

const USERS: usize = 4;
const ORGS: usize = 3;
const STEPS: usize = 70;
/// Spellings of two names.
const NAMES: [[&str; 2]; 2] = [["Sales", " sALES"], ["Büro", "BU\u{308}RO "]];

/// xorshift: the same sequence for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// What is stored; the rest is worked out.
#[derive(Default)]
struct Model {
    /// Users by number: id and whether active.
    users: BTreeMap<usize, (String, bool)>,
    /// Groups by name: id and members.
    groups: BTreeMap<usize, (String, BTreeSet<usize>)>,
    /// SCIM Names of linked organizations.
    links: BTreeMap<usize, Option<usize>>,
    /// Grants by hand, and whether they rest.
    manual: BTreeMap<(usize, usize), bool>,
}

impl Model {
    fn by_group(&self, org: usize, user: usize) -> bool {
        let name = self.links.get(&org).copied().flatten();
        name.and_then(|name| self.groups.get(&name)).is_some_and(|(_, users)| users.contains(&user))
    }

    /// Sources of a membership, resting ones with a minus, and whether it counts.
    fn membership(&self, org: usize, user: usize) -> (Vec<String>, bool) {
        let inactive = self.users.get(&user).is_some_and(|(_, active)| !active);
        let mut grants = Vec::new();
        if self.by_group(org, user) {
            grants.push(if inactive { "-group" } else { "group" }.to_owned());
        }
        if let Some(rests) = self.manual.get(&(org, user)) {
            grants.push(if *rests { "-manual" } else { "manual" }.to_owned());
        }
        grants.sort();
        let counts = !(inactive && self.links.contains_key(&org))
            && grants.iter().any(|grant| !grant.starts_with('-'));
        (grants, counts)
    }
}

struct World {
    f: Family,
    orgs: Vec<String>,
}

fn email(user: usize) -> String {
    format!("u{user}@example.com")
}

impl World {
    fn at(&self, org: usize, part: &str) -> String {
        format!("/organizations/{}{part}", self.orgs[org])
    }

    /// Takes a random step on both sides; tells what it was.
    fn step(&self, model: &mut Model, random: &mut Random) -> String {
        let (user, org, name) =
            (random.below(USERS), random.below(ORGS), random.below(NAMES.len()));
        let spelling = NAMES[name][random.below(2)];
        let wanted: BTreeSet<usize> = (0..USERS).filter(|_| random.coin()).collect();
        let ids = |model: &Model, users: &BTreeSet<usize>| -> Vec<(usize, String)> {
            let known = |u: &usize| model.users.get(u).map(|(id, _)| (*u, id.clone()));
            users.iter().filter_map(known).collect()
        };
        let operator = &self.f.operator;
        let scim = &self.f.idp;
        match random.below(11) {
            0 | 1 => match model.users.get_mut(&user) {
                None => {
                    let id = scim.post("/Users", &scim_user(&email(user))).is(201).id();
                    model.users.insert(user, (id, true));
                    format!("push user {user}")
                }
                Some((id, active)) => {
                    *active = !*active;
                    let op = json!([{"op": "replace", "path": "active", "value": *active}]);
                    scim.patch(&format!("/Users/{id}"), op).is(200);
                    format!("user {user} active {active}")
                }
            },
            2 if random.coin() => {
                let Some((id, _)) = model.users.remove(&user) else { return "nothing".into() };
                scim.delete(&format!("/Users/{id}")).is(204);
                for (_, users) in model.groups.values_mut() {
                    users.remove(&user);
                }
                for ((org, person), rests) in &mut model.manual {
                    *rests |= *person == user && model.links.contains_key(org);
                }
                format!("delete user {user}")
            }
            2 | 3 => {
                let members = ids(model, &wanted);
                let values: Vec<&str> = members.iter().map(|(_, id)| id.as_str()).collect();
                let body = scim_group(spelling, &values);
                let id = match model.groups.get(&name) {
                    None => scim.post("/Groups", &body).is(201).id(),
                    Some((id, _)) => {
                        scim.put(&format!("/Groups/{id}"), &body).is(200);
                        id.clone()
                    }
                };
                let users = members.into_iter().map(|(user, _)| user).collect();
                model.groups.insert(name, (id, users));
                format!("group {name} has {wanted:?}")
            }
            4 => {
                let (Some((group, users)), Some((id, _))) =
                    (model.groups.get_mut(&name), model.users.get(&user))
                else {
                    return "nothing".into();
                };
                if users.remove(&user) {
                    self.f.take_out(group, id);
                } else {
                    users.insert(user);
                    self.f.put_in(group, id);
                }
                format!("group {name}: user {user} in or out")
            }
            5 => {
                let other = (name + 1) % NAMES.len();
                let Some((id, _)) = model.groups.get(&name) else { return "nothing".into() };
                let op =
                    json!([{"op": "replace", "path": "displayName", "value": NAMES[other][0]}]);
                let renamed = scim.patch(&format!("/Groups/{id}"), op);
                if model.groups.contains_key(&other) {
                    renamed.refuses(409, "uniqueness");
                } else {
                    renamed.is(204);
                    let group = model.groups.remove(&name).unwrap();
                    model.groups.insert(other, group);
                }
                format!("rename group {name}")
            }
            6 if random.coin() => {
                let Some((id, _)) = model.groups.remove(&name) else { return "nothing".into() };
                scim.delete(&format!("/Groups/{id}")).is(204);
                format!("delete group {name}")
            }
            6 | 7 => {
                let members = if random.coin() { "keep" } else { "remove" };
                if let Entry::Vacant(unlinked) = model.links.entry(org) {
                    operator.link(&self.f.hq, &self.orgs[org], None);
                    unlinked.insert(None);
                    return format!("link {org}");
                }
                operator.post(&self.at(org, "/unlink"), json!({"members": members})).is(200);
                let kept: Vec<usize> = (0..USERS).filter(|u| model.by_group(org, *u)).collect();
                for user in kept.into_iter().filter(|_| members == "keep") {
                    model.manual.entry((org, user)).or_insert(false);
                }
                model.links.remove(&org);
                format!("unlink {org} {members}")
            }
            8 | 9 => {
                if !model.links.contains_key(&org) {
                    return "nothing".into();
                }
                let name = random.coin().then_some(name);
                let path =
                    format!("/organizations/{}/linked-organizations/{}", self.f.hq, self.orgs[org]);
                let set = operator.patch(&path, json!({"scim_name": name.map(|n| NAMES[n][1])}));
                let taken = |other: &(&usize, &Option<usize>)| {
                    *other.0 != org && name.is_some() && *other.1 == name
                };
                if model.links.iter().any(|other| taken(&other)) {
                    set.problem(409, "scim_name_taken");
                } else {
                    set.is(200);
                    model.links.insert(org, name);
                }
                format!("SCIM Name of {org}: {name:?}")
            }
            _ => {
                if model.manual.get(&(org, user)).is_none_or(|rests| *rests) {
                    operator.add(&self.orgs[org], &email(user), "member");
                    model.manual.insert((org, user), false);
                    return format!("add {user} to {org}");
                }
                let account = operator.account(&self.orgs[org], &email(user));
                let removed = operator.delete(&self.at(org, &format!("/members/{account}")));
                if model.by_group(org, user) {
                    removed.problem(409, "membership_managed_by_scim");
                } else {
                    removed.is(200);
                    model.manual.remove(&(org, user));
                }
                format!("remove {user} from {org}")
            }
        }
    }

    /// Compares all lists, and what one person sees.
    fn compare(&self, model: &Model, user: usize, at: &str) {
        for (org, id) in self.orgs.iter().enumerate() {
            let members = self.f.operator.list(&format!("/organizations/{id}/members?limit=2"));
            let shown: BTreeMap<String, &Value> =
                members.iter().map(|m| (m["email"].as_str().unwrap().to_owned(), m)).collect();
            assert_eq!(shown.len(), members.len(), "{at}: somebody is listed twice");
            for user in 0..USERS {
                let (grants, counts) = model.membership(org, user);
                let Some(member) = shown.get(&email(user)) else {
                    assert_eq!(grants, [""; 0], "{at}: {user} in {org}");
                    continue;
                };
                let word = |grant: &Value| {
                    let rests = if grant["suspended"] == true { "-" } else { "" };
                    format!("{rests}{}", grant["source"].as_str().unwrap())
                };
                let mut is: Vec<String> =
                    member["grants"].as_array().unwrap().iter().map(word).collect();
                is.sort();
                assert_eq!(is, grants, "{at}: {user} in {org}");
                let state = if counts { "active" } else { "suspended" };
                assert_eq!(member["state"], state, "{at}: {user} in {org}");
            }
            let governs = self.f.operator.get(&format!("/organizations/{id}/sso/effective"));
            let source = if model.links.contains_key(&org) { &self.f.hq } else { id };
            assert_eq!(governs.json()["source_organization"], source.as_str(), "{at}: {org}");
        }
        let members = self.f.operator.active_members(&self.f.hq);
        let pushed = model.users.iter().filter(|(_, (_, active))| *active).map(|(u, _)| email(*u));
        // Its owner is no user of the directory, and comes before them in the order of addresses.
        let active: Vec<String> =
            ["olga@hq.example".to_owned()].into_iter().chain(pushed).collect();
        assert_eq!(members, active, "{at}: HQ");
        let Some((_, active)) = model.users.get(&user) else { return };
        if !active {
            return;
        }
        let session: Person = self.f.sign_in(&self.f.hq, &email(user));
        let mut sees: Vec<String> = session
            .list("/organizations")
            .iter()
            .map(|o| o["id"].as_str().unwrap().into())
            .collect();
        sees.sort();
        let mut may: Vec<String> = (0..ORGS)
            .filter(|org| model.membership(*org, user).1)
            .map(|org| self.orgs[org].clone())
            .collect();
        may.sort();
        assert_eq!(sees, may, "{at}: what {user} sees");
    }
}

fn run(seed: u64) {
    let f = Family::start();
    f.operator
        .post(&format!("/organizations/{}/unlink", f.shop), json!({"members": "remove"}))
        .is(200);
    let orgs = ["A", "B", "C"].map(|name| f.operator.organization(name, json!({}))).to_vec();
    let world = World { f, orgs };
    let (mut model, mut random) = (Model::default(), Random(seed));
    let mut done = Vec::new();
    for step in 0..STEPS {
        done.push(world.step(&mut model, &mut random));
        world.compare(&model, random.below(USERS), &format!("seed {seed}, step {step}: {done:#?}"));
    }
    let kinds: BTreeSet<&str> = done.iter().filter_map(|step| step.get(..4)).collect();
    assert!(kinds.len() > 8, "{kinds:?}");
}

#[test]
fn scenario_25_after_any_sequence_the_answers_are_a_naive_models() {
    run(0x5eed);
}

#[test]
fn scenario_25_after_another_sequence_too() {
    run(20_261_123);
}
