//! A person in all organizations, on SQLite: what the rules ask for one after the other, some of it twice, in two
//! statements.

use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use scim_core::Result;
use scim_core::org::{Account, Binding, Grant};
use scim_core::resource::Id;
use scim_core::store::Tenant;

use super::Person;
use crate::store::records::grants::GrantRow;
use crate::store::records::people::{AccountRow, BindingRow};
use crate::store::records::word;
use crate::store::statement::{name, statement};
use crate::store::transaction::DieselTransaction;

type Texts<T> = (T, T, T, T);

impl DieselTransaction<'_> {
    /// Looks for the person that a user is: the account, its bindings, grants and roles.
    pub(in crate::store) fn find_person(&mut self, user: &Id) -> Result<()> {
        if let Some(person) = &self.seen.person
            && person.bindings.iter().any(|b| b.org == self.tenant && b.user == *user)
        {
            return Ok(());
        }
        // By keys, in the order written.
        let sql = statement(
            "SELECT a.id, a.email, a.key, a.name, a.password, a.created, b.org, b.user_id, b.active, b.detached, \
             r.role FROM bindings u CROSS JOIN accounts a ON a.id = u.account_id \
             CROSS JOIN bindings b ON b.account_id = a.id \
             LEFT JOIN roles r ON r.org = b.org AND r.account_id = a.id WHERE u.org = ",
        )
        .text(self.tenant.as_str())
        .sql(" AND u.user_id = ")
        .text(user.as_str());
        type Columns =
            (Text, Texts<Nullable<Text>>, BigInt, (Text, Text), (Bool, Bool), Nullable<Text>);
        type Row =
            (String, Texts<Option<String>>, i64, (String, String), (bool, bool), Option<String>);
        let rows: Vec<Row> = sql.rows_of::<name::Person, Columns, _>(self.conn()?)?;
        let mut person: Option<Person> = None;
        for (id, (email, key, name, password), created, (org, user), marks, role) in rows {
            let person = match &mut person {
                Some(person) => person,
                None => {
                    let row = AccountRow::new((id.clone(), email, key, name, password), created);
                    person.insert(Person {
                        account: Account::try_from(row)?,
                        bindings: Vec::new(),
                        grants: Vec::new(),
                        roles: Vec::new(),
                    })
                }
            };
            let binding = Binding::try_from(BindingRow::new((org, user, id), marks))?;
            person.has_role(&binding.org, role)?;
            person.bindings.push(binding);
        }
        let Some(mut person) = person else { return Ok(()) };
        let sql = statement(
            "SELECT g.org, g.account_id, g.source, g.note, g.suspended, g.since, r.role FROM grants g \
             LEFT JOIN roles r ON r.org = g.org AND r.account_id = g.account_id WHERE g.account_id = ",
        )
        .text(person.account.id.as_str());
        type GrantColumns =
            (Text, Text, Text, Nullable<Text>, Bool, Nullable<BigInt>, Nullable<Text>);
        type GrantOf = (String, String, String, Option<String>, bool, Option<i64>, Option<String>);
        let rows: Vec<GrantOf> = sql.rows_of::<name::GrantsOf, GrantColumns, _>(self.conn()?)?;
        for (org, account, source, note, suspended, since, role) in rows {
            let row = GrantRow::new((org, account, source), note, suspended, since);
            let grant = Grant::try_from(row)?;
            person.has_role(&grant.org, role)?;
            person.grants.push(grant);
        }
        self.seen.person = Some(person.in_order());
        Ok(())
    }
}

impl Person {
    fn has_role(&mut self, org: &Tenant, role: Option<String>) -> Result<()> {
        let Some(role) = role else { return Ok(()) };
        if !self.roles.iter().any(|(of, _)| of == org) {
            self.roles.push((org.clone(), word(&role)?));
        }
        Ok(())
    }
}
