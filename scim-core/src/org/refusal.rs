//! [`Refusal`]: every named error of the organization rules, with its kind, in one table.

use crate::error::{Error, Kind};

/// Why a rule says no. The code is stable: programs may rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the code in the table below says what each is")]
pub enum Refusal {
    AlreadyLinked,
    AdminOrgCannotBeLinked,
    NotAnAdminOrg,
    NotAvailableInAdminOrg,
    HasLinkedOrganizations,
    LastOwner,
    PlanRequired,
    LinkCodeInvalid,
    LinkCodeExpired,
    LinkCodeRevoked,
    LinkCodeRedeemed,
    LinkCodeLimit,
    LinkAwaitingApproval,
    LinkRequestExpired,
    OrganizationLinked,
    NotLinked,
    ScimNameTaken,
    DomainNotClaimable,
    DomainAlreadyClaimed,
    DomainClaimedElsewhere,
    DomainClaimedByLinkedOrganization,
    DomainLimit,
    MembershipManagedByScim,
    MembershipAuthoritative,
    AlreadyAMember,
    TeamExists,
    TeamManagedByScim,
    SsoEnabled,
    InvalidSso,
    InvalidCertificate,
    InvalidEmail,
    EmailTaken,
    InvalidName,
    InvalidRole,
}

impl Refusal {
    /// The stable code and the kind.
    const fn table(self) -> (&'static str, Kind) {
        use Kind::{Conflict, Forbidden, Gone, NotFound, Unprocessable};
        match self {
            Self::AlreadyLinked => ("already_linked", Conflict),
            Self::AdminOrgCannotBeLinked => ("admin_org_cannot_be_linked", Conflict),
            Self::NotAnAdminOrg => ("not_an_admin_org", Conflict),
            Self::NotAvailableInAdminOrg => ("not_available_in_admin_org", Conflict),
            Self::HasLinkedOrganizations => ("has_linked_organizations", Conflict),
            Self::LastOwner => ("last_owner", Conflict),
            Self::PlanRequired => ("plan_required", Forbidden),
            Self::LinkCodeInvalid => ("link_code_invalid", NotFound),
            Self::LinkCodeExpired => ("link_code_expired", Gone),
            Self::LinkCodeRevoked => ("link_code_revoked", Gone),
            Self::LinkCodeRedeemed => ("link_code_redeemed", Conflict),
            Self::LinkCodeLimit => ("link_code_limit", Conflict),
            Self::LinkAwaitingApproval => ("link_awaiting_approval", Conflict),
            Self::LinkRequestExpired => ("link_request_expired", Gone),
            Self::OrganizationLinked => ("organization_linked", Conflict),
            Self::NotLinked => ("not_linked", Conflict),
            Self::ScimNameTaken => ("scim_name_taken", Conflict),
            Self::DomainNotClaimable => ("domain_not_claimable", Unprocessable),
            Self::DomainAlreadyClaimed => ("domain_already_claimed", Conflict),
            Self::DomainClaimedElsewhere => ("domain_claimed_elsewhere", Conflict),
            Self::DomainClaimedByLinkedOrganization => {
                ("domain_claimed_by_linked_organization", Conflict)
            }
            Self::DomainLimit => ("domain_limit", Conflict),
            Self::MembershipManagedByScim => ("membership_managed_by_scim", Conflict),
            Self::MembershipAuthoritative => ("membership_authoritative", Conflict),
            Self::AlreadyAMember => ("already_a_member", Conflict),
            Self::TeamExists => ("team_exists", Conflict),
            Self::TeamManagedByScim => ("team_managed_by_scim", Conflict),
            Self::SsoEnabled => ("sso_enabled", Conflict),
            Self::InvalidSso => ("invalid_sso", Unprocessable),
            Self::InvalidCertificate => ("invalid_certificate", Unprocessable),
            Self::InvalidEmail => ("invalid_email", Unprocessable),
            Self::EmailTaken => ("email_taken", Conflict),
            Self::InvalidName => ("invalid_name", Unprocessable),
            Self::InvalidRole => ("invalid_role", Unprocessable),
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.table().0
    }

    /// The refusal as an error: `detail` says what to do.
    pub fn because(self, detail: impl Into<String>) -> Error {
        let (code, kind) = self.table();
        Error::new(kind, detail).with_code(code)
    }
}
