//! What the clock alone brings about: codes that have run out, tokens and certificates that soon will.

use diesel::sql_types::{BigInt, Text};
use jiff::Timestamp;
use scim_core::org::{Certificate, Provider, SsoSettings};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Error, Result};
use serde_json::Value;

use super::statement::integer;
use super::statement::statement;
use super::transaction::id_of;
use super::{DieselTransaction, EventFilter};

/// Events of one name about one thing that are looked through for one that says the same.
const ALIKE: usize = 100;

/// Something of an organization that runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expiring {
    pub(crate) org: Tenant,
    pub(crate) id: Id,
    pub(crate) expires: Timestamp,
}

impl DieselTransaction<'_> {
    /// Linking codes that ran out between two moments, unused.
    pub(crate) fn codes_expired(
        &mut self,
        after: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Expiring>> {
        self.expiring(
            "SELECT org, id, expires FROM link_codes WHERE state = 'issued'",
            after,
            until,
            limit,
        )
    }

    /// Organizations whose request to be linked has run out.
    pub(crate) fn link_requests_expired(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Tenant>> {
        let orgs: Vec<String> = statement("SELECT org FROM link_requests WHERE expires <= ")
            .integer(until.as_millisecond())
            .sql(" ORDER BY expires, org")
            .limit(integer(limit))
            .rows::<Text, _>(self.conn()?)?;
        Ok(orgs.iter().map(|org| Tenant::new(org)).collect())
    }

    /// Tokens that run out between two moments.
    pub(crate) fn tokens_expiring(
        &mut self,
        after: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Expiring>> {
        self.expiring(
            "SELECT org, id, expires FROM tokens WHERE revoked IS NULL",
            after,
            until,
            limit,
        )
    }

    fn expiring(
        &mut self,
        select: &'static str,
        after: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Expiring>> {
        let rows: Vec<(String, String, i64)> = statement(select)
            .sql(" AND expires > ")
            .integer(after.as_millisecond())
            .sql(" AND expires <= ")
            .integer(until.as_millisecond())
            .sql(" ORDER BY expires, id")
            .limit(integer(limit))
            .rows::<(Text, Text, BigInt), _>(self.conn()?)?;
        rows.into_iter()
            .map(|(org, id, expires)| {
                Ok(Expiring {
                    org: Tenant::new(&org),
                    id: id_of(&id)?,
                    expires: Timestamp::from_millisecond(expires).map_err(Error::internal)?,
                })
            })
            .collect()
    }

    /// The certificates of organizations behind `after`, a page of them; empty behind the last.
    pub(crate) fn certificates_after(
        &mut self,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(Tenant, Vec<Certificate>)>> {
        let rows: Vec<(String, String)> =
            statement("SELECT org, body FROM sso_settings WHERE org > ")
                .text(after)
                .sql(" ORDER BY org")
                .limit(integer(limit))
                .rows::<(Text, Text), _>(self.conn()?)?;
        rows.into_iter()
            .map(|(org, body)| {
                let settings: SsoSettings = serde_json::from_str(&body).map_err(Error::internal)?;
                let certificates = match settings.provider {
                    Provider::Saml(saml) => saml.certificates,
                    Provider::Oidc(_) => Vec::new(),
                };
                Ok((Tenant::new(&org), certificates))
            })
            .collect()
    }

    /// Whether the log of an organization has that very event already.
    pub(crate) fn has_told(
        &mut self,
        org: &Tenant,
        name: &str,
        target: &Id,
        detail: &Value,
    ) -> Result<bool> {
        let filter = EventFilter {
            name: Some(name.to_owned()),
            target: Some(target.as_str().to_owned()),
            ..EventFilter::default()
        };
        let events = self.events(org, &filter, ALIKE)?;
        Ok(events.iter().any(|event| event.detail == *detail))
    }
}
