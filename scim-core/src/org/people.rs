//! Who is a member of an organization, and why; and what people do about it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::json;

use super::graph::{groups_below, users_below};
use super::roles::{active_owners, require_other_owner, settle};
use super::{
    Account, Binding, Cause, EmailAddress, Grant, Movement, Organization, Records, Refusal, Role,
    Source, What, authority, tell,
};
use crate::error::{Error, Result};
use crate::resource::Id;
use crate::store::Tenant;

/// A person's membership of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The organization.
    pub org: Tenant,
    /// The person.
    pub account: Id,
    /// As what.
    pub role: Role,
    /// Why; never empty.
    pub grants: Vec<Grant>,
    /// The directory that governs the organization says that the person is inactive.
    pub inactive: bool,
}

impl Membership {
    /// Whether it counts now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.inactive && self.grants.iter().any(|grant| !grant.suspended)
    }

    /// The group that it comes from, if one.
    #[must_use]
    pub fn group(&self) -> Option<&Id> {
        self.grants.iter().find_map(|grant| match &grant.source {
            Source::Group(group) => Some(group),
            _ => None,
        })
    }
}

/// The membership of one person in one organization: stored grants, the organization's own directory, and
/// the group that its SCIM Name matches.
///
/// # Errors
/// From the storage.
pub fn membership<R: Records>(
    tx: &mut R,
    org: &Tenant,
    account: &Id,
) -> Result<Option<Membership>> {
    let Some(organization) = tx.organization(org)? else { return Ok(None) };
    memberships(tx, &organization, std::slice::from_ref(account)).map(|mut all| all.pop())
}

/// The memberships of these people, of those who are members, in their order.
///
/// # Errors
/// From the storage.
pub fn memberships<R: Records>(
    tx: &mut R,
    organization: &Organization,
    accounts: &[Id],
) -> Result<Vec<Membership>> {
    let org = &organization.id;
    let group = matching_group(tx, organization)?;
    let tree = match (&group, &organization.link) {
        (Some(group), Some(link)) => tx.within(&link.admin, |tx| groups_below(tx, group))?,
        _ => BTreeSet::new(),
    };
    let governing = organization.governed_by().clone();
    let mut found = Vec::new();
    for account in accounts {
        let mut grants = tx.grants(org, account)?;
        let bindings = tx.bindings_of(account)?;
        if let Some(own) = bindings.iter().find(|b| b.org == *org && !b.detached) {
            grants.push(derived(organization, own, Source::Directory));
        }
        let governed = bindings.iter().find(|b| b.org == governing);
        if let (Some(binding), Some(group)) = (governed, &group) {
            let user = std::slice::from_ref(&binding.user);
            let holds = tx
                .within(&governing, |tx| tx.groups_of(user))?
                .iter()
                .any(|m| m.direct && tree.contains(&m.group));
            if holds {
                grants.push(derived(organization, binding, Source::Group(group.clone())));
            }
        }
        if grants.is_empty() {
            continue;
        }
        found.push(Membership {
            org: org.clone(),
            account: account.clone(),
            role: tx.role(org, account)?.unwrap_or(Role::Member),
            grants,
            inactive: governed.is_some_and(|binding| !binding.active),
        });
    }
    Ok(found)
}

fn derived(organization: &Organization, binding: &Binding, source: Source) -> Grant {
    Grant {
        org: organization.id.clone(),
        account: binding.account.clone(),
        source,
        note: None,
        suspended: !binding.active,
        since: None,
    }
}

/// The group that gives membership of a linked organization.
///
/// # Errors
/// From the storage.
pub fn matching_group<R: Records>(tx: &mut R, organization: &Organization) -> Result<Option<Id>> {
    let Some(link) = &organization.link else { return Ok(None) };
    let Some(name) = &link.scim_name else { return Ok(None) };
    tx.within(&link.admin, |tx| tx.group_named(name.key()))
}

