//! [`PostgresUrl`]: a URL of PostgreSQL, taken apart before libpq sees it.
//!
//! libpq quotes what it doesn't understand, and with an unescaped character that may be a part of the
//! password. So everything that it could stumble over is refused here, in sentences that quote nothing, and
//! libpq gets a URL that is written anew. Only what can't be a secret is shown. URLs as libpq takes them
//! (several hosts, none, sockets) are more than URL libraries take.

use std::fmt::Write as _;

/// Parameters that are shown; what isn't among them could be a secret or lead to one.
const SHOWN: [&str; 12] = [
    "dbname",
    "host",
    "hostaddr",
    "load_balance_hosts",
    "port",
    "service",
    "sslcert",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Other parameters of libpq.
const KEPT: [&str; 39] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "max_protocol_version",
    "min_protocol_version",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_issuer",
    "oauth_scope",
    "options",
    "passfile",
    "password",
    "replication",
    "require_auth",
    "requirepeer",
    "scram_client_key",
    "scram_server_key",
    "servicefile",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslkeylogfile",
    "sslnegotiation",
    "sslpassword",
    "sslsni",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
];

/// Parameters that are numbers.
const NUMBERS: [&str; 6] = [
    "connect_timeout",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "tcp_user_timeout",
];

/// What to do about characters that mean something in a URL.
const ESCAPE: &str = "in a user or password, % / : ? # @ and spaces have to be written as %25 %2F %3A %3F \
                      %23 %40 and %20";

/// A URL whose every part is known.
#[derive(Clone)]
pub(super) struct PostgresUrl {
    /// libpq's parameters, decoded: the last of a name counts.
    parameters: Vec<(String, Vec<u8>)>,
    shown: String,
}

