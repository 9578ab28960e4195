//! The members of a group as rows.

use diesel::sql_types::{Nullable, Text};
use scim_core::Result;
use scim_core::resource::Id;
use scim_core::store::{Member, MemberView};

use super::rows::id_of;
use super::{DieselTransaction, FEW};
use crate::store::later::{MEMBERS, MEMBERSHIPS};
use crate::store::statement::{Statement, integer, name, statement};

impl DieselTransaction<'_> {
    /// Adds members to a group; tells who wasn't one.
    pub(super) fn join(&mut self, group: &Id, members: &[Member]) -> Result<Vec<Id>> {
        #[cfg(feature = "postgres")]
        {
            let more = u64::try_from(members.len()).unwrap_or_default();
            self.made.members = self.made.members.saturating_add(more);
        }
        let there = self.seen.members_there(group, members.iter().map(|member| &member.id));
        self.seen.forget_members();
        if let Some(there) = there {
            let new: Vec<&Member> = members.iter().filter(|m| !there.contains(&m.id)).collect();
            for member in &new {
                let sql = self.adding(group, member);
                self.write_rows_later(MEMBERS, member.id.as_str(), 1, sql)?;
            }
            return Ok(new.into_iter().map(|member| member.id.clone()).collect());
        }
        if self.link.is_far() && members.len() > 1 {
            return self.add_all(group, members);
        }
        let mut new = Vec::new();
        for member in members {
            if self.adding(group, member).execute(self.conn()?)? > 0 {
                new.push(member.id.clone());
            }
        }
        Ok(new)
    }

    /// Removes members from a group; tells who was one.
    pub(super) fn leave_group(&mut self, group: &Id, members: &[Id]) -> Result<Vec<Id>> {
        let there = self.seen.members_there(group, members.iter());
        let kinds = self.seen.kinds_of_members();
        self.seen.forget_members();
        if let Some(there) = there {
            self.groups_want_alone(kinds.iter().map(String::as_str))?;
            for member in &there {
                let sql = self.removing(group, member);
                self.write_rows_later(MEMBERS, member.as_str(), 1, sql)?;
            }
            return Ok(there);
        }
        self.lock_members(members)?;
        if self.link.is_far() && members.len() > 1 {
            return self.remove_all(group, members);
        }
        let mut gone = Vec::new();
        for member in members {
            if self.removing(group, member).execute(self.conn()?)? > 0 {
                gone.push(member.clone());
            }
        }
        Ok(gone)
    }

    /// Members of a group in the order of their ids.
    pub(super) fn members_after(
        &mut self,
        group: &Id,
        after: Option<&Id>,
        limit: usize,
    ) -> Result<Vec<Member>> {
        let most = if self.brief { limit.min(FEW) } else { limit };
        let rows: Vec<(String, String, Option<String>)> = self
            .of_members(statement("SELECT member_id, kind, display"), group, after)
            .limit(integer(most))
            .rows::<(Text, Text, Nullable<Text>), _>(self.conn_to_read(&MEMBERSHIPS)?)?;
        if most < limit && rows.len() == most {
            self.no_time_for_more()?;
        }
        let member =
            |(id, kind, display): (String, _, _)| Ok(Member { id: id_of(&id)?, kind, display });
        rows.into_iter().map(member).collect()
    }

    /// As [`Self::members_after`], each handed to `f` where it lies.
    pub(super) fn each_member_after(
        &mut self,
        group: &Id,
        after: Option<&Id>,
        limit: usize,
        f: &mut dyn FnMut(MemberView<'_>) -> Result<()>,
    ) -> Result<()> {
        if self.brief && limit > FEW {
            let beyond = statement("SELECT CAST(1 AS BIGINT)");
            let beyond = self.of_members(beyond, group, after).limit(1).offset(FEW);
            if beyond.count(self.conn_to_read(&MEMBERSHIPS)?)? > 0 {
                return self.no_time_for_more();
            }
        }
        // In one text: what a column costs on its way here is more than what it takes to put them together. Ids
        // and names of types have no spaces in them.
        let members =
            statement("SELECT kind || ' ' || member_id || ' ' || COALESCE('+' || display, '')");
        let sql = self.of_members(members, group, after).limit(integer(limit));
        sql.each(self.conn_to_read(&MEMBERSHIPS)?, &mut |text| {
            let mut parts = text.splitn(3, ' ');
            let mut next = || parts.next().unwrap_or_default();
            let (kind, id, display) = (next(), next(), next().strip_prefix('+'));
            f(MemberView { id, kind, display })
        })
    }

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
}
