//! What the API takes and gives, as JSON and in the OpenAPI document.
//!
//! Times are RFC 3339 in UTC. Types that are taken refuse names that they don't know.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::approvals::LinkRequestView;

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrganizationView {
    pub(super) id: String,
    pub(super) name: String,
    /// `regular` or `admin`.
    pub(super) kind: String,
    /// `enterprise` or `other`.
    pub(super) plan: String,
    /// Whose users it takes over SCIM: `claimed` or `any`.
    pub(super) scim_domains: String,
    /// Which accounts that are there its directory takes over: `by_verified_domain` or `invited_only`.
    pub(super) adoption: String,
    /// Whether links are approved first; of an Admin Organization.
    pub(super) require_approval: bool,
    /// Its link to an Admin Organization.
    pub(super) link: Option<LinkView>,
    /// Whether somebody who is active, and may sign in, owns it.
    pub(super) has_active_owner: bool,
    pub(super) created: String,
}

/// A link to an Admin Organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkView {
    /// The id of the Admin Organization.
    pub(super) admin_organization: String,
    /// Its name.
    pub(super) admin_organization_name: String,
    /// What the Admin Organization's groups find this organization by.
    pub(super) scim_name: Option<String>,
    /// How people of the Admin Organization's domains become members: `additive` or `authoritative`.
    pub(super) membership: String,
    pub(super) since: String,
    /// Who linked it.
    pub(super) by: String,
}

/// A new organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrganization {
    pub(super) name: String,
    /// The address of its owner. The operator may leave it out; for others it is themselves.
    pub(super) owner: Option<String>,
    /// `admin` makes an Admin Organization (operator only; people start from an organization of theirs).
    pub(super) kind: Option<String>,
    /// `enterprise` or `other`; the operator's to say. The operator's own are `enterprise` by default, all
    /// others `other`.
    pub(super) plan: Option<String>,
    /// `claimed` (the default) or `any`; `any` is the operator's to say.
    pub(super) scim_domains: Option<String>,
}

/// A change of an organization. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganizationChange {
    pub(super) name: Option<String>,
    /// The operator's to say.
    pub(super) plan: Option<String>,
    /// `any` is the operator's to say.
    pub(super) scim_domains: Option<String>,
    /// `by_verified_domain` or `invited_only`.
    pub(super) adoption: Option<String>,
    /// Whether links are approved first; an Admin Organization's to say.
    pub(super) require_approval: Option<bool>,
}

/// A new Admin Organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewName {
    pub(super) name: String,
}

/// A linking code.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkCodeView {
    pub(super) id: String,
    /// The code, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    /// The last four characters of the code.
    pub(super) ends_in: String,
    /// `issued`, `redeemed`, `revoked` or `expired`.
    pub(super) state: String,
    pub(super) note: Option<String>,
    /// The only organization that may redeem it.
    pub(super) intended_organization: Option<String>,
    pub(super) created: String,
    pub(super) created_by: String,
    /// Whether whoever issued it is still an owner or admin.
    pub(super) issuer_present: bool,
    pub(super) expires: String,
    pub(super) redeemed_by: Option<String>,
}

/// A new linking code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLinkCode {
    /// What it is for.
    pub(super) note: Option<String>,
    /// The only organization that may redeem it.
    pub(super) intended_organization: Option<String>,
}

/// A code to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkPreviewRequest {
    pub(super) code: String,
    /// The SCIM Name to begin with, to see whether a group has it.
    pub(super) scim_name: Option<String>,
}

/// What linking would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkPreview {
    pub(super) admin_organization_name: String,
    /// Whether it approves each link first.
    pub(super) needs_approval: bool,
    /// The domains that it has verified.
    pub(super) verified_domains: Vec<String>,
    pub(super) sso_enabled: bool,
    pub(super) sso_required: bool,
    /// Members whose addresses are in none of those domains.
    pub(super) members_outside: u64,
    /// Own claims that would be hidden.
    pub(super) hidden_domains: Vec<String>,
    /// What the SCIM Name that was asked for would find; null if none was.
    pub(super) scim_name: Option<NameMatchView>,
    /// `sso_not_configured`, `own_sso_ignored`, `own_domains_hidden`, `own_directory_dormant`,
    /// `break_glass_disabled`.
    pub(super) warnings: Vec<String>,
}

/// What a SCIM Name would find.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NameMatchView {
    /// Whether a group of the Admin Organization has that name.
    pub(super) matches: bool,
    /// How many people that group would make members.
    pub(super) people: u64,
}

/// A code to redeem.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkRequest {
    pub(super) code: String,
    /// The SCIM Name to begin with; without it no group matches.
    pub(super) scim_name: Option<String>,
}

