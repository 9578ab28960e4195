//! Which attributes are indexed is a fact of the database: the plan that is stored there decides, for every
//! instance and every command. See `docs/adr/0012-the-index-plan-is-a-fact-of-the-database.md`.
//!
//! A transaction goes by the plan that it finds stored. What it reads by keys it reads in the snapshot in which
//! it has read the plan; what it writes holds only if the plan is the same when it is written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use diesel::sql_types::Text;
use scim_core::schema::{Registry, ResourceType};
use scim_core::store::Tenant;
use scim_core::{Error, Kind, Result};

use super::connection::Conn;
use super::index::IndexPlan;
use super::link::Link;
#[cfg(feature = "postgres")]
use super::locks::share_writes;
use super::locks::{Hold, as_long_as_it_takes, lock, stop_writes};
use super::statement::{Statement, statement};
use super::transaction::DieselTransaction;
use super::{Indexed, Inner, setting};

/// The setting that holds the plan that the key tables were written by.
const PLAN_SETTING: &str = "index_plan";

/// The plan as it was last seen in the database.
#[derive(Debug)]
pub(super) struct Plans {
    registry: Registry,
    /// What this program was started with.
    indexed: Indexed,
    last: RwLock<Arc<IndexPlan>>,
    /// A write found another one: the next looks it up.
    doubted: AtomicBool,
}

/// What a transaction knows of the plan.
#[derive(Debug, Default)]
pub(super) enum Planned {
    #[default]
    Unknown,
    /// It is the one that is stored, until the transaction ends.
    Read(Arc<IndexPlan>),
    /// It was, when last seen. What is written by it is to be written only if it still is.
    Guessed { plan: Arc<IndexPlan>, unchecked: bool },
}

impl Planned {
    /// Something was undone: the lock that kept the plan may be gone with it, and a check of what was written
    /// before.
    pub(super) fn undo(&mut self) {
        *self = match std::mem::take(self) {
            Self::Unknown => Self::Unknown,
            Self::Read(plan) | Self::Guessed { plan, .. } => {
                Self::Guessed { plan, unchecked: true }
            }
        };
    }
}

impl Plans {
    pub(super) fn new(registry: &Registry, indexed: &Indexed) -> Self {
        Self {
            registry: registry.clone(),
            indexed: indexed.clone(),
            last: RwLock::default(),
            doubted: AtomicBool::new(false),
        }
    }

