//! Organizations, for those who start from the store: the first start, the command line, tests.

use diesel::prelude::*;
use jiff::Timestamp;
use scim_core::Result;
use scim_core::env::Env;
use scim_core::org::linking::{self, NewOrganization};
use scim_core::org::{Cause, DomainPolicy, OrgKind, Organization, OrganizationRecords as _, Plan};
use scim_core::store::Tenant;

use super::error::of;
use super::locks::lock;
use super::tables::attempts;
use super::{DieselStore, DieselTransaction};
use crate::secrets::{digest, random_id};

/// Who acts where nobody signed in: whoever runs the server.
pub const OPERATOR: &str = "operator";

/// The id of a new organization.
///
/// # Errors
/// If the system has no random numbers.
pub fn new_organization_id() -> Result<Tenant> {
    Ok(Tenant::new(&format!("org_{}", random_id()?)))
}

impl DieselStore {
    /// Runs `f` on a snapshot of all organizations.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn read_records<R>(
        &self,
        f: impl FnOnce(&mut DieselTransaction<'_>) -> Result<R>,
    ) -> Result<R> {
        let nobody = Tenant::new("");
        self.0.read_in(&nobody, f)
    }

    /// Runs `f` as if alone, over all organizations. `Ok` only once what it did is durable. May run it
    /// again, if it met another.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn write_records<R>(
        &self,
        f: impl FnMut(&mut DieselTransaction<'_>) -> Result<R>,
    ) -> Result<R> {
        self.0.write_entering(f)
    }

    /// Makes a regular organization without an owner.
    ///
    /// # Errors
    /// A name that is blank, too long, or has control characters.
    pub fn create_organization(
        &self,
        name: &str,
        domains: DomainPolicy,
        env: &Env,
    ) -> Result<Organization> {
        let id = new_organization_id()?;
        let now = env.clock.now();
        let request_id = env.ids.next();
        let cause = Cause { env, actor: OPERATOR, request_id: request_id.as_str(), now };
        let (kind, plan, owner) = (OrgKind::Regular, Plan::Enterprise, None);
        let new = NewOrganization { name, kind, plan, domains, owner };
        self.write_records(|tx| {
            linking::create(tx, id.clone(), &new, &cause).map(|(organization, _)| organization)
        })
    }

    /// All organizations, in the order of their ids.
    ///
    /// # Errors
    /// From the database.
    pub fn organizations(&self) -> Result<Vec<Organization>> {
        self.read_records(|tx| tx.organizations(None, i32::MAX as usize))
    }

    /// The organization of that id.
    ///
    /// # Errors
    /// From the database.
    pub fn organization(&self, id: &str) -> Result<Option<Organization>> {
        self.read_records(|tx| tx.organization(&Tenant::new(id)))
    }

    /// Notes one more try of `subject`, if there were fewer than `most` since `since`; tells whether it
    /// may be made. Counted in the database: a try is a try on every instance.
    ///
    /// # Errors
    /// From the database.
    pub fn may_try(
        &self,
        subject: &str,
        most: i64,
        (since, now): (Timestamp, Timestamp),
    ) -> Result<bool> {
        // Whose tries they are is told apart, and not kept.
        let subject = &*digest(subject);
        // Whoever is over the limit costs no write.
        let made: i64 = self.0.glance(|conn| {
            attempts::table
                .filter(attempts::subject.eq(subject))
                .filter(attempts::at.ge(since.as_millisecond()))
                .count()
                .get_result(conn)
                .map_err(of)
        })?;
        if made >= most {
            return Ok(false);
        }
        let id = random_id()?;
        self.0.write(|conn| {
            // Tries of one subject are counted one after the other.
            lock(conn, "attempts", subject)?;
            diesel::delete(attempts::table.filter(attempts::subject.eq(subject)))
                .filter(attempts::at.lt(since.as_millisecond()))
                .execute(conn)
                .map_err(of)?;
            let made: i64 = attempts::table
                .filter(attempts::subject.eq(subject))
                .count()
                .get_result(conn)
                .map_err(of)?;
            if made >= most {
                return Ok(false);
            }
            diesel::insert_into(attempts::table)
                .values((
                    attempts::subject.eq(subject),
                    attempts::at.eq(now.as_millisecond()),
                    attempts::id.eq(&id),
                ))
                .execute(conn)
                .map_err(of)?;
            Ok(true)
        })
    }

    /// Forgets all tries of before then: they count no more.
    ///
    /// # Errors
    /// From the database.
    pub(crate) fn forget_old_tries(&self, before: Timestamp) -> Result<()> {
        self.0.write(|conn| {
            diesel::delete(attempts::table.filter(attempts::at.lt(before.as_millisecond())))
                .execute(conn)
                .map_err(of)
                .map(drop)
        })
    }

    /// Forgets the tries of `subject`: one succeeded.
    ///
    /// # Errors
    /// From the database.
    pub fn forget_tries(&self, subject: &str) -> Result<()> {
        let subject = &*digest(subject);
        self.0.write(|conn| {
            diesel::delete(attempts::table.filter(attempts::subject.eq(subject)))
                .execute(conn)
                .map_err(of)
                .map(drop)
        })
    }
}

impl DieselTransaction<'_> {
    /// Takes back the latest try of `subject`: it was a right one.
    ///
    /// # Errors
    /// From the database.
    pub(crate) fn forget_latest_try(&mut self, subject: &str) -> Result<()> {
        let subject = &*digest(subject);
        let latest: Option<(i64, String)> = attempts::table
            .filter(attempts::subject.eq(subject))
            .order((attempts::at.desc(), attempts::id.desc()))
            .select((attempts::at, attempts::id))
            .first(self.conn()?)
            .optional()
            .map_err(of)?;
        if let Some((at, id)) = latest {
            diesel::delete(attempts::table.find((subject, at, &id)))
                .execute(self.conn()?)
                .map_err(of)?;
        }
        Ok(())
    }
}
