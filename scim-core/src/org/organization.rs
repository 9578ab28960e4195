//! [`Organization`]: regular or admin, and, if regular, perhaps linked.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::{MembershipPolicy, Refusal, ScimName, plain_name};
use crate::error::Result;
use crate::store::Tenant;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: Tenant,
    /// Its name, for people.
    pub name: String,
    /// What it is.
    pub kind: OrgKind,
    /// What was bought; the operator sets it.
    pub plan: Plan,
    /// Whose users it takes over SCIM.
    pub domains: DomainPolicy,
    /// Which accounts that are there its directory takes over.
    pub adoption: Adoption,
    /// Whether a redeemed code waits for an approval before it links; an Admin Organization's to say.
    pub require_approval: bool,
    /// Its link, while it is linked.
    pub link: Option<Link>,
    /// When it was made.
    pub created: Timestamp,
}

/// How an organization is linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The Admin Organization.
    pub admin: Tenant,
    /// What the Admin Organization's groups find it by. None at first: no group matches by accident.
    pub scim_name: Option<ScimName>,
    /// How people of the Admin Organization's domains become members.
    pub membership: MembershipPolicy,
    /// Since when.
    pub since: Timestamp,
    /// Who linked it.
    pub by: String,
}

/// What an organization is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrgKind {
    /// One that people work in.
    Regular,
    /// One that holds single sign-on settings and claimed domains for others.
    Admin,
}

/// What was bought. Sharing single sign-on takes [`Plan::Enterprise`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Everything.
    Enterprise,
    /// Anything else.
    Other,
}

/// Whose users an organization takes over SCIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainPolicy {
    /// Those of every e-mail domain.
    Any,
    /// Those of domains that the organization has claimed and verified.
    Claimed,
}

/// Which accounts that are there a directory takes over when it is given a user of their address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// Those with an address in a domain that its organization has verified.
    ByVerifiedDomain,
    /// Of those, the ones that are members of its organization: they were invited.
    InvitedOnly,
}

macro_rules! words {
    ($type:ident: $($variant:ident $word:literal),+) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> std::result::Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("\"{text}\" is none of {}", [$($word),+].join(", "))),
                }
            }
        }
    };
}
pub(super) use words;

words!(OrgKind: Regular "regular", Admin "admin");
words!(Plan: Enterprise "enterprise", Other "other");
words!(DomainPolicy: Any "any", Claimed "claimed");
words!(Adoption: ByVerifiedDomain "by_verified_domain", InvitedOnly "invited_only");

impl Organization {
    /// A new organization.
    ///
    /// # Errors
    /// [`Refusal::InvalidName`]
    pub fn new(id: Tenant, name: &str, kind: OrgKind, now: Timestamp) -> Result<Self> {
        let name = plain_name("an organization", name)?;
        Ok(Self {
            id,
            name,
            kind,
            plan: Plan::Enterprise,
            domains: DomainPolicy::Claimed,
            adoption: Adoption::ByVerifiedDomain,
            require_approval: false,
            link: None,
            created: now,
        })
    }

    /// Whether it is linked, and its own directory asleep.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.link.is_some()
    }

    /// Whether it is an Admin Organization.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.kind == OrgKind::Admin
    }

    /// The organization whose directory, settings and domains count for it: its Admin Organization, or
    /// itself.
    #[must_use]
    pub fn governed_by(&self) -> &Tenant {
        self.link.as_ref().map_or(&self.id, |link| &link.admin)
    }

    /// # Errors
    /// [`Refusal::NotAnAdminOrg`]
    pub fn require_admin(&self) -> Result<()> {
        if self.is_admin() {
            return Ok(());
        }
        Err(Refusal::NotAnAdminOrg.because(format!(
            "\"{}\" is not an Admin Organization; only those issue codes and have linked organizations",
            self.name
        )))
    }

    /// # Errors
    /// [`Refusal::NotAvailableInAdminOrg`], naming `what` it doesn't have.
    pub fn require_regular(&self, what: &str) -> Result<()> {
        if !self.is_admin() {
            return Ok(());
        }
        Err(Refusal::NotAvailableInAdminOrg
            .because(format!("\"{}\" is an Admin Organization; those have no {what}", self.name)))
    }

    /// # Errors
    /// [`Refusal::OrganizationLinked`]
    pub fn require_unlinked(&self, what: &str) -> Result<()> {
        if self.link.is_none() {
            return Ok(());
        }
        Err(Refusal::OrganizationLinked.because(format!(
            "\"{}\" is linked; {what} is up to its Admin Organization. Unlink it first to change its own",
            self.name
        )))
    }

    /// # Errors
    /// [`Refusal::PlanRequired`]
    pub fn require_enterprise(&self) -> Result<()> {
        if self.plan == Plan::Enterprise {
            return Ok(());
        }
        Err(Refusal::PlanRequired.because(format!(
            "\"{}\" needs the Enterprise plan to share single sign-on",
            self.name
        )))
    }

    /// The link, of a linked organization.
    ///
    /// # Errors
    /// [`Refusal::NotLinked`]
    pub fn require_link(&self) -> Result<&Link> {
        let detail = || {
            Refusal::NotLinked.because(format!(
                "\"{}\" is not linked to an Admin Organization; redeem a linking code first",
                self.name
            ))
        };
        self.link.as_ref().ok_or_else(detail)
    }

    /// # Errors
    /// Why it can't be linked: it is, or it is an Admin Organization, or its plan doesn't reach so far.
    pub fn require_linkable(&self) -> Result<()> {
        if self.is_admin() {
            return Err(Refusal::AdminOrgCannotBeLinked.because(
                "An Admin Organization can't be linked to another; link a regular organization",
            ));
        }
        if self.is_linked() {
            return Err(Refusal::AlreadyLinked.because(
                "An organization can be linked to one Admin Organization only; unlink it first",
            ));
        }
        self.require_enterprise()
    }
}
