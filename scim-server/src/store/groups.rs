//! The groups of a directory, as its administrators see them.

use diesel::sql_types::{BigInt, Nullable, Text};
use scim_core::Result;
use scim_core::resource::Id;
use scim_core::store::Tenant;

use super::DieselTransaction;
use super::statement::integer;
use super::statement::statement;
use super::transaction::id_of;

/// A group, and how many members it lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSummary {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// How many members it lists.
    pub members: i64,
}

impl DieselTransaction<'_> {
    /// The groups of this transaction's organization, a page of them in the order of their ids.
    ///
    /// # Errors
    /// From the database.
    pub fn groups_after(&mut self, after: Option<&str>, limit: usize) -> Result<Vec<GroupSummary>> {
        let rows: Vec<(String, Option<String>, i64)> = statement(
            "SELECT r.id, r.label, (SELECT COUNT(*) FROM members m WHERE m.org = r.org AND \
             m.group_id = r.id) FROM resources r WHERE r.org = ",
        )
        .text(self.tenant.as_str())
        .sql(" AND r.kind = 'Group' AND r.id > ")
        .text(after.unwrap_or_default())
        .sql(" ORDER BY r.id")
        .limit(integer(limit))
        .rows::<(Text, Nullable<Text>, BigInt), _>(self.conn()?)?;
        rows.into_iter()
            .map(|(id, name, members)| {
                Ok(GroupSummary { id: id_of(&id)?, name: name.unwrap_or_default(), members })
            })
            .collect()
    }

    /// The users of a directory with that (folded) address.
    ///
    /// # Errors
    /// From the database.
    pub(crate) fn users_by_email(&mut self, org: &Tenant, key: &str) -> Result<Vec<Id>> {
        let rows: Vec<String> = statement("SELECT id FROM attribute_keys WHERE org = ")
            .text(org.as_str())
            .sql(" AND kind = 'User' AND attr = 'emails.value' AND key = ")
            .text(key)
            .sql(" UNION SELECT id FROM unique_keys WHERE org = ")
            .text(org.as_str())
            .sql(" AND kind = 'User' AND attr = 'userName' AND key = ")
            .text(key)
            .rows::<Text, _>(self.conn()?)?;
        Ok(rows.iter().filter_map(|id| Id::parse(id)).collect())
    }
}
