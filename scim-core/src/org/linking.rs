//! Linking codes, linking and unlinking, SCIM Names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::people::{accounts_below, matching_group, put_grant, settle_all};
use super::roles::settle;
use super::{
    ByPassword, Cause, CodeState, DomainPolicy, Grant, Link, LinkingCode, MembershipPolicy,
    Movement, OrgKind, Organization, Plan, Records, Refusal, Role, ScimName, Source, What,
    approval, people, teams, tell,
};
use crate::error::{Error, Result};
use crate::resource::Id;
use crate::store::Tenant;

/// Linked organizations read at a time.
const PAGE: usize = 500;

/// The organization of that id.
///
/// # Errors
/// [`crate::Kind::NotFound`]
pub fn organization<R: Records>(tx: &mut R, id: &Tenant) -> Result<Organization> {
    tx.organization(id)?.ok_or_else(no_organization)
}

/// The refusal of an organization that isn't there, or not for the caller.
#[must_use]
pub fn no_organization() -> Error {
    Error::not_found("There is no such organization, or it is not for you to see; check its id, or ask an owner for a role")
        .with_code("not_found")
}

pub(super) fn target(org: &Tenant) -> Result<Id> {
    Id::parse(org.as_str()).ok_or_else(|| Error::internal("an organization's id that is none"))
}

/// What a new organization is to be.
#[derive(Debug, Clone)]
pub struct NewOrganization<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub kind: OrgKind,
    /// What was bought.
    pub plan: Plan,
    /// Whose users it takes.
    pub domains: DomainPolicy,
    /// Who owns it.
    pub owner: Option<&'a Id>,
}

/// Makes an organization; its owner is its creator.
///
/// # Errors
/// [`Refusal::InvalidName`]
pub fn create<R: Records>(
    tx: &mut R,
    id: Tenant,
    new: &NewOrganization<'_>,
    cause: &Cause<'_>,
) -> Result<(Organization, Vec<Movement>)> {
    let organization = Organization {
        plan: new.plan,
        domains: new.domains,
        ..Organization::new(id, new.name, new.kind, cause.now)?
    };
    tx.put_organization(&organization)?;
    let org = &organization.id;
    let name = match new.kind {
        OrgKind::Regular => "organization.created",
        OrgKind::Admin => "admin_organization.created",
    };
    cause.tell(tx, org, name, &target(org)?, json!({"after": {"name": organization.name}}))?;
    let mut movements = Vec::new();
    if let Some(owner) = new.owner {
        put_grant(tx, org, owner, Source::Creator, None, cause.now)?;
        tx.put_role(org, owner, Role::Owner)?;
        let movement = |what| Movement {
            org: org.clone(),
            account: owner.clone(),
            source: Source::Creator,
            what,
        };
        let role = What::RoleChanged(Role::Member, Role::Owner);
        movements.extend([movement(What::Granted), movement(role)]);
        tell(tx, cause, name, &movements)?;
    }
    Ok((organization, movements))
}

/// Deletes an organization with its directory, tokens, codes and claims. A linked one is unlinked first;
/// its group stays, and matches nothing. Everybody loses what they have there; the log has one event for all
/// of them.
///
/// # Errors
/// [`Refusal::HasLinkedOrganizations`]
pub fn delete<R: Records>(
    tx: &mut R,
    organization: &Organization,
    cause: &Cause<'_>,
) -> Result<Vec<Movement>> {
    let org = &organization.id;
    if organization.is_admin() && !tx.linked(org, None, 1)?.is_empty() {
        return Err(Refusal::HasLinkedOrganizations
            .because("Organizations are linked to this one; unlink them first"));
    }
    let mut movements = match organization.link {
        Some(_) => unlink(tx, organization, Members::Remove, cause)?,
        None => Vec::new(),
    };
    // What began to rest by that goes too, which is told below.
    movements.retain(|movement| movement.what != What::Suspended);
    let organization = &self::organization(tx, org)?;
    let mut after = None;
    loop {
        let (page, next) = people::members(tx, organization, after, PAGE)?;
        movements.extend(page.into_iter().flat_map(|m| m.grants).map(|grant| Movement {
            org: grant.org,
            account: grant.account,
            source: grant.source,
            what: What::GrantRemoved,
        }));
        match next {
            None => break,
            next => after = next,
        }
    }
    approval::forget(tx, organization, cause)?;
    tx.remove_organization(org)?;
    let name =
        if organization.is_admin() { "admin_organization.deleted" } else { "organization.deleted" };
    cause.tell(tx, org, name, &target(org)?, json!({"before": {"name": organization.name}}))?;
    Ok(movements)
}

