//! The endpoints, and how a path finds its.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use scim_core::org::Role;
use scim_core::{Error, Kind, Result};

use super::approvals::LinkRequestView;
use super::endpoint::Access::{Operator, Organization, Public, SignedIn};
use super::endpoint::{Endpoint, decode};
use super::views::{
    AccountView, AuditEvent, AuditExportView, CredentialView, DomainView, EffectiveSsoView,
    Explanation, GroupView, LinkCodeView, LinkOutcome, LinkPreview, LinkPreviewRequest,
    LinkRequest, LinkedOrganizationView, MemberView, MembershipChange, NewAccount, NewAuditExport,
    NewDomain, NewLinkCode, NewMember, NewName, NewOrganization, NewPassword, NewPersonalToken,
    NewScimToken, OrganizationChange, OrganizationView, OwnerRecovery, RoleChange, ScimNameChange,
    ScimNamesChange, ScimTokenView, SignIn, SsoChange, SsoRouteView, SsoView, TeamMemberView,
    TeamView, UnlinkRequest,
};
use super::{
    accounts, approvals, audit, codes, domains, linked, members, organizations, scim, sso, teams,
};

const EMAIL: &[(&str, &str)] = &[("email", "An e-mail address")];

/// All endpoints.
pub(super) static TABLE: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    let admin = Organization(Role::Admin);
    let owner = Organization(Role::Owner);
    let member = Organization(Role::Member);
    let e = Endpoint::new;
    vec![
        e(("POST", "/sessions"), ("signIn", "Sign in with a password"), Public, accounts::sign_in)
            .takes::<SignIn>()
            .gives::<CredentialView>()
            .before(accounts::check_password),
        e(("DELETE", "/sessions/current"), ("signOut", "Sign out"), SignedIn, accounts::sign_out),
        e(("POST", "/accounts"), ("createAccount", "Make an account"), Operator, accounts::create)
            .takes::<NewAccount>()
            .gives::<AccountView>()
            .before(accounts::hash_password),
        e(("GET", "/accounts"), ("listAccounts", "List the accounts"), Operator, accounts::list)
            .lists::<AccountView>()
            .filters(&[("email", "The account that is known by this address")]),
        e(
            ("GET", "/accounts/{account}"),
            ("getAccount", "Read an account; `me` is the caller's"),
            SignedIn,
            accounts::get,
        )
        .gives::<AccountView>(),
        e(
            ("PUT", "/accounts/{account}/password"),
            ("setPassword", "Set a password; ends all sessions and personal tokens"),
            SignedIn,
            accounts::set_password,
        )
        .takes::<NewPassword>()
        .fresh()
        .before(accounts::hash_password),
        e(
            ("POST", "/accounts/{account}/tokens"),
            ("createPersonalToken", "Make a personal token, shown once"),
            SignedIn,
            accounts::create_token,
        )
        .takes::<NewPersonalToken>()
        .gives::<CredentialView>()
        .fresh(),
        e(
            ("GET", "/accounts/{account}/tokens"),
            ("listPersonalTokens", "List personal tokens"),
            SignedIn,
            accounts::list_tokens,
        )
        .lists::<CredentialView>(),
        e(
            ("DELETE", "/accounts/{account}/tokens/{token}"),
            ("revokePersonalToken", "Revoke a personal token"),
            SignedIn,
            accounts::revoke_token,
        ),
        e(
            ("GET", "/organizations"),
            ("listOrganizations", "List the organizations that the caller sees"),
            SignedIn,
            organizations::list,
        )
        .lists::<OrganizationView>(),
        e(
            ("POST", "/organizations"),
            ("createOrganization", "Make an organization"),
            SignedIn,
            organizations::create,
        )
        .takes::<NewOrganization>()
        .gives::<OrganizationView>()
        .moves(),
        e(
            ("GET", "/organizations/{org}"),
            ("getOrganization", "Read an organization"),
            member,
            organizations::get,
        )
        .gives::<OrganizationView>(),
        e(
            ("PATCH", "/organizations/{org}"),
            ("changeOrganization", "Rename an organization, or change its policy"),
            admin,
            organizations::change,
        )
        .takes::<OrganizationChange>()
        .gives::<OrganizationView>(),
        e(
            ("DELETE", "/organizations/{org}"),
            ("deleteOrganization", "Delete an organization with its directory"),
            owner,
            organizations::delete,
        )
        .moves()
        .fresh(),
        e(
            ("POST", "/organizations/{org}/admin-organization"),
            ("createAdminOrganization", "Make an Admin Organization; this one isn't linked by it"),
            admin,
            organizations::create_admin,
        )
        .takes::<NewName>()
        .gives::<OrganizationView>()
        .moves()
        .fresh(),
        e(
            ("POST", "/organizations/{org}/owners:recover"),
            ("recoverOwner", "Give an organization without an active owner one"),
            Operator,
            members::recover_owner,
        )
        .takes::<OwnerRecovery>()
        .gives::<MemberView>()
        .moves(),
        e(
            ("POST", "/organizations/{org}/link-codes"),
            ("issueLinkCode", "Issue a linking code, shown once, good for three days"),
            admin,
            codes::issue,
        )
        .takes::<NewLinkCode>()
        .gives::<LinkCodeView>()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/link-codes"),
            ("listLinkCodes", "List the linking codes of an Admin Organization"),
            admin,
            codes::list,
        )
        .lists::<LinkCodeView>(),
        e(
            ("POST", "/organizations/{org}/link-codes:revoke-all"),
            ("revokeAllLinkCodes", "Revoke all linking codes that could be redeemed"),
            admin,
            codes::revoke_all,
        )
        .lists::<LinkCodeView>()
        .fresh(),
        e(
            ("DELETE", "/organizations/{org}/link-codes/{code}"),
            ("revokeLinkCode", "Revoke a linking code"),
            admin,
            codes::revoke,
        )
        .gives::<LinkCodeView>()
        .fresh(),
        e(
            ("POST", "/organizations/{org}/link:preview"),
            ("previewLink", "See what linking with a code would do"),
            admin,
            linked::preview,
        )
        .takes::<LinkPreviewRequest>()
        .gives::<LinkPreview>()
        .before(codes::count_try)
        .after(codes::previewed),
        e(
            ("POST", "/organizations/{org}/link"),
            ("link", "Link the organization with a code"),
            admin,
            linked::link,
        )
        .takes::<LinkRequest>()
        .gives::<LinkOutcome>()
        .moves()
        .fresh()
        .before(codes::count_try)
        .after(codes::tried),
        e(
            ("GET", "/organizations/{org}/link-request"),
            ("getLinkRequest", "Read what the organization has asked to be linked to"),
            admin,
            approvals::get,
        )
        .gives::<LinkRequestView>(),
        e(
            ("DELETE", "/organizations/{org}/link-request"),
            ("withdrawLinkRequest", "Take back the request to be linked"),
            admin,
            approvals::withdraw,
        ),
        e(
            ("GET", "/organizations/{org}/link-requests"),
            ("listLinkRequests", "List the organizations that wait for an approval to be linked"),
            admin,
            approvals::list,
        )
        .lists::<LinkRequestView>(),
        e(
            ("POST", "/organizations/{org}/link-requests/{request}:approve"),
            ("approveLinkRequest", "Link the organization that asked"),
            admin,
            approvals::approve,
        )
        .gives::<LinkedOrganizationView>()
        .moves()
        .fresh(),
        e(
            ("POST", "/organizations/{org}/link-requests/{request}:refuse"),
            ("refuseLinkRequest", "Refuse a request to be linked"),
            admin,
            approvals::refuse,
        ),
        e(
            ("POST", "/organizations/{org}/unlink"),
            ("unlink", "Unlink the organization; its own settings count again"),
            owner,
            linked::unlink,
        )
        .takes::<UnlinkRequest>()
        .moves()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/linked-organizations"),
            ("listLinkedOrganizations", "List the organizations linked to an Admin Organization"),
            admin,
            linked::list,
        )
        .lists::<LinkedOrganizationView>(),
        e(
            ("PATCH", "/organizations/{org}/linked-organizations:batch"),
            ("setScimNames", "Set several SCIM Names in one step, so that two can be exchanged"),
            admin,
            linked::set_several,
        )
        .takes::<ScimNamesChange>()
        .lists::<LinkedOrganizationView>()
        .moves()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/linked-organizations/{linked}"),
            ("getLinkedOrganization", "Read a linked organization"),
            admin,
            linked::get,
        )
        .gives::<LinkedOrganizationView>(),
        e(
            ("PATCH", "/organizations/{org}/linked-organizations/{linked}"),
            ("setScimName", "Set or clear the SCIM Name of a linked organization"),
            admin,
            linked::set_name,
        )
        .takes::<ScimNameChange>()
        .gives::<LinkedOrganizationView>()
        .moves()
        .fresh(),
        e(
            ("PUT", "/organizations/{org}/linked-organizations/{linked}/membership"),
            (
                "setMembershipPolicy",
                "Say whether people of the claimed domains are members by groups only",
            ),
            admin,
            linked::set_membership,
        )
        .takes::<MembershipChange>()
        .gives::<LinkedOrganizationView>()
        .moves()
        .fresh(),
        e(
            ("POST", "/organizations/{org}/linked-organizations/{linked}/unlink"),
            ("unlinkLinkedOrganization", "Unlink an organization from the admin side"),
            admin,
            linked::unlink_from_admin,
        )
        .takes::<UnlinkRequest>()
        .moves()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/domains"),
            ("listDomains", "List claimed domains"),
            admin,
            domains::list,
        )
        .lists::<DomainView>(),
        e(
            ("POST", "/organizations/{org}/domains"),
            ("claimDomain", "Claim a domain"),
            admin,
            domains::claim,
        )
        .takes::<NewDomain>()
        .gives::<DomainView>()
        .moves()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/domains/{domain}"),
            ("getDomain", "Read a claimed domain"),
            admin,
            domains::get,
        )
        .gives::<DomainView>(),
        e(
            ("POST", "/organizations/{org}/domains/{domain}:verify"),
            ("verifyDomain", "Look for the TXT record now"),
            admin,
            domains::verify,
        )
        .gives::<DomainView>()
        .moves()
        .before(domains::ask),
        e(
            ("POST", "/organizations/{org}/domains/{domain}:transfer"),
            ("transferDomain", "Move the claim of a linked organization to its Admin Organization"),
            admin,
            domains::transfer,
        )
        .gives::<DomainView>()
        .moves()
        .fresh(),
        e(
            ("DELETE", "/organizations/{org}/domains/{domain}"),
            ("withdrawDomain", "Give up a claim"),
            admin,
            domains::withdraw,
        )
        .moves()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/sso"),
            ("getSso", "Read the organization's own single sign-on settings"),
            admin,
            sso::get,
        )
        .gives::<SsoView>(),
        e(
            ("PUT", "/organizations/{org}/sso"),
            ("setSso", "Store single sign-on settings"),
            admin,
            sso::put,
        )
        .takes::<SsoChange>()
        .gives::<SsoView>()
        .moves()
        .fresh(),
        e(
            ("DELETE", "/organizations/{org}/sso"),
            ("removeSso", "Remove disabled single sign-on settings for good"),
            admin,
            sso::delete,
        )
        .fresh(),
        e(
            ("GET", "/organizations/{org}/sso/effective"),
            ("getEffectiveSso", "Read the settings that count for the organization"),
            member,
            sso::effective,
        )
        .gives::<EffectiveSsoView>(),
        e(
            ("GET", "/sso/resolve"),
            ("resolveSso", "How somebody with an address signs in"),
            SignedIn,
            sso::resolve,
        )
        .gives::<SsoRouteView>()
        .filters(EMAIL),
        e(
            ("POST", "/organizations/{org}/scim/tokens"),
            ("createScimToken", "Make a SCIM token, shown once"),
            admin,
            scim::create_token,
        )
        .takes::<NewScimToken>()
        .gives::<ScimTokenView>()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/scim/tokens"),
            ("listScimTokens", "List SCIM tokens"),
            admin,
            scim::list_tokens,
        )
        .lists::<ScimTokenView>(),
        e(
            ("DELETE", "/organizations/{org}/scim/tokens/{token}"),
            ("revokeScimToken", "Revoke a SCIM token"),
            admin,
            scim::revoke_token,
        )
        .gives::<ScimTokenView>()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/scim/groups"),
            ("listGroups", "List the directory's groups with what they match"),
            admin,
            scim::list_groups,
        )
        .lists::<GroupView>(),
        e(
            ("GET", "/organizations/{org}/members"),
            ("listMembers", "List members with their grants"),
            member,
            members::list,
        )
        .lists::<MemberView>()
        .filters(&[
            ("source", "Members by a grant of that source"),
            ("state", "`active` or `suspended`"),
        ]),
        e(
            ("POST", "/organizations/{org}/members"),
            ("addMember", "Add a person by hand, or bring back one who was suspended"),
            admin,
            members::add,
        )
        .takes::<NewMember>()
        .gives::<MemberView>()
        .moves()
        .fresh_over_administrators(),
        e(
            ("GET", "/organizations/{org}/members/{account}"),
            ("getMember", "Read a member"),
            member,
            members::get,
        )
        .gives::<MemberView>(),
        e(
            ("PATCH", "/organizations/{org}/members/{account}"),
            ("setRole", "Change a member's role"),
            admin,
            members::change,
        )
        .takes::<RoleChange>()
        .gives::<MemberView>()
        .moves()
        .fresh_over_administrators(),
        e(
            ("DELETE", "/organizations/{org}/members/{account}"),
            ("removeMember", "Remove a member who was added by hand"),
            admin,
            members::remove,
        )
        .moves()
        .fresh_over_administrators(),
        e(("GET", "/organizations/{org}/teams"), ("listTeams", "List teams"), member, teams::list)
            .lists::<TeamView>(),
        e(
            ("POST", "/organizations/{org}/teams"),
            ("createTeam", "Make a team"),
            admin,
            teams::create,
        )
        .takes::<NewName>()
        .gives::<TeamView>(),
        e(
            ("GET", "/organizations/{org}/teams/{team}"),
            ("getTeam", "Read a team"),
            member,
            teams::get,
        )
        .gives::<TeamView>(),
        e(
            ("PATCH", "/organizations/{org}/teams/{team}"),
            ("renameTeam", "Rename a team"),
            admin,
            teams::rename,
        )
        .takes::<NewName>()
        .gives::<TeamView>(),
        e(
            ("DELETE", "/organizations/{org}/teams/{team}"),
            ("deleteTeam", "Delete a team"),
            admin,
            teams::delete,
        ),
        e(
            ("GET", "/organizations/{org}/teams/{team}/members"),
            ("listTeamMembers", "List the members of a team"),
            member,
            teams::members,
        )
        .lists::<TeamMemberView>(),
        e(
            ("PUT", "/organizations/{org}/teams/{team}/members/{account}"),
            ("addTeamMember", "Put a member into a team"),
            admin,
            teams::add_member,
        ),
        e(
            ("DELETE", "/organizations/{org}/teams/{team}/members/{account}"),
            ("removeTeamMember", "Take a member out of a team"),
            admin,
            teams::remove_member,
        ),
        e(
            ("GET", "/organizations/{org}/explain"),
            ("explain", "Why somebody is in the organization"),
            admin,
            audit::explain,
        )
        .gives::<Explanation>()
        .filters(EMAIL),
        e(
            ("GET", "/organizations/{org}/audit-events"),
            ("listAuditEvents", "Read the audit log"),
            admin,
            audit::list,
        )
        .lists::<AuditEvent>()
        .filters(&[
            ("name", "Events of that name, like `organization.linked`"),
            ("target", "Events about that id"),
            ("order", "`newest` (the default) or `oldest` first"),
        ]),
        e(
            ("POST", "/organizations/{org}/audit-exports"),
            ("createAuditExport", "Begin an export of the audit log; the log tells of it"),
            admin,
            audit::begin_export,
        )
        .takes::<NewAuditExport>()
        .gives::<AuditExportView>()
        .fresh(),
    ]
});

