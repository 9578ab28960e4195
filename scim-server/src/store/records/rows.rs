//! Rows of the organizations' tables, to and from the records that they hold.

use diesel::prelude::{AsChangeset, Insertable, Queryable};
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use jiff::Timestamp;
use scim_core::org::{
    Account, Binding, ClaimedDomain, CodeState, DomainName, Grant, Link, LinkRequest, LinkingCode,
    Organization, ScimName, Source, Team,
};
use scim_core::store::Tenant;
use scim_core::{Error, Result};

use crate::store::tables::{
    accounts, bindings, domains, grants, link_codes, link_requests, organizations, roles, teams,
};
use crate::store::transaction::id_of;

fn time(ms: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(ms).map_err(Error::internal)
}

fn optional_time(ms: Option<i64>) -> Result<Option<Timestamp>> {
    ms.map(time).transpose()
}

fn millisecond(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_millisecond)
}

fn word<T: std::str::FromStr<Err = String>>(text: &str) -> Result<T> {
    text.parse().map_err(|e: String| Error::internal(e))
}

/// Selects the columns of [`OrganizationRow`] from `organizations o`. Each request asks for one, and the typed
/// query would be printed twice for each.
pub(in crate::store) const ORGANIZATION: &str = "SELECT o.id, o.name, o.domains, o.created, o.kind, o.plan, o.admin, o.scim_name, o.scim_key, \
     o.linked, o.linked_by, o.require_approval, o.adoption, o.membership";
pub(in crate::store) type OrganizationColumns = (
    Text,
    Text,
    Text,
    BigInt,
    Text,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<BigInt>,
    Nullable<Text>,
    Bool,
    Text,
    Text,
);

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = organizations, treat_none_as_null = true)]
pub(in crate::store) struct OrganizationRow {
    pub(super) id: String,
    name: String,
    domains: String,
    created: i64,
    kind: String,
    plan: String,
    admin: Option<String>,
    scim_name: Option<String>,
    scim_key: Option<String>,
    linked: Option<i64>,
    linked_by: Option<String>,
    require_approval: bool,
    adoption: String,
    membership: String,
}

impl From<&Organization> for OrganizationRow {
    fn from(o: &Organization) -> Self {
        let link = o.link.as_ref();
        let name = link.and_then(|link| link.scim_name.as_ref());
        Self {
            id: o.id.as_str().to_owned(),
            name: o.name.clone(),
            domains: o.domains.to_string(),
            created: o.created.as_millisecond(),
            kind: o.kind.to_string(),
            plan: o.plan.to_string(),
            admin: link.map(|link| link.admin.as_str().to_owned()),
            scim_name: name.map(|name| name.as_str().to_owned()),
            scim_key: name.map(|name| name.key().to_owned()),
            linked: link.map(|link| link.since.as_millisecond()),
            linked_by: link.map(|link| link.by.clone()),
            require_approval: o.require_approval,
            adoption: o.adoption.to_string(),
            membership: link.map(|link| link.membership).unwrap_or_default().to_string(),
        }
    }
}

impl TryFrom<OrganizationRow> for Organization {
    type Error = Error;

    fn try_from(row: OrganizationRow) -> Result<Self> {
        let link = match row.admin {
            None => None,
            Some(admin) => Some(Link {
                admin: Tenant::new(&admin),
                scim_name: row.scim_name.as_deref().map(ScimName::parse).transpose()?,
                membership: word(&row.membership)?,
                since: time(row.linked.unwrap_or_default())?,
                by: row.linked_by.unwrap_or_default(),
            }),
        };
        Ok(Self {
            id: Tenant::new(&row.id),
            name: row.name,
            kind: word(&row.kind)?,
            plan: word(&row.plan)?,
            domains: word(&row.domains)?,
            adoption: word(&row.adoption)?,
            require_approval: row.require_approval,
            link,
            created: time(row.created)?,
        })
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = accounts, treat_none_as_null = true)]
pub(in crate::store) struct AccountRow {
    id: String,
    email: Option<String>,
    key: Option<String>,
    name: Option<String>,
    password: Option<String>,
    created: i64,
}

impl AccountRow {
    pub(in crate::store) fn new(
        (id, email, key, name, password): (
            String,
            Option<String>,
            Option<String>,
            Option<String>,
            Option<String>,
        ),
        created: i64,
    ) -> Self {
        Self { id, email, key, name, password, created }
    }
}

impl From<&Account> for AccountRow {
    fn from(a: &Account) -> Self {
        Self {
            id: a.id.as_str().to_owned(),
            email: a.email.clone(),
            key: a.key.clone(),
            name: a.name.clone(),
            password: a.password.clone(),
            created: a.created.as_millisecond(),
        }
    }
}

