//! `operator`: tokens for the administrative API.

use anyhow::{Result, bail};
use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::output::{Format, Output};
use crate::config::Config;
use crate::out;
use crate::serve;
use crate::store::{Credential, CredentialKind};

#[derive(Debug, Subcommand)]
pub(super) enum Operator {
    /// Make a token; it is shown once
    CreateToken {
        /// How many days it lives [default: for ever]
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: Option<u32>,
        /// What it is for
        #[arg(long)]
        note: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// List the live tokens
    ListTokens {
        #[command(flatten)]
        output: Output,
    },
    /// Revoke a token
    RevokeToken {
        /// Its id, cred_…
        id: String,
        #[command(flatten)]
        output: Output,
    },
}

fn shown(credential: &Credential) -> Value {
    let time = |t: Option<Timestamp>| t.map(scim_core::resource::instant);
    json!({
        "id": credential.id,
        "ends_in": credential.hint,
        "note": credential.note,
        "created": time(Some(credential.created)),
        "expires": time(credential.expires),
    })
}

impl Operator {
    pub(super) fn run(self, config: &Config) -> Result<()> {
        let serve::Opened { store, env, .. } = serve::open(config)?;
        let (kind, now) = (CredentialKind::Operator, env.clock.now());
        match self {
            Self::CreateToken { days, note, output } => {
                let expires =
                    days.map(|days| now + SignedDuration::from_hours(i64::from(days) * 24));
                let (credential, secret) = store.write_records(|tx| {
                    tx.create_credential(kind, None, note.clone(), (now, expires))
                })?;
                let mut shown = shown(&credential);
                if let Some(shown) = shown.as_object_mut() {
                    shown.insert("token".into(), secret.into());
                }
                output.one(&shown);
                if let Some(failure) = out::failure() {
                    store.write_records(|tx| tx.revoke_credential(&credential.id, now))?;
                    bail!("{failure}; the token, which nobody has seen, was revoked");
                }
                if output.format == Format::Table {
                    eprintln!("The token is shown this once; keep it.");
                }
            }
            Self::ListTokens { output } => {
                let all = store.read_records(|tx| tx.credentials(kind, None, now))?;
                output.list(&all.iter().map(shown).collect::<Vec<_>>());
            }
            Self::RevokeToken { id, output } => {
                let known = store.write_records(|tx| {
                    let known = tx.credentials(kind, None, now)?.iter().any(|c| c.id == id);
                    if known {
                        tx.revoke_credential(&id, now)?;
                    }
                    Ok(known)
                })?;
                if !known {
                    bail!(
                        "there is no operator token \"{id}\"; scim-server operator list-tokens shows them"
                    );
                }
                output.done(&format!("Revoked {id}."), &json!({"revoked": id}));
            }
        }
        Ok(())
    }
}
