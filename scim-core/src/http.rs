//! [`Request`] and [`Response`]: HTTP without a web framework, so that the service can be mounted in any.

use std::fmt;

use crate::caller::Caller;
use crate::error::{Error, Kind, Result};

/// The media type of SCIM messages (RFC 7644 §3.1).
pub const MEDIA_TYPE: &str = "application/scim+json";

/// A request below the base URL, its credential already checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path below the base URL as sent, with its slash and its percent-encoding: `/Users/2819`.
    pub path: &'a str,
    /// The query as sent, without the `?`.
    pub query: &'a str,
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `If-Match`.
    pub if_match: Option<&'a str>,
    /// `If-None-Match`.
    pub if_none_match: Option<&'a str>,
    /// The body; empty without one.
    pub body: &'a [u8],
    /// The base URL as clients reach it, without a slash at its end: for `meta.location` and `$ref`.
    pub base_url: &'a str,
    /// The id of the request, for logs and events.
    pub request_id: &'a str,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers: `Content-Type`, `Location`, `ETag`, `Retry-After`, `Allow`, `WWW-Authenticate`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
    /// What to log: the cause of a 5xx.
    pub error: Option<Error>,
    /// The names of the normalizers that fired, for the log.
    pub normalized: Vec<&'static str>,
}

/// A response body.
#[derive(Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// All of it.
    Full(Vec<u8>),
    /// Piece by piece, for what would be too large to hold: the members of a huge group. An error ends
    /// the response short of its closing brackets, so that a client can't take it for whole.
    Chunks(Box<dyn Iterator<Item = Result<Vec<u8>>> + Send>),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Chunks(_) => f.write_str("Chunks"),
        }
    }
}

impl Body {
    /// All of the body.
    ///
    /// # Errors
    /// What a chunk failed with.
    pub fn collect(self) -> Result<Vec<u8>> {
        if let Self::Full(bytes) = self {
            return Ok(bytes);
        }
        let mut all = Vec::new();
        for chunk in self.chunks() {
            all.extend(chunk?);
        }
        Ok(all)
    }

    /// The body piece by piece, however it came.
    pub fn chunks(self) -> Box<dyn Iterator<Item = Result<Vec<u8>>> + Send> {
        match self {
            Self::Empty => Box::new(std::iter::empty()),
            Self::Full(bytes) => Box::new(std::iter::once(Ok(bytes))),
            Self::Chunks(chunks) => chunks,
        }
    }
}

impl Response {
    /// A status without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        let (headers, body) = (Vec::new(), Body::Empty);
        Self { status, headers, body, error: None, normalized: Vec::new() }
    }

    /// A status and a SCIM message.
    #[must_use]
    pub fn message(status: u16, body: Vec<u8>) -> Self {
        let mut response = Self::empty(status);
        response.headers.push(("Content-Type", MEDIA_TYPE.to_owned()));
        response.body = Body::Full(body);
        response
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<Error> for Response {
    /// The SCIM error body. 503 and 429 say when to come back, 401 how to authenticate.
    fn from(error: Error) -> Self {
        let mut response =
            Self::message(error.kind().status(), error.to_json().to_string().into_bytes());
        if let Some(seconds) = error.retry_after() {
            response.headers.push(("Retry-After", seconds.to_string()));
        }
        if error.kind() == Kind::Unauthorized {
            response.headers.push(("WWW-Authenticate", "Bearer".to_owned()));
        }
        response.error = Some(error);
        response
    }
}

/// A SCIM service with its types erased: what a web framework mounts. Implemented by
/// [`crate::Service`].
pub trait Handler: Send + Sync {
    /// Answers a request. Errors are answers too.
    fn handle(&self, caller: &Caller, request: &Request<'_>) -> Response;

    /// Begins a request on a thread that must not be kept waiting, such as that of an event loop: what
    /// touches few rows is answered, a change is prepared, and the rest is left to [`Self::handle`].
    fn begin(&self, caller: &Caller, request: &Request<'_>) -> Begun {
        let _ = (caller, request);
        Begun::Long
    }

    /// Runs `f`, in which the changes that [`Self::begin`] prepared are made one after the other and become
    /// durable together: what they answer must not be told before this returns. May run `f` again: what its
    /// changes did before is undone.
    ///
    /// # Errors
    /// None of the changes is durable then, or it is not known.
    fn together(&self, f: &mut dyn FnMut()) -> Result<()> {
        f();
        Ok(())
    }
}

/// A change that [`Handler::begin`] has prepared. It is made where changes are made, one after the other, and
/// answered where there is time.
pub trait Change: Send {
    /// Makes it, within [`Handler::together`]. If that runs it again, what it did before is undone.
    fn make(&mut self);

    /// What it answers. To be told once [`Handler::together`] has returned without an error.
    fn answer(self: Box<Self>) -> Response;
}

/// What came of [`Handler::begin`].
pub enum Begun {
    /// The answer.
    Answered(Response),
    /// A change, checked as far as it can be without the store.
    Change(Box<dyn Change>),
    /// It may take long, or wait: [`Handler::handle`] it where that harms nobody.
    Long,
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answered(_) => "Answered",
            Self::Change(_) => "Change",
            Self::Long => "Long",
        })
    }
}
