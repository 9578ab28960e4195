//! E-mail addresses and the domains of them.

use std::fmt;

use super::Refusal;
use crate::error::Result;
use crate::text;

/// A domain name as DNS has it: lower case, A-labels, no dot at its end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(String);

impl DomainName {
    /// Reads a domain name in any case, in Unicode or as A-labels (IDNA).
    ///
    /// # Errors
    /// [`Refusal::DomainNotClaimable`]
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| {
            Refusal::DomainNotClaimable
                .because(format!("{why}; give a domain like example.com, without a wildcard"))
        };
        let text = text.trim();
        let text = text.strip_suffix('.').unwrap_or(text);
        let ascii = idna::domain_to_ascii_strict(text)
            .map_err(|_| refuse("That is not the name of a domain"))?;
        if ascii.parse::<std::net::IpAddr>().is_ok() || ascii.contains(['[', ':']) {
            return Err(refuse("That is an address, not a domain"));
        }
        if !ascii.contains('.') {
            return Err(refuse("That name has a single label"));
        }
        // A last label of digits makes it an IPv4 address to some (RFC 3696 §2).
        let last = ascii.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|b| b.is_ascii_digit()) || ascii.len() > 253 {
            return Err(refuse("That is not the name of a domain"));
        }
        Ok(Self(ascii))
    }

    /// Whether one organization may say that it is its own.
    ///
    /// # Errors
    /// [`Refusal::DomainNotClaimable`] for public suffixes and for domains where everybody gets mail.
    pub fn check_claimable(&self) -> Result<()> {
        let domain = psl::domain_str(&self.0);
        if domain.is_none() {
            return Err(Refusal::DomainNotClaimable.because(format!(
                "{self} is a public suffix, under which anybody registers names; claim a domain of your own"
            )));
        }
        if PUBLIC_MAIL.binary_search(&self.as_str()).is_ok() {
            return Err(Refusal::DomainNotClaimable.because(format!(
                "{self} gives mail addresses to everybody; claim a domain of your own"
            )));
        }
        Ok(())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An e-mail address: spelled as it came, compared folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress {
    text: String,
    key: String,
    domain: DomainName,
}

impl EmailAddress {
    /// Reads an address: one `@`, something before it, a domain behind it.
    ///
    /// # Errors
    /// [`Refusal::InvalidEmail`]
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = || {
            Refusal::InvalidEmail
                .because("That is no e-mail address; one looks like ann@example.com")
        };
        let text = text.trim();
        let (local, domain) = text.split_once('@').ok_or_else(refuse)?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '@';
        if local.is_empty() || text.len() > 320 || local.contains(odd) || domain.contains(odd) {
            return Err(refuse());
        }
        let domain = DomainName::parse(domain).map_err(|_| refuse())?;
        let key = format!("{}@{domain}", text::fold(local));
        Ok(Self { text: text.to_owned(), key, domain })
    }

    /// As it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it is compared by.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The domain.
    #[must_use]
    pub fn domain(&self) -> &DomainName {
        &self.domain
    }
}

/// Where everybody gets an address, in order.
const PUBLIC_MAIL: [&str; 43] = [
    "126.com",
    "163.com",
    "aim.com",
    "aol.com",
    "bluewin.ch",
    "comcast.net",
    "fastmail.com",
    "free.fr",
    "gmail.com",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hey.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.fr",
    "icloud.com",
    "inbox.com",
    "laposte.net",
    "libero.it",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "naver.com",
    "orange.fr",
    "outlook.com",
    "pm.me",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "t-online.de",
    "tutanota.com",
    "web.de",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yandex.ru",
    "zoho.com",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_mail_providers_is_sorted() {
        assert!(PUBLIC_MAIL.is_sorted());
    }

    #[test]
    fn domains_are_normalized() {
        for (text, name) in [
            (" Example.COM. ", "example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("eu.example.co.uk", "eu.example.co.uk"),
        ] {
            let domain = DomainName::parse(text).unwrap();
            assert_eq!(domain.as_str(), name);
            domain.check_claimable().unwrap();
        }
    }

    #[test]
    fn what_is_nobodys_own_is_refused() {
        for bad in [
            "localhost",
            "*.example.com",
            "co.uk",
            "com",
            "gmail.com",
            "GMAIL.com.",
            "127.0.0.1",
            "[::1]",
            "::1",
            "",
            "a..b",
            "exa mple.com",
            "github.io",
            "example.com/x",
            "http://example.com",
            "_x.example.com",
        ] {
            let error = DomainName::parse(bad).and_then(|d| d.check_claimable()).unwrap_err();
            assert_eq!(error.code(), Some("domain_not_claimable"), "{bad}");
        }
    }

    #[test]
    fn addresses_have_one_at() {
        assert_eq!(EmailAddress::parse("Ann@Example.com").unwrap().key(), "ann@example.com");
        for bad in ["ann", "a@b@example.com", "@example.com", "ann@", "an n@example.com", "a@b"] {
            assert_eq!(
                EmailAddress::parse(bad).unwrap_err().code(),
                Some("invalid_email"),
                "{bad}"
            );
        }
    }
}
