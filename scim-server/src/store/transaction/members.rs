//! The members of a group as rows.

use diesel::sql_types::{BigInt, Nullable, Text};
use scim_core::Result;
use scim_core::resource::Id;
use scim_core::store::{Member, Membership};

use super::rows::id_of;
use super::{DieselTransaction, LIST};
use crate::store::later::MEMBERSHIPS;
use crate::store::statement::{Statement, name, statement};

impl DieselTransaction<'_> {
    pub(super) fn adding(&self, group: &Id, member: &Member) -> Statement {
        statement("INSERT INTO members (org, group_id, member_id, kind, display) VALUES (")
            .text(self.tenant.as_str())
            .sql(", ")
            .text(group.as_str())
            .sql(", ")
            .text(member.id.as_str())
            .sql(", ")
            .text(&member.kind)
            .sql(", ")
            .optional_text(member.display.as_deref())
            .sql(") ON CONFLICT DO NOTHING")
            .named::<name::AddMember>()
    }

    /// Adds members in one statement.
    pub(super) fn add_all(&mut self, group: &Id, members: &[Member]) -> Result<Vec<Id>> {
        // An array of texts has no NULL: what is shown is marked.
        let shown: Vec<String> = members
            .iter()
            .map(|m| m.display.as_ref().map_or_else(String::new, |d| format!("+{d}")))
            .collect();
        let sql = statement(
            "INSERT INTO members (org, group_id, member_id, kind, display) SELECT ",
        )
        .text(self.tenant.as_str())
        .sql(", ")
        .text(group.as_str())
        .sql(", m.id, m.kind, CASE WHEN m.shown <> '' THEN substr(m.shown, 2) END FROM unnest(")
        .list(members.iter().map(|member| member.id.as_str()))
        .sql(", ")
        .list(members.iter().map(|member| member.kind.as_str()))
        .sql(", ")
        .list(shown.iter().map(String::as_str))
        .sql(") AS m (id, kind, shown) ON CONFLICT DO NOTHING RETURNING member_id");
        let added: Vec<String> = sql.rows::<Text, _>(self.conn()?)?;
        added.iter().map(|id| id_of(id)).collect()
    }

    /// Removes members in one statement.
    pub(super) fn remove_all(&mut self, group: &Id, members: &[Id]) -> Result<Vec<Id>> {
        let sql = statement("DELETE FROM members WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND group_id = ")
            .text(group.as_str())
            .sql(" AND member_id ")
            .among(members.iter().map(Id::as_str))
            .sql(" RETURNING member_id");
        let gone: Vec<String> = sql.rows::<Text, _>(self.conn()?)?;
        gone.iter().map(|id| id_of(id)).collect()
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

    pub(super) fn removing(&self, group: &Id, member: &Id) -> Statement {
        statement("DELETE FROM members WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND group_id = ")
            .text(group.as_str())
            .sql(" AND member_id = ")
            .text(member.as_str())
            .named::<name::RemoveMember>()
    }

    /// From a group's members, in the order of their ids.
    pub(super) fn of_members(&self, sql: Statement, group: &Id, after: Option<&Id>) -> Statement {
        sql.sql(" FROM members WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND group_id = ")
            .text(group.as_str())
            .sql(" AND member_id > ")
            .text(after.map(Id::as_str).unwrap_or_default())
            .sql(" ORDER BY member_id")
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

    /// Removes all that the organization's directory holds, and its tokens.
    pub(in crate::store) fn clear_directory(&mut self) -> Result<()> {
        const CLEAR: [&str; 5] = [
            "DELETE FROM resources WHERE org = ",
            "DELETE FROM resource_counts WHERE org = ",
            "DELETE FROM unique_keys WHERE org = ",
            "DELETE FROM attribute_keys WHERE org = ",
            "DELETE FROM tokens WHERE org = ",
        ];
        for sql in CLEAR {
            statement(sql).text(self.tenant.as_str()).execute(self.conn()?)?;
        }
        Ok(())
    }

    /// The name of the type whose members are rows.
    pub(in crate::store) fn group_kind(&self) -> String {
        let kind = self.store.registry.types().iter().find(|kind| kind.has_members());
        kind.map(|kind| kind.name.clone()).unwrap_or_default()
    }
}
