//! Organizations, and who is linked to whom.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use scim_core::org::{Link, Organization, OrganizationRecords, ScimName};
use scim_core::store::Tenant;
use scim_core::{Error, Result};

use super::{all, from, one, time, word};
use crate::store::error::of;
use crate::store::locks::as_long_as_it_takes;
use crate::store::plans::stored_plan;
use crate::store::statement::{integer, name, statement};
use crate::store::tables::{
    bindings, domains, grants, group_names, link_codes, link_requests, members, organizations,
    roles, sso_settings, team_members, teams,
};
use crate::store::transaction::DieselTransaction;

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

impl OrganizationRecords for DieselTransaction<'_> {
    fn within<R>(&mut self, org: &Tenant, f: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        self.enter(org)?;
        let before = std::mem::replace(&mut self.tenant, org.clone());
        let done = f(self);
        self.tenant = before;
        done
    }

    fn organization(&mut self, id: &Tenant) -> Result<Option<Organization>> {
        self.enter(id)?;
        if let Some(known) = self.known.iter().find(|known| known.id == *id) {
            return Ok(Some(known.clone()));
        }
        if let Some(remembered) = self.remembered_organization(id) {
            return Ok(Some(remembered));
        }
        // Nearly all requests ask for an organization first, and many for the plan of the index then. A
        // statement that comes later sees the same only where the transaction is a snapshot.
        let plan = if self.link.is_far() { statement("CAST(NULL AS TEXT)") } else { stored_plan() };
        let rows: Vec<(OrganizationRow, Option<String>)> = statement(ORGANIZATION)
            .sql(", ")
            .then(&plan)
            .sql(" FROM organizations o WHERE o.id = ")
            .text(id.as_str())
            .rows_of::<name::Organization, (OrganizationColumns, Nullable<Text>), _>(
                self.conn_to_read(&[])?,
            )?;
        let mut found: Option<Organization> = None;
        for (row, plan) in rows {
            self.plan_is_stored_as(plan.as_deref());
            found = Some(row.try_into()?);
        }
        // Each request asks for its own several times. It is known where nobody changes it meanwhile.
        if let Some(organization) = &found {
            self.remember_organization(organization);
            if self.keeps_organization(id) {
                self.known.push(organization.clone());
            }
        }
        Ok(found)
    }

    fn organizations(&mut self, after: Option<&Tenant>, limit: usize) -> Result<Vec<Organization>> {
        all(organizations::table
            .filter(organizations::id.gt(from(after.map(Tenant::as_str))))
            .order(organizations::id)
            .limit(integer(limit))
            .load::<OrganizationRow>(self.conn_to_read(&[])?))
    }

    fn put_organization(&mut self, organization: &Organization) -> Result<()> {
        self.enter_alone(&organization.id)?;
        self.unsettle();
        if let Some(link) = &organization.link {
            self.enter(&link.admin)?;
        }
        put!(
            self,
            organizations::table,
            organization.id.as_str(),
            OrganizationRow::from(organization)
        )
    }

    fn remove_organization(&mut self, id: &Tenant) -> Result<()> {
        self.enter_alone(id)?;
        self.unsettle();
        as_long_as_it_takes(self.conn()?)?;
        let org = id.as_str();
        macro_rules! clear {
            ($($table:ident),+) => {$(
                diesel::delete($table::table.filter($table::org.eq(org)))
                    .execute(self.conn()?)
                    .map_err(of)?;
            )+};
        }
        clear!(group_names, bindings, grants, roles, link_codes, domains, sso_settings, teams);
        clear!(team_members, members, link_requests);
        diesel::delete(organizations::table.find(org)).execute(self.conn()?).map_err(of)?;
        self.within(id, Self::clear_directory)
    }

    fn linked(
        &mut self,
        admin: &Tenant,
        after: Option<&Tenant>,
        limit: usize,
    ) -> Result<Vec<Organization>> {
        self.enter(admin)?;
        all(organizations::table
            .filter(organizations::admin.eq(admin.as_str()))
            .filter(organizations::id.gt(from(after.map(Tenant::as_str))))
            .order(organizations::id)
            .limit(integer(limit))
            .load::<OrganizationRow>(self.conn_to_read(&[])?))
    }

    fn linked_by_name(&mut self, admin: &Tenant, key: &str) -> Result<Option<Organization>> {
        self.enter(admin)?;
        one(organizations::table
            .filter(organizations::admin.eq(admin.as_str()))
            .filter(organizations::scim_key.eq(key))
            .load::<OrganizationRow>(self.conn_to_read(&[])?))
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = organizations, treat_none_as_null = true)]
pub(in crate::store) struct OrganizationRow {
    id: String,
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