/// The parameters of a path, if it is of that form. A parameter may be followed by an action: `{id}:verify`.
fn matches(form: &'static str, path: &[String]) -> Option<BTreeMap<&'static str, String>> {
    let mut params = BTreeMap::new();
    let mut segments = path.iter();
    for part in form.trim_start_matches('/').split('/') {
        let segment = segments.next()?;
        match part.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            None if part == segment => {}
            None => return None,
            Some((name, action)) => {
                let value = match action {
                    "" if segment.contains(':') => return None,
                    action => segment.strip_suffix(action)?,
                };
                if value.is_empty() || value.len() > 255 {
                    return None;
                }
                params.insert(name, value.to_owned());
            }
        }
    }
    segments.next().is_none().then_some(params)
}

/// The endpoint of a method and a path as sent, and what the path names.
///
/// # Errors
/// [`Kind::NotFound`], [`Kind::MethodNotAllowed`]
pub(super) fn route(
    method: &str,
    path: &str,
) -> Result<(&'static Endpoint, BTreeMap<&'static str, String>)> {
    let path = path.trim_start_matches('/');
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments = path.split('/').map(|part| decode(part, false)).collect::<Result<Vec<_>>>()?;
    let mut allowed = Vec::new();
    for endpoint in TABLE.iter() {
        let Some(params) = matches(endpoint.path, &segments) else { continue };
        if endpoint.method == method || (method == "HEAD" && endpoint.method == "GET") {
            return Ok((endpoint, params));
        }
        allowed.push(endpoint.method);
    }
    if allowed.is_empty() {
        let detail = "There is no such endpoint; /api/v1/openapi.json lists them";
        return Err(Error::not_found(detail).with_code("no_such_endpoint"));
    }
    let detail = format!("This endpoint has no {method}; it has {}", allowed.join(", "));
    Err(Error::new(Kind::MethodNotAllowed, detail))
}

/// The endpoint that reads what a path names.
pub(super) fn reader(path: &str) -> Option<&'static Endpoint> {
    TABLE.iter().find(|endpoint| endpoint.method == "GET" && endpoint.path == path)
}
