//! SCIM Names: what groups find linked organizations by.

use std::collections::BTreeMap;

use serde_json::json;

use super::{no_organization, target};
use crate::error::Result;
use crate::org::people::{accounts_below, matching_group};
use crate::org::roles::settle_all;
use crate::org::{
    Cause, Link, Movement, Organization, Records, Refusal, ScimName, Source, What, tell,
};
use crate::resource::Id;
use crate::store::Tenant;

/// Refuses a SCIM Name that a linked organization has.
///
/// # Errors
/// [`Refusal::ScimNameTaken`], which doesn't say by whom: the linked organizations of an Admin Organization
/// know nothing of each other.
pub(in crate::org) fn require_free_name<R: Records>(
    tx: &mut R,
    admin: &Tenant,
    name: &ScimName,
) -> Result<()> {
    match tx.linked_by_name(admin, name.key())? {
        None => Ok(()),
        Some(_) => Err(Refusal::ScimNameTaken.because(format!(
            "The SCIM Name \"{}\" is taken; link without one, and let the Admin Organization set it",
            name.as_str()
        ))),
    }
}

/// Sets the SCIM Names of several linked organizations at once, so that two can be exchanged.
///
/// # Errors
/// [`Refusal::ScimNameTaken`], naming the organization that has it; [`crate::Kind::NotFound`].
pub fn set_scim_names<R: Records>(
    tx: &mut R,
    admin: &Organization,
    names: &[(Tenant, Option<ScimName>)],
    cause: &Cause<'_>,
) -> Result<(Vec<Organization>, Vec<Movement>)> {
    admin.require_admin()?;
    let mut before = Vec::new();
    for (id, _) in names {
        let linked = tx.organization(id)?.filter(|o| o.governed_by() == &admin.id && o.is_linked());
        let linked = linked.ok_or_else(no_organization)?;
        if before.iter().any(|(other, _): &(Organization, Option<Id>)| other.id == linked.id) {
            return Err(Refusal::InvalidName
                .because("An organization is named twice in one request; name each once"));
        }
        let group = matching_group(tx, &linked)?;
        before.push((linked, group));
    }
    // All names are let go before any is taken.
    let renamed = |organization: &Organization, name: Option<ScimName>| {
        let link = organization.link.clone().map(|link| Link { scim_name: name, ..link });
        Organization { link, ..organization.clone() }
    };
    let same = |organization: &Organization, name: &Option<ScimName>| {
        organization.link.as_ref().map(|link| &link.scim_name) == Some(name)
    };
    for (organization, _) in &before {
        tx.put_organization(&renamed(organization, None))?;
    }
    let (mut after, mut movements) = (Vec::new(), Vec::new());
    let mut causes: BTreeMap<Tenant, &str> = BTreeMap::new();
    for ((organization, group), (_, name)) in before.iter().zip(names) {
        if let Some(name) = name
            && let Some(other) = tx.linked_by_name(&admin.id, name.key())?
        {
            return Err(Refusal::ScimNameTaken.because(format!(
                "\"{}\" has the SCIM Name \"{}\"; to exchange two names send both in one request",
                other.name,
                name.as_str()
            )));
        }
        let new = renamed(organization, name.clone());
        tx.put_organization(&new)?;
        if !same(organization, name) {
            let old = organization.link.as_ref().and_then(|link| link.scim_name.as_ref());
            let event = match (old, name) {
                (None, _) => "scim_name.set",
                (Some(_), Some(_)) => "scim_name.changed",
                (Some(_), None) => "scim_name.cleared",
            };
            let detail = json!({
                "before": old.map(ScimName::as_str),
                "after": name.as_ref().map(ScimName::as_str),
            });
            causes.insert(organization.id.clone(), event);
            for org in [&admin.id, &organization.id] {
                cause.tell(tx, org, event, &target(&organization.id)?, detail.clone())?;
            }
            let now = matching_group(tx, &new)?;
            if now != *group {
                tell_match(tx, (&admin.id, &organization.id), group.as_ref(), now.as_ref(), cause)?;
                movements.extend(regroup(tx, admin, &new, group.as_ref(), now.as_ref())?);
            }
        }
        after.push(new);
    }
    settle_all(tx, &mut movements, false, cause.now)?;
    for (org, event) in causes {
        let own: Vec<Movement> = movements.iter().filter(|m| m.org == org).cloned().collect();
        tell(tx, cause, event, &own)?;
    }
    Ok((after, movements))
}

/// Tells the Admin Organization which group matches a linked organization, and which doesn't any more.
pub(super) fn tell_match<R: Records>(
    tx: &mut R,
    (admin, linked): (&Tenant, &Tenant),
    before: Option<&Id>,
    after: Option<&Id>,
    cause: &Cause<'_>,
) -> Result<()> {
    for (group, event) in [(before, "scim_group.unmatched"), (after, "scim_group.matched")] {
        if let Some(group) = group {
            cause.tell(tx, admin, event, group, json!({"other_org": linked.as_str()}))?;
        }
    }
    Ok(())
}

/// The members that one group gave go, those that another gives come.
fn regroup<R: Records>(
    tx: &mut R,
    admin: &Organization,
    organization: &Organization,
    before: Option<&Id>,
    after: Option<&Id>,
) -> Result<Vec<Movement>> {
    let mut movements = Vec::new();
    for (group, came) in [(before, false), (after, true)] {
        let Some(group) = group else { continue };
        for binding in tx.within(&admin.id, |tx| accounts_below(tx, group))? {
            let what = match (came, binding.active) {
                (false, _) => What::GrantRemoved,
                (true, true) => What::Granted,
                (true, false) => What::GrantedSuspended,
            };
            let (org, account) = (organization.id.clone(), binding.account);
            movements.push(Movement { org, account, source: Source::Group(group.clone()), what });
        }
    }
    Ok(movements)
}