    /// The plan as it was last seen.
    pub(super) fn last(&self) -> Arc<IndexPlan> {
        Arc::clone(&self.last.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next write is to look at the plan.
    pub(super) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    /// The plan that is stored so.
    fn seen(&self, text: &str) -> Result<Arc<IndexPlan>> {
        let last = self.last();
        if last.text() == text {
            return Ok(last);
        }
        let plan = Arc::new(IndexPlan::parse(&self.registry, text)?);
        let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
        // A snapshot may be older than what another thread has seen.
        if last.version() < plan.version() {
            self.tell(&plan);
            *last = Arc::clone(&plan);
        }
        Ok(plan)
    }

    /// Another instance has changed it: that is told once.
    fn tell(&self, plan: &IndexPlan) {
        let now = plan.beyond_standard();
        match &self.indexed {
            Indexed::These(own) => log::warn!(
                "another instance has changed what is indexed beyond the standard attributes to {now}; this one \
                 has --indexed {}, and goes by the database. Start all instances with the same",
                if own.is_empty() { "\"\"".to_owned() } else { own.join(",") }
            ),
            Indexed::Kept | Indexed::AsStored => log::info!(
                "another instance has changed what is indexed beyond the standard attributes to {now}"
            ),
        }
    }
}

/// Whether that plan is stored.
fn is_stored(sql: Statement, plan: &IndexPlan) -> Statement {
    sql.sql("EXISTS (SELECT 1 FROM settings s WHERE s.name = ")
        .text(PLAN_SETTING)
        .sql(" AND s.value = ")
        .text(plan.text())
        .sql(")")
}

impl DieselTransaction<'_> {
    /// The plan that is stored, for what is read in this transaction.
    pub(super) fn plan_to_read(&mut self) -> Result<Arc<IndexPlan>> {
        if let Planned::Read(plan) = &self.planned {
            return Ok(Arc::clone(plan));
        }
        let remembered = self.remembered.as_ref().and_then(|remembered| remembered.plan.clone());
        if let (Planned::Unknown, Some(plan)) = (&self.planned, remembered) {
            self.planned = Planned::Read(Arc::clone(&plan));
            return Ok(plan);
        }
        #[cfg(feature = "postgres")]
        if self.link.is_far() && self.link.has_begun() {
            // Each statement sees what was committed before it: nobody is to index anew meanwhile.
            share_writes(self.conn()?)?;
        }
        let text = setting(self.conn()?, PLAN_SETTING)?;
        let plan = self.store.plans.seen(text.as_deref().unwrap_or_default())?;
        if let Planned::Guessed { plan: guessed, unchecked: true } = &self.planned {
            self.met_none(guessed.text() == plan.text())?;
        }
        self.plan_was_read(Arc::clone(&plan));
        Ok(plan)
    }

    fn plan_was_read(&mut self, plan: Arc<IndexPlan>) {
        if let Some(remembered) = &mut self.remembered {
            remembered.plan = Some(Arc::clone(&plan));
        }
        self.planned = Planned::Read(plan);
    }

    /// Another statement of the same snapshot has found the plan stored so. One that isn't understood is for
    /// whoever needs it to tell.
    pub(super) fn plan_is_stored_as(&mut self, text: Option<&str>) {
        if let (Planned::Unknown, Some(text)) = (&self.planned, text)
            && let Ok(plan) = self.store.plans.seen(text)
        {
            self.plan_was_read(plan);
        }
    }

    /// The plan for the keys of resources that are written. On PostgreSQL it is a guess that the statement
    /// which writes them checks.
    pub(super) fn plan_to_write(&mut self) -> Result<Arc<IndexPlan>> {
        let doubted = &self.store.plans.doubted;
        if !self.link.is_far() || doubted.load(Ordering::Relaxed) {
            let plan = self.plan_to_read()?;
            doubted.store(false, Ordering::Relaxed);
            return Ok(plan);
        }
        let plan = match &self.planned {
            Planned::Read(plan) => return Ok(Arc::clone(plan)),
            Planned::Guessed { plan, .. } => Arc::clone(plan),
            Planned::Unknown => self.store.plans.last(),
        };
        self.planned = Planned::Guessed { plan: Arc::clone(&plan), unchecked: true };
        Ok(plan)
    }

    /// The plan by which the next statement may be made, if it checks it.
    #[cfg(feature = "postgres")]
    pub(super) fn plan_to_check(&self) -> Arc<IndexPlan> {
        match &self.planned {
            Planned::Read(plan) | Planned::Guessed { plan, .. } => Arc::clone(plan),
            Planned::Unknown => self.store.plans.last(),
        }
    }

    /// Whether it has written by a plan that it has only guessed.
    pub(super) const fn rests_on_a_guess(&self) -> bool {
        matches!(self.planned, Planned::Guessed { unchecked: true, .. })
    }

    /// ` AND …`: the guess is right. The statement locks what it writes before it looks, and whoever indexes
    /// anew waits for that lock: what it finds is so until the transaction ends.
    pub(super) fn and_the_guess_is_right(&mut self, sql: Statement) -> Statement {
        match &mut self.planned {
            Planned::Guessed { plan, unchecked } if *unchecked => {
                *unchecked = false;
                is_stored(sql.sql(" AND "), plan)
            }
            _ => sql,
        }
    }
}

/// A column of the plan that is stored.
pub(super) fn stored_plan() -> Statement {
    statement("(SELECT s.value FROM settings s WHERE s.name = ").text(PLAN_SETTING).sql(")")
}

/// A column of whether that plan is stored.
#[cfg(feature = "postgres")]
pub(super) fn is_stored_column(plan: Option<&IndexPlan>) -> Statement {
    match plan {
        None => statement("TRUE"),
        Some(plan) => is_stored(Statement::default(), plan),
    }
}

impl Inner {
    /// Makes the plan that is stored the one that this program was started with, if it was; whoever doesn't
    /// decide takes what is there.
    pub(super) fn settle_plan(&self) -> Result<()> {
        let stored = self.stored(self.glance(|conn| setting(conn, PLAN_SETTING))?)?;
        if let (Some(stored), None) = (&stored, self.planned_anew(stored.as_ref())?) {
            return self.go_by(stored.clone());
        }
        self.write(|conn| {
            lock(conn, "setting", PLAN_SETTING)?;
            // Another instance may have been faster.
            let stored = self.stored(setting(conn, PLAN_SETTING)?)?;
            let Some(plan) = self.planned_anew(stored.as_ref())? else {
                return Ok(());
            };
            if let Some(stored) = &stored
                && !plan.indexes_the_same(stored)
            {
                log::info!(
                    "what is indexed beyond the standard attributes changes from {} to {}: indexing anew",
                    stored.beyond_standard(),
                    plan.beyond_standard()
                );
                stop_writes(conn)?;
                as_long_as_it_takes(conn)?;
                self.reindex(conn, &plan)?;
            }
            statement("INSERT INTO settings (name, value) VALUES (")
                .text(PLAN_SETTING)
                .sql(", ")
                .text(plan.text())
                .sql(") ON CONFLICT (name) DO UPDATE SET value = excluded.value")
                .execute(conn)
                .map(drop)
        })?;
        match self.stored(self.glance(|conn| setting(conn, PLAN_SETTING))?)? {
            Some(stored) => self.go_by(stored),
            None => Err(Error::internal("the plan of the index was not stored")),
        }
    }

