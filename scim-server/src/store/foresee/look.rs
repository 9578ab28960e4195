//! The statements that find several things at once, for PostgreSQL. They are planned once, maybe when there
//! was next to nothing in the tables: so each row is looked for by its whole key, in the order written.

use std::sync::Arc;

use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use scim_core::org::{ClaimedDomain, DomainName, Organization};
use scim_core::query::{Page, Query, Window};
use scim_core::resource::{Id, Resource};
use scim_core::schema::ResourceType;
use scim_core::store::{Identity, Membership, unique_keys_in};
use scim_core::{Error, Result};
use serde_json::{Map, Value};

use crate::store::index::IndexPlan;
use crate::store::narrow::{Reach, Scope, asks_the_plan};
use crate::store::plans::is_stored_column;
use crate::store::records::domains::DomainRow;
use crate::store::records::organizations::{ORGANIZATION, OrganizationColumns, OrganizationRow};
use crate::store::statement::{Statement, integer, statement};
use crate::store::transaction::COLUMNS;
use crate::store::transaction::{DieselTransaction, FEW, Row, id_of};

/// Members that are looked for one by one.
const MEMBERS: usize = 16;

/// Unique values that are looked for one by one.
const NAMES: usize = 4;

/// An organization, then what is looked for in it.
type Of<Rest> = (OrganizationColumns, Rest);

/// A resource, if there is one.
type MaybeResource = Nullable<(Text, BigInt, BigInt, BigInt, Text, Nullable<Text>)>;

/// A resource, and its groups as text.
type WithGroups = (Row, Option<String>);

