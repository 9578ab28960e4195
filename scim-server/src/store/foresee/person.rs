//! A person in all organizations, in one statement.

use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use scim_core::org::{Account, Binding, ClaimedDomain, DomainName, Grant};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Error, Result};

use super::Person;
use super::look::groups_from;
use crate::store::later::{ACCOUNTS, BINDINGS, MEMBERSHIPS};
use crate::store::locks::Hold;
use crate::store::records::domains::DomainRow;
use crate::store::records::grants::GrantRow;
use crate::store::records::people::{AccountRow, BindingRow};
use crate::store::records::word;
use crate::store::statement::statement;
use crate::store::transaction::{DieselTransaction, id_of};

/// Rows of several tables: which, five texts, four numbers, two truths.
type Columns = (
    BigInt,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<Bool>,
    Nullable<Bool>,
);
type Text5 = Option<String>;
type Row = (
    i64,
    Text5,
    Text5,
    Text5,
    Text5,
    Text5,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<bool>,
    Option<bool>,
);

const ACCOUNT: i64 = 1;
const BINDING: i64 = 2;
const GRANT: i64 = 3;
const ROLE: i64 = 4;
const GROUPS: i64 = 5;
const CLAIM: i64 = 6;

impl DieselTransaction<'_> {
    /// Looks for the person that a user is: the account, whose row is locked; its bindings, grants and
    /// roles; the groups of its users; the claims on the domain of its address.
    pub(in crate::store) fn look_for_person(&mut self, user: &Id) -> Result<()> {
        if !self.link.is_far() || !matches!(self.hold, Hold::Organization(_)) {
            return Ok(());
        }
        self.conn_to_read(&[ACCOUNTS, BINDINGS])?;
        self.conn_to_read(&MEMBERSHIPS)?;
        let kind = self.group_kind();
        let sql = statement(
            "WITH a AS MATERIALIZED (SELECT id, email, key, name, password, created FROM accounts \
             WHERE id = (SELECT account_id FROM bindings WHERE org = ",
        )
        .text(self.tenant.as_str())
        .sql(" AND user_id = ")
        .text(user.as_str())
        .sql(
            ") FOR NO KEY UPDATE), \
             b AS MATERIALIZED (SELECT * FROM bindings WHERE account_id = (SELECT id FROM a)), \
             g AS MATERIALIZED (SELECT * FROM grants WHERE account_id = (SELECT id FROM a)) \
             SELECT CAST(1 AS BIGINT), id, email, key, name, password, created, CAST(NULL AS BIGINT), \
             CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), CAST(NULL AS BOOLEAN), CAST(NULL AS BOOLEAN) FROM a \
             UNION ALL SELECT 2, org, user_id, account_id, NULL, NULL, NULL, NULL, NULL, NULL, active, \
             detached FROM b \
             UNION ALL SELECT 3, org, account_id, source, note, NULL, since, NULL, NULL, NULL, suspended, \
             NULL FROM g \
             UNION ALL SELECT 4, r.org, r.role, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL \
             FROM (SELECT org FROM b UNION SELECT org FROM g) o CROSS JOIN LATERAL (SELECT org, role FROM \
             roles WHERE org = o.org AND account_id = (SELECT id FROM a) OFFSET 0) r \
             UNION ALL SELECT 5, b.org, b.user_id, array_to_string(ARRAY(SELECT CAST(json_build_array(\
             m.group_id, (SELECT r.label FROM resources r WHERE r.org = m.org AND r.kind = ",
        )
        .text(&kind)
        .sql(
            " AND r.id = m.group_id), EXISTS (SELECT 1 FROM members up WHERE up.org = m.org \
             AND up.member_id = m.group_id)) AS TEXT) FROM members m WHERE m.org = b.org \
             AND m.member_id = b.user_id), chr(10)), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM b \
             UNION ALL SELECT 6, d.org, d.id, d.name, d.token, d.state, d.created, d.verified, d.checked, \
             d.missing, NULL, NULL FROM domains d \
             WHERE d.name = (SELECT split_part(key, '@', -1) FROM a)",
        );
        let rows = self.rows_at_once::<Columns, Row>(&sql)?;
        self.see_person(rows)
    }

    /// The binding of a user, and, since the answer shows them, the groups that hold the user.
    pub(in crate::store) fn look_for_binding(&mut self, user: &Id) -> Result<Vec<Binding>> {
        self.conn_to_read(&[BINDINGS])?;
        self.conn_to_read(&MEMBERSHIPS)?;
        let sql = statement("SELECT r.org, r.user_id, r.account_id, r.active, r.detached, ")
            .then(&self.groups_as_text("user_id"))
            .sql(" FROM bindings r WHERE r.org = ")
            .text(self.tenant.as_str())
            .sql(" AND r.user_id = ")
            .text(user.as_str());
        type Read = (BindingRow, String);
        let rows = self.rows_at_once::<((Text, Text, Text, Bool, Bool), Text), Read>(&sql)?;
        let mut bindings = Vec::new();
        for (row, lines) in rows {
            if let Some(groups) = groups_from(user, &lines)? {
                self.seen.groups.push((self.tenant.clone(), user.clone(), groups));
            }
            bindings.push(Binding::try_from(row)?);
        }
        Ok(bindings)
    }

    fn see_person(&mut self, rows: Vec<Row>) -> Result<()> {
        let (mut account, mut bindings, mut grants) = (None, Vec::new(), Vec::new());
        let (mut roles, mut groups, mut claims) = (Vec::new(), Vec::new(), Vec::new());
        for (what, a, b, c, d, e, n, m, o, p, yes, too) in rows {
            let text = |text: Option<String>| text.unwrap_or_default();
            match what {
                ACCOUNT => {
                    let row = AccountRow::new((text(a), b, c, d, e), n.unwrap_or_default());
                    account = Some(Account::try_from(row)?);
                }
                BINDING => {
                    let active = (yes.unwrap_or_default(), too.unwrap_or_default());
                    let row = BindingRow::new((text(a), text(b), text(c)), active);
                    bindings.push(Binding::try_from(row)?);
                }
                GRANT => {
                    let key = (text(a), text(b), text(c));
                    grants.push(Grant::try_from(GrantRow::new(
                        key,
                        d,
                        yes.unwrap_or_default(),
                        n,
                    ))?);
                }
                ROLE => {
                    roles.push((Tenant::new(&text(a)), word(&text(b))?));
                }
                GROUPS => {
                    let id = id_of(&text(b))?;
                    if let Some(held) = groups_from(&id, &text(c))? {
                        groups.push((Tenant::new(&text(a)), id, held));
                    }
                }
                CLAIM => {
                    let key = [text(a), text(b), text(c), text(d), text(e)];
                    let row = DomainRow::new(key, n.unwrap_or_default(), [m, o, p]);
                    claims.push(ClaimedDomain::try_from(row)?);
                }
                _ => return Err(Error::internal("a row of an unknown kind")),
            }
        }
        let Some(account) = account else { return Ok(()) };
        claims.sort_by(|a, b| (&a.org, &a.id).cmp(&(&b.org, &b.id)));
        let domain = account.key.as_deref().and_then(|key| key.rsplit_once('@'));
        if let Some(name) = domain.and_then(|(_, name)| DomainName::parse(name).ok())
            && self.seen.claims_on(name.as_str()).is_none()
        {
            claims.retain(|claim| claim.name == name);
            self.seen.claims.push((name.as_str().to_owned(), claims));
        }
        self.seen.groups.extend(groups);
        self.seen.person = Some(Person { account, bindings, grants, roles }.in_order());
        Ok(())
    }
}