/// Keeps a new linking code: `id` and `digest` are the caller's, who shows the code once.
///
/// # Errors
/// [`Refusal::NotAnAdminOrg`], [`Refusal::PlanRequired`], [`Refusal::LinkCodeLimit`]
pub fn issue<R: Records>(
    tx: &mut R,
    admin: &Organization,
    (digest, hint): (&str, &str),
    (note, intended): (Option<String>, Option<Tenant>),
    cause: &Cause<'_>,
) -> Result<LinkingCode> {
    admin.require_admin()?;
    admin.require_enterprise()?;
    let live = tx.codes(&admin.id)?.iter().filter(|code| code.is_live(cause.now)).count();
    if live >= LinkingCode::MOST_LIVE {
        return Err(Refusal::LinkCodeLimit.because(format!(
            "{} linking codes are waiting to be used; revoke some first",
            LinkingCode::MOST_LIVE
        )));
    }
    let code = LinkingCode {
        org: admin.id.clone(),
        id: people::new_id("code", cause)?,
        digest: digest.to_owned(),
        hint: hint.to_owned(),
        note,
        intended,
        created: cause.now,
        created_by: cause.actor.to_owned(),
        expires: cause.now + LinkingCode::LIFETIME,
        state: CodeState::Issued,
    };
    tx.put_code(&code)?;
    cause.tell(tx, &admin.id, "link_code.issued", &code.id, json!({"ends_in": hint}))?;
    Ok(code)
}

/// Revokes a code that wasn't used. Revoking it again changes nothing.
///
/// # Errors
/// [`crate::Kind::NotFound`]; [`Refusal::LinkCodeRedeemed`] if it was used.
pub fn revoke<R: Records>(
    tx: &mut R,
    admin: &Organization,
    id: &Id,
    cause: &Cause<'_>,
) -> Result<LinkingCode> {
    let code = tx.codes(&admin.id)?.into_iter().find(|code| code.id == *id);
    let code = code.ok_or_else(|| {
        Error::not_found(
            "The organization has no such linking code; its list of codes has their ids",
        )
        .with_code("not_found")
    })?;
    match code.state {
        CodeState::Revoked { .. } => return Ok(code),
        CodeState::Redeemed { .. } => {
            return Err(Refusal::LinkCodeRedeemed
                .because("The code has been used; unlink the organization instead"));
        }
        CodeState::Issued => {}
    }
    let code = LinkingCode { state: CodeState::Revoked { at: cause.now }, ..code };
    tx.put_code(&code)?;
    cause.tell(tx, &admin.id, "link_code.revoked", &code.id, json!({}))?;
    Ok(code)
}

/// What linking would do, before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The Admin Organization.
    pub admin: Organization,
    /// The domains that it has verified.
    pub domains: Vec<String>,
    /// Whether its single sign-on is enabled, and whether it is required.
    pub sso: (bool, bool),
    /// Members of the organization whose addresses are in none of those domains.
    pub members_outside: u64,
    /// Claims of the organization that would be hidden.
    pub hidden_domains: Vec<String>,
    /// What the SCIM Name that was asked for would find.
    pub scim_name: Option<NameMatch>,
    /// What to mind.
    pub warnings: Vec<&'static str>,
}

/// What a SCIM Name would find. Whose group it is, and what other groups there are, is for the Admin
/// Organization to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameMatch {
    /// Whether a group has that name.
    pub matches: bool,
    /// How many people are in it, and in the groups in it.
    pub people: u64,
}

