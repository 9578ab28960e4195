//! Organizations.

use super::{ADMIN, MEMBER, OWNER};
use crate::admin::endpoint::Access::SignedIn;
use crate::admin::endpoint::Endpoint;
use crate::admin::organizations::{
    self, NewName, NewOrganization, OrganizationChange, OrganizationView,
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    let e = Endpoint::new;
    vec![
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
            MEMBER,
            organizations::get,
        )
        .gives::<OrganizationView>(),
        e(
            ("PATCH", "/organizations/{org}"),
            ("changeOrganization", "Rename an organization, or change its policy"),
            ADMIN,
            organizations::change,
        )
        .takes::<OrganizationChange>()
        .gives::<OrganizationView>(),
        e(
            ("DELETE", "/organizations/{org}"),
            ("deleteOrganization", "Delete an organization with its directory"),
            OWNER,
            organizations::delete,
        )
        .moves()
        .fresh(),
        e(
            ("POST", "/organizations/{org}/admin-organization"),
            ("createAdminOrganization", "Make an Admin Organization; this one isn't linked by it"),
            ADMIN,
            organizations::create_admin,
        )
        .takes::<NewName>()
        .gives::<OrganizationView>()
        .moves()
        .fresh(),
    ]
}
