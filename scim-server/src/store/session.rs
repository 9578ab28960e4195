//! [`Session`]: a connection to SQLite, and what it remembers from one transaction to the next.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::sql_types::BigInt;
use scim_core::Result;
use scim_core::org::{ClaimedDomain, Organization};
use scim_core::store::Tenant;

use super::connection::Conn;
use super::index::IndexPlan;
use super::statement::{name, statement};
use super::tokens::Token;
use super::transaction::DieselTransaction;

/// Organizations that a connection remembers at the most, and domains, and tokens.
const MOST: usize = 16 * 1024;

/// A connection, and what was learnt on it.
pub(super) struct Session {
    pub(super) conn: Conn,
    pub(super) remembered: Remembered,
}

/// What nearly all requests ask for, and next to none changes. What one transaction was told holds in the next, if
/// nobody else has written between, and if this connection has changed none of it.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// SQLite's number for what others have written.
    version: i64,
    organizations: HashMap<Tenant, Organization>,
    /// The claims on a domain.
    claims: HashMap<String, Vec<ClaimedDomain>>,
    /// Tokens by their digest.
    tokens: HashMap<String, Token>,
    pub(super) plan: Option<Arc<IndexPlan>>,
}

impl Session {
    pub(super) fn new(conn: Conn) -> Self {
        Self { conn, remembered: Remembered::default() }
    }

    /// To be called once a transaction has begun: forgets what may have changed since the one before.
    pub(super) fn catch_up(&mut self) -> Result<()> {
        let sql = statement("PRAGMA data_version");
        let version: Vec<i64> = sql.rows_of::<name::DataVersion, BigInt, _>(&mut self.conn)?;
        let version = version.into_iter().next().unwrap_or_default();
        if self.remembered.version != version {
            self.remembered.forget();
            self.remembered.version = version;
        }
        Ok(())
    }
}

impl Remembered {
    /// What was remembered has changed, or a change of it was undone.
    pub(super) fn forget(&mut self) {
        self.organizations.clear();
        self.claims.clear();
        self.tokens.clear();
        self.plan = None;
    }

    pub(super) fn token(&self, digest: &str) -> Option<&Token> {
        self.tokens.get(digest)
    }

    pub(super) fn remember_token(&mut self, digest: &str, token: &Token) {
        make_room(&mut self.tokens);
        self.tokens.insert(digest.to_owned(), token.clone());
    }
}

/// In a transaction that changes none of it, on a connection that remembers.
impl DieselTransaction<'_> {
    pub(super) fn remembered_organization(&self, id: &Tenant) -> Option<Organization> {
        self.remembered.as_ref()?.organizations.get(id).cloned()
    }

    pub(super) fn remember_organization(&mut self, organization: &Organization) {
        let Some(remembered) = &mut self.remembered else { return };
        make_room(&mut remembered.organizations);
        remembered.organizations.insert(organization.id.clone(), organization.clone());
    }

    pub(super) fn remembered_claims(&self, name: &str) -> Option<Vec<ClaimedDomain>> {
        self.remembered.as_ref()?.claims.get(name).cloned()
    }

    pub(super) fn remember_claims(&mut self, name: &str, claims: &[ClaimedDomain]) {
        let Some(remembered) = &mut self.remembered else { return };
        make_room(&mut remembered.claims);
        remembered.claims.insert(name.to_owned(), claims.to_vec());
    }

    /// What an organization is, or who claims a domain, changes: nothing is remembered here any more.
    pub(super) fn unsettle(&mut self) {
        self.known.clear();
        self.seen.claims.clear();
        if let Some(remembered) = self.remembered.take() {
            remembered.forget();
        }
    }
}

fn make_room<K, V>(map: &mut HashMap<K, V>) {
    if map.len() >= MOST {
        map.clear();
    }
}
