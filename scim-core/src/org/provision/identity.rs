//! Who a user says to be: the address and the name that an account takes.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::org::{DomainName, EmailAddress};
use crate::resource::Resource;

/// What the rules read of a user.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The primary address; else the first; else the user name, if it is an address.
    pub(super) email: Option<EmailAddress>,
    /// Every domain that the user claims to be of: the address's and the user name's. Further addresses identify
    /// nobody, and may be of any domain.
    pub(super) domains: Vec<DomainName>,
    pub(super) name: Option<String>,
    /// Nothing, if the user doesn't say.
    pub(super) active: Option<bool>,
}

impl Identity {
    /// # Errors
    /// [`crate::Kind::InvalidValue`] for a primary address that is none, if `strict`: somebody has to
    /// vouch for its domain.
    pub(super) fn of(user: &Resource, strict: bool) -> Result<Self> {
        let document = user.document()?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let emails = document.get("emails").and_then(Value::as_array);
        let value = |email: &Value| email.get("value").and_then(Value::as_str).map(str::to_owned);
        let primary =
            emails.into_iter().flatten().find(|e| e.get("primary") == Some(&Value::Bool(true)));
        let first = emails.and_then(|list| list.first());
        let sent = primary.or(first).and_then(value);
        let user_name = text("userName").filter(|name| name.contains('@'));
        let email = match sent.as_deref().or(user_name).map(EmailAddress::parse) {
            None => None,
            Some(Ok(email)) => Some(email),
            Some(Err(_)) if !strict => None,
            Some(Err(_)) => {
                let sent = sent.as_deref().or(user_name).unwrap_or_default();
                return Err(Error::invalid_value(format!(
                    "emails: \"{sent}\" is no e-mail address; send one like ann@example.com"
                )));
            }
        };
        let mut domains: Vec<DomainName> = email.iter().map(|e| e.domain().clone()).collect();
        // Mostly it is the same address.
        let user_name = user_name.filter(|name| email.as_ref().is_none_or(|e| e.as_str() != *name));
        match user_name.map(EmailAddress::parse) {
            Some(Ok(address)) if !domains.contains(address.domain()) => {
                domains.push(address.domain().clone());
            }
            Some(Err(_)) if strict => {
                return Err(Error::invalid_value(
                    "userName: it has an @ and is no e-mail address; send one like ann@example.com",
                ));
            }
            _ => {}
        }
        let formatted =
            document.get("name").and_then(|n| n.get("formatted")).and_then(Value::as_str);
        let name = text("displayName").or(formatted).or(text("userName")).map(str::to_owned);
        let active = document.get("active").and_then(Value::as_bool);
        Ok(Self { email, domains, name, active })
    }
}