    fn stored(&self, text: Option<String>) -> Result<Option<IndexPlan>> {
        text.map(|text| IndexPlan::parse(&self.registry, &text)).transpose()
    }

    /// The plan to be stored instead of that one.
    fn planned_anew(&self, stored: Option<&IndexPlan>) -> Result<Option<IndexPlan>> {
        let standard = || self.plan_of(&[]);
        let wanted = match (&self.plans.indexed, stored) {
            (Indexed::These(more), _) => self.plan_of(more)?,
            (_, None) => standard()?,
            (Indexed::Kept, Some(stored)) => standard()?.and(stored),
            (Indexed::AsStored, Some(stored)) => stored.clone(),
        };
        let version = stored.map_or(0, IndexPlan::version);
        let settled = stored.is_some_and(|stored| version > 0 && wanted.indexes_the_same(stored));
        Ok((!settled).then(|| wanted.numbered(version.saturating_add(1))))
    }

    fn plan_of(&self, more: &[String]) -> Result<IndexPlan> {
        IndexPlan::new(&self.registry, more).map_err(Error::invalid_value)
    }

    fn go_by(&self, plan: IndexPlan) -> Result<()> {
        *self.plans.last.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(plan);
        Ok(())
    }

    fn reindex(&self, conn: &mut Conn, plan: &IndexPlan) -> Result<()> {
        statement("DELETE FROM attribute_keys").execute(conn)?;
        let organizations: Vec<String> =
            statement("SELECT id FROM organizations").rows::<Text, _>(conn)?;
        for organization in organizations {
            let tenant = Tenant::new(&organization);
            let mut tx = DieselTransaction::new(Link::Begun(conn), self, &tenant, Hold::Free);
            for kind in self.registry.types() {
                self.reindex_all(&mut tx, kind, plan)?;
            }
        }
        Ok(())
    }

    fn reindex_all(
        &self,
        tx: &mut DieselTransaction<'_>,
        kind: &Arc<ResourceType>,
        plan: &IndexPlan,
    ) -> Result<()> {
        let mut after = String::new();
        loop {
            let page = tx.page_after(kind, &after, 1000)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id().to_string();
            for resource in &page {
                let keys = self.key_rows(plan, resource, None).map_err(|e| match e.kind() {
                    Kind::InvalidValue => Error::invalid_value(format!(
                        "the {} {} of the organization {} has a longer one: {}. Shorten it, or leave the \
                         attribute out of --indexed",
                        kind.name,
                        resource.id(),
                        tx.tenant.as_str(),
                        e.detail()
                    )),
                    _ => e,
                })?;
                tx.insert_keys(resource, keys.iter())?;
            }
            tx.write_what_is_left()?;
        }
    }
}
