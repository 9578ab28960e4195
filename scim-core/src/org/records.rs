//! [`Records`]: what the organization rules are kept in.

use jiff::Timestamp;

use super::{
    Account, Binding, ClaimedDomain, DomainName, Grant, LinkRequest, LinkingCode, Organization,
    Place, Role, Source, SsoSettings, Team,
};
use crate::error::Result;
use crate::resource::Id;
use crate::store::{Tenant, Transaction};

/// A transaction that keeps organizations too, each kind of record by a trait of its own. It reaches rows of several organizations: the rules do
/// that, what a client sends never decides which.
///
/// `put_…` stores a record, new or changed; `remove_…` of one that isn't there does nothing. Lists come
/// in the order of their keys. All errors are those of the storage.
pub trait Records:
    Transaction
    + OrganizationRecords
    + GroupRecords
    + PersonRecords
    + GrantRecords
    + LinkRecords
    + DomainRecords
    + TeamRecords
{
}

impl<T> Records for T where
    T: Transaction
        + OrganizationRecords
        + GroupRecords
        + PersonRecords
        + GrantRecords
        + LinkRecords
        + DomainRecords
        + TeamRecords
{
}

/// Organizations, and who is linked to whom. See [`Records`].
#[expect(clippy::missing_errors_doc, reason = "said once, of `Records`")]
pub trait OrganizationRecords: Sized {
    /// Runs `f` in another organization of the same transaction.
    fn within<R>(&mut self, org: &Tenant, f: impl FnOnce(&mut Self) -> Result<R>) -> Result<R>;
    /// The organization of that id.
    fn organization(&mut self, id: &Tenant) -> Result<Option<Organization>>;
    /// All organizations, a page of them.
    fn organizations(&mut self, after: Option<&Tenant>, limit: usize) -> Result<Vec<Organization>>;
    /// Stores an organization.
    fn put_organization(&mut self, organization: &Organization) -> Result<()>;
    /// Removes an organization with all that is its own, except its log.
    fn remove_organization(&mut self, id: &Tenant) -> Result<()>;
    /// The organizations linked to an Admin Organization, a page of them.
    fn linked(
        &mut self,
        admin: &Tenant,
        after: Option<&Tenant>,
        limit: usize,
    ) -> Result<Vec<Organization>>;
    /// The linked organization with that SCIM Name's key.
    fn linked_by_name(&mut self, admin: &Tenant, key: &str) -> Result<Option<Organization>>;
}

/// Groups by the key of their name, and what they hold. See [`Records`].
#[expect(clippy::missing_errors_doc, reason = "said once, of `Records`")]
pub trait GroupRecords: Sized {
    /// Gives a group of this transaction's organization the key of its name; `false` if another group
    /// has it. Without a key it has none any more.
    fn name_group(&mut self, group: &Id, key: Option<&str>) -> Result<bool>;
    /// The group of this transaction's organization whose name has that key.
    fn group_named(&mut self, key: &str) -> Result<Option<Id>>;
    /// The groups that a group of this transaction's organization lists as members.
    fn groups_in(&mut self, group: &Id) -> Result<Vec<Id>>;
    /// The users that a group of this transaction's organization lists as members, a page of them.
    fn users_in(&mut self, group: &Id, after: Option<&Id>, limit: usize) -> Result<Vec<Id>>;
    /// Those of the groups of this transaction's organization that a linked organization's SCIM Name
    /// matches, with that organization.
    fn matched(&mut self, groups: &[Id]) -> Result<Vec<(Id, Organization)>>;
}

/// Accounts, and which users of which directories they are. See [`Records`].
#[expect(clippy::missing_errors_doc, reason = "said once, of `Records`")]
pub trait PersonRecords: Sized {
    /// Says that the rules are going to ask for what there is of the person that a user of this
    /// transaction's organization is: a store that is far away may find all of it at once.
    fn foresee_person(&mut self, user: &Id) -> Result<()> {
        let _ = user;
        Ok(())
    }
    /// The account of that id.
    fn account(&mut self, id: &Id) -> Result<Option<Account>>;
    /// The account known by a folded address.
    fn account_known_by(&mut self, key: &str) -> Result<Option<Account>>;
    /// Stores an account.
    fn put_account(&mut self, account: &Account) -> Result<()>;
    /// Ends all sessions and personal tokens of an account (S11).
    fn end_sessions(&mut self, account: &Id, now: Timestamp) -> Result<()>;
    /// The bindings of users of this transaction's organization.
    fn bindings(&mut self, users: &[Id]) -> Result<Vec<Binding>>;
    /// The bindings of this transaction's organization, by user, a page of them.
    fn bindings_after(&mut self, after: Option<&Id>, limit: usize) -> Result<Vec<Binding>>;
    /// The bindings of an account, in all organizations.
    fn bindings_of(&mut self, account: &Id) -> Result<Vec<Binding>>;
    /// Stores a binding.
    fn put_binding(&mut self, binding: &Binding) -> Result<()>;
    /// Removes a binding of this transaction's organization.
    fn remove_binding(&mut self, user: &Id) -> Result<()>;
}