impl DieselTransaction<'_> {
    pub(super) fn look_for_resource(
        &mut self,
        kind: &Arc<ResourceType>,
        id: &Id,
        groups: bool,
    ) -> Result<()> {
        let found = self.resource(kind, id);
        // The members of a group are rows of their own, and it is locked once they are written.
        let found = if kind.has_members() { found } else { self.for_change(found) };
        let rows = self.resources_with_groups(&found, groups, None)?;
        let Some(resources) = rows else { return Ok(()) };
        let mut found = None;
        for (row, held) in resources {
            let resource = row.resource(kind)?;
            self.see_groups(&resource, held)?;
            found = Some(resource);
        }
        self.seen.resource = Some((kind.name.clone(), id.clone(), found));
        Ok(())
    }

    /// The page of a search that an index answers, and whose rows are few.
    pub(super) fn look_for_page(
        &mut self,
        kind: &Arc<ResourceType>,
        query: &Query,
        groups: bool,
    ) -> Result<()> {
        let Query { predicate: Some(predicate), sort: None, window } = query else { return Ok(()) };
        let scim_core::filter::Predicate::Compare(compare) = predicate else { return Ok(()) };
        let Window::Offset { offset: 0, count: count @ 1.. } = *window else { return Ok(()) };
        let plan = self.plan_to_check();
        let scope = Scope { tenant: &self.tenant, kind, plan: &plan, meant: &[] };
        let condition = scope.narrow(predicate);
        if !condition.exact {
            return Ok(());
        }
        let most = count.min(FEW);
        let found = match (scope.reach(compare), scope.ids_of(compare)) {
            (Reach::One, None) => self.resources(kind).sql(" AND ").then(&condition.sql),
            (Reach::One, Some(id)) => self.resources(kind).sql(" AND r.id = (").then(&id).sql(")"),
            (Reach::Rows(_), Some(ids)) => statement("SELECT ")
                .sql(COLUMNS)
                .sql(" FROM (")
                .then(&ids)
                .sql(" ORDER BY k.id")
                .limit(integer(most.saturating_add(1)))
                .sql(") k CROSS JOIN LATERAL (")
                .then(&self.resources(kind))
                .sql(" AND r.id = k.id OFFSET 0) r"),
            _ => return Ok(()),
        };
        let by = asks_the_plan(predicate).then_some(&*plan);
        let Some(rows) = self.resources_with_groups(&found, groups, by)? else { return Ok(()) };
        if rows.len() > most {
            return Ok(());
        }
        let mut resources = Vec::with_capacity(rows.len());
        for (row, held) in rows {
            let resource = row.resource(kind)?;
            self.see_groups(&resource, held)?;
            resources.push(resource);
        }
        resources.sort_by(|a, b| a.id().cmp(b.id()));
        let page = Page { total: resources.len(), resources, more: false };
        self.seen.page = Some((kind.name.clone(), page));
        Ok(())
    }

    /// A group, and those who are to join or leave it, whose rows are locked as by `identify`.
    pub(super) fn look_for_members(
        &mut self,
        kind: &Arc<ResourceType>,
        group: &Id,
        members: &[Id],
    ) -> Result<()> {
        type Found = Nullable<(Text, Text, Nullable<Text>, Bool)>;
        if members.len() > MEMBERS || members.is_empty() {
            return Ok(());
        }
        // Each row by its whole key, and locked in an order that all keep to.
        let mut ids: Vec<&str> = members.iter().map(Id::as_str).collect();
        ids.sort_unstable();
        let found = statement(
            "SELECT r.id, r.kind, r.label, EXISTS (SELECT 1 FROM members m WHERE m.org = ",
        )
        .text(self.tenant.as_str())
        .sql(" AND m.group_id = ")
        .text(group.as_str())
        .sql(" AND m.member_id = r.id) AS there FROM resources r WHERE r.org = ")
        .text(self.tenant.as_str())
        .sql(" AND r.kind = t.kind AND r.id = w.id");
        let kinds = self.store.registry.types().iter().map(|kind| kind.name.as_str());
        let sql = statement(ORGANIZATION)
            .sql(", ")
            .sql(COLUMNS)
            .sql(", i.id, i.kind, i.label, i.there FROM organizations o LEFT JOIN LATERAL (")
            .then(&self.resource(kind, group))
            .sql(") r ON TRUE LEFT JOIN LATERAL (SELECT f.* FROM unnest(")
            .list(ids)
            .sql(") AS w (id) CROSS JOIN unnest(")
            .list(kinds)
            .sql(") AS t (kind) CROSS JOIN LATERAL (")
            .then(&self.for_change(found))
            .sql(") f) i ON TRUE WHERE o.id = ")
            .text(self.tenant.as_str());
        type Read =
            (OrganizationRow, (Option<Row>, Option<(String, String, Option<String>, bool)>));
        let rows = self.rows_at_once::<Of<(MaybeResource, Found)>, Read>(&sql)?;
        let (mut of, mut found) = (None, Vec::new());
        for (organization, (resource, identity)) in rows {
            if of.is_none() {
                self.see_organization(organization)?;
                of = Some(resource.map(|row| row.resource(kind)).transpose()?);
            }
            if let Some((id, kind, label, there)) = identity {
                found.push((Identity { id: id_of(&id)?, kind, label }, there));
            }
        }
        let Some(of) = of else { return Ok(()) };
        self.seen.resource = Some((kind.name.clone(), group.clone(), of));
        self.seen.members = Some((group.clone(), members.to_vec(), found));
        Ok(())
    }

    /// Whether the unique values of a new resource are free, and who has claimed the domains of its
    /// addresses.
    pub(super) fn look_for_free_names(
        &mut self,
        kind: &Arc<ResourceType>,
        document: &Map<String, Value>,
    ) -> Result<()> {
        type Claim = Nullable<(
            Text,
            Text,
            Text,
            Text,
            Text,
            BigInt,
            Nullable<BigInt>,
            Nullable<BigInt>,
            Nullable<BigInt>,
        )>;
        let keys = unique_keys_in(kind, document);
        if keys.len() > NAMES {
            return Ok(());
        }
        let names = domains_in(document);
        let mut sql = statement(ORGANIZATION).sql(", (TRUE");
        for key in &keys {
            sql = sql
                .sql(" AND NOT EXISTS (SELECT 1 FROM unique_keys k WHERE k.org = ")
                .text(self.tenant.as_str())
                .sql(" AND k.kind = ")
                .text(&kind.name)
                .sql(" AND k.attr = ")
                .text(&key.path)
                .sql(" AND k.key = ")
                .text(&key.key)
                .sql(")");
        }
        let sql = sql
            .sql(
                "), d.org, d.id, d.name, d.token, d.state, d.created, d.verified, d.checked, d.missing \
                 FROM organizations o LEFT JOIN domains d ON d.name ",
            )
            .among(names.iter().map(String::as_str))
            .sql(" WHERE o.id = ")
            .text(self.tenant.as_str())
            .sql(" ORDER BY d.org, d.id");
        type Read = (OrganizationRow, (bool, Option<DomainRow>));
        let rows = self.rows_at_once::<Of<(Bool, Claim)>, Read>(&sql)?;
        let (mut free, mut claims) = (None, Vec::new());
        for (organization, (is_free, claim)) in rows {
            if free.is_none() {
                self.see_organization(organization)?;
                free = Some(is_free);
            }
            claims.extend(claim.map(ClaimedDomain::try_from).transpose()?);
        }
        if free.is_none() {
            return Ok(());
        }
        if free == Some(true) {
            self.seen.free = Some((kind.name.clone(), keys));
        }
        for name in names {
            let of_it = claims.iter().filter(|claim| claim.name.as_str() == name).cloned();
            let of_it = of_it.collect();
            self.seen.claims.push((name, of_it));
        }
        Ok(())
    }

    fn resources(&self, kind: &ResourceType) -> Statement {
        statement("SELECT ")
            .sql(COLUMNS)
            .sql(" FROM resources r WHERE r.org = ")
            .text(self.tenant.as_str())
            .sql(" AND r.kind = ")
            .text(&kind.name)
    }

    fn resource(&self, kind: &ResourceType, id: &Id) -> Statement {
        self.resources(kind).sql(" AND r.id = ").text(id.as_str())
    }

    /// The resources that `found` selects, each with the groups that hold it; nothing at all without the
    /// organization, or if another plan than the one that `found` goes by is stored.
    fn resources_with_groups(
        &mut self,
        found: &Statement,
        groups: bool,
        by: Option<&IndexPlan>,
    ) -> Result<Option<Vec<WithGroups>>> {
        let planned = is_stored_column(by);
        let sql = statement(ORGANIZATION).sql(", ").then(&planned).sql(", ");
        let sql = sql.sql(COLUMNS).sql(", ");
        let sql = if groups {
            sql.then(&self.groups_as_text("id"))
        } else {
            sql.sql("CAST(NULL AS TEXT)")
        };
        let sql = sql
            .sql(" FROM organizations o LEFT JOIN LATERAL (")
            .then(found)
            .sql(") r ON TRUE WHERE o.id = ")
            .text(self.tenant.as_str());
        type Read = (OrganizationRow, (bool, Option<Row>, Option<String>));
        let rows = self.rows_at_once::<Of<(Bool, MaybeResource, Nullable<Text>)>, Read>(&sql)?;
        let (mut organization, mut resources) = (None, Vec::with_capacity(rows.len()));
        for (of, (planned, resource, groups)) in rows {
            if !planned {
                return Ok(None);
            }
            organization.get_or_insert(of);
            resources.extend(resource.map(|row| (row, groups)));
        }
        let Some(organization) = organization else { return Ok(None) };
        self.see_organization(organization)?;
        Ok(Some(resources))
    }

    /// A line of JSON for each group that lists `r`, by that column: its id, what to show for it, and whether another
    /// group lists it in turn.
    pub(super) fn groups_as_text(&self, id: &'static str) -> Statement {
        statement(
            "array_to_string(ARRAY(SELECT CAST(json_build_array(m.group_id, (SELECT g.label \
             FROM resources g WHERE g.org = ",
        )
        .text(self.tenant.as_str())
        .sql(" AND g.kind = ")
        .text(&self.group_kind())
        .sql(" AND g.id = m.group_id), EXISTS (SELECT 1 FROM members up WHERE up.org = ")
        .text(self.tenant.as_str())
        .sql(" AND up.member_id = m.group_id)) AS TEXT) FROM members m WHERE m.org = ")
        .text(self.tenant.as_str())
        .sql(" AND m.member_id = r.")
        .sql(id)
        .sql("), chr(10))")
    }

    fn see_organization(&mut self, row: OrganizationRow) -> Result<()> {
        let organization = Organization::try_from(row)?;
        if self.keeps_organization(&organization.id) {
            self.known.push(organization);
        }
        Ok(())
    }

    /// Takes the groups of a resource, unless there are groups in groups: that takes another look.
    fn see_groups(&mut self, resource: &Resource, lines: Option<String>) -> Result<()> {
        let Some(lines) = lines else { return Ok(()) };
        let groups = groups_from(resource.id(), &lines)?;
        self.seen
            .groups
            .extend(groups.map(|groups| (self.tenant.clone(), resource.id().clone(), groups)));
        Ok(())
    }
}

