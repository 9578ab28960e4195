//! The real thing: a service with the shipped rules over the store under test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::model::{Memberships, Seen, Who};
use super::{ORGANIZATIONS, Step};
use crate::Caller;
use crate::Handler as _;
use crate::caller::Scopes;
use crate::dialect::Preset;
use crate::env::{Clock, Env, Ids, Passwords};
use crate::error::Result;
use crate::event::Event;
use crate::http::Request;
use crate::org::linking::{self, Members, NewOrganization};
use crate::org::people::{self, Membership};
use crate::org::{
    Cause, DomainPolicy, EmailAddress, Finding, MembershipPolicy, Oidc, OrgKind, Organization,
    Plan, Provider, Records, Role, Route, ScimName, SharedSso, Source, SsoSettings, authority,
    claims,
};
use crate::resource::Id;
use crate::schema::Registry;
use crate::service::{Service, Settings};
use crate::store::{Store, Tenant};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// Spellings of one name each: they match all the same.
const NAMES: [[&str; 2]; 3] = [["Sales", " sALES "], ["Büro", "BU\u{308}RO"], ["IT", "it"]];

struct Counter;

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Ids for Counter {
    fn next(&self) -> Id {
        Id::parse(&format!("n{:012}", NEXT.fetch_add(1, Ordering::Relaxed))).unwrap()
    }
}

impl Clock for Counter {
    fn now(&self) -> Timestamp {
        let n = NEXT.load(Ordering::Relaxed);
        Timestamp::from_millisecond(1_700_000_000_000 + i64::try_from(n).unwrap()).unwrap()
    }
}

impl Passwords for Counter {
    fn hash(&self, _: &str) -> Result<String> {
        Ok(String::new())
    }
}

pub(super) struct World<S> {
    store: S,
    service: Service<S, SharedSso>,
    env: Env,
    /// Keeps apart what several sequences leave in one store.
    mark: String,
    admin: Tenant,
    organizations: Vec<Tenant>,
    users: BTreeMap<usize, Id>,
    groups: BTreeMap<usize, Id>,
    own: BTreeMap<(usize, usize), Id>,
    accounts: BTreeMap<Id, Who>,
}