/// Why somebody is a member, and in which role. See [`Records`].
#[expect(clippy::missing_errors_doc, reason = "said once, of `Records`")]
pub trait GrantRecords: Sized {
    /// The stored grants of a person in an organization.
    fn grants(&mut self, org: &Tenant, account: &Id) -> Result<Vec<Grant>>;
    /// The stored grants of an organization, from the first account after `after`: those of at most
    /// `limit` accounts.
    fn grants_after(
        &mut self,
        org: &Tenant,
        after: Option<&Id>,
        limit: usize,
    ) -> Result<Vec<Grant>>;
    /// The stored grants of a person, in all organizations.
    fn grants_of(&mut self, account: &Id) -> Result<Vec<Grant>>;
    /// Stores a grant; one a source, organization and person.
    fn put_grant(&mut self, grant: &Grant) -> Result<()>;
    /// Removes a grant.
    fn remove_grant(&mut self, org: &Tenant, account: &Id, source: &Source) -> Result<()>;
    /// The role that is stored for a person; without one a member is [`Role::Member`].
    fn role(&mut self, org: &Tenant, account: &Id) -> Result<Option<Role>>;
    /// All stored roles of an organization.
    fn roles(&mut self, org: &Tenant) -> Result<Vec<(Id, Role)>>;
    /// Stores a role; [`Role::Member`] is not stored.
    fn put_role(&mut self, org: &Tenant, account: &Id, role: Role) -> Result<()>;
}

/// Linking codes, and requests to be linked. See [`Records`].
#[expect(clippy::missing_errors_doc, reason = "said once, of `Records`")]
pub trait LinkRecords: Sized {
    /// The linking code with that digest.
    fn code_by_digest(&mut self, digest: &str) -> Result<Option<LinkingCode>>;
    /// The linking codes of an Admin Organization.
    fn codes(&mut self, org: &Tenant) -> Result<Vec<LinkingCode>>;
    /// Stores a linking code.
    fn put_code(&mut self, code: &LinkingCode) -> Result<()>;
    /// What an organization has asked an Admin Organization.
    fn link_request(&mut self, org: &Tenant) -> Result<Option<LinkRequest>>;
    /// What an Admin Organization is asked.
    fn link_requests(&mut self, admin: &Tenant) -> Result<Vec<LinkRequest>>;
    /// Stores a request to be linked; one an organization.
    fn put_link_request(&mut self, request: &LinkRequest) -> Result<()>;
    /// Removes the request of an organization.
    fn remove_link_request(&mut self, org: &Tenant) -> Result<()>;
}

/// Claimed domains, and single sign-on. See [`Records`].
#[expect(clippy::missing_errors_doc, reason = "said once, of `Records`")]
pub trait DomainRecords: Sized {
    /// The claims of an organization.
    fn domains(&mut self, org: &Tenant) -> Result<Vec<ClaimedDomain>>;
    /// The claims on a domain, of all organizations.
    fn claims_on(&mut self, name: &DomainName) -> Result<Vec<ClaimedDomain>>;
    /// Stores a claim. Two that count for one domain are the storage's error.
    fn put_domain(&mut self, domain: &ClaimedDomain) -> Result<()>;
    /// Removes a claim.
    fn remove_domain(&mut self, org: &Tenant, id: &Id) -> Result<()>;
    /// The single sign-on settings that an organization has of its own.
    fn sso(&mut self, org: &Tenant) -> Result<Option<SsoSettings>>;
    /// Stores them; without any, removes them.
    fn put_sso(&mut self, org: &Tenant, settings: Option<&SsoSettings>) -> Result<()>;
}

/// Teams, and what people said of who is in them. See [`Records`].
#[expect(clippy::missing_errors_doc, reason = "said once, of `Records`")]
pub trait TeamRecords: Sized {
    /// The teams of an organization.
    fn teams(&mut self, org: &Tenant) -> Result<Vec<Team>>;
    /// The team of that name's key.
    fn team_named(&mut self, org: &Tenant, key: &str) -> Result<Option<Team>>;
    /// The team that a group is.
    fn team_of(&mut self, org: &Tenant, group: &Id) -> Result<Option<Team>>;
    /// Stores a team.
    fn put_team(&mut self, team: &Team) -> Result<()>;
    /// Removes a team with its members.
    fn remove_team(&mut self, org: &Tenant, id: &Id) -> Result<()>;
    /// What people said of who is in a team, in the order of the accounts.
    fn team_members(&mut self, org: &Tenant, team: &Id) -> Result<Vec<(Id, Place)>>;
    /// Stores what people say of somebody and a team; without a place, forgets it.
    fn set_team_member(
        &mut self,
        org: &Tenant,
        team: &Id,
        account: &Id,
        place: Option<Place>,
    ) -> Result<()>;
}