/// By which groups a person is in the group that gives membership of a linked organization: from one that
/// lists the person to that one, by a shortest way. Empty if the person isn't in it.
///
/// # Errors
/// From the storage.
pub fn way_through<R: Records>(
    tx: &mut R,
    organization: &Organization,
    account: &Id,
    group: &Id,
) -> Result<Vec<Id>> {
    let governing = organization.governed_by().clone();
    let bindings = tx.bindings_of(account)?;
    let Some(binding) = bindings.into_iter().find(|b| b.org == governing) else {
        return Ok(Vec::new());
    };
    tx.within(&governing, |tx| {
        let tree = groups_below(tx, group)?;
        // Upwards level by level: what is reached first is reached by a shortest way.
        let mut from: BTreeMap<Id, Option<Id>> = BTreeMap::new();
        let mut level = vec![binding.user];
        while !level.is_empty() && !from.contains_key(group) {
            let mut next = Vec::new();
            for m in tx.groups_of(&level)? {
                if m.direct && tree.contains(&m.group) && !from.contains_key(&m.group) {
                    let below = from.contains_key(&m.member).then_some(m.member);
                    from.insert(m.group.clone(), below);
                    next.push(m.group);
                }
            }
            level = next;
        }
        let mut way = Vec::new();
        let mut at = from.contains_key(group).then(|| group.clone());
        while let Some(group) = at {
            at = from.get(&group).cloned().flatten();
            way.push(group);
        }
        way.reverse();
        Ok(way)
    })
}

/// The organizations that a person is a member of.
///
/// # Errors
/// From the storage.
pub fn memberships_of<R: Records>(tx: &mut R, account: &Id) -> Result<Vec<Membership>> {
    let mut orgs: BTreeSet<Tenant> =
        tx.grants_of(account)?.into_iter().map(|grant| grant.org).collect();
    for binding in tx.bindings_of(account)? {
        let user = std::slice::from_ref(&binding.user);
        let matched = tx.within(&binding.org, |tx| {
            let groups: Vec<Id> = tx.groups_of(user)?.into_iter().map(|m| m.group).collect();
            tx.matched(&groups)
        })?;
        orgs.extend(matched.into_iter().map(|(_, organization)| organization.id));
        orgs.insert(binding.org);
    }
    let mut all = Vec::new();
    for org in orgs {
        all.extend(membership(tx, &org, account)?);
    }
    Ok(all)
}

/// How far a list of members has come: through the stored grants first, then through the directory or
/// the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Behind this account, among those with stored grants.
    Stored(Id),
    /// Behind this user, among those who are members by a directory or a group.
    User(Option<Id>),
}

/// A page of the members of an organization, and where the next begins. Walks by key: a page costs the
/// same wherever it is.
///
/// # Errors
/// From the storage.
pub fn members<R: Records>(
    tx: &mut R,
    organization: &Organization,
    after: Option<After>,
    limit: usize,
) -> Result<(Vec<Membership>, Option<After>)> {
    let org = &organization.id;
    let mut found: Vec<Membership> = Vec::new();
    let mut users_after = match after {
        Some(After::User(user)) => user,
        stored => {
            let mut after = match stored {
                Some(After::Stored(account)) => Some(account),
                _ => None,
            };
            loop {
                let grants = tx.grants_after(org, after.as_ref(), limit - found.len())?;
                let accounts: BTreeSet<Id> = grants.into_iter().map(|g| g.account).collect();
                let Some(last) = accounts.last().cloned() else { break };
                let accounts: Vec<Id> = accounts.into_iter().collect();
                found.extend(memberships(tx, organization, &accounts)?);
                after = Some(last.clone());
                if found.len() >= limit {
                    return Ok((found, Some(After::Stored(last))));
                }
            }
            None
        }
    };
    while found.len() < limit {
        let wanted = limit - found.len();
        let bindings = users_page(tx, organization, users_after.as_ref(), wanted)?;
        let Some((last, _)) = bindings.last().cloned() else { return Ok((found, None)) };
        users_after = Some(last);
        // A person is listed once: those with stored grants came before, and those whom both the own
        // directory and the group have come as users of the group's.
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for (_, binding) in bindings {
            let Some(binding) = binding else { continue };
            if tx.grants(org, &binding.account)?.is_empty() {
                let list = if binding.org == *org { &mut own } else { &mut others };
                list.push(binding.account);
            }
        }
        let own = memberships(tx, organization, &own)?;
        found.extend(own.into_iter().filter(|m| m.group().is_none()));
        found.extend(memberships(tx, organization, &others)?);
    }
    Ok((found, Some(After::User(users_after))))
}