/// Links an organization with a code; gives what that changed. [`approval::redeem`] asks for the link where
/// it has to be approved.
///
/// # Errors
/// Why not, see [`LinkingCode::check`] and [`Organization::require_linkable`];
/// [`Refusal::LinkAwaitingApproval`].
pub fn link<R: Records>(
    tx: &mut R,
    organization: &Organization,
    digest: &str,
    scim_name: Option<ScimName>,
    cause: &Cause<'_>,
) -> Result<(Organization, Vec<Movement>)> {
    let org = &organization.id;
    let found = tx.code_by_digest(digest)?;
    // The same organization asks again for what it has: no second link, no second event.
    if let (Some(code), Some(there)) = (&found, &organization.link)
        && matches!(&code.state, CodeState::Redeemed { by, .. } if by == org)
        && there.admin == code.org
    {
        return Ok((organization.clone(), Vec::new()));
    }
    let (code, admin) = good_code(tx, organization, digest, cause)?;
    if let Some(name) = &scim_name {
        require_free_name(tx, &admin.id, name)?;
    }
    if admin.require_approval {
        return Err(Refusal::LinkAwaitingApproval
            .because("The Admin Organization approves each link; ask for it"));
    }
    use_up(tx, &code, org, cause)?;
    join(tx, organization, &admin, (&code.id, cause.actor.to_owned()), scim_name, cause)
}

/// A code that the organization may be linked by, and the Admin Organization that issued it.
pub(super) fn good_code<R: Records>(
    tx: &mut R,
    organization: &Organization,
    digest: &str,
    cause: &Cause<'_>,
) -> Result<(LinkingCode, Organization)> {
    organization.require_linkable()?;
    let code = tx.code_by_digest(digest)?.ok_or_else(LinkingCode::invalid)?;
    code.check(&organization.id, cause.now)?;
    let admin = self::organization(tx, &code.org)?;
    admin.require_enterprise()?;
    Ok((code, admin))
}

/// A code is good for one organization.
pub(super) fn use_up<R: Records>(
    tx: &mut R,
    code: &LinkingCode,
    by: &Tenant,
    cause: &Cause<'_>,
) -> Result<()> {
    let state = CodeState::Redeemed { by: by.clone(), at: cause.now };
    tx.put_code(&LinkingCode { state, ..code.clone() })?;
    let about = json!({"other_org": by.as_str()});
    cause.tell(tx, &code.org, "link_code.redeemed", &code.id, about)
}

/// Links an organization that may be linked, because of a code that somebody redeemed.
pub(super) fn join<R: Records>(
    tx: &mut R,
    organization: &Organization,
    admin: &Organization,
    (code, by): (&Id, String),
    scim_name: Option<ScimName>,
    cause: &Cause<'_>,
) -> Result<(Organization, Vec<Movement>)> {
    let org = &organization.id;
    let link = Link {
        admin: admin.id.clone(),
        scim_name: None,
        membership: MembershipPolicy::default(),
        since: cause.now,
        by,
    };
    let linked = Organization { link: Some(link), ..organization.clone() };
    tx.put_organization(&linked)?;
    let about =
        |other: &Organization| json!({"other_org": other.id.as_str(), "code": code.as_str()});
    cause.tell(tx, org, "organization.linked", &target(org)?, about(admin))?;
    cause.tell(tx, &admin.id, "organization.linked", &target(org)?, about(organization))?;
    cause.tell(tx, org, "scim_directory.dormant", &target(org)?, json!({}))?;
    match scim_name {
        None => Ok((linked, Vec::new())),
        Some(name) => {
            let (mut named, movements) =
                set_scim_names(tx, admin, &[(org.clone(), Some(name))], cause)?;
            Ok((named.pop().unwrap_or(linked), movements))
        }
    }
}

/// # Errors
/// [`Refusal::ScimNameTaken`], which doesn't say by whom: the linked organizations of an Admin Organization
/// know nothing of each other.
pub(super) fn require_free_name<R: Records>(
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

/// What becomes of members by a group when their organization is unlinked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Members {
    /// They stay, as if added by hand.
    Keep,
    /// They go, unless they are members for another reason.
    Remove,
}

