//! What a resource can be found by, and what nobody else may have: rows of the key tables.

use scim_core::Result;
use scim_core::resource::Resource;
use scim_core::store::UniqueKey;

use super::DieselTransaction;
use crate::store::index::Key;
use crate::store::later::{KEYS_THAT_COME, KEYS_THAT_GO, UNIQUE_KEYS};
use crate::store::statement::{Statement, name, statement};

/// Keys inserted in one statement; their statements are kept prepared, one for each number.
const KEYS: usize = 16;

impl DieselTransaction<'_> {
    pub(super) fn take_unique(&mut self, resource: &Resource, key: &UniqueKey) -> Result<()> {
        let sql = self.taking(resource, key);
        if self.seen.take_free(resource.kind(), key) {
            return self.write_rows_later(UNIQUE_KEYS, &key.key, 1, sql);
        }
        match sql.execute(self.conn()?)? {
            0 => Err(key.taken(&resource.kind().name)),
            _ => Ok(()),
        }
    }

    pub(super) fn taking(&self, resource: &Resource, key: &UniqueKey) -> Statement {
        statement("INSERT INTO unique_keys (org, kind, attr, key, id) VALUES (")
            .text(self.tenant.as_str())
            .sql(", ")
            .text(&resource.kind().name)
            .sql(", ")
            .text(&key.path)
            .sql(", ")
            .text(&key.key)
            .sql(", ")
            .text(resource.id().as_str())
            .sql(") ON CONFLICT DO NOTHING")
            .named::<name::TakeUnique>()
    }

    /// Takes all of these unique values, or none.
    pub(super) fn take_all<'k>(
        &mut self,
        resource: &Resource,
        keys: impl Iterator<Item = &'k UniqueKey>,
    ) -> Result<()> {
        let mut taken: Vec<&UniqueKey> = Vec::new();
        for key in keys {
            if let Err(error) = self.take_unique(resource, key) {
                for key in taken {
                    self.release_unique(resource, key)?;
                }
                return Err(error);
            }
            taken.push(key);
        }
        Ok(())
    }

    pub(super) fn release_unique(&mut self, resource: &Resource, key: &UniqueKey) -> Result<()> {
        let sql = statement("DELETE FROM unique_keys WHERE ");
        let sql = self.this_key(sql, resource, &key.path, &key.key);
        self.write_later(UNIQUE_KEYS, &key.key, sql.named::<name::ReleaseUnique>())
    }

    /// The condition that a row of a key table is that one.
    fn this_key(&self, sql: Statement, resource: &Resource, attr: &str, key: &str) -> Statement {
        sql.sql("org = ")
            .text(self.tenant.as_str())
            .sql(" AND kind = ")
            .text(&resource.kind().name)
            .sql(" AND attr = ")
            .text(attr)
            .sql(" AND key = ")
            .text(key)
            .sql(" AND id = ")
            .text(resource.id().as_str())
    }

    /// Several rows in a statement: each statement is a round trip to PostgreSQL.
    pub(in crate::store) fn insert_keys<'k>(
        &mut self,
        resource: &Resource,
        keys: impl IntoIterator<Item = &'k Key<'k>>,
    ) -> Result<()> {
        let keys: Vec<&Key<'_>> = keys.into_iter().collect();
        if self.link.is_far() && !keys.is_empty() {
            let sql = statement("INSERT INTO attribute_keys (org, kind, attr, key, id) SELECT ")
                .text(self.tenant.as_str())
                .sql(", ")
                .text(&resource.kind().name)
                .sql(", k.attr, k.key, ")
                .text(resource.id().as_str())
                .sql(" FROM unnest(")
                .list(keys.iter().map(|(attr, _)| *attr))
                .sql(", ")
                .list(keys.iter().map(|(_, key)| key.as_str()))
                .sql(") AS k (attr, key) ON CONFLICT DO NOTHING");
            return self.write_later(KEYS_THAT_COME, resource.id().as_str(), sql);
        }
        for keys in keys.chunks(KEYS) {
            // What a statement of several rows fails halfway with, SQLite undoes from copies of the pages, unless
            // it may ignore it.
            let mut sql = Statement::default()
                .per_backend("INSERT OR IGNORE INTO", "INSERT INTO")
                .sql(" attribute_keys (org, kind, id, attr, key) VALUES ");
            for (i, (attr, key)) in keys.iter().enumerate() {
                // What is the same for all is bound once.
                sql = if i > 0 {
                    sql.per_backend(", (?1, ?2, ?3, ", ", ($1, $2, $3, ")
                } else {
                    sql.sql("(")
                        .text(self.tenant.as_str())
                        .sql(", ")
                        .text(&resource.kind().name)
                        .sql(", ")
                        .text(resource.id().as_str())
                        .sql(", ")
                };
                sql = sql.text(attr).sql(", ").text(key).sql(")");
            }
            let sql = sql.per_backend("", " ON CONFLICT DO NOTHING");
            sql.named_by::<name::InsertKeys>(keys.len()).execute(self.conn()?)?;
        }
        Ok(())
    }

    pub(super) fn delete_keys<'k>(
        &mut self,
        resource: &Resource,
        keys: impl IntoIterator<Item = &'k Key<'k>>,
    ) -> Result<()> {
        if !self.link.is_far() {
            // One whole key a statement: SQLite deletes it where it finds it, and gathers no others first.
            for (attr, key) in keys {
                let sql = statement("DELETE FROM attribute_keys WHERE ");
                let sql = self.this_key(sql, resource, attr, key);
                sql.named::<name::DeleteKey>().execute(self.conn()?)?;
            }
            return Ok(());
        }
        let keys: Vec<&Key<'_>> = keys.into_iter().collect();
        for keys in keys.chunks(KEYS) {
            let mut sql = statement("DELETE FROM attribute_keys WHERE ");
            for (i, (attr, key)) in keys.iter().enumerate() {
                sql = sql.sql(if i > 0 { " OR (" } else { "(" });
                sql = self.this_key(sql, resource, attr, key).sql(")");
            }
            self.write_later(KEYS_THAT_GO, resource.id().as_str(), sql)?;
        }
        Ok(())
    }

    /// Writes the difference between the keys of two states.
    pub(super) fn exchange_keys(
        &mut self,
        old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Result<()> {
        let (store, plan) = (self.store, self.plan_to_write()?);
        let before = old.map(|old| plan.keys(old, new)).transpose()?.unwrap_or_default();
        let after = new.map(|new| store.key_rows(&plan, new, old)).transpose()?.unwrap_or_default();
        if let Some(old) = old {
            self.delete_keys(old, before.difference(&after))?;
        }
        if let Some(new) = new {
            self.insert_keys(new, after.difference(&before))?;
        }
        Ok(())
    }

    pub(super) fn exchange_unique(
        &mut self,
        old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Result<()> {
        let store = self.store;
        let rows = |resource: &Resource| store.unique_rows(resource);
        let before = old.map(rows).transpose()?.unwrap_or_default();
        let after = new.map(rows).transpose()?.unwrap_or_default();
        let has = |list: &[UniqueKey], key: &UniqueKey| {
            list.iter().any(|k| k.path == key.path && k.key == key.key)
        };
        if let Some(new) = new {
            self.take_all(new, after.iter().filter(|key| !has(&before, key)))?;
        }
        if let Some(old) = old {
            for key in before.iter().filter(|key| !has(&after, key)) {
                self.release_unique(old, key)?;
            }
        }
        Ok(())
    }
}
