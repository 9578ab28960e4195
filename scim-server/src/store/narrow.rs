//! From a [`Predicate`] to a condition in SQL: an upper bound of what matches, and whether it is exact.

use jiff::Timestamp;
use scim_core::filter::{Compare, Op, Operand, Predicate};
use scim_core::schema::{AttrRef, ResourceType};
use scim_core::store::Tenant;
use scim_core::text::after_prefix;

use super::held::{self, Meant};
use super::index::{IndexPlan, LACKING, operand_key};
use super::statement::{Statement, statement};

/// A condition on `resources r`.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) sql: Statement,
    /// Whether it holds for what matches only. Otherwise what it lets through is to be looked at.
    pub(super) exact: bool,
}

/// Whether an answer may depend on which attributes are indexed.
pub(super) fn asks_the_plan(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().any(asks_the_plan),
        Predicate::Not(inner) | Predicate::Within(_, inner) => asks_the_plan(inner),
        Predicate::Compare(Compare { attr, .. }) | Predicate::Present(attr) => {
            let name = attr.attribute.name.as_str();
            let elsewhere =
                attr.extension.is_none() && matches!(name, "id" | "meta" | "members" | "groups");
            !(elsewhere || is_unique(attr))
        }
    }
}

/// Whether the attribute's values are in the table of unique ones, whatever is indexed.
fn is_unique(attr: &AttrRef) -> bool {
    attr.sub.is_none() && attr.attribute.is_unique() && attr.attribute.name != "id"
}

/// A table of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    Unique,
    Attribute,
}

impl Keys {
    const fn holds(self) -> &'static str {
        match self {
            Self::Unique => "r.id IN (SELECT k.id FROM unique_keys k WHERE k.org = ",
            Self::Attribute => "r.id IN (SELECT k.id FROM attribute_keys k WHERE k.org = ",
        }
    }

    /// CROSS JOIN keeps SQLite to the order of the tables: the keys first.
    const fn with_resources(self) -> &'static str {
        match self {
            Self::Unique => " FROM unique_keys k CROSS JOIN resources r WHERE k.org = ",
            Self::Attribute => " FROM attribute_keys k CROSS JOIN resources r WHERE k.org = ",
        }
    }

    const fn select_ids(self) -> &'static str {
        match self {
            Self::Unique => "SELECT k.id FROM unique_keys k WHERE k.org = ",
            Self::Attribute => "SELECT k.id FROM attribute_keys k WHERE k.org = ",
        }
    }
}

/// What a condition is about.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) kind: &'a ResourceType,
    pub(super) plan: &'a IndexPlan,
    /// What the parts of a filter on `groups` say. Without it, they are to be looked at.
    pub(super) meant: &'a [Meant],
}

/// How many rows a comparison looks at.
pub(super) enum Reach {
    /// One at the most.
    One,
    /// As many as this selects.
    Rows(Statement),
    /// Maybe all.
    Unknown,
}

impl Condition {
    fn anything() -> Self {
        Self { sql: statement("1 = 1"), exact: false }
    }

    fn exactly(sql: Statement) -> Self {
        Self { sql, exact: true }
    }
}

impl<'a> Scope<'a> {
    pub(super) fn narrow(self, predicate: &Predicate) -> Condition {
        if let Some(condition) = held::condition(self.meant, self.tenant, predicate) {
            return condition;
        }
        match predicate {
            Predicate::And(parts) => {
                // What one part can't tell, the others still narrow down.
                self.join(parts, " AND ", |parts| parts.iter().all(|part| part.exact))
            }
            Predicate::Or(parts) => self.join(parts, " OR ", |parts| parts.iter().all(|p| p.exact)),
            Predicate::Not(inner) => match self.narrow(inner) {
                Condition { sql, exact: true } => {
                    Condition::exactly(statement("NOT (").then(&sql).sql(")"))
                }
                _ => Condition::anything(),
            },
            Predicate::Compare(compare) => self.compare(compare),
            Predicate::Present(attr) => self.present(attr),
            Predicate::Within(attr, inner) => self.within(attr, inner),
        }
    }

