//! Asks DNS whether a claimed domain says what it has to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RData;
use hickory_resolver::{Resolver, TokioResolver};
use scim_core::org::{ClaimedDomain, Finding};

/// How long one question may take, and how often it is asked.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: usize = 1;

/// Whoever answers whether a domain's record is there.
pub trait Verifier: Send + Sync {
    /// Looks for the record of a claim, at the domain and at its verification label.
    fn verify(&self, domain: &ClaimedDomain) -> Finding;
}

/// The DNS.
#[derive(Debug, Clone, Copy)]
pub struct Dns {
    server: Option<SocketAddr>,
}

impl Dns {
    /// Asks that server, or the system's.
    #[must_use]
    pub fn new(server: Option<SocketAddr>) -> Self {
        Self { server }
    }

    /// A resolver without a cache: whoever presses "verify" has just changed the record.
    fn resolver(self) -> Result<TokioResolver, NetError> {
        let mut builder = match self.server {
            None => Resolver::builder_tokio()?,
            Some(server) => {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()]
                    .into_iter()
                    .map(|mut connection| {
                        connection.port = server.port();
                        connection
                    })
                    .collect();
                let server = NameServerConfig::new(server.ip(), true, connections);
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
                Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options: &mut ResolverOpts = builder.options_mut();
        options.timeout = PATIENCE;
        options.attempts = TRIES;
        options.cache_size = 0;
        options.edns0 = true;
        builder.build()
    }
}

impl Verifier for Dns {
    fn verify(&self, domain: &ClaimedDomain) -> Finding {
        // Called on threads that may block; each question has a runtime of its own.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (Ok(runtime), names) = (runtime, names(domain)) else { return Finding::Unknown };
        runtime.block_on(async {
            let resolver = match self.resolver() {
                Ok(resolver) => resolver,
                Err(error) => {
                    log::warn!("DNS can't be asked: {error}");
                    return Finding::Unknown;
                }
            };
            let record = domain.record();
            let mut findings = Vec::new();
            for name in names {
                let finding = look_up(&resolver, &name, &record).await;
                if finding == Finding::Found {
                    return Finding::Found;
                }
                findings.push(finding);
            }
            // A record may be behind the question that had no answer.
            let answered = findings.iter().all(|finding| *finding == Finding::Absent);
            if answered { Finding::Absent } else { Finding::Unknown }
        })
    }
}

fn names(domain: &ClaimedDomain) -> [String; 2] {
    [format!("{}.{}.", ClaimedDomain::LABEL, domain.name), format!("{}.", domain.name)]
}

async fn look_up(resolver: &TokioResolver, name: &str, record: &str) -> Finding {
    match resolver.txt_lookup(name).await {
        Ok(found) => {
            let says = found.answers().iter().any(|answer| match &answer.data {
                // A long value comes as several strings; together they are the value.
                RData::TXT(txt) => txt.txt_data.concat() == record.as_bytes(),
                _ => false,
            });
            if says { Finding::Found } else { Finding::Absent }
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(none)))
            if matches!(none.response_code, ResponseCode::NoError | ResponseCode::NXDomain) =>
        {
            Finding::Absent
        }
        Err(error) => {
            log::info!("no answer about {name}: {error}");
            Finding::Unknown
        }
    }
}

/// A shared verifier.
pub type SharedVerifier = Arc<dyn Verifier>;
