//! `token` and `migrate`.

use anyhow::{Result, bail};
use jiff::Timestamp;
use scim_core::org::Cause;
use scim_core::resource::Id;
use scim_core::store::Tenant;
use serde_json::{Value, json};

use super::output::{Format, Output};
use super::{Lifetime, Spec, Token};
use crate::config::Config;
use crate::out;
use crate::serve::{self, Opened};
use crate::store::{self, OPERATOR, TokenSpec, scopes_text};

pub(super) fn migrate(config: &Config, output: Output) -> Result<()> {
    let opened = serve::open(config)?;
    let facts = opened.store.facts();
    output.done(&format!("The database is up to date ({facts})."), &json!({"database": facts}));
    Ok(())
}

pub(super) fn token(config: &Config, command: Token) -> Result<()> {
    let Opened { store, env, .. } = serve::open(config)?;
    let now = env.clock.now();
    let request_id = env.ids.next();
    let cause = Cause { env: &env, actor: OPERATOR, request_id: request_id.as_str(), now };
    match command {
        Token::Create { spec, output } => {
            let Spec { org, preset, expires_in: Lifetime(lifetime), scopes, user } = spec;
            let expires = lifetime.map(|lifetime| now + lifetime);
            let spec = TokenSpec { preset, scopes, user, expires };
            let (token, secret) = store
                .write_records(|tx| tx.create_token(&Tenant::new(&org), &spec, &cause))
                .map_err(|e| anyhow::anyhow!("{}", e.detail()))?;
            let mut shown = token_json(&token);
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("token".into(), secret.into());
            }
            output.one(&shown);
            if let Some(failure) = out::failure() {
                store.write_records(|tx| tx.revoke_token(&Tenant::new(&org), &token.id, &cause))?;
                bail!("{failure}; the token, which nobody has seen, was revoked");
            }
            if output.format == Format::Table {
                eprintln!("The token is shown this once; keep it.");
            }
        }
        Token::List { org, output } => {
            known(&store, &org)?;
            let tokens = store.read_records(|tx| tx.tokens(&Tenant::new(&org)))?;
            output.list(&tokens.iter().map(token_json).collect::<Vec<_>>());
        }
        Token::Revoke { org, id, output } => {
            store
                .write_records(|tx| tx.revoke_token(&Tenant::new(&org), &id, &cause))
                .map_err(|e| anyhow::anyhow!("{}", e.detail()))?;
            let sentence = format!("Revoked {id}; it stops working within a second.");
            output.done(&sentence, &json!({"revoked": id}));
        }
    }
    Ok(())
}

/// # Errors
/// If there is no such organization.
pub(super) fn known(store: &store::DieselStore, organization: &str) -> Result<()> {
    if store.organization(organization)?.is_none() {
        bail!("there is no organization \"{organization}\"; scim-server org list shows them");
    }
    Ok(())
}

fn token_json(token: &store::Token) -> Value {
    json!({
        "id": token.id,
        "organization": token.organization,
        "ends_in": token.hint,
        "preset": token.preset.name(),
        "scopes": scopes_text(token.scopes),
        "user": token.user.as_ref().map(Id::as_str),
        "created": time(Some(token.created)),
        "expires": time(token.expires),
        "revoked": time(token.revoked),
        "last_used": time(token.last_used),
    })
}

fn time(timestamp: Option<Timestamp>) -> Value {
    timestamp.map_or(Value::Null, |t| Value::String(scim_core::resource::instant(t)))
}
