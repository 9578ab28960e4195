//! Organizations, accounts and memberships on the database: [`Records`].

pub(super) mod rows;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use jiff::Timestamp;
use scim_core::org::{
    Account, Binding, ClaimedDomain, DomainName, Grant, LinkRequest, LinkingCode, Organization,
    Place, Records, Role, Source, SsoSettings, Team,
};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Error, Result};

use super::error::of;
use super::later::{ACCOUNTS, BINDINGS, CREDENTIALS, MEMBERSHIPS};
use super::locks::Hold;
use super::plans::stored_plan;
use super::search::integer;
use super::statement::{Name, Statement, name, statement};
use super::tables::{
    accounts, bindings, domains, grants, group_names, link_codes, link_requests, members,
    organizations, roles, sso_settings, team_members, teams,
};
use super::transaction::{DieselTransaction, LIST, id_of};
use rows::{
    AccountRow, BindingRow, CodeRow, DomainRow, GrantRow, LinkRequestRow, ORGANIZATION,
    OrganizationColumns, OrganizationRow, RoleRow, TeamRow,
};

/// Changes the row of that key, or adds it. (`ON CONFLICT` is not to be had over several backends.)
macro_rules! put {
    ($tx:ident, $table:path, $key:expr, $row:expr) => {{
        let row = $row;
        let changed =
            diesel::update($table.find($key)).set(&row).execute($tx.conn()?).map_err(of)?;
        if changed == 0 {
            diesel::insert_into($table).values(&row).execute($tx.conn()?).map_err(of)?;
        }
        Ok(())
    }};
}

/// The columns of [`DomainRow`], and the beginning of a condition: each new user asks who has its domain.
const CLAIMS: &str = "SELECT org, id, name, token, state, created, verified, checked, missing FROM domains \
                      WHERE name = ";
type ClaimColumns =
    (Text, Text, Text, Text, Text, BigInt, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>);

/// The columns of [`BindingRow`], and the beginning of a condition.
const BINDING: &str = "SELECT org, user_id, account_id, active, detached FROM bindings WHERE ";
type BindingColumns = (Text, Text, Text, Bool, Bool);

/// The columns of [`GrantRow`], and the beginning of a condition.
const GRANTS: &str =
    "SELECT org, account_id, source, note, suspended, since FROM grants WHERE account_id = ";
type GrantColumns = (Text, Text, Text, Nullable<Text>, Bool, Nullable<BigInt>);

/// The columns of [`AccountRow`], and the beginning of a condition.
const ACCOUNT: &str = "SELECT id, email, key, name, password, created FROM accounts WHERE ";
type AccountColumns =
    (Text, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>, BigInt);

fn all<Row, Record>(rows: QueryResult<Vec<Row>>) -> Result<Vec<Record>>
where
    Record: TryFrom<Row, Error = Error>,
{
    rows.map_err(of)?.into_iter().map(Record::try_from).collect()
}

/// The row of a key. Asked for by `load`: `first` binds a limit, and SQLite plans anew for each one that is bound.
fn one<Row, Record>(rows: QueryResult<Vec<Row>>) -> Result<Option<Record>>
where
    Record: TryFrom<Row, Error = Error>,
{
    rows.map_err(of)?.into_iter().next().map(Record::try_from).transpose()
}

fn from<T: AsRef<str>>(after: Option<T>) -> String {
    after.map(|after| after.as_ref().to_owned()).unwrap_or_default()
}

