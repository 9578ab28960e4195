//! [`Team`]: what an organization that isn't linked makes of its directory's groups, by name.

use jiff::Timestamp;

use crate::resource::Id;
use crate::store::Tenant;

/// A team of a regular organization. One that came over SCIM *is* its group: members of the group are
/// members of the team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// The organization.
    pub org: Tenant,
    /// Its id, `team_…`.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// What the name is compared by.
    pub key: String,
    /// The group that it is.
    pub group: Option<Id>,
    /// Whether it was there before the group.
    pub adopted: bool,
    /// When it was made.
    pub created: Timestamp,
}

/// What people said of somebody and a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Put in by hand.
    PutIn,
    /// Taken out, although the group that the team is has the person: while the group is frozen because its
    /// organization is linked.
    TakenOut,
}
