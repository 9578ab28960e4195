//! [`Resource`]: a checked JSON object with its id, version and times (RFC 7643 §3).

use std::fmt;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::schema::{self, ResourceType};

/// The id of a resource, made by the service (S1). Unguessable ones are no secret: the tenant decides.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Arc<str>);

impl Id {
    /// The longest id that is looked up.
    const MAX_LENGTH: usize = 64;

    /// An id as a client writes it: 1 to 64 letters, digits, `-` or `_`. Anything else names nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then(|| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

/// An opaque, weak entity tag's number. It rises by one with each change of the stored representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The version of a new resource.
    pub const FIRST: Self = Self(1);

    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The one before.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Version {
    /// As an entity tag: `W/"3"` (RFC 7644 §3.14).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "W/\"{}\"", self.0)
    }
}

/// A resource as it is stored: what went through the schema check, and what the service knows of it.
///
/// The document holds `schemas`, `externalId` and the attributes. Not in it: `id` and `meta` (fields of
/// this type), `members` of a group and `groups` of a user (rows of the store), and whatever is never
/// returned, such as `password` (in [`Self::secrets`]).
///
/// It doesn't change, and is cheap to clone.
#[derive(Debug, Clone)]
pub struct Resource(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    kind: Arc<ResourceType>,
    id: Id,
    version: Version,
    created: Timestamp,
    modified: Timestamp,
    text: String,
    parsed: OnceLock<Map<String, Value>>,
    secrets: Map<String, Value>,
}

/// The parts of a [`Resource`] as a store keeps them.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The id.
    pub id: Id,
    /// The version.
    pub version: Version,
    /// When it was created; milliseconds matter, finer parts don't.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
    /// The document as JSON text, as [`Resource::text`] gave it.
    pub text: String,
    /// What is never returned, as [`Resource::secrets`] gave it.
    pub secrets: Map<String, Value>,
}

impl Resource {
    /// A new resource, or a new state of one, from a checked document.
    ///
    /// # Errors
    /// None in practice: a map of JSON values serializes.
    pub fn new(
        kind: Arc<ResourceType>,
        id: Id,
        version: Version,
        (created, modified): (Timestamp, Timestamp),
        document: Map<String, Value>,
        secrets: Map<String, Value>,
    ) -> Result<Self> {
        let text = serde_json::to_string(&document).map_err(Error::internal)?;
        let parsed = OnceLock::from(document);
        Ok(Self(Arc::new(Parts { kind, id, version, created, modified, text, parsed, secrets })))
    }

    /// A resource out of a store.
    #[must_use]
    pub fn from_stored(kind: Arc<ResourceType>, stored: Stored) -> Self {
        let Stored { id, version, created, modified, text, secrets } = stored;
        let parsed = OnceLock::new();
        Self(Arc::new(Parts { kind, id, version, created, modified, text, parsed, secrets }))
    }

    /// The resource type.
    #[must_use]
    pub fn kind(&self) -> &Arc<ResourceType> {
        &self.0.kind
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.0.id
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// When it was created.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.0.created
    }

    /// When it last changed.
    #[must_use]
    pub fn modified(&self) -> Timestamp {
        self.0.modified
    }

    /// The document as JSON text: what a store keeps and a plain read sends.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The document. Parsed from the text when first asked for.
    ///
    /// # Errors
    /// [`crate::Kind::Internal`] if the store gave back something other than it was given.
    pub fn document(&self) -> Result<&Map<String, Value>> {
        if let Some(parsed) = self.0.parsed.get() {
            return Ok(parsed);
        }
        let parsed = serde_json::from_str(&self.0.text).map_err(Error::internal)?;
        Ok(self.0.parsed.get_or_init(|| parsed))
    }

    /// The attributes that are never returned; passwords are hashed before they get here.
    #[must_use]
    pub fn secrets(&self) -> &Map<String, Value> {
        &self.0.secrets
    }

    /// The document with `id` and `meta` (without `location`): what a filter looks at.
    ///
    /// # Errors
    /// As [`Self::document`].
    pub fn representation(&self) -> Result<Map<String, Value>> {
        let mut all = self.document()?.clone();
        all.insert("id".into(), self.id().as_str().into());
        let mut meta = Map::new();
        meta.insert("resourceType".into(), self.kind().name.as_str().into());
        meta.insert("created".into(), instant(self.created()).into());
        meta.insert("lastModified".into(), instant(self.modified()).into());
        meta.insert("version".into(), self.version().to_string().into());
        all.insert("meta".into(), Value::Object(meta));
        Ok(all)
    }

    /// What to show for it where others refer to it: `displayName`, else `userName`.
    ///
    /// # Errors
    /// As [`Self::document`].
    pub fn label(&self) -> Result<Option<&str>> {
        let document = self.document()?;
        Ok(["displayName", "userName"].iter().find_map(|name| document.get(*name)?.as_str()))
    }
}

/// A timestamp on the wire: RFC 3339 in UTC with milliseconds.
#[must_use]
pub fn instant(timestamp: Timestamp) -> String {
    format!("{timestamp:.3}")
}

impl ResourceType {
    /// Whether its `members` are rows of the store.
    #[must_use]
    pub fn has_members(&self) -> bool {
        self.schema.id == schema::GROUP
    }

    /// Whether its `groups` are derived from memberships.
    #[must_use]
    pub fn has_groups(&self) -> bool {
        self.schema.id == schema::USER
    }
}
