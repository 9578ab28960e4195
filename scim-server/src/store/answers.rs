//! Answers kept for requests that carry an idempotency key.

use diesel::prelude::*;
use jiff::{SignedDuration, Timestamp};
use scim_core::Result;

use super::DieselTransaction;
use super::error::of;
use super::tables::idempotency_keys;

/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// A kept answer: the digest of its request, its status and body.
pub(crate) type Answer = (String, i64, String);

impl DieselTransaction<'_> {
    pub(crate) fn kept_answer(&mut self, caller: &str, key: &str) -> Result<Option<Answer>> {
        idempotency_keys::table
            .find((caller, key))
            .select((idempotency_keys::request, idempotency_keys::status, idempotency_keys::body))
            .first(self.conn()?)
            .optional()
            .map_err(of)
    }

    pub(crate) fn keep_answer(
        &mut self,
        (caller, key): (&str, &str),
        (request, status, body): (&str, i64, &str),
        now: Timestamp,
    ) -> Result<()> {
        let old = (now - KEPT).as_millisecond();
        diesel::delete(idempotency_keys::table.filter(idempotency_keys::created.lt(old)))
            .execute(self.conn()?)
            .map_err(of)?;
        diesel::insert_into(idempotency_keys::table)
            .values((
                idempotency_keys::caller.eq(caller),
                idempotency_keys::key.eq(key),
                idempotency_keys::request.eq(request),
                idempotency_keys::status.eq(status),
                idempotency_keys::body.eq(body),
                idempotency_keys::created.eq(now.as_millisecond()),
            ))
            .execute(self.conn()?)
            .map_err(of)
            .map(drop)
    }
}
