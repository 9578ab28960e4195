//! [`SharedSso`]: the rules for what comes over SCIM, inside the transaction that brings it.

mod groups;
mod identity;
mod users;

use super::{Cause, Organization, Records};
use crate::caller::Caller;
use crate::directory::{Change, Directory, Occasion};
use crate::env::Env;
use crate::error::{Error, Kind, Result};

/// The shipped rules. A directory serves its organization: users become its members; groups become its
/// teams, or, in an Admin Organization, memberships of the linked organizations that they match. The
/// directory of a linked organization sleeps.
#[derive(Debug, Clone)]
pub struct SharedSso {
    env: Env,
}

impl SharedSso {
    /// The rules, with the ids that they give.
    #[must_use]
    pub fn new(env: Env) -> Self {
        Self { env }
    }
}

/// A change under review: where, and why.
struct Review<'a, R> {
    tx: &'a mut R,
    organization: &'a Organization,
    cause: &'a Cause<'a>,
}

impl<R: Records> Directory<R> for SharedSso {
    fn admit(&self, _: &Caller, tx: &mut R) -> Result<()> {
        awake(tx).map(drop)
    }

    fn review(&self, change: &Change<'_>, on: &Occasion<'_>, tx: &mut R) -> Result<()> {
        let organization = awake(tx)?;
        let cause = Cause {
            env: &self.env,
            actor: &on.caller.actor,
            request_id: on.request_id,
            now: on.now,
        };
        let mut review = Review { tx, organization: &organization, cause: &cause };
        match change {
            Change::Create { new, members } if new.kind().has_members() => {
                review.group_created(new, !members.is_empty())
            }
            Change::Create { new, .. } if new.kind().has_groups() => review.user_created(new),
            Change::Replace { old, new } if new.kind().has_members() => {
                review.group_replaced(old, new)
            }
            Change::Replace { old, new } if new.kind().has_groups() => {
                review.user_replaced(old, new)
            }
            Change::Members { group, added, removed } => {
                review.members_changed(group, added, removed)
            }
            Change::Delete { old } if old.kind().has_members() => review.group_deleted(old),
            Change::Delete { old } if old.kind().has_groups() => review.user_deleted(old),
            // Types of the host application's own are no business of these rules.
            Change::Create { .. } | Change::Replace { .. } | Change::Delete { .. } => Ok(()),
        }
    }
}

/// The organization of the transaction, if its directory is awake.
fn awake<R: Records>(tx: &mut R) -> Result<Organization> {
    let tenant = tx.tenant().clone();
    let organization = tx.organization(&tenant)?.ok_or_else(|| {
        Error::new(
            Kind::Forbidden,
            "The organization of this token does not exist any more; use a token of another",
        )
    })?;
    let Some(link) = &organization.link else { return Ok(organization) };
    let admin = tx.organization(&link.admin)?.map(|admin| admin.name).unwrap_or_default();
    Err(Error::new(
        Kind::Forbidden,
        format!(
            "\"{}\" is linked to \"{admin}\"; provision through the SCIM endpoint of \"{admin}\", with a \
             token of its own",
            organization.name
        ),
    )
    .with_code("directory_dormant"))
}
