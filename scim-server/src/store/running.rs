//! On which connection work is done, and how it begins and ends: reads on a snapshot, changes on the one connection that
//! writes to SQLite, or on one of several to PostgreSQL.

use diesel::r2d2::PooledConnection;
use scim_core::store::Tenant;
use scim_core::{Error, Result, Store};

use super::connection::{Conn, Manager};
use super::link::Link;
use super::locks::Hold;
use super::session::Session;
use super::transaction::DieselTransaction;
use super::writer::{Attempt, Writer};
use super::{DieselStore, Inner, Writes, statement};
#[cfg(feature = "postgres")]
use super::{growth, pooled};

impl Inner {
    /// Runs `f`, which sends one statement: it sees what is committed.
    pub(super) fn glance<R>(&self, f: impl Fn(&mut Conn) -> Result<R>) -> Result<R> {
        match &self.writes {
            Writes::Alone(_) => f(&mut *self.reader()?),
            #[cfg(feature = "postgres")]
            Writes::Pooled(_) => pooled::Reading::new(&self.readers).glance(f),
        }
    }

    /// Runs `f` on a snapshot.
    pub(super) fn read_in<R>(
        &self,
        tenant: &Tenant,
        f: impl FnOnce(&mut DieselTransaction<'_>) -> Result<R>,
    ) -> Result<R> {
        match &self.writes {
            Writes::Alone(_) => {
                let mut conn = self.reader()?;
                statement::begin(&mut conn)?;
                let link = Link::Begun(&mut conn);
                let done = f(&mut DieselTransaction::new(link, self, tenant, Hold::Free));
                statement::commit(&mut conn)?;
                done
            }
            #[cfg(feature = "postgres")]
            Writes::Pooled(_) => {
                let link = Link::Reading(Box::new(pooled::Reading::new(&self.readers)));
                let mut tx = DieselTransaction::new(link, self, tenant, Hold::Free);
                let done = f(&mut tx);
                tx.link.end()?;
                done
            }
        }
    }

    pub(super) fn reader(&self) -> Result<PooledConnection<Manager>> {
        self.readers.get().map_err(|e| {
            Error::busy("The server is too busy to read now; try again").with_source(e)
        })
    }

    /// Runs `f`; `Ok` only once what it did is durable. May run it again, if it met another. On
    /// PostgreSQL, `f` locks what it rests on.
    pub(super) fn write<R>(&self, mut f: impl FnMut(&mut Conn) -> Result<R>) -> Result<R> {
        match &self.writes {
            // What it changes isn't known.
            Writes::Alone(writer) => writer.write(|session, _| {
                session.remembered.forget();
                f(&mut session.conn)
            }),
            #[cfg(feature = "postgres")]
            Writes::Pooled(pool) => pooled::write(pool, None, |conn, _| f(conn)),
        }
    }

    /// Runs `f` on the connection that writes.
    fn write_alone<R>(
        &self,
        writer: &Writer,
        tenant: &Tenant,
        mut f: impl FnMut(&mut DieselTransaction<'_>) -> Result<R>,
    ) -> Result<R> {
        writer.write(|session: &mut Session, attempt: &Attempt| {
            let mut tx = DieselTransaction::on(session, self, tenant);
            tx.attempt = Some(attempt);
            let done = f(&mut tx)?;
            tx.finish().map(|()| done)
        })
    }

    /// Runs `f` as if alone in an organization.
    pub(super) fn write_in<R>(
        &self,
        tenant: &Tenant,
        f: impl FnMut(&mut DieselTransaction<'_>) -> Result<R>,
    ) -> Result<R> {
        match &self.writes {
            Writes::Alone(writer) => self.write_alone(writer, tenant, f),
            #[cfg(feature = "postgres")]
            Writes::Pooled(pool) => {
                let mut f = f;
                let mut made = growth::Made::default();
                let done = pooled::write(pool, Some(tenant.as_str()), |conn, turn| {
                    let link = Link::Begun(conn);
                    let hold = Hold::Organization(turn);
                    let mut tx = DieselTransaction::new(link, self, tenant, hold);
                    let done = f(&mut tx)?;
                    tx.finish()?;
                    made = tx.made;
                    Ok(done)
                })?;
                self.growth.note(made, &self.target);
                Ok(done)
            }
        }
    }

    /// Runs `f` as if alone in each organization that it enters.
    pub(super) fn write_entering<R>(
        &self,
        f: impl FnMut(&mut DieselTransaction<'_>) -> Result<R>,
    ) -> Result<R> {
        let nobody = Tenant::new("");
        match &self.writes {
            Writes::Alone(writer) => self.write_alone(writer, &nobody, f),
            #[cfg(feature = "postgres")]
            Writes::Pooled(pool) => {
                let mut f = f;
                pooled::write(pool, None, |conn, _| {
                    let hold = Hold::Entered(std::collections::BTreeSet::new());
                    let mut tx = DieselTransaction::new(Link::Begun(conn), self, &nobody, hold);
                    let done = f(&mut tx)?;
                    tx.finish().map(|()| done)
                })
            }
        }
    }
}

impl Store for DieselStore {
    type Tx<'a> = DieselTransaction<'a>;

    fn read<R>(
        &self,
        tenant: &Tenant,
        f: impl FnOnce(&mut Self::Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        self.0.read_in(tenant, f)
    }

    fn read_briefly<R>(
        &self,
        tenant: &Tenant,
        f: impl FnOnce(&mut Self::Tx<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        if !self.reads_briefly() {
            return Ok(None);
        }
        self.0.brief.read(|reader| {
            let mut tx = DieselTransaction::on(reader, &self.0, tenant);
            tx.brief = true;
            let done = f(&mut tx);
            if tx.gave_up { Ok(None) } else { done.map(Some) }
        })
    }

    fn reads_briefly(&self) -> bool {
        // A statement to PostgreSQL waits for its answer.
        self.joins_writes()
    }

    fn joins_writes(&self) -> bool {
        matches!(self.0.writes, Writes::Alone(_))
    }

    fn together(&self, f: &mut dyn FnMut()) -> Result<()> {
        match &self.0.writes {
            Writes::Alone(writer) => writer.together(f),
            #[cfg(feature = "postgres")]
            Writes::Pooled(_) => {
                f();
                Ok(())
            }
        }
    }

    fn write<R>(
        &self,
        tenant: &Tenant,
        f: impl FnMut(&mut Self::Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        self.0.write_in(tenant, f)
    }
}
