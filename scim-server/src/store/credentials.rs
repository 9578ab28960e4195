//! What people sign in to the administrative API with. As with tokens, a secret is kept as its SHA-256.

use diesel::prelude::*;
use jiff::Timestamp;
use scim_core::resource::Id;
use scim_core::{Error, Result};

use super::error::of;
use super::tables::credentials;
use super::{DieselStore, DieselTransaction};
use crate::secrets::{digest, hint, random_id, random_secret};

/// What a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// Somebody signed in.
    Session,
    /// Made by a person for programs.
    Personal,
    /// The operator's.
    Operator,
}

impl CredentialKind {
    /// The word that is stored, and what the secret begins with.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Session => ("session", "ses"),
            Self::Personal => ("personal", "pat"),
            Self::Operator => ("operator", "op"),
        }
    }

    fn of(word: &str) -> Result<Self> {
        [Self::Session, Self::Personal, Self::Operator]
            .into_iter()
            .find(|kind| kind.words().0 == word)
            .ok_or_else(|| Error::internal("a stored credential of no known kind"))
    }
}

/// A credential as it is known after it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: CredentialKind,
    /// Whose it is; nobody's, if the operator's.
    pub account: Option<Id>,
    /// The last four characters of the secret.
    pub hint: String,
    /// What it is for.
    pub note: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

impl Credential {
    /// Whether it may be used.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

#[derive(Queryable, Insertable)]
#[diesel(table_name = credentials)]
struct Row {
    id: String,
    kind: String,
    account_id: Option<String>,
    digest: String,
    hint: String,
    note: Option<String>,
    created: i64,
    expires: Option<i64>,
    revoked: Option<i64>,
}

impl TryFrom<Row> for Credential {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let time = |ms: Option<i64>| {
            ms.map(Timestamp::from_millisecond).transpose().map_err(Error::internal)
        };
        Ok(Self {
            kind: CredentialKind::of(&row.kind)?,
            account: row.account_id.as_deref().and_then(Id::parse),
            hint: row.hint,
            note: row.note,
            created: Timestamp::from_millisecond(row.created).map_err(Error::internal)?,
            expires: time(row.expires)?,
            revoked: time(row.revoked)?,
            id: row.id,
        })
    }
}

impl DieselTransaction<'_> {
    /// Makes a credential; its secret is given once, here.
    ///
    /// # Errors
    /// From the database.
    pub fn create_credential(
        &mut self,
        kind: CredentialKind,
        account: Option<&Id>,
        note: Option<String>,
        (created, expires): (Timestamp, Option<Timestamp>),
    ) -> Result<(Credential, String)> {
        let (word, prefix) = kind.words();
        let secret = format!("{prefix}_{}", random_secret()?);
        let row = Row {
            id: format!("cred_{}", random_id()?),
            kind: word.to_owned(),
            account_id: account.map(|account| account.as_str().to_owned()),
            digest: digest(&secret),
            hint: hint(&secret),
            note,
            created: created.as_millisecond(),
            expires: expires.map(Timestamp::as_millisecond),
            revoked: None,
        };
        diesel::insert_into(credentials::table).values(&row).execute(self.conn()?).map_err(of)?;
        Ok((Credential::try_from(row)?, secret))
    }

    /// The live credentials of an account, or the operator's, of a kind.
    ///
    /// # Errors
    /// From the database.
    pub fn credentials(
        &mut self,
        kind: CredentialKind,
        account: Option<&Id>,
        now: Timestamp,
    ) -> Result<Vec<Credential>> {
        let mut query = credentials::table
            .filter(credentials::kind.eq(kind.words().0))
            .order((credentials::created, credentials::id))
            .into_boxed();
        query = match account {
            Some(account) => query.filter(credentials::account_id.eq(account.as_str())),
            None => query.filter(credentials::account_id.is_null()),
        };
        let rows: Vec<Row> = query.load(self.conn()?).map_err(of)?;
        let all: Vec<Credential> =
            rows.into_iter().map(Credential::try_from).collect::<Result<_>>()?;
        Ok(all.into_iter().filter(|credential| credential.is_live(now)).collect())
    }

    /// Ends a credential.
    ///
    /// # Errors
    /// From the database.
    pub fn revoke_credential(&mut self, id: &str, now: Timestamp) -> Result<()> {
        diesel::update(credentials::table.find(id))
            .set(credentials::revoked.eq(now.as_millisecond()))
            .execute(self.conn()?)
            .map_err(of)
            .map(drop)
    }
}

impl DieselStore {
    /// The credential with that secret, live or not.
    ///
    /// # Errors
    /// From the database.
    pub fn find_credential(&self, secret: &str) -> Result<Option<Credential>> {
        let digest = digest(secret);
        self.0.glance(|conn| {
            let row: Option<Row> = credentials::table
                .filter(credentials::digest.eq(&digest))
                .first(conn)
                .optional()
                .map_err(of)?;
            row.map(Credential::try_from).transpose()
        })
    }
}
