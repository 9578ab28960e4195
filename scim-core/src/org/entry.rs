//! [`Entry`]: how a member gets into an organization, and who gets in another way after a change.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::organization::words;
use super::{
    ByPassword, DomainName, EmailAddress, Organization, Records, Role, Route, claims, people,
};
use crate::error::Result;
use crate::resource::Id;
use crate::store::Tenant;

/// Members read at a time.
const PAGE: usize = 500;

/// How a member gets into an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// With a password, since nobody's single sign-on takes the address.
    Password,
    /// With single sign-on, and not only so.
    Sso,
    /// With single sign-on only; owners and admins with a password in an emergency.
    SsoRequired,
    /// With single sign-on only, an owner or admin too.
    SsoOnly,
    /// Not at all: the organization requires its single sign-on, which doesn't take the address.
    Refused,
}

words!(Entry: Password "password", Sso "sso", SsoRequired "sso_required", SsoOnly "sso_only", Refused "refused");

/// A member, and how that one gets in.
#[derive(Debug, Clone)]
pub struct Entrant {
    /// The organization.
    pub org: Tenant,
    /// The member.
    pub account: Id,
    /// How the member gets in.
    pub entry: Entry,
    role: Role,
    email: Option<EmailAddress>,
}

/// How the active members of these organizations get in, and whether there are more members than the `most`
/// that were looked at.
///
/// # Errors
/// From the storage.
pub fn entrants<R: Records>(
    tx: &mut R,
    organizations: &[Organization],
    most: usize,
) -> Result<(Vec<Entrant>, bool)> {
    let (mut found, mut looked_at, mut ways) = (Vec::new(), 0, Ways::default());
    for organization in organizations {
        let mut after = None;
        loop {
            if looked_at >= most {
                return Ok((found, true));
            }
            let (page, next) =
                people::members(tx, organization, after, PAGE.min(most - looked_at))?;
            looked_at += page.len();
            for member in page.into_iter().filter(people::Membership::is_active) {
                let key = tx.account(&member.account)?.and_then(|account| account.key);
                let email = key.as_deref().map(EmailAddress::parse).transpose().unwrap_or_default();
                let entry = ways.entry(tx, organization, member.role, email.as_ref())?;
                let (org, account, role) = (member.org, member.account, member.role);
                found.push(Entrant { org, account, entry, role, email });
            }
            match next {
                None => break,
                next => after = next,
            }
        }
    }
    Ok((found, false))
}

/// Those who get in another way than before, with the way of now.
///
/// # Errors
/// From the storage.
pub fn changed<R: Records>(tx: &mut R, before: Vec<Entrant>) -> Result<Vec<(Entrant, Entry)>> {
    let (mut changed, mut ways) = (Vec::new(), Ways::default());
    let mut organizations: BTreeMap<Tenant, Option<Organization>> = BTreeMap::new();
    for entrant in before {
        let organization = match organizations.get(&entrant.org) {
            Some(known) => known.clone(),
            None => {
                let read = tx.organization(&entrant.org)?;
                organizations.insert(entrant.org.clone(), read.clone());
                read
            }
        };
        let Some(organization) = organization else { continue };
        let now = ways.entry(tx, &organization, entrant.role, entrant.email.as_ref())?;
        if now != entrant.entry {
            changed.push((entrant, now));
        }
    }
    Ok(changed)
}

/// Single sign-on of an organization: enabled, required, and for members only or for everybody.
#[derive(Debug, Clone, Copy, Default)]
struct Switches {
    enabled: bool,
    required: bool,
    managed: bool,
    /// Passwords of owners and admins are refused too.
    strict: bool,
}

/// What was looked up once for many members.
#[derive(Debug, Default)]
struct Ways {
    switches: BTreeMap<Tenant, Switches>,
    authorities: BTreeMap<DomainName, Option<Tenant>>,
}

impl Ways {
    fn switches<R: Records>(&mut self, tx: &mut R, org: &Tenant) -> Result<Switches> {
        if let Some(known) = self.switches.get(org) {
            return Ok(*known);
        }
        let of = |s: super::SsoSettings| Switches {
            enabled: s.enabled,
            required: s.required,
            managed: s.idp_managed_access,
            strict: s.by_password(Role::Owner) == ByPassword::IsRefused,
        };
        let switches = tx.sso(org)?.map(of).unwrap_or_default();
        self.switches.insert(org.clone(), switches);
        Ok(switches)
    }

    fn authority<R: Records>(&mut self, tx: &mut R, name: &DomainName) -> Result<Option<Tenant>> {
        if let Some(known) = self.authorities.get(name) {
            return Ok(known.clone());
        }
        let authority = claims::authority(tx, name)?;
        self.authorities.insert(name.clone(), authority.clone());
        Ok(authority)
    }

    fn entry<R: Records>(
        &mut self,
        tx: &mut R,
        organization: &Organization,
        role: Role,
        email: Option<&EmailAddress>,
    ) -> Result<Entry> {
        let governing = organization.governed_by();
        let authority = match email {
            Some(email) => self.authority(tx, email.domain())?,
            None => None,
        };
        // As `claims::resolve` has it; a member of a governed organization needs no second look.
        let sso = match (&authority, email) {
            (Some(authority), Some(email)) => {
                let switches = self.switches(tx, authority)?;
                let known = switches.managed || authority == governing;
                switches.enabled && (known || claims::resolve(tx, email)? != Route::Password)
            }
            _ => false,
        };
        let own = sso && authority.as_ref() == Some(governing);
        let Switches { required, strict, .. } = self.switches(tx, governing)?;
        Ok(match (required, own) {
            (true, true) if strict && role > Role::Member => Entry::SsoOnly,
            (true, true) => Entry::SsoRequired,
            (true, false) if strict || role == Role::Member => Entry::Refused,
            _ if sso => Entry::Sso,
            _ => Entry::Password,
        })
    }
}
