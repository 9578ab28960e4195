//! Giving a grant, and what leavers keep of one.

use jiff::Timestamp;

use crate::error::Result;
use crate::org::{Binding, Grant, Records, Source, What};
use crate::resource::Id;
use crate::store::Tenant;

pub(in crate::org) fn put_grant<R: Records>(
    tx: &mut R,
    org: &Tenant,
    account: &Id,
    source: Source,
    note: Option<String>,
    now: Timestamp,
) -> Result<()> {
    tx.put_grant(&Grant {
        org: org.clone(),
        account: account.clone(),
        source,
        note,
        suspended: false,
        since: Some(now),
    })
}

/// What leavers keep of a grant: grants of directories and groups go, all others rest until an administrator
/// brings them back. `governing` is the directory that they left.
pub(in crate::org) fn let_go<R: Records>(
    tx: &mut R,
    governing: &Tenant,
    grant: &Grant,
) -> Result<What> {
    match grant.source {
        Source::Group(_) => Ok(What::GrantRemoved),
        Source::Directory => {
            // That of a linked organization's sleeping directory: its user stays as it is, and gives
            // nothing any more.
            for own in tx.bindings_of(&grant.account)? {
                if own.org == grant.org && own.org != *governing {
                    tx.put_binding(&Binding { detached: true, ..own })?;
                }
            }
            Ok(What::GrantRemoved)
        }
        Source::Creator
        | Source::Manual
        | Source::Invite
        | Source::Jit
        | Source::OwnerProtected => {
            tx.put_grant(&Grant { suspended: true, ..grant.clone() })?;
            Ok(What::Suspended)
        }
    }
}