/// The organization that has been linked, or has asked to be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkOutcome {
    #[serde(flatten)]
    pub(super) organization: OrganizationView,
    /// `linked` or `awaiting_approval`.
    pub(super) state: String,
    /// What waits for the approval of the Admin Organization.
    pub(super) link_request: Option<LinkRequestView>,
    /// As in the preview.
    pub(super) warnings: Vec<String>,
}

/// How to unlink.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UnlinkRequest {
    /// What becomes of members by a group: `keep` or `remove`.
    pub(super) members: String,
}

/// A linked organization, as its Admin Organization sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkedOrganizationView {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) scim_name: Option<String>,
    /// `matched`, `waiting_for_group` or `no_scim_name`.
    pub(super) state: String,
    /// The group that matches.
    pub(super) group: Option<String>,
    /// How people of the Admin Organization's domains become members: `additive` or `authoritative`.
    pub(super) membership: String,
    pub(super) since: String,
}

/// A SCIM Name to set; `null` clears it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScimNameChange {
    #[serde(deserialize_with = "present")]
    #[schema(required)]
    pub(super) scim_name: Option<String>,
}

/// How people of the Admin Organization's domains are to become members of a linked organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MembershipChange {
    /// `additive` (by a group, and by hand) or `authoritative` (by a group only).
    pub(super) membership: String,
}

/// SCIM Names to set in one step.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScimNamesChange {
    pub(super) organizations: Vec<NamedOrganization>,
}

/// One organization of several.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedOrganization {
    pub(super) id: String,
    #[serde(deserialize_with = "present")]
    #[schema(required)]
    pub(super) scim_name: Option<String>,
}

/// A value that may be null, and may not be left out.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(from)
}

/// A claimed domain.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DomainView {
    pub(super) id: String,
    /// As DNS has it.
    pub(super) domain: String,
    /// `pending`, `conflict`, `verified`, `grace`, `unverified` or `expired`.
    pub(super) state: String,
    /// Whether it has no effect because its organization is linked.
    pub(super) hidden: bool,
    /// Where the TXT record may stand.
    pub(super) record_names: Vec<String>,
    /// What the TXT record has to say.
    pub(super) record_value: String,
    pub(super) created: String,
    pub(super) verified: Option<String>,
    pub(super) checked: Option<String>,
    /// Since when the record is missing.
    pub(super) missing_since: Option<String>,
    /// What DNS said just now: `found`, `absent` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finding: Option<String>,
}

/// A domain to claim.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDomain {
    pub(super) domain: String,
}

/// Single sign-on settings.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SsoView {
    /// `saml` or `oidc`.
    pub(super) protocol: String,
    pub(super) issuer: String,
    pub(super) sign_on_url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) certificates: Vec<CertificateView>,
    pub(super) client_id: Option<String>,
    pub(super) enabled: bool,
    pub(super) required: bool,
    pub(super) idp_managed_access: bool,
    /// Whether owners and admins may use a password in an emergency while single sign-on is required.
    pub(super) break_glass: bool,
    /// Whether the organization is linked, so that these settings don't count now.
    pub(super) ignored: bool,
    /// What the identity provider needs to know of this organization.
    pub(super) service_provider: ServiceProviderView,
}

/// A signing certificate.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CertificateView {
    pub(super) subject: String,
    pub(super) not_before: String,
    pub(super) not_after: String,
    /// The SHA-256 of it.
    pub(super) fingerprint: String,
    /// `valid`, `expiring` (within 60 days) or `expired`.
    pub(super) state: String,
    pub(super) pem: String,
}

/// This organization as a service provider: each has its own.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServiceProviderView {
    /// SAML: the entity id.
    pub(super) entity_id: String,
    /// SAML: the assertion consumer service.
    pub(super) acs_url: String,
    /// OpenID Connect: the redirect URI.
    pub(super) redirect_uri: String,
}

/// Single sign-on settings to store.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SsoChange {
    /// `saml` or `oidc`.
    pub(super) protocol: String,
    pub(super) issuer: String,
    /// SAML: where people sign in.
    pub(super) sign_on_url: Option<String>,
    /// SAML: one signing certificate, PEM, or two while they are exchanged.
    #[serde(default)]
    pub(super) certificates: Vec<String>,
    /// OpenID Connect.
    pub(super) client_id: Option<String>,
    /// OpenID Connect; left out, the stored one stays.
    pub(super) client_secret: Option<String>,
    #[serde(default)]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) idp_managed_access: bool,
    /// Whether owners and admins may use a password in an emergency while single sign-on is required; `true`
    /// by default. `false`, required too, takes the plan of a dry run.
    #[serde(default = "yes")]
    pub(super) break_glass: bool,
}

const fn yes() -> bool {
    true
}

