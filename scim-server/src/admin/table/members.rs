//! Members and teams of organizations.

use super::{ADMIN, EMAIL, MEMBER};
use crate::admin::endpoint::Access::Operator;
use crate::admin::endpoint::Endpoint;
use crate::admin::explain::{self, Explanation};
use crate::admin::members::{self, MemberView, NewMember, OwnerRecovery, RoleChange};
use crate::admin::organizations::NewName;
use crate::admin::teams::{self, TeamMemberView, TeamView};

pub(super) fn endpoints() -> Vec<Endpoint> {
    let e = Endpoint::new;
    vec![
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
            ("GET", "/organizations/{org}/members"),
            ("listMembers", "List members with their grants"),
            MEMBER,
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
            ADMIN,
            members::add,
        )
        .takes::<NewMember>()
        .gives::<MemberView>()
        .moves()
        .fresh_over_administrators(),
        e(
            ("GET", "/organizations/{org}/members/{account}"),
            ("getMember", "Read a member"),
            MEMBER,
            members::get,
        )
        .gives::<MemberView>(),
        e(
            ("PATCH", "/organizations/{org}/members/{account}"),
            ("setRole", "Change a member's role"),
            ADMIN,
            members::change,
        )
        .takes::<RoleChange>()
        .gives::<MemberView>()
        .moves()
        .fresh_over_administrators(),
        e(
            ("DELETE", "/organizations/{org}/members/{account}"),
            ("removeMember", "Remove a member who was added by hand"),
            ADMIN,
            members::remove,
        )
        .moves()
        .fresh_over_administrators(),
        e(("GET", "/organizations/{org}/teams"), ("listTeams", "List teams"), MEMBER, teams::list)
            .lists::<TeamView>(),
        e(
            ("POST", "/organizations/{org}/teams"),
            ("createTeam", "Make a team"),
            ADMIN,
            teams::create,
        )
        .takes::<NewName>()
        .gives::<TeamView>(),
        e(
            ("GET", "/organizations/{org}/teams/{team}"),
            ("getTeam", "Read a team"),
            MEMBER,
            teams::get,
        )
        .gives::<TeamView>(),
        e(
            ("PATCH", "/organizations/{org}/teams/{team}"),
            ("renameTeam", "Rename a team"),
            ADMIN,
            teams::rename,
        )
        .takes::<NewName>()
        .gives::<TeamView>(),
        e(
            ("DELETE", "/organizations/{org}/teams/{team}"),
            ("deleteTeam", "Delete a team"),
            ADMIN,
            teams::delete,
        ),
        e(
            ("GET", "/organizations/{org}/teams/{team}/members"),
            ("listTeamMembers", "List the members of a team"),
            MEMBER,
            teams::members,
        )
        .lists::<TeamMemberView>(),
        e(
            ("PUT", "/organizations/{org}/teams/{team}/members/{account}"),
            ("addTeamMember", "Put a member into a team"),
            ADMIN,
            teams::add_member,
        ),
        e(
            ("DELETE", "/organizations/{org}/teams/{team}/members/{account}"),
            ("removeTeamMember", "Take a member out of a team"),
            ADMIN,
            teams::remove_member,
        ),
        e(
            ("GET", "/organizations/{org}/explain"),
            ("explain", "Why somebody is in the organization"),
            ADMIN,
            explain::explain,
        )
        .gives::<Explanation>()
        .filters(EMAIL),
    ]
}
