//! A small blocking HTTP/1.1 client: tests must be able to send what no good client would.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

use crate::Server;

/// A caller: whoever holds a token, or nobody.
pub struct Client {
    address: SocketAddr,
    pub token: Option<String>,
    connection: Mutex<Option<BufReader<TcpStream>>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_else(|| panic!("no id: {self:?}")).to_owned()
    }

    /// Checks the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Checks that it is a SCIM error of that status and `scimType`.
    #[track_caller]
    pub fn refuses(&self, status: u16, scim_type: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        let body = self.json();
        assert_eq!(body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error", "{body}");
        assert_eq!(body["status"], status.to_string(), "{body}");
        assert!(body["detail"].as_str().is_some_and(|d| !d.is_empty()), "{body}");
        assert_eq!(body["scimType"].as_str().unwrap_or_default(), scim_type, "{body}");
        assert_eq!(self.headers["content-type"], "application/scim+json");
    }
}

impl Client {
    pub fn new(server: &Server, token: &str) -> Self {
        let connection = Mutex::new(None);
        Self { address: server.address(), token: Some(token.to_owned()), connection }
    }

    pub fn anonymous(server: &Server) -> Self {
        Self { address: server.address(), token: None, connection: Mutex::new(None) }
    }

    /// The same caller on a connection of its own.
    pub fn again(&self) -> Self {
        Self { address: self.address, token: self.token.clone(), connection: Mutex::new(None) }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", &scim(path), &[], None)
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", &scim(path), &[], None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", &scim(path), &[], Some(&body.to_string()))
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", &scim(path), &[], Some(&body.to_string()))
    }

    pub fn patch(&self, path: &str, operations: Value) -> Answer {
        self.send("PATCH", &scim(path), &[], Some(&patch(operations)))
    }

    pub fn patch_if(&self, path: &str, etag: &str, operations: Value) -> Answer {
        self.send("PATCH", &scim(path), &[("If-Match", etag)], Some(&patch(operations)))
    }

    /// A filter, percent-encoded.
    pub fn filter(&self, endpoint: &str, filter: &str) -> Answer {
        self.get(&format!("{endpoint}?filter={}", encode(filter)))
    }

    pub fn try_get(&self, target: &str) -> Option<Answer> {
        self.attempt("GET", target, &[], None).ok()
    }

    /// Sends a request to a path of the server, by a connection that is kept.
    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        self.attempt(method, target, headers, body)
            .unwrap_or_else(|e| panic!("{method} {target}: {e}"))
    }

    pub fn attempt(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> std::io::Result<Answer> {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        let given = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if !given("host") {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        if let (Some(token), false) = (&self.token, given("authorization")) {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            if !given("content-type") {
                head.push_str("Content-Type: application/scim+json\r\n");
            }
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        let request = format!("{head}\r\n{}", body.unwrap_or_default());
        let mut kept = self.connection.lock().unwrap();
        let fresh = kept.is_none();
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let mut answer = exchange(&mut connection, request.as_bytes(), method);
        // A kept connection may have been closed meanwhile; nothing was answered on it, so again, unless
        // that could do something twice.
        if answer.is_err() && !fresh && method != "POST" {
            connection = self.connect()?;
            answer = exchange(&mut connection, request.as_bytes(), method);
        }
        let answer = answer?;
        if answer.headers.get("connection").is_none_or(|c| c != "close") {
            *kept = Some(connection);
        }
        Ok(answer)
    }

    fn connect(&self) -> std::io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(BufReader::new(stream))
    }
}

fn exchange(
    connection: &mut BufReader<TcpStream>,
    request: &[u8],
    method: &str,
) -> std::io::Result<Answer> {
    // A refusal may come before the whole body was taken.
    let sent = connection.get_mut().write_all(request);
    match read_answer(connection, method) {
        Ok(answer) => Ok(answer),
        Err(error) => Err(sent.err().unwrap_or(error)),
    }
}

/// Sends bytes as they are; gives what comes back until the server closes or falls silent.
pub fn raw(server: &Server, bytes: &[u8]) -> Answer {
    let stream = server.connect();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut connection = BufReader::new(stream);
    exchange(&mut connection, bytes, "GET").unwrap()
}

fn read_answer(connection: &mut impl BufRead, method: &str) -> std::io::Result<Answer> {
    let wrong = |what: &str| std::io::Error::other(what.to_owned());
    let mut line = String::new();
    if connection.read_line(&mut line)? == 0 {
        return Err(wrong("closed without an answer"));
    }
    let status = line.split_whitespace().nth(1).and_then(|s| s.parse().ok());
    let status = status.ok_or_else(|| wrong(&format!("no status line: {line}")))?;
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if method == "HEAD" || status == 204 || status == 304 {
        // No body, whatever the headers say.
    } else if headers.get("transfer-encoding").is_some_and(|t| t == "chunked") {
        loop {
            let mut size = String::new();
            connection.read_line(&mut size)?;
            let size =
                usize::from_str_radix(size.trim(), 16).map_err(|_| wrong("no chunk size"))?;
            let mut chunk = vec![0; size + 2];
            connection.read_exact(&mut chunk)?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    } else if let Some(length) = headers.get("content-length") {
        let length = length.parse().map_err(|_| wrong("no content length"))?;
        connection.take(length).read_to_end(&mut body)?;
    }
    let text = String::from_utf8(body).map_err(|_| wrong("the body is not UTF-8"))?;
    Ok(Answer { status, headers, text })
}

fn patch(operations: Value) -> String {
    serde_json::json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    })
    .to_string()
}

fn scim(path: &str) -> String {
    format!("/scim/v2{path}")
}

/// Percent-encodes all but unreserved characters.
pub fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
