//! Organizations that share single sign-on: who is a member of what, and why.
//!
//! An *Admin Organization* holds the single sign-on settings and the claimed domains for many *linked*
//! organizations. Users are pushed to the Admin Organization; a group becomes membership of the linked
//! organization whose *SCIM Name* matches the group's name.
//!
//! - The nouns, each a state machine without I/O: [`Organization`], [`LinkingCode`], [`ClaimedDomain`],
//!   [`SsoSettings`], [`Account`], [`Grant`], [`Team`], [`ScimName`].
//! - [`Records`] is what they are kept in: an extension of [`Transaction`](crate::store::Transaction).
//! - [`SharedSso`] is the [`Directory`](crate::Directory) that applies the rules to what comes over SCIM.
//! - [`linking`], [`approval`], [`authority`], [`claims`], [`people`], [`teams`] are what people do; each function works inside a
//!   transaction, and tells what it did as [`Movement`]s and events.
//!
//! Membership through a group is a query ([`people::membership`]): nothing derived is stored, so nothing
//! can drift. Every refusal has a stable code, see [`Refusal`].

mod account;
mod address;
pub mod approval;
pub mod authority;
pub mod claims;
mod code;
mod domain;
pub mod entry;
mod grant;
mod graph;
pub mod linking;
mod movement;
mod name;
mod organization;
pub mod people;
mod provision;
mod records;
mod refusal;
mod roles;
mod sso;
mod team;
pub mod teams;

pub use account::{Account, Binding};
pub use address::{DomainName, EmailAddress};
pub use approval::LinkRequest;
pub use authority::MembershipPolicy;
pub use code::{CodeState, LinkingCode};
pub use domain::{ClaimedDomain, DomainState, Finding, Step};
pub use entry::{Entrant, Entry};
pub use grant::{Grant, Role, Source};
pub use movement::{Cause, Movement, What, tell};
pub use name::{ScimName, group_key, plain_name};
pub use organization::{Adoption, DomainPolicy, Link, OrgKind, Organization, Plan};
pub use provision::SharedSso;
pub use records::{
    DomainRecords, GrantRecords, GroupRecords, LinkRecords, OrganizationRecords, PersonRecords,
    Records, TeamRecords,
};
pub use refusal::Refusal;
pub use sso::{ByPassword, Certificate, Effective, Oidc, Provider, Route, Saml, SsoSettings};
pub use team::{Place, Team};
