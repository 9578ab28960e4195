//! Dialects: what real identity providers send, and how far it is put right before the protocol sees it.

use std::fmt;
use std::str::FromStr;

/// How strictly a client is taken. A preset switches named [`Normalizer`]s on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Preset {
    /// Everything that any known client sends is understood. The default.
    #[default]
    Lenient,
    /// As lenient, and what Okta expects beyond it.
    Okta,
    /// As lenient, and what Microsoft Entra ID expects beyond it.
    Entra,
    /// What the RFCs allow, but for what the SCIM interoperability profile takes from that: PATCH without a path.
    Strict,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 4] = [Self::Lenient, Self::Okta, Self::Entra, Self::Strict];

    /// Its name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lenient => "lenient",
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::Strict => "strict",
        }
    }

    /// Whether the preset switches a normalizer on.
    #[must_use]
    pub fn uses(self, normalizer: Normalizer) -> bool {
        match self {
            Self::Strict => false,
            Self::Lenient => normalizer != Normalizer::ReactivateOnCreate,
            Self::Okta | Self::Entra => true,
        }
    }

    /// Whether names that no schema knows are refused.
    #[must_use]
    pub fn refuses_unknown(self) -> bool {
        !self.uses(Normalizer::IgnoreUnknown)
    }

    /// Whether a path that selects nothing is an error even for `remove`.
    pub(crate) fn insists_on_targets(self) -> bool {
        !self.uses(Normalizer::CreateMissingElement)
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == text)
            .ok_or_else(|| format!("\"{text}\" is no preset; use lenient, okta, entra or strict"))
    }
}

/// One kind of deviation from the RFCs that is understood (see `docs/reference/dialects.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Normalizer {
    /// `"True"`, `"false"` … where a boolean belongs, in documents, PATCH values and filters.
    BooleanStrings,
    /// `"42"` where a number belongs.
    NumberStrings,
    /// `""` in PATCH unassigns, as `null` does.
    EmptyUnassigns,
    /// A scalar or a list of one where a complex value belongs (`"manager": "id"`), and a single value
    /// where a list belongs (`"emails": {…}`, `"members": ["id"]`).
    ScalarAsComplex,
    /// JSON text inside `value` of a complex element (Entra's `AppRoleAssignmentsComplex`).
    JsonInValue,
    /// `name.givenName`, URN-qualified names and value paths as keys of a value without a path.
    PathKeys,
    /// `add` and `replace` without a path.
    PathlessValues,
    /// A value path that matches nothing creates the element on `add` and `replace`.
    CreateMissingElement,
    /// `replace` of the elements that a value path selects changes the sub-attributes that are given.
    MergeSelected,
    /// `remove` with a path and a value list removes the listed values only.
    RemoveListed,
    /// Attributes that the client may not write are ignored in PATCH values without a path.
    IgnoreReadOnly,
    /// Attributes that no schema knows are left out.
    IgnoreUnknown,
    /// `schemas` may name unknown schemas, or lack those whose attributes are there.
    LooseSchemas,
    /// An empty list of PATCH operations changes nothing.
    EmptyOperations,
    /// Members that don't exist are left out.
    SkipUnknownMembers,
    /// Unquoted comparison values in filters are strings.
    BareFilterValues,
    /// A POST whose `userName` an inactive user with the same `externalId` holds brings that user back.
    ReactivateOnCreate,
}

impl Normalizer {
    /// Its name in logs and events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BooleanStrings => "boolean-strings",
            Self::NumberStrings => "number-strings",
            Self::EmptyUnassigns => "empty-unassigns",
            Self::ScalarAsComplex => "scalar-as-complex",
            Self::JsonInValue => "json-in-value",
            Self::PathKeys => "path-keys",
            Self::PathlessValues => "pathless-values",
            Self::CreateMissingElement => "create-missing-element",
            Self::MergeSelected => "merge-selected",
            Self::RemoveListed => "remove-listed",
            Self::IgnoreReadOnly => "ignore-read-only",
            Self::IgnoreUnknown => "ignore-unknown",
            Self::LooseSchemas => "loose-schemas",
            Self::EmptyOperations => "empty-operations",
            Self::SkipUnknownMembers => "skip-unknown-members",
            Self::BareFilterValues => "bare-filter-values",
            Self::ReactivateOnCreate => "reactivate-on-create",
        }
    }
}

/// A preset at work on one request: it remembers which normalizers fired, for the log.
#[derive(Debug, Clone, Default)]
pub struct Dialect {
    preset: Preset,
    fired: Vec<Normalizer>,
}

impl Dialect {
    /// A dialect for one request.
    #[must_use]
    pub fn new(preset: Preset) -> Self {
        Self { preset, fired: Vec::new() }
    }

    /// The preset.
    #[must_use]
    pub fn preset(&self) -> Preset {
        self.preset
    }

    /// Whether the normalizer is on, noting that it fired if so. Ask only where the input calls for it.
    pub fn allows(&mut self, normalizer: Normalizer) -> bool {
        let allowed = self.preset.uses(normalizer);
        if allowed && !self.fired.contains(&normalizer) {
            self.fired.push(normalizer);
        }
        allowed
    }

    /// Those that fired.
    #[must_use]
    pub fn fired(&self) -> &[Normalizer] {
        &self.fired
    }
}
