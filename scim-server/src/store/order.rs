//! [`Order`]: an order that an index has, and what of it lies beyond a place.

use scim_core::query::{Position, Sort, SortKey};
use scim_core::schema::ResourceType;
use scim_core::{Error, Result};

use super::statement::{Statement, statement};
use super::transaction::DieselTransaction;

/// An order that an index has.
#[derive(Clone)]
pub(super) struct Order {
    /// Joins what the order needs.
    pub(super) from: Statement,
    key: Option<OrderKey>,
    /// By an attribute that no resource of the type has, so by id alone.
    absent: bool,
    id: &'static str,
    descending: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum OrderKey {
    /// `resources.id`, sorted by in so many words.
    Id,
    /// `resources.created`
    Created,
    /// `resources.modified`
    Modified,
    /// `unique_keys.key`
    Unique,
}

impl OrderKey {
    const fn column(self) -> &'static str {
        match self {
            Self::Id => "r.id",
            Self::Created => "r.created",
            Self::Modified => "r.modified",
            Self::Unique => "k.key",
        }
    }
}

impl DieselTransaction<'_> {
    /// `resources r WHERE …`: those of a type.
    pub(super) fn resources_of(&self, kind: &ResourceType) -> Statement {
        statement("resources r WHERE r.org = ")
            .text(self.tenant.as_str())
            .sql(" AND r.kind = ")
            .text(&kind.name)
    }

    /// The order in SQL: by id, by a time, or by a unique attribute that every resource has.
    pub(super) fn order(&self, kind: &ResourceType, sort: Option<&Sort>) -> Option<Order> {
        let plain = |key, descending| Order {
            from: self.resources_of(kind),
            key,
            absent: false,
            id: "r.id",
            descending,
        };
        let Some(Sort { attr, descending }) = sort else { return Some(plain(None, false)) };
        if !kind.has(attr) {
            return Some(Order { absent: true, ..plain(None, *descending) });
        }
        let sub = attr.sub.as_ref().map(|sub| sub.name.as_str());
        match (attr.extension.as_deref(), attr.attribute.name.as_str(), sub) {
            (None, "id", None) => Some(plain(Some(OrderKey::Id), *descending)),
            (None, "meta", Some("created")) => Some(plain(Some(OrderKey::Created), *descending)),
            (None, "meta", Some("lastModified")) => {
                Some(plain(Some(OrderKey::Modified), *descending))
            }
            (None, _, None)
                if attr.attribute.is_unique()
                    && attr.attribute.required
                    && !attr.attribute.multi_valued =>
            {
                // CROSS JOIN keeps SQLite to the order of the keys; PostgreSQL sees a join like any.
                let from = statement("unique_keys k CROSS JOIN resources r WHERE k.org = ")
                    .text(self.tenant.as_str())
                    .sql(" AND k.kind = ")
                    .text(&kind.name)
                    .sql(" AND k.attr = ")
                    .text(&attr.to_string())
                    .sql(" AND r.org = k.org AND r.kind = k.kind AND r.id = k.id");
                let (key, id) = (Some(OrderKey::Unique), "k.id");
                Some(Order { from, key, absent: false, id, descending: *descending })
            }
            _ => None,
        }
    }
}

impl Order {
    /// Only what lies beyond a position, in the direction of reading.
    pub(super) fn beyond(
        &self,
        sql: Statement,
        position: &Position,
        backward: bool,
    ) -> Result<Statement> {
        let up = self.descending == backward;
        let relation = if up { " > " } else { " < " };
        let sql = sql.sql(" AND ");
        let key = match (self.key, &position.key) {
            (None, None) => {
                return Ok(sql.sql(self.id).sql(relation).text(position.id.as_str()));
            }
            // What lacks the key comes behind all that has it (`Sort`).
            (None, Some(_)) if self.absent => {
                return Ok(sql.sql(if up { "1 = 1" } else { "1 = 0" }));
            }
            (Some(_), None) => return Ok(sql.sql(if up { "1 = 0" } else { "1 = 1" })),
            (Some(key), Some(_)) => key,
            (None, Some(_)) => return Err(Error::internal("a position of another order")),
        };
        let sql = sql.sql("(").sql(key.column()).sql(", ").sql(self.id).sql(")").sql(relation);
        let sql = match (&position.key, key) {
            (Some(SortKey::Instant(t)), OrderKey::Created | OrderKey::Modified) => {
                sql.sql("(").integer(t.as_millisecond())
            }
            (Some(SortKey::Text(text)), OrderKey::Unique | OrderKey::Id) => sql.sql("(").text(text),
            _ => return Err(Error::internal("a position of another order")),
        };
        Ok(sql.sql(", ").text(position.id.as_str()).sql(")"))
    }

    pub(super) fn by(&self, sql: Statement, backward: bool) -> Statement {
        let direction = if self.descending == backward { "" } else { " DESC" };
        let sql = sql.sql(" ORDER BY ");
        let sql = match self.key {
            Some(key) => sql.sql(key.column()).sql(direction).sql(", "),
            None => sql,
        };
        sql.sql(self.id).sql(direction)
    }
}
