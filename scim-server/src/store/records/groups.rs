//! Groups by the key of their name, and what they hold.

use diesel::prelude::*;
use scim_core::Result;
use scim_core::org::{GroupRecords, Organization};
use scim_core::resource::Id;
use scim_core::schema::GROUP_TYPE;

use super::from;
use super::organizations::OrganizationRow;
use crate::store::error::of;
use crate::store::later::MEMBERSHIPS;
use crate::store::statement::integer;
use crate::store::tables::{group_names, members, organizations};
use crate::store::transaction::{DieselTransaction, LIST, id_of};

impl GroupRecords for DieselTransaction<'_> {
    fn name_group(&mut self, group: &Id, key: Option<&str>) -> Result<bool> {
        self.be_alone()?;
        let org = self.tenant.as_str().to_owned();
        if let Some(key) = key {
            self.store.require_short("displayName", key)?;
        }
        if let Some(key) = key
            && self.group_named(key)?.is_some_and(|holder| holder != *group)
        {
            return Ok(false);
        }
        diesel::delete(
            group_names::table
                .filter(group_names::org.eq(&org))
                .filter(group_names::group_id.eq(group.as_str())),
        )
        .execute(self.conn()?)
        .map_err(of)?;
        if let Some(key) = key {
            diesel::insert_into(group_names::table)
                .values((
                    group_names::org.eq(&org),
                    group_names::key.eq(key),
                    group_names::group_id.eq(group.as_str()),
                ))
                .execute(self.conn()?)
                .map_err(of)?;
        }
        Ok(true)
    }

    fn group_named(&mut self, key: &str) -> Result<Option<Id>> {
        let org = self.tenant.clone();
        let found: Vec<String> = group_names::table
            .find((org.as_str(), key))
            .select(group_names::group_id)
            .load(self.conn_to_read(&[])?)
            .map_err(of)?;
        found.first().map(|text| id_of(text)).transpose()
    }

    fn groups_in(&mut self, group: &Id) -> Result<Vec<Id>> {
        self.member_groups(group)
    }

    fn users_in(&mut self, group: &Id, after: Option<&Id>, limit: usize) -> Result<Vec<Id>> {
        let org = self.tenant.clone();
        let found: Vec<String> = members::table
            .filter(members::org.eq(org.as_str()))
            .filter(members::group_id.eq(group.as_str()))
            .filter(members::member_id.gt(from(after.map(Id::as_str))))
            .filter(members::kind.ne(GROUP_TYPE))
            .order(members::member_id)
            .limit(integer(limit))
            .select(members::member_id)
            .load(self.conn_to_read(&MEMBERSHIPS)?)
            .map_err(of)?;
        found.iter().map(|text| id_of(text)).collect()
    }

    fn matched(&mut self, groups: &[Id]) -> Result<Vec<(Id, Organization)>> {
        let (org, mut found) = (self.tenant.clone(), Vec::new());
        for groups in groups.chunks(LIST) {
            let rows: Vec<(String, OrganizationRow)> = group_names::table
                .inner_join(
                    organizations::table.on(organizations::admin
                        .eq(group_names::org.nullable())
                        .and(organizations::scim_key.eq(group_names::key.nullable()))),
                )
                .filter(group_names::org.eq(org.as_str()))
                .filter(group_names::group_id.eq_any(groups.iter().map(Id::as_str)))
                .order(group_names::group_id)
                .select((group_names::group_id, organizations::all_columns))
                .load(self.conn_to_read(&[])?)
                .map_err(of)?;
            for (group, row) in rows {
                found.push((id_of(&group)?, Organization::try_from(row)?));
            }
        }
        Ok(found)
    }
}