/// The next users, in the order of their ids, who may be members by their directory or their group.
fn users_page<R: Records>(
    tx: &mut R,
    organization: &Organization,
    after: Option<&Id>,
    limit: usize,
) -> Result<Vec<(Id, Option<Binding>)>> {
    let org = &organization.id;
    let own = tx.within(org, |tx| tx.bindings_after(after, limit))?;
    let mut page: Vec<(Id, Option<Binding>)> = own
        .into_iter()
        .map(|b| if b.detached { (b.user, None) } else { (b.user.clone(), Some(b)) })
        .collect();
    if let (Some(group), Some(link)) = (matching_group(tx, organization)?, &organization.link) {
        let through_group = tx.within(&link.admin, |tx| {
            let mut users = BTreeSet::new();
            for group in groups_below(tx, &group)? {
                users.extend(tx.users_in(&group, after, limit)?);
            }
            let users: Vec<Id> = users.into_iter().take(limit).collect();
            let bindings = tx.bindings(&users)?;
            let of = |user: &Id| bindings.iter().find(|b| b.user == *user).cloned();
            Ok(users.into_iter().map(|user| (user.clone(), of(&user))).collect::<Vec<_>>())
        })?;
        page.extend(through_group);
    }
    page.sort_by(|(a, _), (b, _)| a.cmp(b));
    page.truncate(limit);
    Ok(page)
}

/// The people in the groups' trees, as accounts.
pub(crate) fn accounts_below<R: Records>(tx: &mut R, group: &Id) -> Result<Vec<Binding>> {
    let users: Vec<Id> = users_below(tx, std::slice::from_ref(group))?.into_iter().collect();
    tx.bindings(&users)
}

/// The account known by an address, made if there is none: how people are added by hand.
///
/// # Errors
/// From the storage.
pub fn account_for<R: Records>(
    tx: &mut R,
    email: &EmailAddress,
    cause: &Cause<'_>,
) -> Result<Account> {
    if let Some(account) = tx.account_known_by(email.key())? {
        return Ok(account);
    }
    let account = Account::new(new_id("acc", cause)?, cause.now).known_by(email);
    tx.put_account(&account)?;
    Ok(account)
}

/// A new id with a prefix that says what it names.
///
/// # Errors
/// None in practice.
pub fn new_id(prefix: &str, cause: &Cause<'_>) -> Result<Id> {
    let id = cause.env.ids.next();
    Id::parse(&format!("{prefix}_{id}")).ok_or_else(|| Error::internal("an id that is none"))
}

/// Adds a person by hand, or lifts what rests since the person was deleted from the directory.
///
/// # Errors
/// [`Refusal::AlreadyAMember`] if there is nothing to do; [`Refusal::MembershipAuthoritative`].
pub fn add<R: Records>(
    tx: &mut R,
    organization: &Organization,
    account: &Id,
    (source, role): (Source, Role),
    cause: &Cause<'_>,
) -> Result<Vec<Movement>> {
    let org = &organization.id;
    let there = tx.grants(org, account)?;
    let resting: Vec<Grant> = there.iter().filter(|grant| grant.suspended).cloned().collect();
    if resting.is_empty() && !there.is_empty() {
        return Err(Refusal::AlreadyAMember
            .because("The person is a member already; change the role instead"));
    }
    authority::require_by_hand(tx, organization, account)?;
    let mut movements = Vec::new();
    let movement = |source: Source, what| Movement {
        org: org.clone(),
        account: account.clone(),
        source,
        what,
    };
    if resting.is_empty() {
        put_grant(tx, org, account, source.clone(), None, cause.now)?;
        let inactive = membership(tx, org, account)?.is_some_and(|m| m.inactive);
        let what = if inactive { What::GrantedSuspended } else { What::Granted };
        movements.push(movement(source, what));
    }
    let returns = !resting.is_empty();
    for grant in resting {
        tx.put_grant(&Grant { suspended: false, ..grant.clone() })?;
        movements.push(movement(grant.source, What::Restored));
    }
    // Who returns has the role that is given now, not one that was given before.
    let before = tx.role(org, account)?.unwrap_or(Role::Member);
    if role > before || (returns && role != before) {
        tx.put_role(org, account, role)?;
        movements.push(movement(Source::Manual, What::RoleChanged(before, role)));
    }
    tell(tx, cause, "member.added", &movements)?;
    Ok(movements)
}

