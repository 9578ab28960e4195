//! A DNS server on loopback, over UDP and TCP, that says what a test wants.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{RData, Record, RecordType};

/// What a name answers.
#[derive(Debug, Clone)]
pub enum Say {
    /// TXT records, each of several strings.
    Txt(Vec<Vec<String>>),
    /// The name is there, without TXT records.
    NoData,
    /// SERVFAIL.
    Fail,
    /// Nothing at all.
    Silence,
    /// Over UDP a truncated answer, over TCP these records.
    OnlyOverTcp(Vec<Vec<String>>),
}

impl Say {
    /// One TXT record of one string.
    pub fn txt(text: &str) -> Self {
        Self::Txt(vec![vec![text.to_owned()]])
    }
}

/// The server. Names that it knows nothing of don't exist (NXDOMAIN).
pub struct Dns {
    address: SocketAddr,
    names: Arc<Mutex<HashMap<String, Say>>>,
    asked: Arc<Mutex<Vec<(String, bool)>>>,
}

impl Dns {
    pub fn start() -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let dns = Self {
            address: udp.local_addr().unwrap(),
            names: Arc::default(),
            asked: Arc::default(),
        };
        let (names, asked) = (Arc::clone(&dns.names), Arc::clone(&dns.asked));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((n, from)) = udp.recv_from(&mut buffer) {
                if let Some(answer) = answer(&buffer[..n], false, &names, &asked) {
                    let _ = udp.send_to(&answer, from);
                }
            }
        });
        let (names, asked) = (Arc::clone(&dns.names), Arc::clone(&dns.asked));
        std::thread::spawn(move || {
            for stream in tcp.incoming() {
                let Ok(mut stream) = stream else { continue };
                let (names, asked) = (Arc::clone(&names), Arc::clone(&asked));
                std::thread::spawn(move || {
                    let mut length = [0; 2];
                    while stream.read_exact(&mut length).is_ok() {
                        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                        if stream.read_exact(&mut query).is_err() {
                            return;
                        }
                        let Some(answer) = answer(&query, true, &names, &asked) else { return };
                        let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
                        let _ = stream.write_all(&[&length[..], &answer].concat());
                    }
                });
            }
        });
        dns
    }

    /// `127.0.0.1:…`, for `--dns-server`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on `name` (without a dot at its end) says that.
    pub fn set(&self, name: &str, say: Say) {
        self.names.lock().unwrap().insert(name.to_owned(), say);
    }

    /// From now on `name` doesn't exist.
    pub fn forget(&self, name: &str) {
        self.names.lock().unwrap().remove(name);
    }

    /// What was asked so far: names, and whether over TCP.
    pub fn asked(&self) -> Vec<(String, bool)> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(
    query: &[u8],
    tcp: bool,
    names: &Mutex<HashMap<String, Say>>,
    asked: &Mutex<Vec<(String, bool)>>,
) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).ok()?;
    let question = query.queries.first()?.clone();
    let name = question.name().to_ascii().trim_end_matches('.').to_lowercase();
    asked.lock().unwrap().push((name.clone(), tcp));
    let mut response = Message::response(query.metadata.id, query.metadata.op_code);
    response.metadata.recursion_desired = query.metadata.recursion_desired;
    response.metadata.recursion_available = true;
    response.add_query(question.clone());
    let say = names.lock().unwrap().get(&name).cloned();
    let records = match say {
        None => {
            response.metadata.response_code = ResponseCode::NXDomain;
            Vec::new()
        }
        Some(Say::Silence) => return None,
        Some(Say::Fail) => {
            response.metadata.response_code = ResponseCode::ServFail;
            Vec::new()
        }
        Some(Say::NoData) => Vec::new(),
        Some(Say::OnlyOverTcp(_)) if !tcp => {
            response.metadata.truncation = true;
            Vec::new()
        }
        Some(Say::Txt(records) | Say::OnlyOverTcp(records)) => records,
    };
    if question.query_type() == RecordType::TXT {
        for strings in records {
            let data = RData::TXT(TXT::new(strings));
            response.add_answer(Record::from_rdata(question.name().clone(), 60, data));
        }
    }
    response.to_vec().ok()
}
