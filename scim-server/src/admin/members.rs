//! Members of organizations.

use scim_core::org::people::{self, After, Membership};
use scim_core::org::{
    EmailAddress, Grant, GrantRecords as _, Organization, PersonRecords as _, Refusal, Role, Source,
};
use scim_core::resource::Id;
use scim_core::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::endpoint::bad;
use super::person::Person;
use super::reply::{Reply, time};

/// Pages looked at for one page of a filtered list.
const PAGES: usize = 20;

/// A member of an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberView {
    account: String,
    email: Option<String>,
    /// For the operator, and where a directory of the organization has the person.
    name: Option<String>,
    /// `owner`, `admin` or `member`.
    role: String,
    /// `active` or `suspended`.
    state: String,
    /// Why the person is a member.
    grants: Vec<GrantView>,
}

/// Why somebody is a member.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GrantView {
    /// `creator`, `manual`, `invite`, `jit`, `owner_protected`, `directory` or `group`.
    source: String,
    /// The group's id.
    group: Option<String>,
    /// The group's name.
    pub(super) group_name: Option<String>,
    note: Option<String>,
    suspended: bool,
    since: Option<String>,
}

/// A member to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMember {
    email: String,
    /// `member` (the default), `admin` or `owner`.
    role: Option<String>,
}

/// A role to give.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleChange {
    role: String,
}

/// Whom to make an owner.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnerRecovery {
    email: String,
}

fn role(organization: &Organization, text: &str) -> Result<Role> {
    text.parse().map_err(|_| {
        if organization.is_admin() && text == "billing_admin" {
            return Refusal::NotAvailableInAdminOrg
                .because("An Admin Organization has no billing, so no billing admins; choose owner, admin or member");
        }
        Refusal::InvalidRole.because("There is no such role; choose owner, admin or member")
    })
}

pub(super) fn grant_view(
    call: &mut Call<'_, '_>,
    organization: &Organization,
    grant: &Grant,
) -> Result<GrantView> {
    let group = match &grant.source {
        Source::Group(group) => Some(group.clone()),
        _ => None,
    };
    let group_name = match &group {
        None => None,
        Some(group) => people::group_name(call.tx, organization, group)?,
    };
    Ok(GrantView {
        source: grant.source.word().to_owned(),
        group: group.map(|group| group.as_str().to_owned()),
        group_name,
        note: grant.note.clone(),
        suspended: grant.suspended,
        since: grant.since.map(time),
    })
}

/// Whether a membership counts, in a word.
pub(super) fn state(membership: &Membership) -> &'static str {
    if membership.is_active() { "active" } else { "suspended" }
}

fn view(call: &mut Call<'_, '_>, o: &Organization, m: &Membership) -> Result<MemberView> {
    let account = call.tx.account(&m.account)?;
    let grants = m.grants.iter().map(|grant| grant_view(call, o, grant)).collect::<Result<_>>()?;
    let name = account.as_ref().and_then(|account| account.name.clone());
    let name = if knows_name(call, o, &m.account)? { name } else { None };
    Ok(MemberView {
        account: m.account.as_str().to_owned(),
        email: account.as_ref().and_then(|account| account.email.clone()),
        name,
        role: m.role.to_string(),
        state: state(m).to_owned(),
        grants,
    })
}

/// Whether the caller may see how a member is called: an address that somebody typed is no reason for that.
fn knows_name(call: &mut Call<'_, '_>, o: &Organization, account: &Id) -> Result<bool> {
    if *call.person == Person::Operator || call.person.account() == Some(account) {
        return Ok(true);
    }
    let bindings = call.tx.bindings_of(account)?;
    Ok(bindings.iter().any(|binding| binding.org == o.id || binding.org == *o.governed_by()))
}

/// Where a list of members goes on, as a cursor says it.
#[derive(Serialize, Deserialize)]
enum Place {
    Stored(String),
    User(Option<String>),
}

impl Place {
    fn after(self) -> Option<After> {
        match self {
            Self::Stored(account) => Id::parse(&account).map(After::Stored),
            Self::User(None) => Some(After::User(None)),
            Self::User(Some(user)) => Id::parse(&user).map(|user| After::User(Some(user))),
        }
    }

