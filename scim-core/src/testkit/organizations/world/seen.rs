//! What there is after the steps: as the rules answer, and as the log tells.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::event::Event;
use crate::org::linking;
use crate::org::people::{self, Membership};
use crate::org::{EmailAddress, PersonRecords as _, Records, Route, claims};
use crate::resource::Id;
use crate::store::{Store, Tenant};
use crate::testkit::organizations::ORGANIZATIONS;
use crate::testkit::organizations::model::{Memberships, Seen, Who};

impl<S> World<S>
where
    S: Store + Clone,
    for<'a> S::Tx<'a>: Records,
{
    fn number(&self, org: &Tenant) -> usize {
        self.organizations.iter().position(|other| other == org).unwrap_or(ORGANIZATIONS)
    }

    /// Who is a member of what, page by page and one by one.
    pub(in crate::testkit::organizations) fn memberships(&mut self) -> Memberships {
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
    pub(in crate::testkit::organizations) fn seen(&self) -> Seen {
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
    pub(in crate::testkit::organizations) fn effective(&self) -> Vec<(usize, bool, bool)> {
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

    pub(in crate::testkit::organizations) fn sign_in(&self) -> Option<usize> {
        let email = EmailAddress::parse(&format!("ann@{}", self.contested())).unwrap();
        match self.store.read(&self.admin, |tx| claims::resolve(tx, &email)).unwrap() {
            Route::Sso { org, .. } => Some(self.number(&org)),
            Route::Password => None,
        }
    }

    /// The grants that there are by what the log tells.
    pub(in crate::testkit::organizations) fn told(
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
