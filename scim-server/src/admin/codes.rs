//! Linking codes.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::SignedDuration;
use scim_core::org::{
    CodeState, LinkRecords as _, LinkingCode, OrganizationRecords as _, Role, linking, people,
};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;
use utoipa::ToSchema;

use super::Api;
use super::call::{Call, Incoming, not_found};
use super::endpoint::bad;
use super::reply::{Reply, time};
use crate::secrets::{hint, random_id};
use crate::store::OPERATOR;

/// Tries of a code by one person for one organization, and the time in which they count.
const TRIES: i64 = 5;

/// Looks at what a right code would do, in the same time.
const LOOKS: i64 = 20;
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// A linking code.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkCodeView {
    id: String,
    /// The code, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The last four characters of the code.
    ends_in: String,
    /// `issued`, `redeemed`, `revoked` or `expired`.
    state: String,
    note: Option<String>,
    /// The only organization that may redeem it.
    intended_organization: Option<String>,
    created: String,
    created_by: String,
    /// Whether whoever issued it is still an owner or admin.
    issuer_present: bool,
    expires: String,
    redeemed_by: Option<String>,
}

/// A new linking code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLinkCode {
    /// What it is for.
    note: Option<String>,
    /// The only organization that may redeem it.
    intended_organization: Option<String>,
}

impl Api {
    /// What is kept of a code.
    pub(super) fn code_digest(&self, code: &str) -> Result<String> {
        self.keyed(&[&plain(code)])
    }