    fn join(
        self,
        parts: &[Predicate],
        word: &'static str,
        exact: impl Fn(&[Condition]) -> bool,
    ) -> Condition {
        let parts: Vec<_> = parts.iter().map(|part| self.narrow(part)).collect();
        let mut sql = Statement::default();
        for (i, part) in parts.iter().enumerate() {
            sql = sql.sql(if i > 0 { word } else { "" }).sql("(").then(&part.sql).sql(")");
        }
        Condition { sql, exact: exact(&parts) }
    }

    /// Within one element each comparison must hold for that element; that each holds for some element
    /// is all that the keys can tell.
    fn within(self, attr: &AttrRef, inner: &Predicate) -> Condition {
        let single = matches!(inner, Predicate::Compare(Compare { op, .. }) if *op != Op::Ne);
        let condition = self.narrow_positive(inner);
        let exact = condition.exact && single && !attr.is_secret();
        Condition { exact, ..condition }
    }

    /// As [`Self::narrow`], but `not` and `ne` may be true of one element and false of another.
    fn narrow_positive(self, predicate: &Predicate) -> Condition {
        match predicate {
            Predicate::And(parts) | Predicate::Or(parts) => {
                let word = if matches!(predicate, Predicate::And(_)) { " AND " } else { " OR " };
                let mut sql = Statement::default();
                for (i, part) in parts.iter().enumerate() {
                    let part = self.narrow_positive(part);
                    sql = sql.sql(if i > 0 { word } else { "" }).sql("(").then(&part.sql).sql(")");
                }
                Condition { sql, exact: false }
            }
            Predicate::Compare(compare) if compare.op != Op::Ne => self.compare(compare),
            Predicate::Present(attr) => self.present(attr),
            Predicate::Not(_) | Predicate::Compare(_) | Predicate::Within(..) => {
                Condition::anything()
            }
        }
    }

    fn compare(self, compare: &Compare) -> Condition {
        let Compare { attr, op, operand } = compare;
        if attr.extension.is_none() {
            let sub = attr.sub.as_ref().map(|sub| sub.name.as_str());
            match (attr.attribute.name.as_str(), sub, operand) {
                ("id", None, Operand::Text(text)) => return text_column("r.id", *op, text),
                ("meta", Some("created"), Operand::Instant(t)) => {
                    return instant_column("r.created", *op, *t);
                }
                ("meta", Some("lastModified"), Operand::Instant(t)) => {
                    return instant_column("r.modified", *op, *t);
                }
                ("members", Some("value"), Operand::Text(id)) if self.kind.has_members() => {
                    return self.member(*op, id);
                }
                _ => {}
            }
        }
        let Some(table) = self.table(attr) else { return Condition::anything() };
        let Some(key) = operand_key(operand) else { return Condition::anything() };
        if *op == Op::Ne {
            let equal = self.keyed(table, attr, Op::Eq, &key);
            let held = self.held(table, attr);
            let sql = statement("(").then(&held).sql(" AND NOT ").then(&equal).sql(")");
            return Condition::exactly(sql);
        }
        Condition::exactly(self.keyed(table, attr, *op, &key))
    }

    /// What an exact comparison looks at in the keys.
    pub(super) fn reach(self, compare: &Compare) -> Reach {
        let Compare { attr, op, operand } = compare;
        let (Some(table), Some(key)) = (self.table(attr), operand_key(operand)) else {
            let is_id = attr.extension.is_none() && attr.attribute.name == "id";
            return if is_id && *op == Op::Eq { Reach::One } else { Reach::Unknown };
        };
        match op {
            Op::Eq if table == Keys::Unique => Reach::One,
            Op::Eq | Op::Sw if self.usual(attr).is_none_or(|usual| !holds(*op, usual, &key)) => {
                let rows = self.rows(table.select_ids(), attr).sql(" AND ");
                Reach::Rows(text_condition(rows, "k.key", *op, &key))
            }
            _ => Reach::Unknown,
        }
    }