/// The settings that count for an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EffectiveSsoView {
    /// Whose they are.
    pub(super) source_organization: String,
    /// Whether the organization has settings of its own that don't count now.
    pub(super) ignored_own: bool,
    /// The settings; null if there are none.
    pub(super) sso: Option<SsoSummary>,
}

/// Settings, for those who may not see all of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SsoSummary {
    pub(super) protocol: String,
    pub(super) issuer: String,
    pub(super) enabled: bool,
    pub(super) required: bool,
    pub(super) idp_managed_access: bool,
    pub(super) break_glass: bool,
}

/// How somebody signs in.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct SsoRouteView {
    /// `sso` or `password`.
    pub(super) method: String,
    /// `saml` or `oidc`.
    pub(super) protocol: Option<String>,
    /// Where to start: the sign-on URL (SAML), or the issuer (OpenID Connect).
    pub(super) start_url: Option<String>,
    /// The organization whose identity provider it is; for the operator, and for members of an
    /// organization that it counts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) organization: Option<String>,
    /// For the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sso: Option<SsoSummary>,
}

/// A SCIM token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScimTokenView {
    pub(super) id: String,
    /// The token, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
    pub(super) ends_in: String,
    pub(super) preset: String,
    /// Some of `read,users,groups,bulk`.
    pub(super) scopes: String,
    /// The user that it is bound to, for `/Me`.
    pub(super) user: Option<String>,
    pub(super) created: String,
    pub(super) expires: Option<String>,
    pub(super) revoked: Option<String>,
    pub(super) last_used: Option<String>,
}

/// A new SCIM token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewScimToken {
    /// `lenient` (the default), `okta`, `entra` or `strict`.
    pub(super) preset: Option<String>,
    /// Some of `read,users,groups,bulk`; all by default.
    pub(super) scopes: Option<String>,
    /// How many days it lives; 365 by default.
    pub(super) expires_in_days: Option<u32>,
    pub(super) user: Option<String>,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountView {
    pub(super) id: String,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
    pub(super) has_password: bool,
    pub(super) created: String,
    /// The organizations that the person is a member of.
    pub(super) memberships: Vec<AccountMembershipView>,
}

/// A person's membership of an organization, in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountMembershipView {
    pub(super) organization: String,
    pub(super) organization_name: String,
    pub(super) role: String,
    /// `active` or `suspended`.
    pub(super) state: String,
}

/// A person to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    pub(super) email: String,
    pub(super) name: Option<String>,
    /// At least 12 characters.
    #[expect(dead_code, reason = "hashed before the transaction, out of the body")]
    pub(super) password: Option<String>,
}

/// A new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// At least 12 characters.
    #[expect(dead_code, reason = "hashed before the transaction, out of the body")]
    pub(super) password: String,
}

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    pub(super) email: String,
    pub(super) password: String,
}

/// A session or a personal token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CredentialView {
    pub(super) id: String,
    /// What to send as a bearer token, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
    pub(super) ends_in: String,
    pub(super) note: Option<String>,
    pub(super) created: String,
    pub(super) expires: Option<String>,
}

/// A new personal token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPersonalToken {
    /// What it is for.
    pub(super) note: Option<String>,
    /// How many days it lives; 90 by default, 365 at the most.
    pub(super) expires_in_days: Option<u32>,
}

/// A member of an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberView {
    pub(super) account: String,
    pub(super) email: Option<String>,
    /// For the operator, and where a directory of the organization has the person.
    pub(super) name: Option<String>,
    /// `owner`, `admin` or `member`.
    pub(super) role: String,
    /// `active` or `suspended`.
    pub(super) state: String,
    /// Why the person is a member.
    pub(super) grants: Vec<GrantView>,
}

/// Why somebody is a member.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GrantView {
    /// `creator`, `manual`, `invite`, `jit`, `owner_protected`, `directory` or `group`.
    pub(super) source: String,
    /// The group's id.
    pub(super) group: Option<String>,
    /// The group's name.
    pub(super) group_name: Option<String>,
    pub(super) note: Option<String>,
    pub(super) suspended: bool,
    pub(super) since: Option<String>,
}

/// A member to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMember {
    pub(super) email: String,
    /// `member` (the default), `admin` or `owner`.
    pub(super) role: Option<String>,
}

/// A role to give.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleChange {
    pub(super) role: String,
}

/// Whom to make an owner.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnerRecovery {
    pub(super) email: String,
}

/// A team.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TeamView {
    pub(super) id: String,
    pub(super) name: String,
    /// The group that it is.
    pub(super) group: Option<String>,
    /// `scim` while its group is of a live directory, else `manual`.
    pub(super) managed_by: String,
    pub(super) created: String,
}

/// A member of a team.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TeamMemberView {
    pub(super) account: String,
    pub(super) email: Option<String>,
    /// `manual` or `group`.
    pub(super) source: String,
}

