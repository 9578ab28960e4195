//! The one error type: a [`Kind`] decides HTTP status and `scimType`, `detail` tells the client what
//! to do, `source` stays on this side (RFC 7644 §3.12).

use std::fmt;

use serde_json::{Value, json};

/// What every fallible operation of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// The schema URN of an error body (RFC 7644 §3.12).
pub const ERROR_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// What went wrong, as the protocol sees it. Status and `scimType` follow from it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// 400 `invalidFilter`: the filter's syntax, or an operator that doesn't fit the attribute.
    InvalidFilter,
    /// 400 `tooMany`: the request would make the server process more than it is willing to.
    TooMany,
    /// 409 `uniqueness`: another resource holds the value.
    Uniqueness,
    /// 400 `mutability`: an attempt to change a readOnly or immutable attribute.
    Mutability,
    /// 400 `invalidSyntax`: the body is not the JSON message that it should be.
    InvalidSyntax,
    /// 400 `invalidPath`: a PATCH path that can't be parsed or names nothing.
    InvalidPath,
    /// 400 `noTarget`: a PATCH path that selects nothing.
    NoTarget,
    /// 400 `invalidValue`: a value of the wrong type, or a required one that is missing.
    InvalidValue,
    /// 403 `sensitive`: the request carries personal data in its URL.
    Sensitive,
    /// 400 `invalidCursor` (RFC 9865 §2.1).
    InvalidCursor,
    /// 400 `expiredCursor` (RFC 9865 §2.1).
    ExpiredCursor,
    /// 400 `invalidCount` (RFC 9865 §2.1).
    InvalidCount,
    /// 400 without a `scimType`.
    BadRequest,
    /// 401: no credential, or one that isn't known.
    Unauthorized,
    /// 403: the credential is known, the operation is not for it.
    Forbidden,
    /// 404: nothing there, or nothing that the caller may know of.
    NotFound,
    /// 405: the endpoint exists, the method doesn't.
    MethodNotAllowed,
    /// 408: the body did not arrive in time.
    RequestTimeout,
    /// 409 without a `scimType`.
    Conflict,
    /// 410: it was there, and its time is over.
    Gone,
    /// 412: `If-Match` names another version.
    PreconditionFailed,
    /// 413: the body, or the number of operations in it, is over the limit.
    PayloadTooLarge,
    /// 415: neither `application/scim+json` nor `application/json`.
    UnsupportedMediaType,
    /// 422: understood, and not acceptable; the administrative API's, SCIM has 400 for it.
    Unprocessable,
    /// 429: too many requests; `Retry-After` says when to come back.
    TooManyRequests,
    /// 431: the request's line and headers are longer than allowed.
    HeadTooLarge,
    /// 500: a defect on this side; the source is logged, the client learns nothing of it.
    Internal,
    /// 501: the operation is not offered.
    NotImplemented,
    /// 503: too busy, or the database can't be reached; `Retry-After` says when to come back.
    Busy,
}

impl Kind {
    /// HTTP status and `scimType` (RFC 7644 tables 8 and 9, RFC 9865 §2.1).
    const fn wire(self) -> (u16, Option<&'static str>) {
        match self {
            Self::InvalidFilter => (400, Some("invalidFilter")),
            Self::TooMany => (400, Some("tooMany")),
            Self::Uniqueness => (409, Some("uniqueness")),
            Self::Mutability => (400, Some("mutability")),
            Self::InvalidSyntax => (400, Some("invalidSyntax")),
            Self::InvalidPath => (400, Some("invalidPath")),
            Self::NoTarget => (400, Some("noTarget")),
            Self::InvalidValue => (400, Some("invalidValue")),
            Self::Sensitive => (403, Some("sensitive")),
            Self::InvalidCursor => (400, Some("invalidCursor")),
            Self::ExpiredCursor => (400, Some("expiredCursor")),
            Self::InvalidCount => (400, Some("invalidCount")),
            Self::BadRequest => (400, None),
            Self::Unauthorized => (401, None),
            Self::Forbidden => (403, None),
            Self::NotFound => (404, None),
            Self::MethodNotAllowed => (405, None),
            Self::RequestTimeout => (408, None),
            Self::Conflict => (409, None),
            Self::Gone => (410, None),
            Self::PreconditionFailed => (412, None),
            Self::PayloadTooLarge => (413, None),
            Self::UnsupportedMediaType => (415, None),
            Self::Unprocessable => (422, None),
            Self::TooManyRequests => (429, None),
            Self::HeadTooLarge => (431, None),
            Self::Internal => (500, None),
            Self::NotImplemented => (501, None),
            Self::Busy => (503, None),
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.wire().0
    }

    /// Whether it tells of something that is wrong on this side, for whoever runs the server to look after.
    #[must_use]
    pub const fn is_of_the_server(self) -> bool {
        matches!(self, Self::Internal | Self::Busy)
    }

    /// The `scimType`, where the RFCs name one.
    #[must_use]
    pub const fn scim_type(self) -> Option<&'static str> {
        self.wire().1
    }
}

/// The name of [`Error::not_brief`].
const NOT_BRIEF: &str = "not_brief";

/// A failed operation. Built by [`Error::new`] or one of the shorthands below.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    detail: String,
    code: Option<&'static str>,
    retry_after: Option<u32>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// `detail` is for the client: which attribute, what is wrong with it, what was expected.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(Inner { kind, detail, code: None, retry_after: None, source: None }))
    }

    /// A defect on this side. `source` is for the log; the client sees a sentence without content.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Kind::Internal, "The server failed to process the request; its log says why.")
            .with_source(source)
    }

    /// The store can't serve the request now; the client should come back.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self::new(Kind::Busy, detail)
    }

    /// What was asked for briefly takes longer. Never told to a client: the request is run again.
    pub(crate) fn not_brief() -> Self {
        Self::busy("The request takes longer; try again").with_code(NOT_BRIEF)
    }

    /// Whether it is [`Self::not_brief`].
    pub(crate) fn is_not_brief(&self) -> bool {
        self.0.code == Some(NOT_BRIEF)
    }

    /// Nothing under that name or id.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, detail)
    }

    /// A value of the wrong type or form.
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::new(Kind::InvalidValue, detail)
    }

    /// A message that isn't what it should be.
    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::new(Kind::InvalidSyntax, detail)
    }

    /// Attaches the cause. It is logged once where the error is handled, and never sent.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says in how many seconds it is worth while to try again.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// In how many seconds it is worth while to try again: what was said, else one where it may soon go.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        let soon = matches!(self.kind(), Kind::Busy | Kind::TooManyRequests).then_some(1);
        self.0.retry_after.or(soon)
    }

    /// Gives it a stable name, for programs. SCIM has `scimType` instead and doesn't show it.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.0.code = Some(code);
        self
    }

    /// The stable name, where it has one.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        self.0.code
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The sentence for the client.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The error body: `{"schemas":[…],"status":"400","scimType":…,"detail":…}`; `status` is a
    /// string (RFC 7644 §3.12).
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = json!({
            "schemas": [ERROR_SCHEMA],
            "status": self.kind().status().to_string(),
        });
        if let (Some(scim_type), Some(body)) = (self.kind().scim_type(), body.as_object_mut()) {
            body.insert("scimType".into(), scim_type.into());
        }
        if let Some(body) = body.as_object_mut() {
            body.insert("detail".into(), self.detail().into());
        }
        body
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.detail)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