    /// Selects resources `r` that have a value or begin with it from the keys, if those tell. It says nothing of
    /// their order, and gives a resource as often as it has such values.
    pub(super) fn by_key(
        self,
        columns: &'static str,
        compare: &Compare,
    ) -> Option<(Keys, Statement)> {
        let Compare { attr, op, operand } = compare;
        let (table, key) = (self.table(attr)?, operand_key(operand)?);
        if !matches!(op, Op::Eq | Op::Sw) || self.usual(attr).is_some() {
            return None;
        }
        let rows = statement("SELECT ").sql(columns);
        let rows = self.of_attribute(rows.sql(table.with_resources()), attr);
        let rows = rows.sql(" AND r.org = k.org AND r.kind = k.kind AND r.id = k.id AND ");
        Some((table, text_condition(rows, "k.key", *op, &key)))
    }

    /// Selects what has that very value, by the keys.
    #[cfg(feature = "postgres")]
    pub(super) fn ids_of(self, compare: &Compare) -> Option<Statement> {
        let Compare { attr, op: Op::Eq, operand } = compare else { return None };
        let (table, key) = (self.table(attr)?, operand_key(operand)?);
        let rows = self.rows(table.select_ids(), attr).sql(" AND ");
        Some(text_condition(rows, "k.key", Op::Eq, &key))
    }

    fn present(self, attr: &AttrRef) -> Condition {
        let name = attr.attribute.name.as_str();
        let sub = attr.sub.as_ref().map(|sub| sub.name.as_str());
        if attr.extension.is_none() && matches!((name, sub), ("id" | "meta", _)) {
            return if matches!(sub, Some("location")) {
                Condition::anything()
            } else {
                Condition::exactly(statement("1 = 1"))
            };
        }
        let always = matches!(sub, None | Some("value" | "type"));
        if attr.extension.is_none() && name == "members" && always && self.kind.has_members() {
            return Condition::exactly(statement(
                "EXISTS (SELECT 1 FROM members m WHERE m.org = r.org AND m.group_id = r.id)",
            ));
        }
        match self.table(attr) {
            Some(table) => Condition::exactly(self.held(table, attr)),
            None => Condition::anything(),
        }
    }

    fn member(self, op: Op, id: &str) -> Condition {
        if op != Op::Eq {
            return Condition::anything();
        }
        let sql = statement("r.id IN (SELECT m.group_id FROM members m WHERE m.org = ")
            .text(self.tenant.as_str())
            .sql(" AND m.member_id = ")
            .text(id)
            .sql(")");
        Condition::exactly(sql)
    }

    /// The table that holds the attribute's keys.
    fn table(self, attr: &AttrRef) -> Option<Keys> {
        if is_unique(attr) {
            return Some(Keys::Unique);
        }
        self.plan.has(self.kind, attr).then_some(Keys::Attribute)
    }

    /// The resources that have any value of the attribute.
    fn held(self, table: Keys, attr: &AttrRef) -> Statement {
        let rows = self.rows(table.holds(), attr);
        if self.usual(attr).is_none() {
            return rows.sql(")");
        }
        let others = rows.sql(" AND k.key <> ").text(LACKING).sql(")");
        statement("(").then(&self.have_the_usual(attr)).sql(" OR ").then(&others).sql(")")
    }

    fn keyed(self, table: Keys, attr: &AttrRef, op: Op, key: &str) -> Statement {
        let rows = self.rows(table.holds(), attr).sql(" AND ");
        let Some(usual) = self.usual(attr) else {
            return text_condition(rows, "k.key", op, key).sql(")");
        };
        let others = text_condition(rows, "k.key", op, key);
        let others = others.sql(" AND k.key <> ").text(LACKING).sql(")");
        if !holds(op, usual, key) {
            return others;
        }
        let usual = self.have_the_usual(attr);
        if op == Op::Eq {
            return usual;
        }
        statement("(").then(&usual).sql(" OR ").then(&others).sql(")")
    }