/// A group of the directory, and what it matches.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GroupView {
    pub(super) id: String,
    pub(super) name: String,
    /// How many members it lists.
    pub(super) members: i64,
    /// `matched`, `unmatched`, `team` or `suspended` (the directory sleeps).
    pub(super) mapping: String,
    /// The linked organization that it matches.
    pub(super) organization: Option<String>,
    pub(super) organization_name: Option<String>,
}

/// Why somebody is in an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Explanation {
    pub(super) email: String,
    pub(super) account: Option<String>,
    /// Whether the person is a member.
    pub(super) member: bool,
    /// In a sentence.
    pub(super) summary: String,
    pub(super) role: Option<String>,
    pub(super) state: Option<String>,
    /// One chain for each grant: person, then group, then who and which request gave it.
    pub(super) reasons: Vec<Reason>,
}

/// A group by which somebody is in another.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GroupOnTheWay {
    pub(super) id: String,
    pub(super) name: String,
}

/// One reason.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reason {
    pub(super) grant: GrantView,
    /// By which groups the person is in the one that gives membership: from the one that lists the person to
    /// that one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) through: Vec<GroupOnTheWay>,
    /// Why it counts for nothing now, in a sentence.
    pub(super) suspended_because: Option<String>,
    /// In a sentence.
    pub(super) summary: String,
    /// Who gave it: a token's id, a person's address, `operator` or `system`.
    pub(super) by: Option<String>,
    /// By which request.
    pub(super) request_id: Option<String>,
    pub(super) at: Option<String>,
    /// What caused it, e.g. `scim_group.members_changed`.
    pub(super) cause: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditEvent {
    pub(super) id: String,
    pub(super) at: String,
    /// `noun.past_verb`
    pub(super) name: String,
    pub(super) actor: String,
    pub(super) organization: String,
    /// What it is about.
    pub(super) target: String,
    pub(super) request_id: String,
    #[schema(value_type = Object)]
    pub(super) detail: serde_json::Value,
}

/// An export of the audit log, about to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAuditExport {
    /// `csv` or `ndjson`
    pub(super) format: String,
}

/// An export of the audit log: read the entries from `audit-events?order=oldest`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditExportView {
    /// The target of the event that tells of it.
    pub(super) id: String,
    pub(super) format: String,
    pub(super) created: String,
}

/// What is wrong (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) status: u16,
    /// Stable; programs may rely on it.
    pub(super) code: String,
    /// What to do.
    pub(super) detail: String,
    pub(super) request_id: String,
}

/// Who gains and who loses what.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Effects {
    /// Grants that come, or count again.
    pub(super) gains: u64,
    /// Grants that go, or rest.
    pub(super) losses: u64,
    /// People who gain something in an organization and lose nothing there.
    pub(super) people_gaining: u64,
    /// People who lose something in an organization and gain nothing there.
    pub(super) people_losing: u64,
    /// The first thousand.
    pub(super) changes: Vec<EffectOnPerson>,
    /// How many members get in in another way, by organization and way.
    pub(super) sign_ins: Vec<SignInsChanged>,
    /// Changes for people whom the caller may not see: counted, and not among `changes`.
    pub(super) unnamed: u64,
    pub(super) truncated: bool,
}

/// What a dry run tells, whatever the request gives when it is done: nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DryRun {
    /// Always true.
    pub(super) dry_run: bool,
    /// The state that the link, the claim or the membership would be in: `awaiting_approval` is a link that the
    /// Admin Organization would have to approve first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    #[schema(value_type = Effects)]
    pub(super) effects: serde_json::Value,
    /// Names what would be done; sent as `plan` with the real request, that is done or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<String>,
}

/// Members of an organization who get in in another way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignInsChanged {
    pub(super) organization: String,
    pub(super) people: u64,
    /// `password`, `sso`, `sso_required` (nothing but single sign-on, owners and admins apart), `sso_only` (owners and admins not
    /// apart) or `refused`
    /// (single sign-on is required, and doesn't take the address).
    pub(super) before: String,
    pub(super) after: String,
}

/// What changes for one person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EffectOnPerson {
    pub(super) organization: String,
    /// Null in a dry run that adds somebody who isn't a member yet.
    pub(super) account: Option<String>,
    pub(super) email: Option<String>,
    /// `granted`, `grant_removed`, `suspended`, `restored`, `role_changed`,
    /// `removal_blocked_last_owner` or `sign_in_changed`.
    pub(super) change: String,
    /// The source of the grant; `sign_in` for how somebody signs in.
    pub(super) source: String,
    /// Whether the person is a member afterwards.
    pub(super) member_after: bool,
    pub(super) role_before: Option<String>,
    pub(super) role_after: Option<String>,
    /// As in `sign_ins`.
    pub(super) sign_in_before: Option<String>,
    pub(super) sign_in_after: Option<String>,
}