    /// A keyed hash, in hex. Without the key nobody can try what it is of.
    pub(super) fn keyed(&self, parts: &[&str]) -> Result<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.code_key)
            .map_err(|e| Error::internal(e.to_string()))?;
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                mac.update(&[0]);
            }
            mac.update(part.as_bytes());
        }
        let bytes = mac.finalize().into_bytes();
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// A code as it was made, however it was typed: without spaces and hyphens, in small letters.
fn plain(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

/// 160 random bits in groups of four, to be read aloud if need be.
fn new_code() -> Result<String> {
    let letters = format!("{}{}", random_id()?, random_id()?);
    let letters: Vec<char> = letters.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    Ok(format!("link-{}", groups.join("-")))
}

/// Counts a try before the code is looked at (S19): the sixth fails with the right code too. The try is
/// counted for good unless the code turns out to be right. What a right code shows is counted as well, so
/// that nobody tries one SCIM Name after the other with it.
pub(super) fn count_try(incoming: &Incoming<'_>) -> Result<Value> {
    incoming.api.count_try(&looks(incoming), LOOKS, WINDOW)?;
    incoming.api.count_try(&tries(incoming), TRIES, WINDOW)?;
    Ok(Value::Null)
}

fn tries(incoming: &Incoming<'_>) -> String {
    format!("link_code:{}:{}", incoming.person.actor(), incoming.org_id())
}

fn looks(incoming: &Incoming<'_>) -> String {
    format!("link_code_look:{}:{}", incoming.person.actor(), incoming.org_id())
}

/// A right code takes back its own try, and no other.
pub(super) fn redeemed(call: &mut Call<'_, '_>) -> Result<()> {
    let subject = tries(&call.incoming);
    call.tx.forget_latest_try(&subject)
}

/// After a try to redeem a code, or to see what that would do.
pub(super) fn tried(incoming: &Incoming<'_>, refused: Option<&Error>) -> Result<()> {
    match refused {
        None if incoming.is_dry_run() => previewed(incoming, None),
        None => Ok(()),
        Some(error) => rejected(incoming, error),
    }
}

/// After a look at what a code would do. The Admin Organization is told who looked, and for which
/// organization: a look shows something of it.
pub(super) fn previewed(incoming: &Incoming<'_>, refused: Option<&Error>) -> Result<()> {
    if let Some(error) = refused {
        return rejected(incoming, error);
    }
    let (digest, org) = (sent_digest(incoming)?, incoming.org_id());
    incoming.api.store.write_records(|tx| {
        tx.forget_latest_try(&tries(incoming))?;
        let Some(code) = tx.code_by_digest(&digest)? else { return Ok(()) };
        let detail = json!({"other_org": org.as_str(), "dry_run": incoming.is_dry_run()});
        incoming.cause.tell(tx, &code.org, "link_code.previewed", &code.id, detail)
    })
}

fn sent_digest(incoming: &Incoming<'_>) -> Result<String> {
    incoming.api.code_digest(incoming.body.get("code").and_then(Value::as_str).unwrap_or_default())
}

/// A code that was refused is told in the log of the organization that tried it, and, if it is one, in that
/// of its Admin Organization, with who tried; so is a SCIM Name that is taken there, and an Admin
/// Organization without the plan. Tries are counted before, so these events are few.
fn rejected(incoming: &Incoming<'_>, error: &Error) -> Result<()> {
    let tells = |code: &&str| {
        code.starts_with("link_code_") || matches!(*code, "scim_name_taken" | "plan_required")
    };
    let Some(reason) = error.code().filter(tells) else { return Ok(()) };
    let (digest, org) = (sent_digest(incoming)?, incoming.org_id());
    incoming.api.store.write_records(|tx| {
        let cause = incoming.cause;
        // Its own plan is checked before the code is looked at.
        let own = tx.organization(&org)?;
        if reason == "plan_required" && own.is_none_or(|own| own.require_enterprise().is_err()) {
            return Ok(());
        }
        let target = Id::parse(org.as_str()).ok_or_else(not_found)?;
        cause.tell(tx, &org, "link_code.rejected", &target, json!({"reason": reason}))?;
        let Some(code) = tx.code_by_digest(&digest)? else { return Ok(()) };
        let detail = json!({"reason": reason, "other_org": org.as_str()});
        cause.tell(tx, &code.org, "link_code.rejected", &code.id, detail)
    })
}

fn view(
    call: &mut Call<'_, '_>,
    code: &LinkingCode,
    secret: Option<String>,
) -> Result<LinkCodeView> {
    let issuer_present = match Id::parse(&code.created_by) {
        Some(account) if code.created_by != OPERATOR => {
            let membership = people::membership(call.tx, &code.org, &account)?;
            membership.is_some_and(|m| m.is_active() && m.role > Role::Member)
        }
        _ => true,
    };
    Ok(LinkCodeView {
        id: code.id.as_str().to_owned(),
        code: secret,
        ends_in: code.hint.clone(),
        state: code.status(call.cause.now).to_owned(),
        note: code.note.clone(),
        intended_organization: code.intended.as_ref().map(|org| org.as_str().to_owned()),
        created: time(code.created),
        created_by: call.actor_label(&code.created_by)?,
        issuer_present,
        expires: time(code.expires),
        redeemed_by: match &code.state {
            CodeState::Redeemed { by, .. } => Some(by.as_str().to_owned()),
            CodeState::Issued | CodeState::Revoked { .. } => None,
        },
    })
}

pub(super) fn issue(call: &mut Call<'_, '_>) -> Result<Reply> {
    let new: NewLinkCode = call.input()?;
    let too_long = |text: &String| text.chars().count() > 256 || text.chars().any(char::is_control);
    if new.note.as_ref().is_some_and(too_long) {
        return Err(bad(
            "invalid_value",
            "A note must have at most 256 characters, and no control characters".into(),
        ));
    }
    // Whether there is such an organization is not for the Admin Organization to know.
    let intended = new.intended_organization.as_deref();
    if intended.is_some_and(|id| Id::parse(id).is_none()) {
        let detail = "intended_organization must be the id of an organization, like org_…";
        return Err(bad("invalid_value", detail.into()));
    }
    let intended = intended.map(Tenant::new);
    let admin = call.organization()?;
    let secret = new_code()?;
    let digest = call.api.code_digest(&secret)?;
    let code = linking::issue(
        call.tx,
        &admin,
        (&digest, &hint(&secret)),
        (new.note, intended),
        call.incoming.cause,
    )?;
    Ok(Reply::created(&view(call, &code, Some(secret))?)?.once("code"))
}

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply> {
    let admin = call.organization()?;
    admin.require_admin()?;
    let codes = call.tx.codes(&admin.id)?;
    let views = codes.iter().map(|code| view(call, code, None)).collect::<Result<Vec<_>>>()?;
    call.page_of(&views)
}

pub(super) fn revoke(call: &mut Call<'_, '_>) -> Result<Reply> {
    let (admin, id) = (call.organization()?, call.id("code")?);
    let code = linking::revoke(call.tx, &admin, &id, call.incoming.cause)?;
    Reply::ok(&view(call, &code, None)?)
}

/// Revokes all that could be redeemed.
pub(super) fn revoke_all(call: &mut Call<'_, '_>) -> Result<Reply> {
    let admin = call.organization()?;
    admin.require_admin()?;
    let now = call.cause.now;
    let mut revoked = Vec::new();
    for code in call.tx.codes(&admin.id)?.into_iter().filter(|code| code.is_live(now)) {
        let code = linking::revoke(call.tx, &admin, &code.id, call.incoming.cause)?;
        revoked.push(view(call, &code, None)?);
    }
    Reply::list(&revoked)
}
