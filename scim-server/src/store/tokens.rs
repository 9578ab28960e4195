//! Bearer tokens. A secret is shown once; what is kept is its SHA-256, by which it is looked up: finding
//! an unknown token costs the same as finding a known one.

use diesel::sql_types::{BigInt, Nullable, Text};
use jiff::Timestamp;
use scim_core::caller::Scopes;
use scim_core::dialect::Preset;
use scim_core::env::Env;
use scim_core::org::{Cause, OrganizationRecords as _};
use scim_core::resource::Id;
use scim_core::schema::USER_TYPE;
use scim_core::store::{Tenant, Transaction as _};
use scim_core::{Error, Kind, Result, Store as _};

use super::connection::Conn;
use super::statement::{Statement, name, statement};
use super::{DieselStore, DieselTransaction};
use crate::secrets::{digest, hint, random_id, random_secret};

/// A token as it is known after it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The organization that it belongs to.
    pub organization: String,
    /// Its public id, `tok_…`.
    pub id: String,
    /// The last four characters of the secret.
    pub hint: String,
    /// How strictly its client is taken.
    pub preset: Preset,
    /// What it may do.
    pub scopes: Scopes,
    /// The user that it is bound to, for `/Me`.
    pub user: Option<Id>,
    /// When it was made.
    pub created: Timestamp,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// When it was last used, to about half a minute.
    pub last_used: Option<Timestamp>,
    /// Its user is gone, or inactive: it is no good meanwhile (S11).
    pub orphaned: bool,
}

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct TokenSpec {
    /// How strictly its client is taken.
    pub preset: Preset,
    /// What it may do.
    pub scopes: Scopes,
    /// The user that it is bound to.
    pub user: Option<Id>,
    /// When it expires.
    pub expires: Option<Timestamp>,
}

impl Token {
    /// Whether it may be used now.
    #[must_use]
    pub fn admits(&self, now: Timestamp) -> bool {
        self.is_live(now) && !self.orphaned
    }

    /// Whether it is neither revoked nor expired.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

/// The scopes as they are written: `read,users,groups,bulk`.
#[must_use]
pub fn scopes_text(scopes: Scopes) -> String {
    let named = [
        (scopes.read, "read"),
        (scopes.users, "users"),
        (scopes.groups, "groups"),
        (scopes.bulk, "bulk"),
    ];
    named.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect::<Vec<_>>().join(",")
}

/// Reads scopes.
///
/// # Errors
/// The word that is no scope.
pub fn parse_scopes(text: &str) -> std::result::Result<Scopes, String> {
    let mut scopes = Scopes { read: false, users: false, groups: false, bulk: false };
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word {
            "read" => scopes.read = true,
            "users" => scopes.users = true,
            "groups" => scopes.groups = true,
            "bulk" => scopes.bulk = true,
            _ => return Err(format!("\"{word}\" is no scope; use read, users, groups, bulk")),
        }
    }
    Ok(scopes)
}

type Columns = (
    Text,
    Text,
    Text,
    Text,
    Text,
    Nullable<Text>,
    BigInt,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    BigInt,
);
type Row = (
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    i64,
);

fn select() -> Statement {
    statement(
        "SELECT org, id, hint, preset, scopes, user_id, created, expires, revoked, last_used, \
         CAST(CASE WHEN user_id IS NULL OR EXISTS (SELECT 1 FROM bindings b WHERE b.org = tokens.org \
         AND b.user_id = tokens.user_id AND b.active) THEN 0 ELSE 1 END AS BIGINT) FROM tokens",
    )
}

fn token(row: Row) -> Result<Token> {
    let (
        organization,
        id,
        hint,
        preset,
        scopes,
        user,
        created,
        expires,
        revoked,
        last_used,
        orphaned,
    ) = row;
    let time =
        |ms: Option<i64>| ms.map(Timestamp::from_millisecond).transpose().map_err(Error::internal);
    let bad = |e: String| Error::internal(e);
    Ok(Token {
        organization,
        id,
        hint,
        preset: preset.parse().map_err(bad)?,
        scopes: parse_scopes(&scopes).map_err(bad)?,
        user: user.as_deref().and_then(Id::parse),
        created: Timestamp::from_millisecond(created).map_err(Error::internal)?,
        expires: time(expires)?,
        revoked: time(revoked)?,
        last_used: time(last_used)?,
        orphaned: orphaned != 0,
    })
}