impl PostgresUrl {
    /// Takes a URL apart, or says what is wrong with it without quoting any of it.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(format!("it holds a space or a control character; {ESCAPE}"));
        }
        let (scheme, rest) = url.split_once("://").ok_or("it has no ://")?;
        // As libpq does it: the user ends at the first @, if that comes before the first slash.
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) if !user.contains('/') => (Some(user), rest),
            _ => (None, rest),
        };
        if rest.contains('@') {
            return Err(format!("it holds an @ too many; {ESCAPE}"));
        }
        let (place, query) = rest.split_once('?').map_or((rest, None), |(p, q)| (p, Some(q)));
        let (hosts, database) = place.split_once('/').map_or((place, ""), |(h, d)| (h, d));
        let mut this = Self { parameters: Vec::new(), shown: format!("{scheme}://") };
        if let Some(user) = user {
            let (user, password) =
                user.split_once(':').map_or((user, None), |(user, word)| (user, Some(word)));
            this.set("user", user)?;
            if let Some(password) = password {
                this.set("password", password)?;
            }
            let _ = write!(this.shown, "{user}@");
        }
        this.set_hosts(hosts)?;
        this.shown.push_str(hosts);
        if place.contains('/') {
            let _ = write!(this.shown, "/{database}");
        }
        if database.contains('/') {
            return Err(format!("it holds a / too many; {ESCAPE}"));
        }
        this.set("dbname", database)?;
        let mut sign = '?';
        for (i, pair) in query.into_iter().flat_map(|q| q.split('&')).enumerate() {
            let parameter = || format!("its parameter number {} behind the ?", i + 1);
            let (name, value) = pair
                .split_once('=')
                .filter(|(_, value)| !value.contains('='))
                .ok_or_else(|| format!("{} is not like name=value; {ESCAPE}", parameter()))?;
            let name = String::from_utf8(decoded(name)?).unwrap_or_default();
            // What JDBC says, libpq takes too.
            let (name, value) = match (name.as_str(), value) {
                ("ssl", "true") => ("sslmode", "require"),
                (name, value) => (name, value),
            };
            if !SHOWN.contains(&name) && !KEPT.contains(&name) {
                return Err(format!("{} is not known to libpq", parameter()));
            }
            this.set(name, value)?;
            if SHOWN.contains(&name) {
                let _ = write!(this.shown, "{sign}{name}={value}");
                sign = '&';
            }
        }
        Ok(this)
    }

    fn set_hosts(&mut self, hosts: &str) -> Result<(), String> {
        let (mut names, mut ports) = (Vec::new(), Vec::new());
        for host in hosts.split(',') {
            let (name, port) = match host.strip_prefix('[') {
                Some(address) => address
                    .split_once(']')
                    .ok_or_else(|| "an address of IPv6 has no ] at its end".to_owned())?,
                None => host.find(':').map_or((host, ""), |colon| host.split_at(colon)),
            };
            let port = match port.strip_prefix(':') {
                None if port.is_empty() => port,
                Some(port) => port,
                None => return Err("an address of IPv6 is followed by no :".to_owned()),
            };
            names.push(name);
            ports.push(port);
        }
        if names.iter().any(|name| !name.is_empty()) {
            self.set("host", &names.join(","))?;
        }
        if ports.iter().any(|port| !port.is_empty()) {
            self.set("port", &ports.join(","))?;
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let value = decoded(value)?;
        let number = |text: &[u8]| text.is_empty() || text.iter().all(u8::is_ascii_digit);
        let ports = |text: &[u8]| text.split(|b| *b == b',').all(|p| number(p) && p.len() <= 5);
        if name == "port" && !ports(&value) {
            return Err(format!("a port of it is no number; {ESCAPE}"));
        }
        if NUMBERS.contains(&name) && !number(&value) {
            return Err(format!("its {name} is no number"));
        }
        if !value.is_empty() {
            self.parameters.retain(|(there, _)| there != name);
            self.parameters.push((name.to_owned(), value));
        }
        Ok(())
    }

    /// Sets a parameter unless the URL does.
    pub(super) fn or(mut self, name: &str, value: &str) -> Self {
        if !self.parameters.iter().any(|(there, _)| there == name) {
            self.parameters.push((name.to_owned(), value.as_bytes().to_vec()));
        }
        self
    }

    /// As it may be shown and logged.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// As libpq gets it.
    pub(super) fn for_libpq(&self) -> String {
        let mut url = "postgres://".to_owned();
        for (i, (name, value)) in self.parameters.iter().enumerate() {
            url.push_str(if i > 0 { "&" } else { "?" });
            url.push_str(name);
            url.push('=');
            for byte in value {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'/') {
                    url.push(char::from(*byte));
                } else {
                    let _ = write!(url, "%{byte:02X}");
                }
            }
        }
        url
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("it holds a % that no two hexadecimal digits follow; {ESCAPE}");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = rest.next().and_then(|b| char::from(b).to_digit(16));
            digit.and_then(|digit| u8::try_from(digit).ok()).ok_or_else(wrong)
        };
        match digit()? * 16 + digit()? {
            0 => return Err("it holds %00, which nothing can".to_owned()),
            byte => bytes.push(byte),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libpq_takes_is_taken_and_passwords_are_not_shown() {
        for (url, shown, for_libpq) in [
            ("postgres://h/d", "postgres://h/d", "host=h&dbname=d"),
            (
                "postgresql://scim@db:5432/scim",
                "postgresql://scim@db:5432/scim",
                "user=scim&host=db&port=5432&dbname=scim",
            ),
            // libpq ends the user at the first @, whatever comes before.
            (
                "postgres://scim:se?cr#et@db/scim",
                "postgres://scim@db/scim",
                "user=scim&password=se%3Fcr%23et&host=db&dbname=scim",
            ),
            (
                "postgres://scim:%F0%9f:%40%20@[::1]:1,h2/",
                "postgres://scim@[::1]:1,h2/",
                "user=scim&password=%F0%9F%3A%40%20&host=%3A%3A1%2Ch2&port=1%2C",
            ),
            (
                "postgres://scim@/scim?host=/run/x&passw%6Frd=p%26q&sslmode=disable",
                "postgres://scim@/scim?host=/run/x&sslmode=disable",
                "user=scim&dbname=scim&host=/run/x&password=p%26q&sslmode=disable",
            ),
            ("postgres://db?ssl=true", "postgres://db?sslmode=require", "host=db&sslmode=require"),
            ("postgres://h/d?dbname=e", "postgres://h/d?dbname=e", "host=h&dbname=e"),
        ] {
            let parsed = PostgresUrl::parse(url).unwrap();
            assert_eq!(parsed.shown(), shown);
            assert_eq!(parsed.for_libpq(), format!("postgres://?{for_libpq}"));
        }
    }

    #[test]
    fn what_is_refused_is_not_quoted() {
        for url in [
            "postgres://scim:gehXeim%ss@h/db",
            "postgres://scim:ge heimX@h/db",
            "postgres://u:geheimX/1@2@h/db",
            "postgres://u:12/geheimX@h/db",
            "postgres://u:12/34?geheimX@h/db",
            "postgres://u:se@geheimX@h/db",
            "postgres://u:geheimX",
            "postgres://u:geheimX/d",
            "postgres://u@h/d?password=a&geheimX",
            "postgres://u@h/d?password=a&geheimX=b",
            "postgres://u@h/d?password=a=geheimX",
            "postgres://u@h/d?connect_timeout=geheimX",
            "postgres://u@h/d?port=geheimX",
            "postgres://u:geheimX%00@h/d",
            "postgres://u:geheimX%4",
            "postgres://u@[geheimX/d",
            "postgres://u@[::1]geheimX/d",
            "postgres://u@h/d/geheimX",
        ] {
            let why = PostgresUrl::parse(url).map(|_| ()).unwrap_err();
            assert!(!why.contains('X') && !why.contains("geh"), "{url}: {why}");
        }
    }

    #[test]
    fn what_the_url_says_counts() {
        let url = |text| PostgresUrl::parse(text).unwrap().or("connect_timeout", "5").for_libpq();
        assert_eq!(url("postgres://h"), "postgres://?host=h&connect_timeout=5");
        let said = "postgres://?host=h&connect_timeout=9";
        assert_eq!(url("postgres://h?connect_timeout=9"), said);
    }
}
