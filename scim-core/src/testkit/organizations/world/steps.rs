//! The steps, one by one.

use serde_json::{Value, json};

use super::{SPELLINGS, World, verified};
use crate::error::Result;
use crate::org::linking::{self, Members};
use crate::org::{
    Cause, ClaimedDomain, EmailAddress, LinkRecords as _, MembershipPolicy, Organization,
    OrganizationRecords as _, Records, Role, ScimName, Source, authority, claims, people,
};
use crate::resource::Id;
use crate::store::{Store, Tenant};
use crate::testkit::organizations::Step;

impl<S> World<S>
where
    S: Store + Clone,
    for<'a> S::Tx<'a>: Records,
{
    /// Takes a step; tells whether it was allowed and meant anything.
    pub(in crate::testkit::organizations) fn take(&mut self, step: &Step) -> bool {
        let admin = self.admin.clone();
        match step.clone() {
            Step::PushUser(user, active) => {
                let body = self.user_body(user, active);
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
                    json!({"op": "replace", "path": "displayName", "value": SPELLINGS[name][0]});
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
}

fn scim_name(name: Option<usize>) -> Option<ScimName> {
    name.map(|name| ScimName::parse(SPELLINGS[name][1]).unwrap())
}

fn own_claim<R: Records>(tx: &mut R, org: &Tenant, domain: &str) -> Result<ClaimedDomain> {
    let found = tx.domains(org)?.into_iter().find(|claim| claim.name.as_str() == domain);
    found.ok_or_else(linking::no_organization)
}