    /// The key of the attribute that nearly all have, and which isn't kept.
    fn usual(self, attr: &AttrRef) -> Option<&'a str> {
        self.plan.usual(self.kind, attr)
    }

    /// The resources that have the usual value: all but those of which the keys say that they lack it.
    fn have_the_usual(self, attr: &AttrRef) -> Statement {
        let lack = self.rows(Keys::Attribute.holds(), attr).sql(" AND k.key = ").text(LACKING);
        statement("NOT ").then(&lack).sql(")")
    }

    fn rows(self, from: &'static str, attr: &AttrRef) -> Statement {
        self.of_attribute(statement(from), attr)
    }

    fn of_attribute(self, sql: Statement, attr: &AttrRef) -> Statement {
        sql.text(self.tenant.as_str())
            .sql(" AND k.kind = ")
            .text(&self.kind.name)
            .sql(" AND k.attr = ")
            .text(&attr.to_string())
    }
}

fn text_column(column: &'static str, op: Op, text: &str) -> Condition {
    if op == Op::Ne {
        return Condition::exactly(statement(column).sql(" <> ").text(text));
    }
    Condition::exactly(text_condition(Statement::default(), column, op, text))
}

/// `column op text`; not for `ne`.
fn text_condition(sql: Statement, column: &'static str, op: Op, text: &str) -> Statement {
    let sql = sql.sql(column);
    match op {
        Op::Eq | Op::Ne => sql.sql(" = ").text(text),
        Op::Gt => sql.sql(" > ").text(text),
        Op::Ge => sql.sql(" >= ").text(text),
        Op::Lt => sql.sql(" < ").text(text),
        Op::Le => sql.sql(" <= ").text(text),
        Op::Sw => {
            let sql = sql.sql(" >= ").text(text);
            match after_prefix(text) {
                Some(end) => sql.sql(" AND ").sql(column).sql(" < ").text(&end),
                None => sql,
            }
        }
        Op::Co => sql.sql(" LIKE ").text(&format!("%{}%", escape(text))).sql(" ESCAPE '\\'"),
        Op::Ew => sql.sql(" LIKE ").text(&format!("%{}", escape(text))).sql(" ESCAPE '\\'"),
    }
}

/// As [`text_condition`] would say of a value.
fn holds(op: Op, value: &str, text: &str) -> bool {
    match op {
        Op::Eq => value == text,
        Op::Ne => value != text,
        Op::Gt => value > text,
        Op::Ge => value >= text,
        Op::Lt => value < text,
        Op::Le => value <= text,
        Op::Sw => value.starts_with(text),
        Op::Co => value.contains(text),
        Op::Ew => value.ends_with(text),
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Columns hold whole milliseconds, operands may be finer: between two milliseconds only the comparison
/// with the lower one counts.
fn instant_column(column: &'static str, op: Op, instant: Timestamp) -> Condition {
    let floor = instant.as_nanosecond().div_euclid(1_000_000);
    let whole = instant.as_nanosecond().rem_euclid(1_000_000) == 0;
    let Ok(floor) = i64::try_from(floor) else { return Condition::anything() };
    let sql = statement(column);
    let sql = match (op, whole) {
        (Op::Eq, true) => sql.sql(" = ").integer(floor),
        (Op::Ne, true) => sql.sql(" <> ").integer(floor),
        (Op::Eq, false) => statement("1 = 0"),
        (Op::Ne, false) => statement("1 = 1"),
        (Op::Gt, _) | (Op::Ge, false) => sql.sql(" > ").integer(floor),
        (Op::Ge, true) => sql.sql(" >= ").integer(floor),
        (Op::Lt, true) => sql.sql(" < ").integer(floor),
        (Op::Le, _) | (Op::Lt, false) => sql.sql(" <= ").integer(floor),
        (Op::Co | Op::Sw | Op::Ew, _) => return Condition::anything(),
    };
    Condition::exactly(sql)
}