fn token_of_digest(conn: &mut Conn, digest: &str) -> Result<Option<Token>> {
    let rows: Vec<Row> =
        select().sql(" WHERE digest = ").text(digest).rows_of::<name::Token, Columns, _>(conn)?;
    rows.into_iter().next().map(token).transpose()
}

impl DieselTransaction<'_> {
    /// Makes a token; its secret is given once, here.
    ///
    /// # Errors
    /// [`scim_core::Kind::NotFound`] if there is no such organization, or it has no such user; a conflict
    /// if it has as many live tokens as it may.
    pub fn create_token(
        &mut self,
        organization: &Tenant,
        spec: &TokenSpec,
        cause: &Cause<'_>,
    ) -> Result<(Token, String)> {
        if self.organization(organization)?.is_none() {
            let detail = format!(
                "There is no organization \"{organization}\"; scim-server org list shows them"
            );
            return Err(Error::not_found(detail).with_code("not_found"));
        }
        if let Some(user) = &spec.user {
            let known = self.within(organization, |tx| tx.identify(std::slice::from_ref(user)))?;
            if known.iter().all(|known| known.kind != USER_TYPE) {
                let detail = format!(
                    "The organization has no user with the id \"{user}\"; GET /Users gives their ids"
                );
                return Err(Error::not_found(detail).with_code("not_found"));
            }
        }
        let live = self.tokens(organization)?.iter().filter(|t| t.is_live(cause.now)).count();
        let most = self.store.token_limit;
        if live >= most {
            let detail = format!(
                "The organization has {live} tokens, which is as many as it may have at the same time; \
                 revoke one first"
            );
            return Err(Error::new(Kind::Conflict, detail).with_code("token_limit"));
        }
        let secret = format!("scim_{}", random_secret()?);
        let token = Token {
            organization: organization.as_str().to_owned(),
            id: format!("tok_{}", random_id()?),
            hint: hint(&secret),
            preset: spec.preset,
            scopes: spec.scopes,
            user: spec.user.clone(),
            created: cause.now,
            expires: spec.expires,
            revoked: None,
            last_used: None,
            orphaned: false,
        };
        let millisecond = |t: Option<Timestamp>| t.map(Timestamp::as_millisecond);
        statement(
            "INSERT INTO tokens (org, id, digest, hint, preset, scopes, user_id, created, expires) \
             VALUES (",
        )
        .text(&token.organization)
        .sql(", ")
        .text(&token.id)
        .sql(", ")
        .text(&digest(&secret))
        .sql(", ")
        .text(&token.hint)
        .sql(", ")
        .text(spec.preset.name())
        .sql(", ")
        .text(&scopes_text(spec.scopes))
        .sql(", ")
        .optional_text(spec.user.as_ref().map(Id::as_str))
        .sql(", ")
        .integer(cause.now.as_millisecond())
        .sql(", ")
        .optional_integer(millisecond(spec.expires))
        .sql(")")
        .execute(self.conn()?)?;
        let detail = serde_json::json!({
            "preset": token.preset.name(),
            "scopes": scopes_text(token.scopes),
            "user": token.user.as_ref().map(Id::as_str),
            "expires": token.expires.map(scim_core::resource::instant),
        });
        self.tell_of_token(organization, ("scim_token.created", detail), &token.id, cause)?;
        Ok((token, secret))
    }

    fn tell_of_token(
        &mut self,
        organization: &Tenant,
        (event, detail): (&str, serde_json::Value),
        id: &str,
        cause: &Cause<'_>,
    ) -> Result<()> {
        let target = Id::parse(id).ok_or_else(|| Error::internal("a token's id that is none"))?;
        cause.tell(self, organization, event, &target, detail)
    }

    /// The tokens of an organization, the oldest first.
    ///
    /// # Errors
    /// From the database.
    pub fn tokens(&mut self, organization: &Tenant) -> Result<Vec<Token>> {
        self.enter(organization)?;
        let rows: Vec<Row> = select()
            .sql(" WHERE org = ")
            .text(organization.as_str())
            .sql(" ORDER BY created, id")
            .rows::<Columns, _>(self.conn()?)?;
        rows.into_iter().map(token).collect()
    }

    /// Revokes a token. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`scim_core::Kind::NotFound`] if the organization has no such token.
    pub fn revoke_token(
        &mut self,
        organization: &Tenant,
        id: &str,
        cause: &Cause<'_>,
    ) -> Result<Token> {
        let known = |tx: &mut Self| Ok(tx.tokens(organization)?.into_iter().find(|t| t.id == id));
        let token = known(self)?.ok_or_else(|| {
            let detail =
                format!("The organization has no token \"{id}\"; its list of tokens has them");
            Error::not_found(detail).with_code("not_found")
        })?;
        if token.revoked.is_some() {
            return Ok(token);
        }
        statement("UPDATE tokens SET revoked = ")
            .integer(cause.now.as_millisecond())
            .sql(" WHERE org = ")
            .text(organization.as_str())
            .sql(" AND id = ")
            .text(id)
            .execute(self.conn()?)?;
        let told = ("scim_token.revoked", serde_json::json!({}));
        self.tell_of_token(organization, told, id, cause)?;
        Ok(Token { revoked: Some(cause.now), ..token })
    }
}

