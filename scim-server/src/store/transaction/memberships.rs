//! Which groups hold whom.

use std::collections::BTreeSet;

use diesel::sql_types::{BigInt, Nullable, Text};
use scim_core::Result;
use scim_core::resource::Id;
use scim_core::store::Membership;

use super::rows::id_of;
use super::{DieselTransaction, LIST};
use crate::store::later::MEMBERSHIPS;
use crate::store::statement::{name, statement};

impl DieselTransaction<'_> {
    /// The groups that hold any of these, directly or through others.
    pub(super) fn groups_that_hold(&mut self, members: &[Id]) -> Result<Vec<Membership>> {
        if let Some(found) = self.seen.groups_of(&self.tenant, members) {
            return Ok(found);
        }
        let mut found = Vec::new();
        let group_kind = self.group_kind();
        let unique: BTreeSet<&Id> = members.iter().collect();
        let unique: Vec<&Id> = unique.into_iter().collect();
        for ids in unique.chunks(LIST) {
            // Most are in no group, and most groups in none: that is found out for less.
            match ids {
                [id] if !self.link.is_far() => {
                    if let Some(direct) = self.groups_without_others(&group_kind, id)? {
                        found.extend(direct);
                        continue;
                    }
                }
                _ if !self.are_members(ids)? => continue,
                _ => {}
            }
            let rows: Vec<(String, String, i64, Option<String>)> = statement(
                "WITH RECURSIVE up (member_id, group_id, direct) AS (\
                 SELECT m.member_id, m.group_id, CAST(1 AS BIGINT) FROM members m WHERE m.org = ",
            )
            .text(self.tenant.as_str())
            .sql(" AND m.member_id ")
            .among(ids.iter().map(|id| id.as_str()))
            .sql(" UNION SELECT up.member_id, m.group_id, CAST(0 AS BIGINT) FROM up CROSS JOIN members m WHERE m.org = ")
            .text(self.tenant.as_str())
            .sql(
                " AND m.member_id = up.group_id) \
                 SELECT up.member_id, up.group_id, MAX(up.direct), r.label FROM up \
                 LEFT JOIN resources r ON r.org = ",
            )
            .text(self.tenant.as_str())
            .sql(" AND r.kind = ")
            .text(&group_kind)
            .sql(
                " AND r.id = up.group_id GROUP BY up.member_id, up.group_id, r.label \
                 ORDER BY up.member_id, up.group_id",
            )
            .rows::<(Text, Text, BigInt, Nullable<Text>), _>(self.conn_to_read(&MEMBERSHIPS)?)?;
            for (member, group, direct, display) in rows {
                let (member, group) = (id_of(&member)?, id_of(&group)?);
                found.push(Membership { member, group, display, direct: direct == 1 });
            }
        }
        if let ([id], false) = (members, self.link.is_far()) {
            // The rules ask for them, and then the answer.
            self.seen.groups = vec![(self.tenant.clone(), id.clone(), found.clone())];
        }
        Ok(found)
    }

    /// Whether a group lists any of them.
    pub(super) fn are_members(&mut self, ids: &[&Id]) -> Result<bool> {
        let any_of = statement("SELECT CAST(1 AS BIGINT) FROM members m WHERE m.org = ")
            .text(self.tenant.as_str())
            .sql(" AND m.member_id ")
            .among(ids.iter().map(|id| id.as_str()))
            .sql(" LIMIT 1");
        let conn = self.conn_to_read(&MEMBERSHIPS)?;
        let any: Vec<i64> = match ids {
            [_] => any_of.rows_of::<name::IsMember, BigInt, _>(conn)?,
            _ => any_of.rows::<BigInt, _>(conn)?,
        };
        Ok(!any.is_empty())
    }

    /// The groups that list somebody, if no other group lists those.
    pub(super) fn groups_without_others(
        &mut self,
        group_kind: &str,
        id: &Id,
    ) -> Result<Option<Vec<Membership>>> {
        let sql = statement(
            "SELECT m.group_id, r.label FROM members m LEFT JOIN resources r ON r.org = m.org AND r.kind = ",
        )
        .text(group_kind)
        .sql(" AND r.id = m.group_id WHERE m.org = ")
        .text(self.tenant.as_str())
        .sql(" AND m.member_id = ")
        .text(id.as_str())
        .sql(" ORDER BY m.group_id");
        let rows: Vec<(String, Option<String>)> = sql
            .rows_of::<name::GroupsOf, (Text, Nullable<Text>), _>(
                self.conn_to_read(&MEMBERSHIPS)?,
            )?;
        let mut groups = Vec::with_capacity(rows.len());
        for (group, display) in rows {
            let (member, group) = (id.clone(), id_of(&group)?);
            groups.push(Membership { member, group, display, direct: true });
        }
        for some in groups.chunks(LIST) {
            let ids: Vec<&Id> = some.iter().map(|membership| &membership.group).collect();
            if self.are_members(&ids)? {
                return Ok(None);
            }
        }
        Ok(Some(groups))
    }

    /// The groups that a group lists as members.
    pub(in crate::store) fn member_groups(&mut self, group: &Id) -> Result<Vec<Id>> {
        // 'Group' is spelled out for the sake of the index that has only those.
        let rows: Vec<String> = statement("SELECT member_id FROM members WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND group_id = ")
            .text(group.as_str())
            .sql(" AND kind = 'Group' ORDER BY member_id")
            .rows::<Text, _>(self.conn_to_read(&MEMBERSHIPS)?)?;
        rows.iter().map(|id| id_of(id)).collect()
    }

    /// The name of the type whose members are rows.
    pub(in crate::store) fn group_kind(&self) -> String {
        let kind = self.store.registry.types().iter().find(|kind| kind.has_members());
        kind.map(|kind| kind.name.clone()).unwrap_or_default()
    }
}
