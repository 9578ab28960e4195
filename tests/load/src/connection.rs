//! One HTTP/1.1 connection, kept alive. As little as a client can be: the generator shares its machine with
//! the server that it measures.

use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(120);

/// Where a server is, and what it speaks there.
#[derive(Debug, Clone)]
pub struct Endpoint {
    host: String,
    /// The path of the base URL, without a slash at its end.
    root: String,
    media_type: &'static str,
}

impl Endpoint {
    /// A SCIM server.
    ///
    /// # Errors
    /// A URL that isn't `http://host:port/path`.
    pub fn new(base_url: &str) -> Result<Self> {
        let rest = base_url.strip_prefix("http://").context("only http:// can be measured")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        let root = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { host: host.to_owned(), root, media_type: "application/scim+json" })
    }

    /// The administrative API of this project's server.
    #[must_use]
    pub fn administration(&self) -> Self {
        Self { root: "/api/v1".into(), media_type: "application/json", ..self.clone() }
    }
}

/// Whom requests are sent for: a bearer token, which most often stands for an organization.
#[derive(Debug, Clone, Default)]
pub struct Token(Rc<str>);

impl Token {
    /// The token of that secret.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(secret.into())
    }

    /// A request with that token.
    #[must_use]
    pub fn request(&self, method: &'static str, path: String, body: Vec<u8>) -> Request {
        Request { method, path, body, token: self.clone() }
    }

    /// A GET.
    #[must_use]
    pub fn get(&self, path: String) -> Request {
        self.request("GET", path, Vec::new())
    }
}

/// A request below the base URL.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// The path and query, encoded.
    pub path: String,
    /// The body; empty without one.
    pub body: Vec<u8>,
    /// Whose request it is.
    pub token: Token,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, its transfer encoding undone.
    pub body: Vec<u8>,
}

/// A connection that is opened when first used, and again after an error.
#[derive(Debug)]
pub struct Connection {
    endpoint: Endpoint,
    stream: Option<TcpStream>,
    head: String,
    buffer: Vec<u8>,
}

impl Connection {
    /// A connection to be opened.
    #[must_use]
    pub fn new(endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.clone(), stream: None, head: String::new(), buffer: Vec::new() }
    }

    /// Opens it ahead of its first use.
    ///
    /// # Errors
    /// From the network.
    pub async fn open(&mut self) -> Result<()> {
        let stream = TcpStream::connect(&self.endpoint.host).await.context("can't connect")?;
        stream.set_nodelay(true)?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// From the network, and for what isn't HTTP. The next request goes over a new connection.
    pub async fn send(&mut self, request: &Request) -> Result<Answer> {
        if self.stream.is_none() {
            self.open().await?;
        }
        let answer = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(anyhow!("no answer within {PATIENCE:?}")));
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    async fn exchange(&mut self, request: &Request) -> Result<Answer> {
        let Self { endpoint, stream: Some(stream), head, buffer } = self else {
            bail!("the connection is closed");
        };
        head.clear();
        write!(
            head,
            "{} {}{} HTTP/1.1\r\nHost: {}\r\nAccept: {}\r\nAuthorization: Bearer {}\r\n",
            request.method,
            endpoint.root,
            request.path,
            endpoint.host,
            endpoint.media_type,
            request.token.0
        )?;
        if !request.body.is_empty() {
            let length = request.body.len();
            let media_type = endpoint.media_type;
            write!(head, "Content-Type: {media_type}\r\nContent-Length: {length}\r\n")?;
        }
        head.push_str("\r\n");
        buffer.clear();
        buffer.extend_from_slice(head.as_bytes());
        buffer.extend_from_slice(&request.body);
        stream.write_all(buffer).await?;
        buffer.clear();
        let end = fill_to(stream, buffer, 0, b"\r\n\r\n").await?;
        let head = parse_head(buffer.get(..end).unwrap_or_default())?;
        let body = match head.length {
            _ if head.status == 204 || head.status == 304 => Vec::new(),
            Length::Bytes(n) => {
                let whole = end.saturating_add(n);
                while buffer.len() < whole {
                    read_some(stream, buffer).await?;
                }
                buffer.get(end..whole).unwrap_or_default().to_vec()
            }
            Length::Chunked => chunks(stream, buffer, end).await?,
        };
        if head.closes {
            self.stream = None;
        }
        Ok(Answer { status: head.status, body })
    }
}

struct Head {
    status: u16,
    length: Length,
    closes: bool,
}

enum Length {
    Bytes(usize),
    Chunked,
}

fn parse_head(bytes: &[u8]) -> Result<Head> {
    let text = std::str::from_utf8(bytes).context("a head that is no text")?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.and_then(|s| s.parse().ok()).context("no HTTP answer")?;
    let (mut length, mut closes) = (Length::Bytes(0), false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = Length::Bytes(value.parse().context("Content-Length")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            length = Length::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    Ok(Head { status, length, closes })
}

async fn read_some(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    match stream.read_buf(buffer).await? {
        0 => bail!("the connection ended before the answer did"),
        _ => Ok(()),
    }
}

/// Reads until `mark` follows `from`; gives the place after it.
async fn fill_to(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    from: usize,
    mark: &[u8],
) -> Result<usize> {
    let mut looked = from;
    loop {
        let rest = buffer.get(looked..).unwrap_or_default();
        if let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
            return Ok(looked.saturating_add(at).saturating_add(mark.len()));
        }
        looked = buffer.len().saturating_sub(mark.len()).max(from);
        read_some(stream, buffer).await?;
    }
}

async fn chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>, mut at: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let after = fill_to(stream, buffer, at, b"\r\n").await?;
        let size = std::str::from_utf8(buffer.get(at..after).unwrap_or_default())?.trim();
        let size = usize::from_str_radix(size, 16).context("the size of a chunk")?;
        let end = after.saturating_add(size).saturating_add(2);
        while buffer.len() < end {
            read_some(stream, buffer).await?;
        }
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(buffer.get(after..end.saturating_sub(2)).unwrap_or_default());
        at = end;
        // What is done with goes, so that a huge answer isn't kept twice.
        buffer.drain(..at);
        at = 0;
    }
}
