//! Cursors (RFC 9865): opaque, authenticated, bound to organization, caller and query. They hold a
//! position, so they survive restarts and go on working when the resource they name is gone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::error::{Error, Kind, Result};
use crate::query::{Position, SortKey};
use crate::resource::Id;

/// Seals and opens cursors.
#[derive(Clone)]
pub(super) struct Cursors {
    key: [u8; 32],
    lifetime_seconds: i64,
}

/// A place to go on from, and the way to go.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cursor {
    pub(super) position: Position,
    pub(super) backward: bool,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    i: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    k: Option<Key>,
    b: bool,
    /// Milliseconds since 1970 when it expires.
    e: i64,
}

#[derive(Serialize, Deserialize)]
enum Key {
    B(bool),
    N(f64),
    T(String),
    /// Nanoseconds, split: JSON numbers don't hold all of them.
    I(i64, i32),
}

const TAG_LENGTH: usize = 16;

impl Cursors {
    pub(super) fn new(key: [u8; 32], lifetime_seconds: u32) -> Self {
        Self { key, lifetime_seconds: i64::from(lifetime_seconds) }
    }

    /// `binding` names organization, caller and query: a cursor opens for the same one only.
    pub(super) fn seal(&self, binding: &str, cursor: &Cursor, now: Timestamp) -> Result<String> {
        let key = cursor.position.key.as_ref().map(|key| match key {
            SortKey::Bool(b) => Key::B(*b),
            SortKey::Number(n) => Key::N(*n),
            SortKey::Text(t) => Key::T(t.clone()),
            SortKey::Instant(t) => Key::I(t.as_second(), t.subsec_nanosecond()),
        });
        let sealed = Sealed {
            i: cursor.position.id.as_str().to_owned(),
            k: key,
            b: cursor.backward,
            e: now.as_millisecond().saturating_add(self.lifetime_seconds.saturating_mul(1000)),
        };
        let payload = serde_json::to_vec(&sealed).map_err(Error::internal)?;
        let mut token = self.tag(binding, &payload)?.to_vec();
        token.extend(payload);
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    pub(super) fn open(&self, binding: &str, text: &str, now: Timestamp) -> Result<Cursor> {
        let invalid = || {
            let detail = "The cursor is not one of this search; use the nextCursor of the previous page \
                          with the same parameters, or an empty cursor to begin";
            Error::new(Kind::InvalidCursor, detail)
        };
        let token = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        let (tag, payload) = token.split_at_checked(TAG_LENGTH).ok_or_else(invalid)?;
        let mut mac = self.mac(binding)?;
        mac.update(payload);
        mac.verify_truncated_left(tag).map_err(|_| invalid())?;
        let sealed: Sealed = serde_json::from_slice(payload).map_err(|_| invalid())?;
        if sealed.e < now.as_millisecond() {
            let detail = format!(
                "The cursor has expired; pages must be asked for within {} seconds",
                self.lifetime_seconds
            );
            return Err(Error::new(Kind::ExpiredCursor, detail));
        }
        let key = match sealed.k {
            None => None,
            Some(Key::B(b)) => Some(SortKey::Bool(b)),
            Some(Key::N(n)) => Some(SortKey::Number(n)),
            Some(Key::T(t)) => Some(SortKey::Text(t)),
            Some(Key::I(s, n)) => {
                Some(SortKey::Instant(Timestamp::new(s, n).map_err(|_| invalid())?))
            }
        };
        let id = Id::parse(&sealed.i).ok_or_else(invalid)?;
        Ok(Cursor { position: Position { key, id }, backward: sealed.b })
    }

    fn mac(&self, binding: &str) -> Result<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).map_err(Error::internal)?;
        mac.update(&u64::try_from(binding.len()).map_err(Error::internal)?.to_be_bytes());
        mac.update(binding.as_bytes());
        Ok(mac)
    }

    fn tag(&self, binding: &str, payload: &[u8]) -> Result<[u8; TAG_LENGTH]> {
        let mut mac = self.mac(binding)?;
        mac.update(payload);
        let tag = mac.finalize().into_bytes();
        tag.first_chunk().copied().ok_or_else(|| Error::internal("HMAC-SHA256 has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(key: Option<SortKey>) -> Cursor {
        Cursor { position: Position { key, id: Id::parse("a-1").unwrap() }, backward: true }
    }

    #[test]
    fn opens_what_it_sealed_for_the_same_query_only() {
        let cursors = Cursors::new([7; 32], 60);
        let now: Timestamp = "2026-01-01T00:00:00.123456789Z".parse().unwrap();
        for key in [
            None,
            Some(SortKey::Bool(true)),
            Some(SortKey::Number(1.5)),
            Some(SortKey::Text("ß\"%".into())),
            Some(SortKey::Instant(now)),
        ] {
            let token = cursors.seal("q", &cursor(key.clone()), now).unwrap();
            assert_eq!(cursors.open("q", &token, now).unwrap(), cursor(key));
            assert_eq!(cursors.open("r", &token, now).unwrap_err().kind(), Kind::InvalidCursor);
            let late = now + jiff::SignedDuration::from_secs(61);
            assert_eq!(cursors.open("q", &token, late).unwrap_err().kind(), Kind::ExpiredCursor);
            let other = Cursors::new([8; 32], 60);
            assert_eq!(other.open("q", &token, now).unwrap_err().kind(), Kind::InvalidCursor);
        }
        for junk in ["x", "", "!!!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(cursors.open("q", junk, now).unwrap_err().kind(), Kind::InvalidCursor);
        }
    }
}
