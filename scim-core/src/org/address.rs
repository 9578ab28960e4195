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
        let last = self.0.rsplit('.').next().unwrap_or_default();
        if RESERVED.contains(&last) {
            return Err(Refusal::DomainNotClaimable.because(format!(
                "Names below .{last} are reserved for private or special use, and anybody's; claim a domain of \
                 your own"
            )));
        }
        let domain = psl::domain_str(&self.0);
        if domain.is_none() {
            return Err(Refusal::DomainNotClaimable.because(format!(
                "{self} is a public suffix, under which anybody registers names; claim a domain of your own"
            )));
        }
        let label = self.0.split('.').next().unwrap_or_default();
        let brand = domain == Some(&self.0) && PUBLIC_BRANDS.contains(&label);
        if brand || PUBLIC_MAIL.binary_search(&self.as_str()).is_ok() {
            return Err(Refusal::DomainNotClaimable.because(format!(
                "{self} gives addresses to everybody; claim a domain of your own"
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
        let odd =
            |c: char| c.is_whitespace() || c.is_control() || c == '@' || text::is_invisible(c);
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
const PUBLIC_MAIL: [&str; 88] = [
    "126.com",
    "163.com",
    "aim.com",
    "alice.it",
    "aol.com",
    "att.net",
    "bk.ru",
    "bluewin.ch",
    "btinternet.com",
    "comcast.net",
    "daum.net",
    "fastmail.com",
    "fastmail.fm",
    "foxmail.com",
    "free.fr",
    "freenet.de",
    "hanmail.net",
    "hey.com",
    "hushmail.com",
    "icloud.com",
    "inbox.com",
    "inbox.ru",
    "interia.pl",
    "laposte.net",
    "libero.it",
    "list.ru",
    "live.at",
    "live.be",
    "live.ca",
    "live.co.uk",
    "live.com",
    "live.com.au",
    "live.de",
    "live.dk",
    "live.fr",
    "live.ie",
    "live.it",
    "live.jp",
    "live.nl",
    "live.no",
    "live.se",
    "mac.com",
    "mail.com",
    "mail.onmicrosoft.com",
    "mail.ru",
    "mailbox.org",
    "me.com",
    "msn.com",
    "naver.com",
    "noreply.github.com",
    "o2.pl",
    "onet.pl",
    "onmicrosoft.com",
    "onmicrosoft.de",
    "onmicrosoft.us",
    "orange.fr",
    "partner.onmschina.cn",
    "passport.com",
    "pm.me",
    "posteo.de",
    "posteo.net",
    "privaterelay.appleid.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "rambler.ru",
    "rocketmail.com",
    "sbcglobal.net",
    "seznam.cz",
    "sfr.fr",
    "sina.com",
    "sky.com",
    "t-online.de",
    "tiscali.it",
    "tuta.com",
    "tuta.io",
    "tutamail.com",
    "tutanota.com",
    "users.noreply.github.com",
    "verizon.net",
    "virgilio.it",
    "wanadoo.fr",
    "web.de",
    "wp.pl",
    "yeah.net",
    "ymail.com",
    "zoho.com",
    "zohomail.com",
];

/// The same below any public suffix: `outlook.de`, `yahoo.co.jp`.
const PUBLIC_BRANDS: [&str; 7] =
    ["gmail", "gmx", "googlemail", "hotmail", "outlook", "yahoo", "yandex"];

/// Last labels that no registry sells names below: special use (RFC 6761, 6762, 7686, 8375, 9476, ICANN's
/// `internal`), and what is not delegated because private networks use it (RFC 6762, appendix G). `example`
/// and `test` are theirs who try things out.
const RESERVED: [&str; 14] = [
    "alt",
    "arpa",
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "mail",
    "onion",
    "private",
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
            ("contoso.onmicrosoft.com", "contoso.onmicrosoft.com"),
            ("outlook.example.com", "outlook.example.com"),
            ("example.test", "example.test"),
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
            "outlook.de",
            "yahoo.co.jp",
            "onmicrosoft.com",
            "foo.local",
            "foo.internal",
            "foo.invalid",
            "foo.localhost",
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
