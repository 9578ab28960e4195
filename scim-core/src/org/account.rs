//! [`Account`]: a person. A user pushed over SCIM is bound to one.

use jiff::Timestamp;

use super::EmailAddress;
use crate::resource::Id;
use crate::store::Tenant;

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id, `acc_…`.
    pub id: Id,
    /// The address, as it came.
    pub email: Option<String>,
    /// What the person is known by: the folded address. Only an address that was proven (its domain is
    /// verified) or that the operator or an administrator typed is one; no two accounts share one.
    pub key: Option<String>,
    /// What to show for it.
    pub name: Option<String>,
    /// The password's hash in PHC format.
    pub password: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

impl Account {
    /// A new account without a password.
    #[must_use]
    pub fn new(id: Id, now: Timestamp) -> Self {
        Self { id, email: None, key: None, name: None, password: None, created: now }
    }

    /// Gives it an address that it is known by.
    #[must_use]
    pub fn known_by(mut self, email: &EmailAddress) -> Self {
        self.email = Some(email.as_str().to_owned());
        self.key = Some(email.key().to_owned());
        self
    }

    /// What to show for it.
    #[must_use]
    pub fn label(&self) -> &str {
        self.email.as_deref().or(self.name.as_deref()).unwrap_or(self.id.as_str())
    }
}

/// A user of a directory, bound to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The organization of the directory.
    pub org: Tenant,
    /// The user's id.
    pub user: Id,
    /// The account.
    pub account: Id,
    /// Whether the directory says that the person is active.
    pub active: bool,
    /// A person removed the membership that the directory gave, while it was asleep.
    pub detached: bool,
}