impl TryFrom<AccountRow> for Account {
    type Error = Error;

    fn try_from(row: AccountRow) -> Result<Self> {
        Ok(Self {
            id: id_of(&row.id)?,
            email: row.email,
            key: row.key,
            name: row.name,
            password: row.password,
            created: time(row.created)?,
        })
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = bindings, primary_key(org, user_id))]
pub(in crate::store) struct BindingRow {
    org: String,
    user_id: String,
    account_id: String,
    active: bool,
    detached: bool,
}

impl BindingRow {
    pub(in crate::store) fn new(
        (org, user_id, account_id): (String, String, String),
        (active, detached): (bool, bool),
    ) -> Self {
        Self { org, user_id, account_id, active, detached }
    }
}

impl From<&Binding> for BindingRow {
    fn from(b: &Binding) -> Self {
        Self {
            org: b.org.as_str().to_owned(),
            user_id: b.user.as_str().to_owned(),
            account_id: b.account.as_str().to_owned(),
            active: b.active,
            detached: b.detached,
        }
    }
}

impl TryFrom<BindingRow> for Binding {
    type Error = Error;

    fn try_from(row: BindingRow) -> Result<Self> {
        Ok(Self {
            org: Tenant::new(&row.org),
            user: id_of(&row.user_id)?,
            account: id_of(&row.account_id)?,
            active: row.active,
            detached: row.detached,
        })
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = grants, primary_key(org, account_id, source), treat_none_as_null = true)]
pub(in crate::store) struct GrantRow {
    org: String,
    account_id: String,
    source: String,
    note: Option<String>,
    suspended: bool,
    since: Option<i64>,
}

impl GrantRow {
    pub(in crate::store) fn new(
        (org, account_id, source): (String, String, String),
        note: Option<String>,
        suspended: bool,
        since: Option<i64>,
    ) -> Self {
        Self { org, account_id, source, note, suspended, since }
    }
}

impl From<&Grant> for GrantRow {
    fn from(g: &Grant) -> Self {
        Self {
            org: g.org.as_str().to_owned(),
            account_id: g.account.as_str().to_owned(),
            source: g.source.word().to_owned(),
            note: g.note.clone(),
            suspended: g.suspended,
            since: millisecond(g.since),
        }
    }
}

impl TryFrom<GrantRow> for Grant {
    type Error = Error;

    fn try_from(row: GrantRow) -> Result<Self> {
        let source = Source::stored(&row.source)
            .ok_or_else(|| Error::internal("a stored grant of no known source"))?;
        Ok(Self {
            org: Tenant::new(&row.org),
            account: id_of(&row.account_id)?,
            source,
            note: row.note,
            suspended: row.suspended,
            since: optional_time(row.since)?,
        })
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = roles, primary_key(org, account_id))]
pub(in crate::store) struct RoleRow {
    pub(super) org: String,
    pub(super) account_id: String,
    pub(super) role: String,
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = link_codes, primary_key(org, id), treat_none_as_null = true)]
pub(in crate::store) struct CodeRow {
    org: String,
    id: String,
    digest: String,
    hint: String,
    note: Option<String>,
    intended: Option<String>,
    created: i64,
    created_by: String,
    expires: i64,
    state: String,
    redeemed_by: Option<String>,
    ended: Option<i64>,
}

impl From<&LinkingCode> for CodeRow {
    fn from(c: &LinkingCode) -> Self {
        let (state, redeemed_by, ended) = match &c.state {
            CodeState::Issued => ("issued", None, None),
            CodeState::Redeemed { by, at } => ("redeemed", Some(by.as_str().to_owned()), Some(*at)),
            CodeState::Revoked { at } => ("revoked", None, Some(*at)),
        };
        Self {
            org: c.org.as_str().to_owned(),
            id: c.id.as_str().to_owned(),
            digest: c.digest.clone(),
            hint: c.hint.clone(),
            note: c.note.clone(),
            intended: c.intended.as_ref().map(|org| org.as_str().to_owned()),
            created: c.created.as_millisecond(),
            created_by: c.created_by.clone(),
            expires: c.expires.as_millisecond(),
            state: state.to_owned(),
            redeemed_by,
            ended: millisecond(ended),
        }
    }
}

impl TryFrom<CodeRow> for LinkingCode {
    type Error = Error;

