//! Notices: what the clock alone brings about is told once, in the log of the organization that it is
//! about. Linking codes that nobody used, requests to be linked that nobody answered; SCIM tokens and
//! certificates that soon run out.

use jiff::{SignedDuration, Timestamp};
use scim_core::Result;
use scim_core::env::Env;
use scim_core::org::{Cause, LinkRecords as _, approval};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use serde_json::{Value, json};

use crate::store::{DieselStore, DieselTransaction};

/// Days before a certificate runs out at which that is told.
const CERTIFICATE_DAYS: [i64; 4] = [60, 30, 7, 1];
/// Days before a SCIM token runs out at which that is told.
const TOKEN_DAYS: [i64; 3] = [30, 7, 1];
/// How far back a code's end may lie that wasn't told, because no server ran.
const MISSED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Things told of in one look.
const MOST: usize = 10_000;
/// Organizations whose certificates are read in one go.
const PAGE: usize = 200;

/// One thing to tell.
struct Notice {
    org: Tenant,
    name: &'static str,
    target: Id,
    detail: Value,
}

/// Tells what has come due and wasn't told yet.
///
/// # Errors
/// From the database.
pub(crate) fn tell(store: &DieselStore, env: &Env, actor: &str) -> Result<()> {
    let now = env.clock.now();
    link_requests(store, env, actor)?;
    let due = store.read_records(|tx| {
        let mut due = codes(tx, now)?;
        due.extend(tokens(tx, now)?);
        due.extend(certificates(tx, now)?);
        untold(tx, due)
    })?;
    if due.is_empty() {
        return Ok(());
    }
    let request_id = env.ids.next();
    let cause = Cause { env, actor, request_id: request_id.as_str(), now };
    store.write_records(|tx| {
        for notice in &due {
            // Another instance may have been quicker.
            if !tx.has_told(&notice.org, notice.name, &notice.target, &notice.detail)? {
                let detail = notice.detail.clone();
                cause.tell(tx, &notice.org, notice.name, &notice.target, detail)?;
            }
        }
        Ok(())
    })
}

/// Ends the requests to be linked whose time is over.
fn link_requests(store: &DieselStore, env: &Env, actor: &str) -> Result<()> {
    let now = env.clock.now();
    let over = store.read_records(|tx| tx.link_requests_expired(now, MOST))?;
    let request_id = env.ids.next();
    let cause = Cause { env, actor, request_id: request_id.as_str(), now };
    // Each by itself: on PostgreSQL both organizations are locked for it.
    over.iter().try_for_each(|org| {
        store.write_records(|tx| match tx.link_request(org)? {
            Some(request) => approval::expire(tx, &request, &cause),
            None => Ok(()),
        })
    })
}

fn untold(tx: &mut DieselTransaction<'_>, due: Vec<Notice>) -> Result<Vec<Notice>> {
    let mut new = Vec::new();
    for notice in due {
        if !tx.has_told(&notice.org, notice.name, &notice.target, &notice.detail)? {
            new.push(notice);
        }
    }
    Ok(new)
}

fn codes(tx: &mut DieselTransaction<'_>, now: Timestamp) -> Result<Vec<Notice>> {
    let expired = tx.codes_expired(now - MISSED, now, MOST)?;
    let notice = |code: crate::store::Expiring| Notice {
        org: code.org,
        name: "link_code.expired",
        target: code.id,
        detail: json!({}),
    };
    Ok(expired.into_iter().map(notice).collect())
}

fn tokens(tx: &mut DieselTransaction<'_>, now: Timestamp) -> Result<Vec<Notice>> {
    let [longest, ..] = TOKEN_DAYS;
    let expiring = tx.tokens_expiring(now, now + days(longest), MOST)?;
    let notice = |token: crate::store::Expiring| {
        let within = within(token.expires, now, &TOKEN_DAYS)?;
        Some(Notice {
            org: token.org,
            name: "scim_token.expiring",
            target: token.id,
            detail: json!({"within_days": within, "expires": token.expires.to_string()}),
        })
    };
    Ok(expiring.into_iter().filter_map(notice).collect())
}

fn certificates(tx: &mut DieselTransaction<'_>, now: Timestamp) -> Result<Vec<Notice>> {
    let (mut due, mut after) = (Vec::new(), String::new());
    loop {
        let page = tx.certificates_after(&after, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(due) };
        last.as_str().clone_into(&mut after);
        for (org, certificates) in page {
            // The target of what an organization's settings tell is the organization.
            let Some(target) = Id::parse(org.as_str()) else { continue };
            for certificate in certificates {
                let Some(within) = within(certificate.not_after, now, &CERTIFICATE_DAYS) else {
                    continue;
                };
                due.push(Notice {
                    org: org.clone(),
                    name: "sso.certificate_expiring",
                    target: target.clone(),
                    detail: json!({
                        "within_days": within,
                        "expires": certificate.not_after.to_string(),
                        "fingerprint": certificate.fingerprint,
                    }),
                });
            }
        }
    }
}

const fn days(number: i64) -> SignedDuration {
    SignedDuration::from_hours(number * 24)
}

/// The shortest of the spans, longest first, within which something ends; none if it has ended.
fn within(expires: Timestamp, now: Timestamp, spans: &[i64]) -> Option<i64> {
    if expires <= now {
        return None;
    }
    spans.iter().copied().rfind(|span| expires <= now + days(*span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_span_counts_and_what_has_ended_is_not_ending() {
        let now = Timestamp::from_second(0).unwrap();
        let said =
            |seconds: i64| within(Timestamp::from_second(seconds).unwrap(), now, &CERTIFICATE_DAYS);
        let day = 86_400;
        assert_eq!(said(60 * day + 1), None);
        assert_eq!(said(60 * day), Some(60));
        assert_eq!(said(30 * day + 1), Some(60));
        assert_eq!(said(30 * day), Some(30));
        assert_eq!(said(day), Some(1));
        assert_eq!(said(1), Some(1));
        assert_eq!(said(0), None);
    }
}
