//! The SCIM side of an organization: its tokens, and its groups with what they match.

use jiff::SignedDuration;
use scim_core::caller::Scopes;
use scim_core::dialect::Preset;
use scim_core::org::{GroupRecords as _, OrganizationRecords as _};
use scim_core::resource::Id;
use scim_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, last_of, not_found};
use super::endpoint::bad;
use super::organizations::word;
use super::reply::{Reply, time};
use crate::store::{Token, TokenSpec, parse_scopes, scopes_text};

/// How long a token lives, in days, unless something else is said; and at the most.
const LIFETIME: u32 = 365;
const LONGEST: u32 = 3_650;

/// A SCIM token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScimTokenView {
    id: String,
    /// The token, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    ends_in: String,
    preset: String,
    /// Some of `read,users,groups,bulk`.
    scopes: String,
    /// The user that it is bound to, for `/Me`.
    user: Option<String>,
    created: String,
    expires: Option<String>,
    revoked: Option<String>,
    last_used: Option<String>,
}

/// A new SCIM token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewScimToken {
    /// `lenient` (the default), `okta`, `entra` or `strict`.
    preset: Option<String>,
    /// Some of `read,users,groups,bulk`; all by default.
    scopes: Option<String>,
    /// How many days it lives; 365 by default.
    expires_in_days: Option<u32>,
    user: Option<String>,
}

/// A group of the directory, and what it matches.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GroupView {
    id: String,
    name: String,
    /// How many members it lists.
    members: i64,
    /// `matched`, `unmatched`, `team` or `suspended` (the directory sleeps).
    mapping: String,
    /// The linked organization that it matches.
    organization: Option<String>,
    organization_name: Option<String>,
}

fn token_view(token: &Token, secret: Option<String>) -> ScimTokenView {
    ScimTokenView {
        id: token.id.clone(),
        token: secret,
        ends_in: token.hint.clone(),
        preset: token.preset.name().to_owned(),
        scopes: scopes_text(token.scopes),
        user: token.user.as_ref().map(|user| user.as_str().to_owned()),
        created: time(token.created),
        expires: token.expires.map(time),
        revoked: token.revoked.map(time),
        last_used: token.last_used.map(time),
    }
}

pub(super) fn create_token(call: &mut Call<'_, '_>) -> Result<Reply> {
    let new: NewScimToken = call.input()?;
    let preset = new.preset.as_deref().map_or(Ok(Preset::Lenient), |text| word("preset", text))?;
    let scopes = match new.scopes.as_deref() {
        None => Scopes::ALL,
        Some(text) => parse_scopes(text)
            .map_err(|e| Error::new(Kind::Unprocessable, e).with_code("invalid_value"))?,
    };
    let days = new.expires_in_days.unwrap_or(LIFETIME);
    if !(1..=LONGEST).contains(&days) {
        let detail = format!("expires_in_days must be a number from 1 to {LONGEST}");
        return Err(bad("invalid_value", detail));
    }
    let user = match new.user.as_deref() {
        None => None,
        Some(user) => Some(Id::parse(user).ok_or_else(not_found)?),
    };
    let organization = call.organization()?;
    let expires = Some(call.cause.now + SignedDuration::from_hours(i64::from(days) * 24));
    let spec = TokenSpec { preset, scopes, user, expires };
    let (token, secret) = call.tx.create_token(&organization.id, &spec, call.incoming.cause)?;
    Ok(Reply::created(&token_view(&token, Some(secret)))?.once("token"))
}

pub(super) fn list_tokens(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    let tokens = call.tx.tokens(&organization.id)?;
    let views: Vec<_> = tokens.iter().map(|token| token_view(token, None)).collect();
    call.page_of(&views)
}

pub(super) fn revoke_token(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    let incoming = call.incoming;
    let token = incoming.param("token");
    let token = call.tx.revoke_token(&organization.id, token, incoming.cause)?;
    Reply::ok(&token_view(&token, None))
}

pub(super) fn list_groups(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    let (limit, after) = (call.limit()?, call.cursor::<String>()?);
    let org = organization.id.clone();
    let (groups, matched) = call.tx.within(&org, |tx| {
        let groups = tx.groups_after(after.as_deref(), limit)?;
        let ids: Vec<Id> = groups.iter().map(|group| group.id.clone()).collect();
        let matched = tx.matched(&ids)?;
        Ok((groups, matched))
    })?;
    let views: Vec<GroupView> = groups
        .iter()
        .map(|group| {
            let linked = matched.iter().find(|(id, _)| *id == group.id).map(|(_, linked)| linked);
            let mapping = match linked {
                _ if organization.is_linked() => "suspended",
                _ if !organization.is_admin() => "team",
                Some(_) => "matched",
                None => "unmatched",
            };
            GroupView {
                id: group.id.as_str().to_owned(),
                name: group.name.clone(),
                members: group.members,
                mapping: mapping.to_owned(),
                organization: linked.map(|linked| linked.id.as_str().to_owned()),
                organization_name: linked.map(|linked| linked.name.clone()),
            }
        })
        .collect();
    let next = last_of(&groups, limit, |group| group.id.as_str());
    call.page(&views, next)
}
