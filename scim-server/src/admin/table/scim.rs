//! SCIM tokens, and the groups of a directory.

use super::ADMIN;
use crate::admin::endpoint::Endpoint;
use crate::admin::scim::{self, GroupView, NewScimToken, ScimTokenView};

pub(super) fn endpoints() -> Vec<Endpoint> {
    let e = Endpoint::new;
    vec![
        e(
            ("POST", "/organizations/{org}/scim/tokens"),
            ("createScimToken", "Make a SCIM token, shown once"),
            ADMIN,
            scim::create_token,
        )
        .takes::<NewScimToken>()
        .gives::<ScimTokenView>()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/scim/tokens"),
            ("listScimTokens", "List SCIM tokens"),
            ADMIN,
            scim::list_tokens,
        )
        .lists::<ScimTokenView>(),
        e(
            ("DELETE", "/organizations/{org}/scim/tokens/{token}"),
            ("revokeScimToken", "Revoke a SCIM token"),
            ADMIN,
            scim::revoke_token,
        )
        .gives::<ScimTokenView>()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/scim/groups"),
            ("listGroups", "List the directory's groups with what they match"),
            ADMIN,
            scim::list_groups,
        )
        .lists::<GroupView>(),
    ]
}
