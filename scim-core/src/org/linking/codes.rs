//! Linking codes: issued, revoked, and used once.

use serde_json::json;

use crate::error::{Error, Result};
use crate::org::{Cause, CodeState, LinkingCode, Organization, Records, Refusal, linking, people};
use crate::resource::Id;
use crate::store::Tenant;

/// Keeps a new linking code: `id` and `digest` are the caller's, who shows the code once.
///
/// # Errors
/// [`Refusal::NotAnAdminOrg`], [`Refusal::PlanRequired`], [`Refusal::LinkCodeLimit`]
pub fn issue<R: Records>(
    tx: &mut R,
    admin: &Organization,
    (digest, hint): (&str, &str),
    (note, intended): (Option<String>, Option<Tenant>),
    cause: &Cause<'_>,
) -> Result<LinkingCode> {
    admin.require_admin()?;
    admin.require_enterprise()?;
    let live = tx.codes(&admin.id)?.iter().filter(|code| code.is_live(cause.now)).count();
    if live >= LinkingCode::MOST_LIVE {
        return Err(Refusal::LinkCodeLimit.because(format!(
            "{} linking codes are waiting to be used; revoke some first",
            LinkingCode::MOST_LIVE
        )));
    }
    let code = LinkingCode {
        org: admin.id.clone(),
        id: people::new_id("code", cause)?,
        digest: digest.to_owned(),
        hint: hint.to_owned(),
        note,
        intended,
        created: cause.now,
        created_by: cause.actor.to_owned(),
        expires: cause.now + LinkingCode::LIFETIME,
        state: CodeState::Issued,
    };
    tx.put_code(&code)?;
    cause.tell(tx, &admin.id, "link_code.issued", &code.id, json!({"ends_in": hint}))?;
    Ok(code)
}

/// Revokes a code that wasn't used. Revoking it again changes nothing.
///
/// # Errors
/// [`crate::Kind::NotFound`]; [`Refusal::LinkCodeRedeemed`] if it was used.
pub fn revoke<R: Records>(
    tx: &mut R,
    admin: &Organization,
    id: &Id,
    cause: &Cause<'_>,
) -> Result<LinkingCode> {
    let code = tx.codes(&admin.id)?.into_iter().find(|code| code.id == *id);
    let code = code.ok_or_else(|| {
        Error::not_found(
            "The organization has no such linking code; its list of codes has their ids",
        )
        .with_code("not_found")
    })?;
    match code.state {
        CodeState::Revoked { .. } => return Ok(code),
        CodeState::Redeemed { .. } => {
            return Err(Refusal::LinkCodeRedeemed
                .because("The code has been used; unlink the organization instead"));
        }
        CodeState::Issued => {}
    }
    let code = LinkingCode { state: CodeState::Revoked { at: cause.now }, ..code };
    tx.put_code(&code)?;
    cause.tell(tx, &admin.id, "link_code.revoked", &code.id, json!({}))?;
    Ok(code)
}

/// A code that the organization may be linked by, and the Admin Organization that issued it.
pub(in crate::org) fn good_code<R: Records>(
    tx: &mut R,
    organization: &Organization,
    digest: &str,
    cause: &Cause<'_>,
) -> Result<(LinkingCode, Organization)> {
    organization.require_linkable()?;
    let code = tx.code_by_digest(digest)?.ok_or_else(LinkingCode::invalid)?;
    code.check(&organization.id, cause.now)?;
    let admin = linking::organization(tx, &code.org)?;
    admin.require_enterprise()?;
    Ok((code, admin))
}

/// A code is good for one organization.
pub(in crate::org) fn use_up<R: Records>(
    tx: &mut R,
    code: &LinkingCode,
    by: &Tenant,
    cause: &Cause<'_>,
) -> Result<()> {
    let state = CodeState::Redeemed { by: by.clone(), at: cause.now };
    tx.put_code(&LinkingCode { state, ..code.clone() })?;
    let about = json!({"other_org": by.as_str()});
    cause.tell(tx, &code.org, "link_code.redeemed", &code.id, about)
}