impl Records for DieselTransaction<'_> {
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
            .filter(members::kind.ne("Group"))
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

    fn grants(&mut self, org: &Tenant, account: &Id) -> Result<Vec<Grant>> {
        self.enter(org)?;
        if let Some(person) = self.seen.person_of(account) {
            return Ok(person.grants.iter().filter(|grant| grant.org == *org).cloned().collect());
        }
        let rows: Vec<GrantRow> = statement(GRANTS)
            .text(account.as_str())
            .sql(" AND org = ")
            .text(org.as_str())
            .sql(" ORDER BY source")
            .rows_of::<name::Grants, GrantColumns, _>(self.conn_to_read(&[])?)?;
        all(Ok(rows))
    }

    fn grants_after(
        &mut self,
        org: &Tenant,
        after: Option<&Id>,
        limit: usize,
    ) -> Result<Vec<Grant>> {
        self.enter(org)?;
        let after = from(after.map(Id::as_str));
        let last: Option<String> = grants::table
            .filter(grants::org.eq(org.as_str()))
            .filter(grants::account_id.gt(&after))
            .order(grants::account_id)
            .select(grants::account_id)
            .distinct()
            .limit(integer(limit))
            .load::<String>(self.conn_to_read(&[])?)
            .map_err(of)?
            .pop();
        let Some(last) = last else { return Ok(Vec::new()) };
        all(grants::table
            .filter(grants::org.eq(org.as_str()))
            .filter(grants::account_id.gt(&after))
            .filter(grants::account_id.le(&last))
            .order((grants::account_id, grants::source))
            .load::<GrantRow>(self.conn_to_read(&[])?))
    }

    fn grants_of(&mut self, account: &Id) -> Result<Vec<Grant>> {
        if let Some(person) = self.seen.person_of(account) {
            return Ok(person.grants.clone());
        }
        let rows: Vec<GrantRow> = statement(GRANTS)
            .text(account.as_str())
            .sql(" ORDER BY org, source")
            .rows_of::<name::AllGrants, GrantColumns, _>(self.conn_to_read(&[])?)?;
        all(Ok(rows))
    }

    fn put_grant(&mut self, grant: &Grant) -> Result<()> {
        self.enter_alone(&grant.org)?;
        self.seen.person = None;
        let key = (grant.org.as_str(), grant.account.as_str(), grant.source.word());
        put!(self, grants::table, key, GrantRow::from(grant))
    }

    fn remove_grant(&mut self, org: &Tenant, account: &Id, source: &Source) -> Result<()> {
        self.enter_alone(org)?;
        self.seen.person = None;
        diesel::delete(grants::table.find((org.as_str(), account.as_str(), source.word())))
            .execute(self.conn()?)
            .map_err(of)
            .map(drop)
    }

    fn role(&mut self, org: &Tenant, account: &Id) -> Result<Option<Role>> {
        self.enter(org)?;
        if let Some(person) = self.seen.person_of(account)
            && person.knows(org)
        {
            let role = person.roles.iter().find(|(of, _)| of == org);
            return Ok(role.map(|(_, role)| *role));
        }
        let roles: Vec<String> = statement("SELECT role FROM roles WHERE org = ")
            .text(org.as_str())
            .sql(" AND account_id = ")
            .text(account.as_str())
            .rows_of::<name::Role, Text, _>(self.conn_to_read(&[])?)?;
        roles
            .into_iter()
            .next()
            .map(|role| role.parse().map_err(|e: String| Error::internal(e)))
            .transpose()
    }

    fn roles(&mut self, org: &Tenant) -> Result<Vec<(Id, Role)>> {
        self.enter(org)?;
        let rows: Vec<(String, String)> =
            statement("SELECT account_id, role FROM roles WHERE org = ")
                .text(org.as_str())
                .sql(" ORDER BY account_id")
                .rows_of::<name::Roles, (Text, Text), _>(self.conn_to_read(&[])?)?;
        rows.into_iter()
            .map(|(account, role)| {
                Ok((id_of(&account)?, role.parse().map_err(|e: String| Error::internal(e))?))
            })
            .collect()
    }

    fn put_role(&mut self, org: &Tenant, account: &Id, role: Role) -> Result<()> {
        self.enter_alone(org)?;
        self.seen.person = None;
        let key = (org.as_str(), account.as_str());
        if role == Role::Member {
            diesel::delete(roles::table.find(key)).execute(self.conn()?).map_err(of)?;
            return Ok(());
        }
        let row = RoleRow {
            org: org.as_str().to_owned(),
            account_id: account.as_str().to_owned(),
            role: role.to_string(),
        };
        put!(self, roles::table, key, row)
    }

    fn code_by_digest(&mut self, digest: &str) -> Result<Option<LinkingCode>> {
        self.entered(
            |tx| {
                one(link_codes::table
                    .filter(link_codes::digest.eq(digest))
                    .load::<CodeRow>(tx.conn_to_read(&[])?))
            },
            |code: &Option<LinkingCode>| code.iter().map(|code| code.org.clone()).collect(),
        )
    }

    fn codes(&mut self, org: &Tenant) -> Result<Vec<LinkingCode>> {
        self.enter(org)?;
        all(link_codes::table
            .filter(link_codes::org.eq(org.as_str()))
            .order(link_codes::id)
            .load::<CodeRow>(self.conn_to_read(&[])?))
    }

    fn put_code(&mut self, code: &LinkingCode) -> Result<()> {
        self.enter_alone(&code.org)?;
        let key = (code.org.as_str(), code.id.as_str());
        put!(self, link_codes::table, key, CodeRow::from(code))
    }

    fn link_request(&mut self, org: &Tenant) -> Result<Option<LinkRequest>> {
        self.enter(org)?;
        one(link_requests::table
            .filter(link_requests::org.eq(org.as_str()))
            .load::<LinkRequestRow>(self.conn()?))
    }

    fn link_requests(&mut self, admin: &Tenant) -> Result<Vec<LinkRequest>> {
        self.entered(
            |tx| {
                all(link_requests::table
                    .filter(link_requests::admin.eq(admin.as_str()))
                    .order(link_requests::id)
                    .load::<LinkRequestRow>(tx.conn()?))
            },
            // Each is its organization's, who may take it back.
            |requests: &Vec<LinkRequest>| {
                let asking = requests.iter().map(|request| request.org.clone());
                asking.chain([admin.clone()]).collect()
            },
        )
    }

    fn put_link_request(&mut self, request: &LinkRequest) -> Result<()> {
        self.enter_alone(&request.org)?;
        self.enter(&request.admin)?;
        put!(self, link_requests::table, request.org.as_str(), LinkRequestRow::from(request))
    }

    fn remove_link_request(&mut self, org: &Tenant) -> Result<()> {
        self.enter_alone(org)?;
        diesel::delete(link_requests::table.find(org.as_str()))
            .execute(self.conn()?)
            .map_err(of)
            .map(drop)
    }

    fn domains(&mut self, org: &Tenant) -> Result<Vec<ClaimedDomain>> {
        self.enter(org)?;
        all(domains::table
            .filter(domains::org.eq(org.as_str()))
            .order(domains::id)
            .load::<DomainRow>(self.conn_to_read(&[])?))
    }

    fn claims_on(&mut self, name: &DomainName) -> Result<Vec<ClaimedDomain>> {
        let known = self.seen.claims_on(name.as_str());
        if let Some(claims) = known.or_else(|| self.remembered_claims(name.as_str())) {
            return Ok(claims);
        }
        let claims = self.entered(
            |tx| {
                let rows: Vec<DomainRow> = statement(CLAIMS)
                    .text(name.as_str())
                    .sql(" ORDER BY org, id")
                    .rows_of::<name::Claims, ClaimColumns, _>(tx.conn_to_read(&[])?)?;
                all(Ok(rows))
            },
            |claims: &Vec<ClaimedDomain>| claims.iter().map(|claim| claim.org.clone()).collect(),
        )?;
        self.remember_claims(name.as_str(), &claims);
        Ok(claims)
    }

    fn put_domain(&mut self, domain: &ClaimedDomain) -> Result<()> {
        self.enter_alone(&domain.org)?;
        self.unsettle();
        let key = (domain.org.as_str(), domain.id.as_str());
        put!(self, domains::table, key, DomainRow::from(domain))
    }

    fn remove_domain(&mut self, org: &Tenant, id: &Id) -> Result<()> {
        self.enter_alone(org)?;
        self.unsettle();
        diesel::delete(domains::table.find((org.as_str(), id.as_str())))
            .execute(self.conn()?)
            .map_err(of)
            .map(drop)
    }

    fn sso(&mut self, org: &Tenant) -> Result<Option<SsoSettings>> {
        self.enter(org)?;
        let body: Option<String> = sso_settings::table
            .find(org.as_str())
            .select(sso_settings::body)
            .first(self.conn_to_read(&[])?)
            .optional()
            .map_err(of)?;
        body.map(|body| serde_json::from_str(&body).map_err(Error::internal)).transpose()
    }

    fn put_sso(&mut self, org: &Tenant, settings: Option<&SsoSettings>) -> Result<()> {
        self.enter_alone(org)?;
        diesel::delete(sso_settings::table.find(org.as_str())).execute(self.conn()?).map_err(of)?;
        if let Some(settings) = settings {
            let body = serde_json::to_string(settings).map_err(Error::internal)?;
            diesel::insert_into(sso_settings::table)
                .values((sso_settings::org.eq(org.as_str()), sso_settings::body.eq(body)))
                .execute(self.conn()?)
                .map_err(of)?;
        }
        Ok(())
    }

    fn teams(&mut self, org: &Tenant) -> Result<Vec<Team>> {
        self.enter(org)?;
        all(teams::table
            .filter(teams::org.eq(org.as_str()))
            .order(teams::id)
            .load::<TeamRow>(self.conn_to_read(&[])?))
    }

    fn team_named(&mut self, org: &Tenant, key: &str) -> Result<Option<Team>> {
        self.enter(org)?;
        one(teams::table
            .filter(teams::org.eq(org.as_str()))
            .filter(teams::key.eq(key))
            .load::<TeamRow>(self.conn_to_read(&[])?))
    }

    fn team_of(&mut self, org: &Tenant, group: &Id) -> Result<Option<Team>> {
        self.enter(org)?;
        one(teams::table
            .filter(teams::org.eq(org.as_str()))
            .filter(teams::group_id.eq(group.as_str()))
            .load::<TeamRow>(self.conn_to_read(&[])?))
    }

    fn put_team(&mut self, team: &Team) -> Result<()> {
        self.enter_alone(&team.org)?;
        let key = (team.org.as_str(), team.id.as_str());
        put!(self, teams::table, key, TeamRow::from(team))
    }

    fn remove_team(&mut self, org: &Tenant, id: &Id) -> Result<()> {
        self.enter_alone(org)?;
        diesel::delete(
            team_members::table
                .filter(team_members::org.eq(org.as_str()))
                .filter(team_members::team_id.eq(id.as_str())),
        )
        .execute(self.conn()?)
        .map_err(of)?;
        diesel::delete(teams::table.find((org.as_str(), id.as_str())))
            .execute(self.conn()?)
            .map_err(of)
            .map(drop)
    }

    fn team_members(&mut self, org: &Tenant, team: &Id) -> Result<Vec<(Id, Place)>> {
        self.enter(org)?;
        let found: Vec<(String, bool)> = team_members::table
            .filter(team_members::org.eq(org.as_str()))
            .filter(team_members::team_id.eq(team.as_str()))
            .order(team_members::account_id)
            .select((team_members::account_id, team_members::taken_out))
            .load(self.conn_to_read(&[])?)
            .map_err(of)?;
        let place = |out: bool| if out { Place::TakenOut } else { Place::PutIn };
        found.iter().map(|(text, out)| Ok((id_of(text)?, place(*out)))).collect()
    }

    fn set_team_member(
        &mut self,
        org: &Tenant,
        team: &Id,
        account: &Id,
        place: Option<Place>,
    ) -> Result<()> {
        self.enter_alone(org)?;
        let key = (org.as_str(), team.as_str(), account.as_str());
        diesel::delete(team_members::table.find(key)).execute(self.conn()?).map_err(of)?;
        let Some(place) = place else { return Ok(()) };
        diesel::insert_into(team_members::table)
            .values((
                team_members::org.eq(org.as_str()),
                team_members::team_id.eq(team.as_str()),
                team_members::account_id.eq(account.as_str()),
                team_members::taken_out.eq(place == Place::TakenOut),
            ))
            .execute(self.conn()?)
            .map_err(of)
            .map(drop)
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

    /// What is found without knowing whose it is: looked up again once the organizations are entered that
    /// it belongs to.
    fn entered<T: PartialEq>(
        &mut self,
        find: impl Fn(&mut Self) -> Result<T>,
        owners: impl Fn(&T) -> Vec<Tenant>,
    ) -> Result<T> {
        let mut found = find(self)?;
        if !matches!(self.hold, Hold::Entered(_)) {
            return Ok(found);
        }
        loop {
            for owner in owners(&found) {
                self.enter(&owner)?;
            }
            let again = find(self)?;
            if again == found {
                return Ok(found);
            }
            found = again;
        }
    }

    /// Claims of all organizations that were not checked since then, the longest waiting first.
    ///
    /// # Errors
    /// From the database.
    pub(crate) fn domains_due(
        &mut self,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<ClaimedDomain>> {
        all(domains::table
            .filter(domains::checked.is_null().or(domains::checked.lt(since.as_millisecond())))
            .filter(domains::state.ne("expired"))
            // Those that were never checked come first, wherever a database sorts NULL.
            .order((domains::checked.is_not_null(), domains::checked))
            .limit(integer(limit))
            .load::<DomainRow>(self.conn()?))
    }

    /// A claim, whosever it is by now.
    ///
    /// # Errors
    /// From the database.
    pub(crate) fn domain_of_id(&mut self, id: &Id) -> Result<Option<ClaimedDomain>> {
        self.entered(
            |tx| {
                one(domains::table
                    .filter(domains::id.eq(id.as_str()))
                    .load::<DomainRow>(tx.conn()?))
            },
            |claim: &Option<ClaimedDomain>| claim.iter().map(|claim| claim.org.clone()).collect(),
        )
    }
}
