//! Accounts, and which users of which directories they are.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use jiff::Timestamp;
use scim_core::org::{Account, Binding, PersonRecords};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Error, Result};

use super::{all, from, time};
use crate::store::later::{ACCOUNTS, BINDINGS, CREDENTIALS};
#[cfg(feature = "postgres")]
use crate::store::locks::Hold;
use crate::store::statement::{Name, Statement, integer, name, statement};
use crate::store::tables::{accounts, bindings};
use crate::store::transaction::{DieselTransaction, LIST, id_of};

/// The columns of [`BindingRow`], and the beginning of a condition.
const BINDING: &str = "SELECT org, user_id, account_id, active, detached FROM bindings WHERE ";
type BindingColumns = (Text, Text, Text, Bool, Bool);

/// The columns of [`AccountRow`], and the beginning of a condition.
const ACCOUNT: &str = "SELECT id, email, key, name, password, created FROM accounts WHERE ";
type AccountColumns =
    (Text, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>, BigInt);

impl PersonRecords for DieselTransaction<'_> {
    fn foresee_person(&mut self, user: &Id) -> Result<()> {
        if !self.link.is_far() {
            return self.find_person(user);
        }
        #[cfg(feature = "postgres")]
        self.look_for_person(user)?;
        Ok(())
    }

    fn account(&mut self, id: &Id) -> Result<Option<Account>> {
        if let Some(person) = self.seen.person.as_ref().filter(|p| p.account.id == *id) {
            return Ok(Some(person.account.clone()));
        }
        self.one_account::<name::Account>(statement(ACCOUNT).sql("id = ").text(id.as_str()))
    }

    fn account_known_by(&mut self, key: &str) -> Result<Option<Account>> {
        self.one_account::<name::AccountByKey>(statement(ACCOUNT).sql("key = ").text(key))
    }

    fn put_account(&mut self, account: &Account) -> Result<()> {
        if let Some(person) = self.seen.person.as_mut().filter(|p| p.account.id == account.id) {
            person.account = account.clone();
        }
        let sql =
            statement("INSERT INTO accounts (id, email, key, name, password, created) VALUES (")
                .text(account.id.as_str())
                .sql(", ")
                .optional_text(account.email.as_deref())
                .sql(", ")
                .optional_text(account.key.as_deref())
                .sql(", ")
                .optional_text(account.name.as_deref())
                .sql(", ")
                .optional_text(account.password.as_deref())
                .sql(", ")
                .integer(account.created.as_millisecond())
                .sql(
                    ") ON CONFLICT (id) DO UPDATE SET email = excluded.email, key = excluded.key, \
                 name = excluded.name, password = excluded.password, created = excluded.created",
                );
        self.write_later(ACCOUNTS, account.id.as_str(), sql.named::<name::PutAccount>())
    }

    fn end_sessions(&mut self, account: &Id, now: Timestamp) -> Result<()> {
        let sql = statement("UPDATE credentials SET revoked = ")
            .integer(now.as_millisecond())
            .sql(" WHERE account_id = ")
            .text(account.as_str())
            .sql(" AND revoked IS NULL");
        let sql = sql.named::<name::EndSessions>();
        self.write_later(CREDENTIALS, account.as_str(), sql)
    }

    fn bindings(&mut self, users: &[Id]) -> Result<Vec<Binding>> {
        if let [user] = users {
            if let Some(person) = &self.seen.person
                && let Some(own) =
                    person.bindings.iter().find(|b| b.org == self.tenant && b.user == *user)
            {
                return Ok(vec![own.clone()]);
            }
            #[cfg(feature = "postgres")]
            if self.link.is_far() && matches!(self.hold, Hold::Organization(_)) {
                return self.look_for_binding(user);
            }
            // A list is prepared anew each time.
            let rows: Vec<BindingRow> = statement(BINDING)
                .sql("org = ")
                .text(self.tenant.as_str())
                .sql(" AND user_id = ")
                .text(user.as_str())
                .rows_of::<name::Binding, BindingColumns, _>(self.conn_to_read(&[BINDINGS])?)?;
            return all(Ok(rows));
        }
        let (org, mut found) = (self.tenant.clone(), Vec::new());
        for users in users.chunks(LIST) {
            found.extend(all(bindings::table
                .filter(bindings::org.eq(org.as_str()))
                .filter(bindings::user_id.eq_any(users.iter().map(Id::as_str)))
                .order(bindings::user_id)
                .load::<BindingRow>(self.conn_to_read(&[BINDINGS])?))?);
        }
        Ok(found)
    }

    fn bindings_after(&mut self, after: Option<&Id>, limit: usize) -> Result<Vec<Binding>> {
        let org = self.tenant.clone();
        all(bindings::table
            .filter(bindings::org.eq(org.as_str()))
            .filter(bindings::user_id.gt(from(after.map(Id::as_str))))
            .order(bindings::user_id)
            .limit(integer(limit))
            .load::<BindingRow>(self.conn_to_read(&[BINDINGS])?))
    }

    fn bindings_of(&mut self, account: &Id) -> Result<Vec<Binding>> {
        if let Some(person) = self.seen.person_of(account) {
            return Ok(person.bindings.clone());
        }
        let rows: Vec<BindingRow> = statement(BINDING)
            .sql("account_id = ")
            .text(account.as_str())
            .sql(" ORDER BY org")
            .rows_of::<name::Bindings, BindingColumns, _>(self.conn_to_read(&[BINDINGS])?)?;
        all(Ok(rows))
    }

    fn put_binding(&mut self, binding: &Binding) -> Result<()> {
        self.enter(&binding.org)?;
        self.seen.put_binding(binding);
        let sql =
            statement("INSERT INTO bindings (org, user_id, account_id, active, detached) VALUES (")
                .text(binding.org.as_str())
                .sql(", ")
                .text(binding.user.as_str())
                .sql(", ")
                .text(binding.account.as_str())
                .sql(", ")
                .boolean(binding.active)
                .sql(", ")
                .boolean(binding.detached);
        if !self.link.is_far() {
            // A column that isn't set needs no new entry in its index.
            let sql = sql
                .clone()
                .sql(
                    ") ON CONFLICT (org, user_id) DO UPDATE SET active = excluded.active, \
                     detached = excluded.detached WHERE bindings.account_id = excluded.account_id",
                )
                .named::<name::PutBinding>();
            if sql.execute(self.conn()?)? > 0 {
                return Ok(());
            }
        }
        let sql = sql.sql(
            ") ON CONFLICT (org, user_id) DO UPDATE SET account_id = excluded.account_id, \
             active = excluded.active, detached = excluded.detached",
        );
        self.write_later(BINDINGS, binding.user.as_str(), sql)
    }

    fn remove_binding(&mut self, user: &Id) -> Result<()> {
        self.be_alone()?;
        self.seen.person = None;
        let sql = statement("DELETE FROM bindings WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND user_id = ")
            .text(user.as_str());
        self.write_later(BINDINGS, user.as_str(), sql.named::<name::RemoveBinding>())
    }
}

impl DieselTransaction<'_> {
    /// An account, which no other transaction changes from then on if this one may.
    fn one_account<K: Name>(&mut self, sql: Statement) -> Result<Option<Account>> {
        let rows: Vec<AccountRow> = self
            .for_change_by_all(sql)
            .rows_of::<K, AccountColumns, _>(self.conn_to_read(&[ACCOUNTS])?)?;
        rows.into_iter().next().map(Account::try_from).transpose()
    }

    /// Accounts in the order of their ids.
    ///
    /// # Errors
    /// From the database.
    pub(crate) fn accounts_after(
        &mut self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Account>> {
        all(accounts::table
            .filter(accounts::id.gt(from(after)))
            .order(accounts::id)
            .limit(integer(limit))
            .load::<AccountRow>(self.conn()?))
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