    fn try_from(row: CodeRow) -> Result<Self> {
        let at = time(row.ended.unwrap_or_default())?;
        let state = match (row.state.as_str(), row.redeemed_by) {
            ("issued", _) => CodeState::Issued,
            ("redeemed", Some(by)) => CodeState::Redeemed { by: Tenant::new(&by), at },
            ("revoked", _) => CodeState::Revoked { at },
            _ => return Err(Error::internal("a stored linking code in no known state")),
        };
        Ok(Self {
            org: Tenant::new(&row.org),
            id: id_of(&row.id)?,
            digest: row.digest,
            hint: row.hint,
            note: row.note,
            intended: row.intended.as_deref().map(Tenant::new),
            created: time(row.created)?,
            created_by: row.created_by,
            expires: time(row.expires)?,
            state,
        })
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = link_requests, primary_key(org), treat_none_as_null = true)]
pub(super) struct LinkRequestRow {
    org: String,
    id: String,
    admin: String,
    code_id: String,
    scim_name: Option<String>,
    created: i64,
    created_by: String,
    expires: i64,
}

impl From<&LinkRequest> for LinkRequestRow {
    fn from(r: &LinkRequest) -> Self {
        Self {
            org: r.org.as_str().to_owned(),
            id: r.id.as_str().to_owned(),
            admin: r.admin.as_str().to_owned(),
            code_id: r.code.as_str().to_owned(),
            scim_name: r.scim_name.as_ref().map(|name| name.as_str().to_owned()),
            created: r.created.as_millisecond(),
            created_by: r.created_by.clone(),
            expires: r.expires.as_millisecond(),
        }
    }
}

impl TryFrom<LinkRequestRow> for LinkRequest {
    type Error = Error;

    fn try_from(row: LinkRequestRow) -> Result<Self> {
        Ok(Self {
            org: Tenant::new(&row.org),
            id: id_of(&row.id)?,
            admin: Tenant::new(&row.admin),
            code: id_of(&row.code_id)?,
            scim_name: row.scim_name.as_deref().map(ScimName::parse).transpose()?,
            created: time(row.created)?,
            created_by: row.created_by,
            expires: time(row.expires)?,
        })
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = domains, primary_key(org, id), treat_none_as_null = true)]
pub(in crate::store) struct DomainRow {
    org: String,
    id: String,
    name: String,
    token: String,
    state: String,
    created: i64,
    verified: Option<i64>,
    checked: Option<i64>,
    missing: Option<i64>,
}

#[cfg(feature = "postgres")]
impl DomainRow {
    pub(in crate::store) fn new(
        [org, id, name, token, state]: [String; 5],
        created: i64,
        [verified, checked, missing]: [Option<i64>; 3],
    ) -> Self {
        Self { org, id, name, token, state, created, verified, checked, missing }
    }
}

impl From<&ClaimedDomain> for DomainRow {
    fn from(d: &ClaimedDomain) -> Self {
        Self {
            org: d.org.as_str().to_owned(),
            id: d.id.as_str().to_owned(),
            name: d.name.as_str().to_owned(),
            token: d.token.clone(),
            state: d.state.to_string(),
            created: d.created.as_millisecond(),
            verified: millisecond(d.verified),
            checked: millisecond(d.checked),
            missing: millisecond(d.missing),
        }
    }
}

impl TryFrom<DomainRow> for ClaimedDomain {
    type Error = Error;

    fn try_from(row: DomainRow) -> Result<Self> {
        Ok(Self {
            org: Tenant::new(&row.org),
            id: id_of(&row.id)?,
            name: DomainName::parse(&row.name)?,
            token: row.token,
            state: word(&row.state)?,
            created: time(row.created)?,
            verified: optional_time(row.verified)?,
            checked: optional_time(row.checked)?,
            missing: optional_time(row.missing)?,
        })
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = teams, primary_key(org, id), treat_none_as_null = true)]
pub(in crate::store) struct TeamRow {
    org: String,
    id: String,
    name: String,
    key: String,
    group_id: Option<String>,
    adopted: bool,
    created: i64,
}

impl From<&Team> for TeamRow {
    fn from(t: &Team) -> Self {
        Self {
            org: t.org.as_str().to_owned(),
            id: t.id.as_str().to_owned(),
            name: t.name.clone(),
            key: t.key.clone(),
            group_id: t.group.as_ref().map(|group| group.as_str().to_owned()),
            adopted: t.adopted,
            created: t.created.as_millisecond(),
        }
    }
}

impl TryFrom<TeamRow> for Team {
    type Error = Error;

    fn try_from(row: TeamRow) -> Result<Self> {
        Ok(Self {
            org: Tenant::new(&row.org),
            id: id_of(&row.id)?,
            name: row.name,
            key: row.key,
            group: row.group_id.as_deref().map(id_of).transpose()?,
            adopted: row.adopted,
            created: time(row.created)?,
        })
    }
}
