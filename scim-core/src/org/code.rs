//! [`LinkingCode`]: what an Admin Organization hands out and another organization redeems, once.

use jiff::{SignedDuration, Timestamp};

use super::Refusal;
use crate::error::Result;
use crate::resource::Id;
use crate::store::Tenant;

/// A linking code, without the code: what is kept is a keyed hash of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkingCode {
    /// The Admin Organization.
    pub org: Tenant,
    /// Its id, `code_…`.
    pub id: Id,
    /// The keyed hash of the code.
    pub digest: String,
    /// The last four characters of the code.
    pub hint: String,
    /// What it is for, in the words of whoever issued it.
    pub note: Option<String>,
    /// The only organization that may redeem it, if that was said.
    pub intended: Option<Tenant>,
    /// When it was issued.
    pub created: Timestamp,
    /// Who issued it.
    pub created_by: String,
    /// From when on it is no good.
    pub expires: Timestamp,
    /// What became of it.
    pub state: CodeState,
}

/// What became of a code. Expiry is not stored: it follows from the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeState {
    /// Not used yet.
    Issued,
    /// Used.
    Redeemed {
        /// The organization that was linked with it.
        by: Tenant,
        /// When.
        at: Timestamp,
    },
    /// Withdrawn.
    Revoked {
        /// When.
        at: Timestamp,
    },
}

impl LinkingCode {
    /// How long a code is good.
    pub const LIFETIME: SignedDuration = SignedDuration::from_hours(72);
    /// Codes of one Admin Organization that may be good at the same time.
    pub const MOST_LIVE: usize = 20;

    /// Whether it can be redeemed.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.state == CodeState::Issued && now < self.expires
    }

    /// `issued`, `redeemed`, `revoked` or `expired`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> &'static str {
        match self.state {
            CodeState::Redeemed { .. } => "redeemed",
            CodeState::Revoked { .. } => "revoked",
            CodeState::Issued if now < self.expires => "issued",
            CodeState::Issued => "expired",
        }
    }

    /// Whether `org` may redeem it now.
    ///
    /// # Errors
    /// Why not. A code meant for another organization looks like one that never was.
    pub fn check(&self, org: &Tenant, now: Timestamp) -> Result<()> {
        if self.intended.as_ref().is_some_and(|intended| intended != org) {
            return Err(Self::invalid());
        }
        match &self.state {
            CodeState::Redeemed { .. } => Err(Refusal::LinkCodeRedeemed.because(
                "This linking code has been used; ask the Admin Organization for another",
            )),
            CodeState::Revoked { .. } => Err(Refusal::LinkCodeRevoked
                .because("This linking code was revoked; ask the Admin Organization for another")),
            CodeState::Issued if now < self.expires => Ok(()),
            CodeState::Issued => Err(Refusal::LinkCodeExpired
                .because("This linking code has expired; ask the Admin Organization for another")),
        }
    }

    /// The refusal of a code that never was.
    #[must_use]
    pub fn invalid() -> crate::Error {
        Refusal::LinkCodeInvalid
            .because("There is no such linking code; check that it was copied whole")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> LinkingCode {
        let created = Timestamp::from_second(1_000_000).unwrap();
        LinkingCode {
            org: Tenant::new("org_admin"),
            id: Id::parse("code_1").unwrap(),
            digest: String::new(),
            hint: String::new(),
            note: None,
            intended: None,
            created,
            created_by: "operator".into(),
            expires: created + LinkingCode::LIFETIME,
            state: CodeState::Issued,
        }
    }

    #[test]
    fn it_expires_to_the_second_after_three_days() {
        let (code, org) = (code(), Tenant::new("org_b"));
        let second = SignedDuration::from_secs(1);
        assert_eq!(code.expires.duration_since(code.created).as_secs(), 3 * 86_400);
        code.check(&org, code.expires - second).unwrap();
        let error = code.check(&org, code.expires).unwrap_err();
        assert_eq!((error.code(), error.kind().status()), (Some("link_code_expired"), 410));
    }

    #[test]
    fn a_code_for_another_organization_looks_unknown() {
        let code = LinkingCode { intended: Some(Tenant::new("org_b")), ..code() };
        code.check(&Tenant::new("org_b"), code.created).unwrap();
        let error = code.check(&Tenant::new("org_c"), code.created).unwrap_err();
        assert_eq!(error.detail(), LinkingCode::invalid().detail());
        assert_eq!(error.code(), Some("link_code_invalid"));
    }
}