/// The groups as [`DieselTransaction::groups_as_text`] tells of them. Nothing if another group lists one.
pub(super) fn groups_from(member: &Id, lines: &str) -> Result<Option<Vec<Membership>>> {
    let mut groups = Vec::new();
    for line in lines.lines() {
        let (group, display, nested): (String, Option<String>, bool) =
            serde_json::from_str(line).map_err(Error::internal)?;
        if nested {
            return Ok(None);
        }
        let (member, group) = (member.clone(), id_of(&group)?);
        groups.push(Membership { member, group, display, direct: true });
    }
    groups.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(Some(groups))
}

/// The domains of a new user's addresses, as far as they are any.
fn domains_in(document: &Map<String, Value>) -> Vec<String> {
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let name = document.get("userName").and_then(Value::as_str).map(str::to_owned);
    let emails = document.get("emails").and_then(Value::as_array).into_iter().flatten();
    let mut domains = Vec::new();
    for address in name.into_iter().chain(emails.take(4).filter_map(|e| text(e, "value"))) {
        let domain = address.rsplit_once('@').and_then(|(_, name)| DomainName::parse(name).ok());
        if let Some(domain) = domain
            && !domains.iter().any(|known| known == domain.as_str())
        {
            domains.push(domain.as_str().to_owned());
        }
    }
    domains
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_come_as_lines() {
        let ann = Id::parse("ann").unwrap();
        let found = groups_from(&ann, "[\"b\", \"line\\nbreak\", false]\n[\"a\", null, false]");
        let found: Vec<_> =
            found.unwrap().unwrap().into_iter().map(|m| (m.group.to_string(), m.display)).collect();
        let expected = [("a", None), ("b", Some("line\nbreak"))];
        assert_eq!(found, expected.map(|(id, name)| (id.to_owned(), name.map(str::to_owned))));
        assert_eq!(groups_from(&ann, "[\"a\", \"A\", true]").unwrap(), None);
        assert_eq!(groups_from(&ann, "").unwrap(), Some(Vec::new()));
    }
}