    fn of(after: &After) -> Self {
        match after {
            After::Stored(account) => Self::Stored(account.as_str().to_owned()),
            After::User(user) => Self::User(user.as_ref().map(|user| user.as_str().to_owned())),
        }
    }
}

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    let limit = call.limit()?;
    let mut after = match call.cursor::<Place>()? {
        None => None,
        Some(place) => place.after(),
    };
    let (source, state) = (call.filter("source"), call.filter("state"));
    if let Some(state) = state.filter(|state| !matches!(*state, "active" | "suspended")) {
        let detail = format!("state must be active or suspended, not \"{state}\"");
        return Err(bad("invalid_parameter", detail));
    }
    let derived = ["directory", "group"];
    let unknown = |word: &&str| Source::stored(word).is_none() && !derived.contains(word);
    if let Some(source) = source.filter(unknown) {
        let detail = format!(
            "source must be creator, manual, invite, jit, owner_protected, directory or group, not \"{source}\""
        );
        return Err(bad("invalid_parameter", detail));
    }
    let fits = |m: &Membership| {
        source.is_none_or(|source| m.grants.iter().any(|grant| grant.source.word() == source))
            && state.is_none_or(|state| m.is_active() == (state == "active"))
    };
    let mut found: Vec<Membership> = Vec::new();
    for _ in 0..PAGES {
        let (page, next) = people::members(call.tx, &organization, after, limit - found.len())?;
        found.extend(page.into_iter().filter(fits));
        after = next;
        if after.is_none() || found.len() >= limit {
            break;
        }
    }
    let views = found.iter().map(|m| view(call, &organization, m)).collect::<Result<Vec<_>>>()?;
    call.page(&views, after.as_ref().map(Place::of))
}

fn shown(call: &mut Call<'_, '_>, account: &Id) -> Result<MemberView> {
    let organization = call.organization()?;
    let membership = people::membership(call.tx, &organization.id, account)?;
    view(call, &organization, &membership.ok_or_else(people::no_member)?)
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply> {
    let account = call.id("account")?;
    Reply::ok(&shown(call, &account)?)
}

/// Whoever makes, changes or removes an owner or admin has signed in just now; and only owners do that with
/// owners.
fn require_authority(
    call: &mut Call<'_, '_>,
    organization: &Organization,
    roles: &[Role],
) -> Result<()> {
    if roles.iter().any(|role| *role > Role::Member) {
        call.person.require_fresh(call.cause.now)?;
    }
    if roles.contains(&Role::Owner) { require_owner(call, organization) } else { Ok(()) }
}

fn require_owner(call: &mut Call<'_, '_>, organization: &Organization) -> Result<()> {
    let Some(caller) = call.person.account() else { return Ok(()) };
    if call.tx.role(&organization.id, caller)? == Some(Role::Owner) {
        return Ok(());
    }
    let detail = "Only an owner makes others owners, and changes them; ask one";
    Err(Error::new(scim_core::Kind::Forbidden, detail).with_code("role_required"))
}

pub(super) fn add(call: &mut Call<'_, '_>) -> Result<Reply> {
    let new: NewMember = call.input()?;
    let organization = call.organization()?;
    let role = role(&organization, new.role.as_deref().unwrap_or("member"))?;
    let address = EmailAddress::parse(&new.email)?;
    let account = people::account_for(call.tx, &address, call.incoming.cause)?.id;
    // What somebody is counts too, unless it rests: who comes back has the role that is given now.
    let before = people::membership(call.tx, &organization.id, &account)?;
    if before.is_none() && call.is_dry_run() && *call.person != Person::Operator {
        // Whether there is an account with this address is not for the caller to know.
        call.unknown = Some((account.clone(), address.as_str().to_owned()));
    }
    let before = before.filter(Membership::is_active).map_or(Role::Member, |m| m.role);
    require_authority(call, &organization, &[before, role])?;
    let how = (Source::Manual, role);
    let movements = people::add(call.tx, &organization, &account, how, call.incoming.cause)?;
    call.moved(movements);
    Reply::created(&shown(call, &account)?)
}

pub(super) fn change(call: &mut Call<'_, '_>) -> Result<Reply> {
    let change: RoleChange = call.input()?;
    let (organization, account) = (call.organization()?, call.id("account")?);
    let role = role(&organization, &change.role)?;
    let before = call.tx.role(&organization.id, &account)?.unwrap_or(Role::Member);
    require_authority(call, &organization, &[before, role])?;
    let movements = people::set_role(call.tx, &organization, &account, role, call.incoming.cause)?;
    call.moved(movements);
    Reply::ok(&shown(call, &account)?)
}

pub(super) fn remove(call: &mut Call<'_, '_>) -> Result<Reply> {
    let (organization, account) = (call.organization()?, call.id("account")?);
    let before = call.tx.role(&organization.id, &account)?.unwrap_or(Role::Member);
    require_authority(call, &organization, &[before])?;
    let movements = people::remove(call.tx, &organization, &account, call.incoming.cause)?;
    call.moved(movements);
    Ok(Reply::nothing())
}

pub(super) fn recover_owner(call: &mut Call<'_, '_>) -> Result<Reply> {
    let recovery: OwnerRecovery = call.input()?;
    let organization = call.organization()?;
    let account = call
        .tx
        .account_known_by(EmailAddress::parse(&recovery.email)?.key())?
        .ok_or_else(|| {
            Error::not_found(
            "There is no account with this address; make one first (scim-server account create)",
        )
        .with_code("not_found")
        })?;
    let movements =
        people::recover_owner(call.tx, &organization, &account.id, call.incoming.cause)?;
    call.moved(movements);
    Reply::ok(&shown(call, &account.id)?)
}