pub(super) fn put_grant<R: Records>(
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
pub(super) fn let_go<R: Records>(tx: &mut R, governing: &Tenant, grant: &Grant) -> Result<What> {
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

/// Removes a person by hand.
///
/// # Errors
/// [`Refusal::MembershipManagedByScim`] while a group or a live directory gives the membership (it would
/// come back); [`Refusal::LastOwner`]; [`crate::Kind::NotFound`].
pub fn remove<R: Records>(
    tx: &mut R,
    organization: &Organization,
    account: &Id,
    cause: &Cause<'_>,
) -> Result<Vec<Movement>> {
    let org = &organization.id;
    let membership = membership(tx, org, account)?.ok_or_else(no_member)?;
    if let Some(group) = membership.group() {
        let name = group_name(tx, organization, group)?.unwrap_or_default();
        return Err(Refusal::MembershipManagedByScim.because(format!(
            "The identity provider's group \"{name}\" gives this membership; take the person out of the group there"
        )));
    }
    let by_directory = membership.grants.iter().any(|grant| grant.source == Source::Directory);
    if by_directory && !organization.is_linked() {
        return Err(Refusal::MembershipManagedByScim.because(
            "The organization's directory gives this membership; remove the person in the identity provider",
        ));
    }
    require_other_owner(tx, org, account)?;
    let mut movements = Vec::new();
    for grant in &membership.grants {
        match &grant.source {
            Source::Directory => {
                let own = tx.bindings_of(account)?.into_iter().filter(|b| b.org == *org);
                for binding in own {
                    tx.put_binding(&Binding { detached: true, ..binding })?;
                }
            }
            source => tx.remove_grant(org, account, source)?,
        }
        movements.push(Movement {
            org: org.clone(),
            account: account.clone(),
            source: grant.source.clone(),
            what: What::GrantRemoved,
        });
    }
    let role = membership.role;
    tx.put_role(org, account, Role::Member)?;
    if role != Role::Member {
        let what = What::RoleChanged(role, Role::Member);
        let (org, account) = (org.clone(), account.clone());
        movements.push(Movement { org, account, source: Source::Manual, what });
    }
    for team in tx.teams(org)? {
        tx.set_team_member(org, &team.id, account, None)?;
    }
    tell(tx, cause, "member.removed", &movements)?;
    let detail = json!({"before": {"role": role.to_string()}});
    cause.tell(tx, org, "membership.removed", account, detail)?;
    Ok(movements)
}

/// The name of a group of the directory that governs an organization, if there is such a group.
///
/// # Errors
/// From the storage.
pub fn group_name<R: Records>(
    tx: &mut R,
    organization: &Organization,
    group: &Id,
) -> Result<Option<String>> {
    let found =
        tx.within(organization.governed_by(), |tx| tx.identify(std::slice::from_ref(group)))?;
    Ok(found.into_iter().next().and_then(|g| g.label))
}

/// Changes somebody's role.
///
/// # Errors
/// [`Refusal::LastOwner`]; [`crate::Kind::NotFound`].
pub fn set_role<R: Records>(
    tx: &mut R,
    organization: &Organization,
    account: &Id,
    role: Role,
    cause: &Cause<'_>,
) -> Result<Vec<Movement>> {
    let org = &organization.id;
    let membership = membership(tx, org, account)?.ok_or_else(no_member)?;
    if membership.role == role {
        return Ok(Vec::new());
    }
    if membership.role == Role::Owner {
        require_other_owner(tx, org, account)?;
    }
    tx.put_role(org, account, role)?;
    let what = What::RoleChanged(membership.role, role);
    let source = Source::Manual;
    let movements = vec![Movement { org: org.clone(), account: account.clone(), source, what }];
    tell(tx, cause, "member.role_changed", &movements)?;
    Ok(movements)
}

/// Gives an organization without an active owner one: what the operator does when its last owner left.
///
/// # Errors
/// [`crate::Kind::Conflict`] if somebody owns it.
pub fn recover_owner<R: Records>(
    tx: &mut R,
    organization: &Organization,
    account: &Id,
    cause: &Cause<'_>,
) -> Result<Vec<Movement>> {
    let org = &organization.id;
    if !active_owners(tx, org, None)?.is_empty() {
        return Err(Error::new(
            crate::Kind::Conflict,
            "The organization has an active owner; that one can make others owners",
        )
        .with_code("has_active_owner"));
    }
    let mut movements = Vec::new();
    let movement = |what| Movement {
        org: org.clone(),
        account: account.clone(),
        source: Source::Manual,
        what,
    };
    let held = membership(tx, org, account)?;
    if held.as_ref().is_none_or(|m| !m.is_active()) {
        put_grant(
            tx,
            org,
            account,
            Source::Manual,
            Some("recovered by the operator".into()),
            cause.now,
        )?;
        movements.push(movement(What::Granted));
    }
    let before = held.map_or(Role::Member, |m| m.role);
    if before != Role::Owner {
        tx.put_role(org, account, Role::Owner)?;
        movements.push(movement(What::RoleChanged(before, Role::Owner)));
    }
    if !active_owners(tx, org, None)?.contains(account) {
        let detail = "Nobody can sign in to this account: the directory that decides about it has \
                      deactivated or deleted the person. Choose another";
        return Err(Error::new(crate::Kind::Conflict, detail).with_code("account_inactive"));
    }
    tell(tx, cause, "owner.recovered", &movements)?;
    Ok(movements)
}

/// Whether somebody who is active, and may sign in, owns the organization.
///
/// # Errors
/// From the storage.
pub fn has_active_owner<R: Records>(tx: &mut R, org: &Tenant) -> Result<bool> {
    Ok(!active_owners(tx, org, None)?.is_empty())
}

/// Drops the roles of people who are no members any more, after grants went.
pub(super) fn settle_all<R: Records>(
    tx: &mut R,
    movements: &mut Vec<Movement>,
    suspended: bool,
    now: Timestamp,
) -> Result<()> {
    let orgs: BTreeSet<Tenant> =
        movements.iter().filter(|m| m.what == What::GrantRemoved).map(|m| m.org.clone()).collect();
    for org in orgs {
        movements.extend(settle(tx, &org, |_| suspended, now)?);
    }
    Ok(())
}

/// The refusal of a member whom the organization doesn't have.
#[must_use]
pub fn no_member() -> Error {
    Error::not_found("The organization has no such member; its list of members has their ids")
        .with_code("not_a_member")
}

/// Whether a person may sign in: the account is known by an address, and the directory that decides about
/// it has not set it aside. A user deleted there left no trace but an account without a password.
///
/// # Errors
/// From the storage.
pub fn may_sign_in<R: Records>(tx: &mut R, account: &Account) -> Result<bool> {
    let Some(Ok(email)) = account.key.as_deref().map(EmailAddress::parse) else {
        return Ok(false);
    };
    let Some(authority) = super::claims::authority(tx, email.domain())? else { return Ok(true) };
    let bindings = tx.bindings_of(&account.id)?;
    let user = bindings.iter().find(|binding| binding.org == authority);
    Ok(user.map_or(account.password.is_some(), |user| user.active))
}