impl<S> World<S>
where
    S: Store + Clone,
    for<'a> S::Tx<'a>: Records,
{
    pub(super) fn new(store: S) -> Self {
        let env =
            Env { clock: Arc::new(Counter), ids: Arc::new(Counter), passwords: Arc::new(Counter) };
        let registry = Registry::standard().unwrap();
        let rules = SharedSso::new(env.clone());
        let settings = Settings::new([0; 32]);
        let service = Service::new(registry, store.clone(), rules, env.clone(), settings);
        let mark = env.ids.next().as_str().to_owned();
        let mut world = Self {
            store,
            service,
            env,
            admin: Tenant::new(&format!("org_{mark}a")),
            organizations: (0..ORGANIZATIONS)
                .map(|i| Tenant::new(&format!("org_{mark}{i}")))
                .collect(),
            mark,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            own: BTreeMap::new(),
            accounts: BTreeMap::new(),
        };
        world.found();
        world
    }

    /// The organizations, the Admin Organization's domain, and single sign-on where the contested domain
    /// may be claimed.
    fn found(&mut self) {
        let admin = self.admin.clone();
        let mut all: Vec<(Tenant, OrgKind)> = vec![(admin, OrgKind::Admin)];
        all.extend(self.organizations.iter().map(|org| (org.clone(), OrgKind::Regular)));
        for (id, kind) in all {
            let new = NewOrganization {
                name: id.as_str(),
                kind,
                plan: Plan::Enterprise,
                domains: DomainPolicy::Any,
                owner: None,
            };
            assert!(self.act(|tx, cause| linking::create(tx, id.clone(), &new, cause).map(drop)));
        }
        let domain = format!("{}.example", self.mark);
        let admin = self.admin.clone();
        assert!(self.act(|tx, cause| verified(tx, &admin, &domain, cause)));
        let settings = SsoSettings {
            provider: Provider::Oidc(Oidc {
                issuer: "https://idp.example".into(),
                client_id: "id".into(),
                client_secret: "sealed".into(),
            }),
            enabled: true,
            required: false,
            idp_managed_access: true,
            break_glass: true,
        };
        for org in [self.admin.clone(), self.organizations[0].clone()] {
            assert!(self.act(|tx, cause| {
                let organization = linking::organization(tx, &org)?;
                claims::configure(tx, &organization, &settings, cause)
            }));
        }
    }

    /// Does what people do; tells whether it was allowed.
    fn act(&self, f: impl Fn(&mut S::Tx<'_>, &Cause<'_>) -> Result<()>) -> bool {
        let cause =
            Cause { env: &self.env, actor: "operator", request_id: "r", now: self.env.clock.now() };
        let done = self.store.write(&self.admin, |tx| f(tx, &cause));
        if let Err(error) = &done {
            assert!(error.kind().status() < 500, "{error}: {:?}", std::error::Error::source(error));
        }
        done.is_ok()
    }

    /// Sends what an identity provider sends; gives the answer if it is a success.
    fn send(&self, org: &Tenant, method: &str, path: &str, body: &Value) -> Option<Value> {
        let caller = Caller {
            tenant: org.clone(),
            actor: "tok_1".into(),
            preset: Preset::Lenient,
            scopes: Scopes::ALL,
            user: None,
        };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request {
            method,
            path,
            body: body.as_bytes(),
            content_type: Some("application/scim+json"),
            base_url: "http://test",
            request_id: "r",
            ..Request::default()
        };
        let response = self.service.handle(&caller, &request);
        let status = response.status;
        let body = response.body.collect().unwrap();
        assert!(status < 500, "{method} {path}: {}", String::from_utf8_lossy(&body));
        let answer = serde_json::from_slice(&body).unwrap_or(Value::Null);
        (status < 300).then_some(answer)
    }

    fn email(&self, user: usize) -> String {
        format!("U{user}@{}.example", self.mark)
    }

    fn patch(&self, path: &str, operation: &Value) -> bool {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [operation]});
        self.send(&self.admin, "PATCH", path, &body).is_some()
    }

    fn group_body(&self, name: usize, users: &BTreeSet<usize>) -> Value {
        // Every other spelling, so that the key does the matching.
        let spelling = usize::try_from(NEXT.load(Ordering::Relaxed) % 2).unwrap();
        let members: Vec<Value> = users
            .iter()
            .filter_map(|user| self.users.get(user))
            .map(|id| json!({"value": id.as_str()}))
            .collect();
        json!({"schemas": [GROUP], "displayName": NAMES[name][spelling], "members": members})
    }

    fn members(&self, group: usize, op: &str, id: Option<&Id>) -> bool {
        let (Some(group), Some(id)) = (self.groups.get(&group), id) else { return false };
        let path = format!("/Groups/{group}");
        if op == "add" {
            let value = json!([{"value": id.as_str()}]);
            return self.patch(&path, &json!({"op": "add", "path": "members", "value": value}));
        }
        let target = format!("members[value eq \"{id}\"]");
        self.patch(&path, &json!({"op": "remove", "path": target}))
    }

    /// Takes a step; tells whether it was allowed and meant anything.
    pub(super) fn take(&mut self, step: &Step) -> bool {
        let admin = self.admin.clone();
        match step.clone() {
            Step::PushUser(user, active) => {
                let body =
                    json!({"schemas": [USER], "userName": self.email(user), "active": active});
                let Some(made) = self.send(&admin, "POST", "/Users", &body) else { return false };
                self.users.insert(user, Id::parse(made["id"].as_str().unwrap()).unwrap());
                true
            }
            Step::SetActive(user, active) => {
                let Some(id) = self.users.get(&user) else { return false };
                let replace = json!({"op": "replace", "path": "active", "value": active});
                self.patch(&format!("/Users/{id}"), &replace)
            }
            Step::DeleteUser(user) => {
                let Some(id) = self.users.remove(&user) else { return false };
                self.send(&admin, "DELETE", &format!("/Users/{id}"), &Value::Null).is_some()
            }
            Step::PushGroup(group, name, users) => {
                if self.groups.contains_key(&group) {
                    return false;
                }
                let body = self.group_body(name, &users);
                let Some(made) = self.send(&admin, "POST", "/Groups", &body) else { return false };
                self.groups.insert(group, Id::parse(made["id"].as_str().unwrap()).unwrap());
                true
            }
            Step::RenameGroup(group, name) => {
                let Some(id) = self.groups.get(&group) else { return false };
                let replace =
                    json!({"op": "replace", "path": "displayName", "value": NAMES[name][0]});
                self.patch(&format!("/Groups/{id}"), &replace)
            }
            Step::DeleteGroup(group) => {
                let Some(id) = self.groups.remove(&group) else { return false };
                self.send(&admin, "DELETE", &format!("/Groups/{id}"), &Value::Null).is_some()
            }
            Step::AddUser(group, user) => self.members(group, "add", self.users.get(&user)),
            Step::RemoveUser(group, user) => self.members(group, "remove", self.users.get(&user)),
            Step::AddGroup(group, inner) => self.members(group, "add", self.groups.get(&inner)),
            Step::RemoveGroup(group, inner) => {
                self.members(group, "remove", self.groups.get(&inner))
            }
            Step::PutGroup(group, name, users) => {
                let Some(id) = self.groups.get(&group) else { return false };
                let body = self.group_body(name, &users);
                self.send(&admin, "PUT", &format!("/Groups/{id}"), &body).is_some()
            }
            Step::PushOwn(org, user, active) => self.push_own(org, user, active),
            Step::DeleteOwn(org, user) => {
                let Some(id) = self.own.get(&(org, user)) else { return false };
                let path = format!("/Users/{id}");
                let gone = self.send(&self.organizations[org], "DELETE", &path, &Value::Null);
                gone.is_some()
            }
            Step::Link(org, name) => self.link(org, name),
            Step::Unlink(org, keep) => {
                let how = if keep { Members::Keep } else { Members::Remove };
                self.of(org, |tx, organization, cause| {
                    linking::unlink(tx, organization, how, cause).map(drop)
                })
            }
            Step::SetName(org, name) => {
                let names = vec![(self.organizations[org].clone(), scim_name(name))];
                self.set_names(&names)
            }
            Step::SwapNames(one, two) => self.swap(one, two),
            Step::SetPolicy(org, by_groups_only) => {
                let policy = if by_groups_only {
                    MembershipPolicy::Authoritative
                } else {
                    MembershipPolicy::Additive
                };
                let linked = self.organizations[org].clone();
                self.act(|tx, cause| {
                    let admin = linking::organization(tx, &admin)?;
                    authority::set(tx, &admin, &linked, policy, cause).map(drop)
                })
            }
            Step::AddManual(org, user) => {
                let email = EmailAddress::parse(&self.email(user)).unwrap();
                self.of(org, |tx, organization, cause| {
                    let account = people::account_for(tx, &email, cause)?.id;
                    let how = (Source::Manual, Role::Member);
                    people::add(tx, organization, &account, how, cause).map(drop)
                })
            }
            Step::RemoveManual(org, user) => {
                let email = EmailAddress::parse(&self.email(user)).unwrap();
                self.of(org, |tx, organization, cause| {
                    let account = people::account_for(tx, &email, cause)?.id;
                    people::remove(tx, organization, &account, cause).map(drop)
                })
            }
            Step::TransferDomain => {
                let domain = self.contested();
                self.of(0, |tx, organization, cause| {
                    let claim = own_claim(tx, &organization.id, &domain)?;
                    claims::transfer(tx, organization, &claim, cause).map(drop)
                })
            }
            Step::WithdrawDomain(by_admin) => {
                let (org, domain) = (self.claimant(by_admin), self.contested());
                self.act(|tx, cause| {
                    let claim = own_claim(tx, &org, &domain)?;
                    let organization = linking::organization(tx, &org)?;
                    claims::withdraw(tx, &organization, &claim, cause)
                })
            }
            Step::ClaimDomain(by_admin) => {
                let (org, domain) = (self.claimant(by_admin), self.contested());
                self.act(|tx, cause| verified(tx, &org, &domain, cause))
            }
        }
    }

    fn claimant(&self, admin: bool) -> Tenant {
        if admin { self.admin.clone() } else { self.organizations[0].clone() }
    }

    fn contested(&self) -> String {
        format!("{}-contested.example", self.mark)
    }

    fn of(
        &self,
        org: usize,
        f: impl Fn(&mut S::Tx<'_>, &Organization, &Cause<'_>) -> Result<()>,
    ) -> bool {
        let org = self.organizations[org].clone();
        self.act(|tx, cause| {
            let organization = linking::organization(tx, &org)?;
            f(tx, &organization, cause)
        })
    }

    fn push_own(&mut self, org: usize, user: usize, active: bool) -> bool {
        let tenant = self.organizations[org].clone();
        let name = self.email(user);
        let body = json!({"schemas": [USER], "userName": name, "active": active});
        let made = match self.own.get(&(org, user)) {
            Some(id) => self.send(&tenant, "PUT", &format!("/Users/{id}"), &body),
            None => None,
        };
        let Some(made) = made.or_else(|| self.send(&tenant, "POST", "/Users", &body)) else {
            return false;
        };
        self.own.insert((org, user), Id::parse(made["id"].as_str().unwrap()).unwrap());
        true
    }

    fn link(&self, org: usize, name: Option<usize>) -> bool {
        let digest = self.env.ids.next().as_str().to_owned();
        let admin = self.admin.clone();
        assert!(self.act(|tx, cause| {
            let admin = linking::organization(tx, &admin)?;
            linking::issue(tx, &admin, (&digest, "hint"), (None, None), cause).map(drop)
        }));
        let linked = self.of(org, |tx, organization, cause| {
            linking::link(tx, organization, &digest, scim_name(name), cause).map(drop)
        });
        if !linked {
            // An unused code would count against the limit of live ones.
            let admin = self.admin.clone();
            self.act(|tx, cause| {
                let admin = linking::organization(tx, &admin)?;
                for code in tx.codes(&admin.id)?.iter().filter(|c| c.is_live(cause.now)) {
                    linking::revoke(tx, &admin, &code.id, cause)?;
                }
                Ok(())
            });
        }
        linked
    }

    fn set_names(&self, names: &[(Tenant, Option<ScimName>)]) -> bool {
        let admin = self.admin.clone();
        self.act(|tx, cause| {
            let admin = linking::organization(tx, &admin)?;
            linking::set_scim_names(tx, &admin, names, cause).map(drop)
        })
    }

    fn swap(&self, one: usize, two: usize) -> bool {
        let name_of = |org: usize| {
            let org = self.organizations[org].clone();
            let found = self.store.read(&self.admin, |tx| tx.organization(&org)).unwrap().unwrap();
            found.link.map(|link| link.scim_name)
        };
        let (Some(first), Some(second)) = (name_of(one), name_of(two)) else { return false };
        let (one, two) = (self.organizations[one].clone(), self.organizations[two].clone());
        self.set_names(&[(one, second), (two, first)])
    }

    fn number(&self, org: &Tenant) -> usize {
        self.organizations.iter().position(|other| other == org).unwrap_or(ORGANIZATIONS)
    }

    /// Who is a member of what, page by page and one by one.
    pub(super) fn memberships(&mut self) -> Memberships {
        let orgs: Vec<Tenant> = self.organizations.iter().chain([&self.admin]).cloned().collect();
        let (paged, accounts) = self
            .store
            .read(&self.admin, |tx| {
                let (mut found, mut accounts) = (Vec::new(), Vec::new());
                for org in &orgs {
                    let organization = linking::organization(tx, org)?;
                    let mut after = None;
                    loop {
                        let (page, next) = people::members(tx, &organization, after, 2)?;
                        for membership in page {
                            let again = people::membership(tx, org, &membership.account)?;
                            assert_eq!(again.as_ref(), Some(&membership));
                            let account = tx.account(&membership.account)?.unwrap();
                            let own =
                                tx.bindings_of(&account.id)?.into_iter().find(|b| b.org == *org);
                            accounts.push((account, own.map(|b| b.org)));
                            found.push(membership);
                        }
                        match next {
                            None => break,
                            next => after = next,
                        }
                    }
                }
                Ok((found, accounts))
            })
            .unwrap();
        for (account, own) in accounts {
            let email = account.email.clone().unwrap_or_default();
            let digit = email.chars().nth(1).and_then(|c| c.to_digit(10)).unwrap();
            let user = usize::try_from(digit).unwrap();
            let who = match (&account.key, own) {
                (None, Some(org)) => Who::Own(self.number(&org), user),
                _ => Who::Person(user),
            };
            self.accounts.insert(account.id, who);
        }
        let mut all = Memberships::new();
        for Membership { org, account, grants, inactive, .. } in paged {
            let counts = !inactive && grants.iter().any(|grant| !grant.suspended);
            let words = grants.iter().map(|g| (g.source.word(), g.suspended)).collect();
            let key = (self.number(&org), self.accounts[&account]);
            assert!(all.insert(key, (words, counts)).is_none(), "{key:?} is listed twice");
        }
        all
    }

    /// Where each person is a member, and whether it counts: what the person sees, asked from the person's
    /// side rather than the organizations'.
    pub(super) fn seen(&self) -> Seen {
        let mut seen = Seen::new();
        for (account, who) in &self.accounts {
            let found =
                self.store.read(&self.admin, |tx| people::memberships_of(tx, account)).unwrap();
            for membership in found {
                let key = (*who, self.number(&membership.org));
                assert_eq!(seen.insert(key, membership.is_active()), None, "{key:?} twice");
            }
        }
        seen
    }

    /// For each organization whose settings count, whether there are any, and whether it has own ones that
    /// don't.
    pub(super) fn effective(&self) -> Vec<(usize, bool, bool)> {
        let orgs = self.organizations.iter().chain([&self.admin]);
        orgs.map(|org| {
            let effective = self.store.read(&self.admin, |tx| {
                let organization = linking::organization(tx, org)?;
                claims::effective(tx, &organization)
            });
            let effective = effective.unwrap();
            let source = self.number(&effective.source);
            (source, effective.settings.is_some(), effective.ignored_own)
        })
        .collect()
    }

    pub(super) fn sign_in(&self) -> Option<usize> {
        let email = EmailAddress::parse(&format!("ann@{}", self.contested())).unwrap();
        match self.store.read(&self.admin, |tx| claims::resolve(tx, &email)).unwrap() {
            Route::Sso { org, .. } => Some(self.number(&org)),
            Route::Password => None,
        }
    }

    /// The grants that there are by what the log tells.
    pub(super) fn told(
        &self,
        log: &impl Fn(&Tenant) -> Vec<Event>,
    ) -> BTreeMap<(usize, Who), BTreeSet<&'static str>> {
        let mut all: BTreeMap<(usize, Who), BTreeSet<&'static str>> = BTreeMap::new();
        for org in self.organizations.iter().chain([&self.admin]) {
            for event in log(org) {
                let come = match event.name.as_str() {
                    "membership.granted" => true,
                    "membership.grant_removed" => false,
                    _ => continue,
                };
                let source = event.detail["source"].as_str().unwrap();
                let source =
                    ["manual", "directory", "group"].into_iter().find(|s| *s == source).unwrap();
                for account in event.detail["accounts"].as_array().unwrap() {
                    let account = Id::parse(account.as_str().unwrap()).unwrap();
                    // Whoever was a member for no moment between two steps is known to nobody.
                    let Some(who) = self.accounts.get(&account) else { continue };
                    let grants = all.entry((self.number(org), *who)).or_default();
                    let changed = if come { grants.insert(source) } else { grants.remove(source) };
                    assert!(changed, "{event:?} tells what was so already");
                }
            }
        }
        all.retain(|_, grants| !grants.is_empty());
        all
    }
}

fn scim_name(name: Option<usize>) -> Option<ScimName> {
    name.map(|name| ScimName::parse(NAMES[name][1]).unwrap())
}

/// Claims a domain and has DNS say so.
fn verified<R: Records>(tx: &mut R, org: &Tenant, domain: &str, cause: &Cause<'_>) -> Result<()> {
    let organization = linking::organization(tx, org)?;
    let claim = claims::claim(tx, &organization, domain, "token".into(), cause)?;
    claims::check(tx, claim, Finding::Found, true, cause).map(drop)
}

fn own_claim<R: Records>(
    tx: &mut R,
    org: &Tenant,
    domain: &str,
) -> Result<crate::org::ClaimedDomain> {
    let found = tx.domains(org)?.into_iter().find(|claim| claim.name.as_str() == domain);
    found.ok_or_else(linking::no_organization)
}
