//! Users: accounts made, adopted, changed, set aside and let go.

use serde_json::json;

use super::Review;
use super::identity::Identity;
use crate::error::{Error, Kind, Result};
use crate::org::people::{Membership, let_go, membership, memberships_of, new_id};
use crate::org::roles::{begin_anew, settle_all};
use crate::org::{
    Account, Adoption, Binding, DomainPolicy, EmailAddress, Movement, Records, Source, What,
    claims, tell,
};
use crate::resource::{Id, Resource};

impl<R: Records> Review<'_, R> {
    fn identity(&self, user: &Resource) -> Result<Identity> {
        Identity::of(user, self.organization.domains == DomainPolicy::Claimed)
    }

    pub(super) fn user_created(&mut self, new: &Resource) -> Result<()> {
        let identity = self.identity(new)?;
        self.require_own_domains(&identity, None)?;
        let account = self.account_of(&identity)?;
        let org = self.organization.id.clone();
        let (user, active) = (new.id().clone(), identity.active.unwrap_or(true));
        let binding =
            Binding { org: org.clone(), user, account: account.clone(), active, detached: false };
        self.tx.put_binding(&binding)?;
        let what = if active { What::Granted } else { What::GrantedSuspended };
        let movement = Movement { org, account, source: Source::Directory, what };
        tell(self.tx, self.cause, "scim_user.created", &[movement])
    }

    /// The domain policy: an organization takes users of its claimed domains only.
    fn require_own_domains(&mut self, new: &Identity, old: Option<&Identity>) -> Result<()> {
        if self.organization.domains == DomainPolicy::Any {
            return Ok(());
        }
        if new.domains.is_empty() {
            return Err(Error::invalid_value(
                "The organization takes users of its claimed domains; send an e-mail address in one of them",
            ));
        }
        for domain in &new.domains {
            let was_there = old.is_some_and(|old| old.domains.contains(domain));
            if !was_there && !claims::is_own(self.tx, &self.organization.id, domain)? {
                return Err(Error::invalid_value(format!(
                    "The domain {domain} is not one that this organization has claimed and verified; \
                     claim it, or send an address in a claimed domain"
                )));
            }
        }
        Ok(())
    }

    fn is_proven(&mut self, email: &EmailAddress) -> Result<bool> {
        claims::is_own(self.tx, &self.organization.id, email.domain())
    }

    /// The account of a new user: the one known by its address if the domain proves it (S6), else a new
    /// one. An address that nothing proves finds nobody.
    fn account_of(&mut self, identity: &Identity) -> Result<Id> {
        let mut account = Account::new(new_id("acc", self.cause)?, self.cause.now);
        account.name.clone_from(&identity.name);
        if let Some(email) = &identity.email {
            if self.is_proven(email)? {
                if let Some(known) = self.tx.account_known_by(email.key())? {
                    self.require_free(&known, email)?;
                    self.require_invited(&known, email)?;
                    let detail = json!({"account": known.id.as_str()});
                    let org = self.organization.id.clone();
                    self.cause.tell(self.tx, &org, "scim_user.adopted", &known.id, detail)?;
                    self.begins_anew(&known.id, "scim_user.adopted")?;
                    return Ok(known.id);
                }
                account = account.known_by(email);
            } else {
                account.email = Some(email.as_str().to_owned());
            }
        }
        self.tx.put_account(&account)?;
        Ok(account.id)
    }

    /// Who comes back over SCIM has none of the roles that people gave before (S10).
    fn begins_anew(&mut self, account: &Id, why: &str) -> Result<()> {
        let family = self.family(account)?;
        let movements = begin_anew(self.tx, &family)?;
        tell(self.tx, self.cause, why, &movements)
    }

    /// An account has one live directory. The sleeping one of an organization linked to this one gives
    /// way: its user is shadowed, and is back when the organization is unlinked.
    fn require_free(&mut self, account: &Account, email: &EmailAddress) -> Result<()> {
        for binding in self.tx.bindings_of(&account.id)? {
            let organization = self.tx.organization(&binding.org)?;
            let gives_way = organization
                .as_ref()
                .and_then(|o| o.link.as_ref())
                .is_some_and(|link| link.admin == self.organization.id);
            if !gives_way {
                let detail = format!("Another user has the e-mail address \"{}\"", email.as_str());
                return Err(Error::new(Kind::Uniqueness, detail));
            }
        }
        Ok(())
    }

    /// Where only invited people are adopted, the account is a member's; or that of a user of a linked
    /// organization's sleeping directory, which this one takes over from.
    fn require_invited(&mut self, account: &Account, email: &EmailAddress) -> Result<()> {
        if self.organization.adoption == Adoption::ByVerifiedDomain
            || self.tx.bindings_of(&account.id)?.iter().any(|binding| !binding.detached)
        {
            return Ok(());
        }
        let org = self.organization.id.clone();
        if membership(self.tx, &org, &account.id)?.is_some_and(|member| member.is_active()) {
            return Ok(());
        }
        let detail = format!(
            "\"{}\" belongs to somebody who has an account and is not a member of \"{}\", which takes over \
             accounts of invited people only; add the person there as a member first, then push the user again",
            email.as_str(),
            self.organization.name
        );
        Err(Error::new(Kind::Uniqueness, detail))
    }

    pub(super) fn user_replaced(&mut self, old: &Resource, new: &Resource) -> Result<()> {
        let before = Identity::of(old, false)?;
        let after = Identity::of(new, false)?;
        if before != after {
            self.tx.foresee_person(new.id())?;
        }
        let bound = self.tx.bindings(std::slice::from_ref(new.id()))?;
        let Some(binding) = bound.into_iter().next() else { return self.user_created(new) };
        if before.domains != after.domains || before.email != after.email {
            let after = self.identity(new)?;
            self.require_own_domains(&after, Some(&before))?;
        }
        if before.email != after.email || before.name != after.name {
            self.account_changed(&binding.account, &before, &after)?;
        }
        // One who doesn't say it any more is what he was: a leaver doesn't come back by that.
        let active = after.active.unwrap_or(binding.active);
        if binding.active != active {
            // Whom something took out while the directory slept is back once the directory, awake, says anew
            // that the person is active.
            let returns = active && binding.detached;
            let detached = binding.detached && !active;
            if returns {
                self.begins_anew(&binding.account, "scim_user.reactivated")?;
            }
            self.tx.put_binding(&Binding { active, detached, ..binding.clone() })?;
            if returns {
                let (org, account) = (binding.org.clone(), binding.account.clone());
                let what = What::Granted;
                let movement = Movement { org, account, source: Source::Directory, what };
                tell(self.tx, self.cause, "scim_user.reactivated", &[movement])?;
            }
            self.activity_changed(&binding.account, active)?;
        }
        Ok(())
    }

    /// Whose domain the account's address is of says what it becomes. A directory that has lost the domain, or
    /// never had it, would take the account away with it (S7).
    fn require_say_over(&mut self, account: &Account) -> Result<()> {
        let known_by = account.key.as_deref().and(account.email.as_deref());
        let Some(email) = known_by.and_then(|email| EmailAddress::parse(email).ok()) else {
            return Ok(());
        };
        if self.is_proven(&email)? {
            return Ok(());
        }
        Err(Error::invalid_value(format!(
            "The account's e-mail address is of \"{}\", which the organization has not verified, or no longer: \
             it stays as it is; verify the domain, or remove the user and add the new one",
            email.domain()
        )))
    }

    fn account_changed(&mut self, id: &Id, before: &Identity, after: &Identity) -> Result<()> {
        let Some(mut account) = self.tx.account(id)? else { return Ok(()) };
        account.name.clone_from(&after.name);
        let key = |identity: &Identity| identity.email.as_ref().map(|email| email.key().to_owned());
        if key(before) != key(after) {
            self.require_say_over(&account)?;
            let proven = match &after.email {
                None => None,
                Some(email) => self.is_proven(email)?.then_some(email),
            };
            if let Some(email) = proven {
                if self.tx.account_known_by(email.key())?.is_some_and(|other| other.id != *id) {
                    let detail =
                        format!("Another account has the e-mail address \"{}\"", email.as_str());
                    return Err(Error::new(Kind::Uniqueness, detail));
                }
                account = account.known_by(email);
            } else if account.key.is_some() {
                // S7: whoever could set any address would own the account behind it.
                return Err(Error::invalid_value(
                    "An account's e-mail address changes within the domains that the organization has \
                     claimed and verified; claim the new domain first",
                ));
            }
            self.tx.end_sessions(id, self.cause.now)?;
            let detail = json!({"account": id.as_str()});
            let org = self.organization.id.clone();
            self.cause.tell(self.tx, &org, "account.email_changed", id, detail)?;
        }
        account.email = after.email.as_ref().map(|email| email.as_str().to_owned());
        self.tx.put_account(&account)
    }

    /// What a person has in the organizations that this directory governs.
    fn family(&mut self, account: &Id) -> Result<Vec<Membership>> {
        let mut family = Vec::new();
        for membership in memberships_of(self.tx, account)? {
            let organization = self.tx.organization(&membership.org)?;
            if organization.is_some_and(|o| *o.governed_by() == self.organization.id) {
                family.push(membership);
            }
        }
        Ok(family)
    }

    /// Whether this directory decides about the person's account as such, not just about what it has in
    /// these organizations: its address is in a domain that counts here.
    fn is_authority(&mut self, account: &Id) -> Result<bool> {
        let known = self.tx.account(account)?.and_then(|account| account.key);
        match known.as_deref().map(EmailAddress::parse) {
            Some(Ok(email)) => self.is_proven(&email),
            _ => Ok(false),
        }
    }

    fn activity_changed(&mut self, account: &Id, active: bool) -> Result<()> {
        if !active && self.is_authority(account)? {
            self.tx.end_sessions(account, self.cause.now)?;
        }
        let what = if active { What::Restored } else { What::Suspended };
        let movements: Vec<Movement> = self
            .family(account)?
            .into_iter()
            .map(|m| Movement { org: m.org, account: m.account, source: Source::Directory, what })
            .collect();
        let why = if active { "scim_user.reactivated" } else { "scim_user.deactivated" };
        tell(self.tx, self.cause, why, &movements)
    }

    /// Runs while the user is still there.
    pub(super) fn user_deleted(&mut self, old: &Resource) -> Result<()> {
        self.tx.foresee_person(old.id())?;
        let bound = self.tx.bindings(std::slice::from_ref(old.id()))?;
        let Some(binding) = bound.into_iter().next() else { return Ok(()) };
        let account = &binding.account;
        if self.is_authority(account)? {
            self.tx.end_sessions(account, self.cause.now)?;
            // S11: nothing says of a deleted user that it is inactive, so the password goes: whoever left
            // can't sign in again.
            if let Some(known) = self.tx.account(account)?
                && known.password.is_some()
            {
                self.tx.put_account(&Account { password: None, ..known })?;
            }
        }
        let mut movements = Vec::new();
        for membership in self.family(account)? {
            for grant in membership.grants {
                let what = let_go(self.tx, &self.organization.id, &grant)?;
                let (org, account) = (grant.org, grant.account);
                movements.push(Movement { org, account, source: grant.source, what });
            }
        }
        self.tx.remove_binding(old.id())?;
        settle_all(self.tx, &mut movements, true, self.cause.now)?;
        tell(self.tx, self.cause, "scim_user.deleted", &movements)
    }
}