impl DieselStore {
    /// The token with that secret, live or not.
    ///
    /// # Errors
    /// From the database.
    pub fn find_token(&self, secret: &str) -> Result<Option<Token>> {
        self.find_token_by_digest(&digest(secret))
    }

    /// As [`Self::find_token`], for who has the digest already.
    ///
    /// # Errors
    /// From the database.
    pub(crate) fn find_token_by_digest(&self, digest: &str) -> Result<Option<Token>> {
        self.0.glance(|conn| token_of_digest(conn, digest))
    }

    /// The token of that digest, live or not, on a thread that must not wait; `None` where it can't be had so.
    ///
    /// # Errors
    /// From the database.
    pub(crate) fn find_token_briefly(&self, digest: &str) -> Result<Option<Option<Token>>> {
        if !self.reads_briefly() {
            return Ok(None);
        }
        self.0.brief.read(|reader| {
            if let Some(token) = reader.remembered.token(digest) {
                return Ok(Some(Some(token.clone())));
            }
            let token = token_of_digest(&mut reader.conn, digest)?;
            if let Some(token) = &token {
                reader.remembered.remember_token(digest, token);
            }
            Ok(Some(token))
        })
    }

    /// Notes when tokens were last used, and tells of first uses.
    ///
    /// # Errors
    /// From the database.
    pub fn touch_tokens(&self, used: &[(String, String, Timestamp)], env: &Env) -> Result<()> {
        self.write_records(|tx| {
            for (organization, id, when) in used {
                let first = statement("UPDATE tokens SET last_used = ")
                    .integer(when.as_millisecond())
                    .sql(" WHERE org = ")
                    .text(organization)
                    .sql(" AND id = ")
                    .text(id)
                    .sql(" AND last_used IS NULL")
                    .execute(tx.conn()?)?;
                if first > 0 {
                    let request_id = env.ids.next();
                    let request_id = request_id.as_str();
                    let cause = Cause { env, actor: id, request_id, now: *when };
                    tx.tell_of_token(
                        &Tenant::new(organization),
                        ("scim_token.used_first", serde_json::json!({})),
                        id,
                        &cause,
                    )?;
                    continue;
                }
                statement("UPDATE tokens SET last_used = ")
                    .per_backend("MAX", "GREATEST")
                    .sql("(COALESCE(last_used, 0), ")
                    .integer(when.as_millisecond())
                    .sql(") WHERE org = ")
                    .text(organization)
                    .sql(" AND id = ")
                    .text(id)
                    .execute(tx.conn()?)?;
            }
            Ok(())
        })
    }
}
