//! SCIM without a web framework: the service over a `TcpListener`, one request a connection.
//!
//! ```sh
//! cargo run -p scim-core --example serve
//! curl -s localhost:8090/scim/v2/Users -H 'Content-Type: application/scim+json' \
//!   -d '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann@example.com"}'
//! ```
//!
//! It checks no credential, keeps everything in memory and no password: it shows how little a host has
//! to do, not how a host should do it. `scim-server` is one that does.
mod world;

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use scim_core::caller::{Caller, Scopes};
use scim_core::dialect::Preset;
use scim_core::directory::Open;
use scim_core::http::Request;
use scim_core::schema::Registry;
use scim_core::service::Settings;
use scim_core::store::Tenant;
use scim_core::store::memory::MemoryStore;
use scim_core::{Handler, Service};

fn main() -> Result<(), Box<dyn Error>> {
    let env = world::env();
    let settings = Settings::new([0; 32]);
    let service = Service::new(Registry::standard()?, MemoryStore::default(), Open, env, settings);
    let caller = Caller {
        tenant: Tenant::new("example"),
        actor: "anyone".to_owned(),
        preset: Preset::Lenient,
        scopes: Scopes::ALL,
        user: None,
    };
    let listener = TcpListener::bind("127.0.0.1:8090")?;
    println!("http://{}/scim/v2", listener.local_addr()?);
    for stream in listener.incoming() {
        if let Err(error) = answer(&service, &caller, &stream?) {
            eprintln!("{error}");
        }
    }
    Ok(())
}

fn answer(
    service: &dyn Handler,
    caller: &Caller,
    mut stream: &TcpStream,
) -> Result<(), Box<dyn Error>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let header = |name: &str| headers.get(name).map(String::as_str);
    let length = header("content-length").unwrap_or("0").parse()?;
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let response = service.handle(
        caller,
        &Request {
            method,
            path: path.strip_prefix("/scim/v2").unwrap_or(path),
            query,
            content_type: header("content-type"),
            if_match: header("if-match"),
            if_none_match: header("if-none-match"),
            body: &body,
            base_url: "http://127.0.0.1:8090/scim/v2",
            request_id: "",
        },
    );
    let mut head = format!("HTTP/1.1 {} -\r\nConnection: close\r\n", response.status);
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = response.body.collect()?;
    write!(stream, "{head}Content-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(&body)?;
    Ok(())
}