/// Unlinks an organization: its own settings, claims and directory count again as they were. Whoever is
/// deactivated in the Admin Organization's directory at that moment is let go as if deleted there: nothing
/// that the organization has of the person comes back to life by unlinking.
///
/// # Errors
/// [`Refusal::NotLinked`]
pub fn unlink<R: Records>(
    tx: &mut R,
    organization: &Organization,
    members: Members,
    cause: &Cause<'_>,
) -> Result<Vec<Movement>> {
    let link = organization.require_link()?.clone();
    let org = &organization.id;
    let (mut movements, mut leavers) = (Vec::new(), BTreeSet::new());
    let group = matching_group(tx, organization)?;
    if let Some(group) = &group {
        let mut keep = Vec::new();
        let bindings = tx.within(&link.admin, |tx| accounts_below(tx, group))?;
        let movement = |account: &Id, source, what| Movement {
            org: org.clone(),
            account: account.clone(),
            source,
            what,
        };
        let inactive = bindings.iter().filter(|binding| !binding.active);
        leavers.extend(inactive.map(|binding| binding.account.clone()));
        let source = || Source::Group(group.clone());
        movements
            .extend(bindings.iter().map(|b| movement(&b.account, source(), What::GrantRemoved)));
        if members == Members::Keep {
            let label = people::group_name(tx, organization, group)?.unwrap_or_default();
            for binding in &bindings {
                let manual = tx.grants(org, &binding.account)?;
                if manual.iter().all(|grant| grant.source != Source::Manual) {
                    // Whom the directory has deactivated comes back by an administrator only.
                    let what = if binding.active { What::Granted } else { What::GrantedSuspended };
                    keep.push(binding);
                    movements.push(movement(&binding.account, Source::Manual, what));
                }
            }
            for binding in keep {
                tx.put_grant(&Grant {
                    org: org.clone(),
                    account: binding.account.clone(),
                    source: Source::Manual,
                    note: Some(format!("detached from {label}")),
                    suspended: !binding.active,
                    since: Some(cause.now),
                })?;
            }
        }
    }
    movements.extend(let_leavers_go(tx, org, &link.admin, &mut leavers)?);
    let before = link.scim_name.as_ref().map(ScimName::as_str);
    tx.put_organization(&Organization { link: None, ..organization.clone() })?;
    movements.extend(settle(tx, org, |account| leavers.contains(account), cause.now)?);
    teams::awake(tx, org, cause)?;
    let how = match members {
        Members::Keep => "keep",
        Members::Remove => "remove",
    };
    let about = |other: &Tenant| json!({"other_org": other.as_str(), "before": {"scim_name": before}, "members": how});
    tell_match(tx, (&link.admin, org), group.as_ref(), None, cause)?;
    tell(tx, cause, "organization.unlinked", &movements)?;
    cause.tell(tx, org, "organization.unlinked", &target(org)?, about(&link.admin))?;
    cause.tell(tx, &link.admin, "organization.unlinked", &target(org)?, about(org))?;
    cause.tell(tx, org, "scim_directory.activated", &target(org)?, json!({}))?;
    Ok(movements)
}

