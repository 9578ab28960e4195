//! [`Endpoint`]: one row of the table that the API is made of.

use std::borrow::Cow;
use std::collections::BTreeMap;

use scim_core::org::Role;
use scim_core::{Error, Kind, Result, json};
use serde_json::Value;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::call::{Call, Incoming};
use super::reply::Reply;
use super::{Request, plan};

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody.
    Public,
    /// Whoever is signed in.
    SignedIn,
    /// The operator.
    Operator,
    /// The operator, and members of the organization in the path with at least that role. To all others
    /// the organization isn't there.
    Organization(Role),
}

/// Whether a session has to be of the last minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fresh {
    /// Any session does.
    No,
    /// What the endpoint does could lock others out, or let somebody in for good.
    Always,
    /// To make owners and admins, to change and to remove them; the endpoint itself looks whether it does.
    OverAdministrators,
}

/// A type of the OpenAPI document.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: fn() -> Cow<'static, str>,
    pub(super) schema: fn() -> RefOr<Schema>,
    pub(super) parts: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl Shape {
    pub(super) fn of<T: ToSchema>() -> Self {
        Self { name: T::name, schema: <T as PartialSchema>::schema, parts: T::schemas }
    }
}

/// What an endpoint gives.
#[derive(Clone, Copy)]
pub(super) enum Output {
    /// Nothing.
    None,
    /// One of these.
    One(Shape),
    /// A page of these.
    Page(Shape),
}

/// An endpoint.
#[derive(Clone, Copy)]
pub(super) struct Endpoint {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) access: Access,
    /// Whether it takes a sign-in of the last minutes.
    pub(super) fresh: Fresh,
    /// Moves people: tells its effects, and takes `dry_run`.
    pub(super) moves: bool,
    /// Parameters of the query besides those of lists and dry runs: name and meaning.
    pub(super) filters: &'static [(&'static str, &'static str)],
    pub(super) input: Option<Shape>,
    pub(super) output: Output,
    /// What has to be done outside the transaction: asking DNS, hashing a password, counting tries.
    pub(super) before: Option<fn(&Incoming<'_>) -> Result<Value>>,
    pub(super) run: fn(&mut Call<'_, '_>) -> Result<Reply>,
    /// What is left behind in a transaction of its own: even a refusal or a dry run, given here, leaves it.
    pub(super) after: Option<After>,
}

type Run = fn(&mut Call<'_, '_>) -> Result<Reply>;
type After = fn(&Incoming<'_>, Option<&Error>) -> Result<()>;

impl Endpoint {
    pub(super) fn new(
        (method, path): (&'static str, &'static str),
        (name, summary): (&'static str, &'static str),
        access: Access,
        run: Run,
    ) -> Self {
        Self {
            method,
            path,
            name,
            summary,
            access,
            fresh: Fresh::No,
            moves: false,
            filters: &[],
            input: None,
            output: Output::None,
            before: None,
            run,
            after: None,
        }
    }

    pub(super) fn takes<T: ToSchema>(self) -> Self {
        Self { input: Some(Shape::of::<T>()), ..self }
    }

    pub(super) fn gives<T: ToSchema>(self) -> Self {
        Self { output: Output::One(Shape::of::<T>()), ..self }
    }

    pub(super) fn lists<T: ToSchema>(self) -> Self {
        Self { output: Output::Page(Shape::of::<T>()), ..self }
    }

    pub(super) fn fresh(self) -> Self {
        Self { fresh: Fresh::Always, ..self }
    }

    pub(super) fn fresh_over_administrators(self) -> Self {
        Self { fresh: Fresh::OverAdministrators, ..self }
    }

    pub(super) fn moves(self) -> Self {
        Self { moves: true, ..self }
    }

    pub(super) fn filters(self, filters: &'static [(&'static str, &'static str)]) -> Self {
        Self { filters, ..self }
    }

    pub(super) fn before(self, before: fn(&Incoming<'_>) -> Result<Value>) -> Self {
        Self { before: Some(before), ..self }
    }

    pub(super) fn after(self, after: After) -> Self {
        Self { after: Some(after), ..self }
    }

    /// Whether it answers 201: it makes something new.
    pub(super) fn name_makes(&self) -> bool {
        ["create", "issue", "claim", "add", "signIn"].iter().any(|verb| self.name.starts_with(verb))
    }

    /// The parameters of the query. Unknown ones are refused: a misspelled `dry_run` must not run.
    pub(super) fn query(&self, text: &str) -> Result<BTreeMap<String, String>> {
        let mut query = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name, true)?, decode(value, true)?);
            let known = self.filters.iter().any(|(filter, _)| *filter == name)
                || (matches!(self.output, Output::Page(_))
                    && matches!(name.as_str(), "cursor" | "limit"))
                || (self.moves && name == "dry_run")
                || (plan::has(self) && name == "plan");
            if !known {
                let detail = format!(
                    "The parameter \"{name}\" is not one of this endpoint; /api/v1/openapi.json has them"
                );
                return Err(bad("unknown_parameter", detail));
            }
            if name == "dry_run" && !matches!(value.as_str(), "true" | "false") {
                return Err(bad("invalid_parameter", "dry_run must be true or false".into()));
            }
            if query.insert(name.clone(), value).is_some() {
                return Err(bad(
                    "invalid_parameter",
                    format!("The parameter \"{name}\" is given twice; give it once"),
                ));
            }
        }
        Ok(query)
    }

    /// The body: a JSON object where the endpoint takes one, else none.
    pub(super) fn body(&self, request: &Request) -> Result<Value> {
        if self.input.is_none() {
            let blank = request.body.iter().all(u8::is_ascii_whitespace) || request.body == b"{}";
            return if blank {
                Ok(Value::Null)
            } else {
                Err(bad("invalid_body", "This request takes no body; leave it out".into()))
            };
        }
        if let Some(content_type) = &request.content_type {
            let essence = content_type.split(';').next().unwrap_or_default().trim();
            if !essence.eq_ignore_ascii_case("application/json") {
                let detail = format!("The body must be application/json, not \"{essence}\"");
                return Err(Error::new(Kind::UnsupportedMediaType, detail)
                    .with_code("unsupported_media_type"));
            }
        }
        json::parse_object(&request.body)
            .map(Value::Object)
            .map_err(|e| bad("invalid_body", e.detail().to_owned()))
    }
}

pub(super) fn bad(code: &'static str, detail: String) -> Error {
    Error::new(Kind::BadRequest, detail).with_code(code)
}

/// Decodes percent-encoding; in a query a plus is a space.
pub(super) fn decode(text: &str, query: bool) -> Result<String> {
    let wrong = || {
        bad(
            "invalid_encoding",
            "The URL is not percent-encoded UTF-8; encode each part of it".into(),
        )
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let (Some(high), Some(low)) = (high, low) else { return Err(wrong()) };
                bytes.push(u8::try_from(high * 16 + low).map_err(|_| wrong())?);
            }
            b'+' if query => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    if text.contains('\0') { Err(wrong()) } else { Ok(text) }
}
