//! Linking codes, links and linked organizations.

use super::{ADMIN, OWNER};
use crate::admin::approvals::{self, LinkRequestView};
use crate::admin::codes::{self, LinkCodeView, NewLinkCode};
use crate::admin::endpoint::Endpoint;
use crate::admin::linked::{
    self, LinkedOrganizationView, MembershipChange, ScimNameChange, ScimNamesChange,
};
use crate::admin::links::{
    self, LinkOutcome, LinkPreview, LinkPreviewRequest, LinkRequest, UnlinkRequest,
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    let e = Endpoint::new;
    vec![
        e(
            ("POST", "/organizations/{org}/link-codes"),
            ("issueLinkCode", "Issue a linking code, shown once, good for three days"),
            ADMIN,
            codes::issue,
        )
        .takes::<NewLinkCode>()
        .gives::<LinkCodeView>()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/link-codes"),
            ("listLinkCodes", "List the linking codes of an Admin Organization"),
            ADMIN,
            codes::list,
        )
        .lists::<LinkCodeView>(),
        e(
            ("POST", "/organizations/{org}/link-codes:revoke-all"),
            ("revokeAllLinkCodes", "Revoke all linking codes that could be redeemed"),
            ADMIN,
            codes::revoke_all,
        )
        .lists::<LinkCodeView>()
        .fresh(),
        e(
            ("DELETE", "/organizations/{org}/link-codes/{code}"),
            ("revokeLinkCode", "Revoke a linking code"),
            ADMIN,
            codes::revoke,
        )
        .gives::<LinkCodeView>()
        .fresh(),
        e(
            ("POST", "/organizations/{org}/link:preview"),
            ("previewLink", "See what linking with a code would do"),
            ADMIN,
            links::preview,
        )
        .takes::<LinkPreviewRequest>()
        .gives::<LinkPreview>()
        .before(codes::count_try)
        .after(codes::previewed),
        e(
            ("POST", "/organizations/{org}/link"),
            ("link", "Link the organization with a code"),
            ADMIN,
            links::link,
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
            ADMIN,
            approvals::get,
        )
        .gives::<LinkRequestView>(),
        e(
            ("DELETE", "/organizations/{org}/link-request"),
            ("withdrawLinkRequest", "Take back the request to be linked"),
            ADMIN,
            approvals::withdraw,
        ),
        e(
            ("GET", "/organizations/{org}/link-requests"),
            ("listLinkRequests", "List the organizations that wait for an approval to be linked"),
            ADMIN,
            approvals::list,
        )
        .lists::<LinkRequestView>(),
        e(
            ("POST", "/organizations/{org}/link-requests/{request}:approve"),
            ("approveLinkRequest", "Link the organization that asked"),
            ADMIN,
            approvals::approve,
        )
        .gives::<LinkedOrganizationView>()
        .moves()
        .fresh(),
        e(
            ("POST", "/organizations/{org}/link-requests/{request}:refuse"),
            ("refuseLinkRequest", "Refuse a request to be linked"),
            ADMIN,
            approvals::refuse,
        ),
        e(
            ("POST", "/organizations/{org}/unlink"),
            ("unlink", "Unlink the organization; its own settings count again"),
            OWNER,
            links::unlink,
        )
        .takes::<UnlinkRequest>()
        .moves()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/linked-organizations"),
            ("listLinkedOrganizations", "List the organizations linked to an Admin Organization"),
            ADMIN,
            linked::list,
        )
        .lists::<LinkedOrganizationView>(),
        e(
            ("PATCH", "/organizations/{org}/linked-organizations:batch"),
            ("setScimNames", "Set several SCIM Names in one step, so that two can be exchanged"),
            ADMIN,
            linked::set_several,
        )
        .takes::<ScimNamesChange>()
        .lists::<LinkedOrganizationView>()
        .moves()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/linked-organizations/{linked}"),
            ("getLinkedOrganization", "Read a linked organization"),
            ADMIN,
            linked::get,
        )
        .gives::<LinkedOrganizationView>(),
        e(
            ("PATCH", "/organizations/{org}/linked-organizations/{linked}"),
            ("setScimName", "Set or clear the SCIM Name of a linked organization"),
            ADMIN,
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
            ADMIN,
            linked::set_membership,
        )
        .takes::<MembershipChange>()
        .gives::<LinkedOrganizationView>()
        .moves()
        .fresh(),
        e(
            ("POST", "/organizations/{org}/linked-organizations/{linked}/unlink"),
            ("unlinkLinkedOrganization", "Unlink an organization from the admin side"),
            ADMIN,
            linked::unlink_from_admin,
        )
        .takes::<UnlinkRequest>()
        .moves()
        .fresh(),
    ]
}