/// Lets those go whom the directory of `admin` has deactivated, of all who would be members of `org` on its
/// own: by stored grants, or by its own directory. Adds them to `leavers`.
fn let_leavers_go<R: Records>(
    tx: &mut R,
    org: &Tenant,
    admin: &Tenant,
    leavers: &mut BTreeSet<Id>,
) -> Result<Vec<Movement>> {
    let mut wake = Vec::new();
    let mut after: Option<Id> = None;
    loop {
        let grants = tx.grants_after(org, after.as_ref(), PAGE)?;
        let Some(last) = grants.last() else { break };
        after = Some(last.account.clone());
        wake.extend(grants.into_iter().filter(|grant| !grant.suspended));
    }
    let mut after: Option<Id> = None;
    loop {
        let bindings = tx.within(org, |tx| tx.bindings_after(after.as_ref(), PAGE))?;
        let Some(last) = bindings.last() else { break };
        after = Some(last.user.clone());
        let awake = bindings.into_iter().filter(|own| own.active && !own.detached);
        wake.extend(awake.map(|own| Grant {
            org: org.clone(),
            account: own.account,
            source: Source::Directory,
            note: None,
            suspended: false,
            since: None,
        }));
    }
    let mut movements = Vec::new();
    for grant in wake {
        let bindings = tx.bindings_of(&grant.account)?;
        if bindings.iter().all(|binding| binding.org != *admin || binding.active) {
            continue;
        }
        leavers.insert(grant.account.clone());
        let what = people::let_go(tx, admin, &grant)?;
        let Grant { org, account, source, .. } = grant;
        movements.push(Movement { org, account, source, what });
    }
    Ok(movements)
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
fn tell_match<R: Records>(
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

/// What linking an organization with a code would do.
///
/// # Errors
/// As [`link`].
pub fn preview<R: Records>(
    tx: &mut R,
    organization: &Organization,
    digest: &str,
    scim_name: Option<&ScimName>,
    cause: &Cause<'_>,
) -> Result<Preview> {
    let (_, admin) = good_code(tx, organization, digest, cause)?;
    let scim_name = match scim_name {
        None => None,
        Some(name) => Some(name_match(tx, &admin.id, name)?),
    };
    let verified: BTreeSet<String> = tx
        .domains(&admin.id)?
        .into_iter()
        .filter(super::ClaimedDomain::holds)
        .map(|domain| domain.name.to_string())
        .collect();
    let settings = tx.sso(&admin.id)?;
    let hidden: Vec<_> = tx.domains(&organization.id)?;
    let mut members_outside = 0;
    let mut after = None;
    loop {
        let (page, next) = people::members(tx, organization, after, PAGE)?;
        for member in page {
            let email = tx.account(&member.account)?.and_then(|account| account.email);
            let domain =
                email.as_deref().and_then(|e| e.rsplit_once('@')).map(|(_, d)| d.to_lowercase());
            if domain.is_none_or(|domain| !verified.contains(&domain)) {
                members_outside += 1;
            }
        }
        match next {
            None => break,
            next => after = next,
        }
    }
    let warnings = warnings(tx, &organization.id, &admin.id)?;
    Ok(Preview {
        domains: verified.into_iter().collect(),
        sso: settings.map_or((false, false), |s| (s.enabled, s.required)),
        members_outside,
        hidden_domains: hidden.into_iter().map(|domain| domain.name.to_string()).collect(),
        scim_name,
        warnings,
        admin,
    })
}

/// What a linked organization with that SCIM Name would find.
fn name_match<R: Records>(tx: &mut R, admin: &Tenant, name: &ScimName) -> Result<NameMatch> {
    require_free_name(tx, admin, name)?;
    tx.within(admin, |tx| {
        let Some(group) = tx.group_named(name.key())? else {
            return Ok(NameMatch { matches: false, people: 0 });
        };
        let people: BTreeSet<Id> =
            accounts_below(tx, &group)?.into_iter().map(|binding| binding.account).collect();
        Ok(NameMatch { matches: true, people: people.len() as u64 })
    })
}

/// What to mind about an organization that is, or is to be, linked to an Admin Organization.
///
/// # Errors
/// From the storage.
pub fn warnings<R: Records>(
    tx: &mut R,
    organization: &Tenant,
    admin: &Tenant,
) -> Result<Vec<&'static str>> {
    let settings = tx.sso(admin)?;
    let without_sso = settings.as_ref().is_none_or(|settings| !settings.enabled);
    let no_glass = settings.is_some_and(|s| s.by_password(Role::Owner) == ByPassword::IsRefused);
    let own_sso = tx.sso(organization)?.is_some();
    let own_domains = !tx.domains(organization)?.is_empty();
    let own_directory = !tx.within(organization, |tx| tx.bindings_after(None, 1))?.is_empty();
    let all = [
        (without_sso, "sso_not_configured"),
        (no_glass, "break_glass_disabled"),
        (own_sso, "own_sso_ignored"),
        (own_domains, "own_domains_hidden"),
        (own_directory, "own_directory_dormant"),
    ];
    Ok(all.into_iter().filter(|(holds, _)| *holds).map(|(_, warning)| warning).collect())
}
