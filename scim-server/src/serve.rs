//! Starts a server: opens the store, makes a first organization where there is none, listens.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scim_core::caller::Scopes;
use scim_core::dialect::Preset;
use scim_core::env::Env;
use scim_core::org::{Cause, DomainPolicy, SharedSso};
use scim_core::schema::Registry;
use scim_core::service::Settings;
use scim_core::{Handler, Service};

use crate::config::Config;
use crate::http::{self, State};
use crate::secrets::{random_bytes, random_id};
use crate::store::{self, DieselStore, TokenSpec};
use crate::{env, logging};

/// How often the times of last use are written down.
const FLUSH: Duration = Duration::from_secs(30);
/// How long the token of the first start lives.
const FIRST_TOKEN: Duration = Duration::from_secs(365 * 24 * 3600);

/// A store with the service on top of it.
pub struct Opened {
    /// The store.
    pub store: DieselStore,
    /// The service.
    pub handler: Arc<dyn Handler>,
    /// The outside world.
    pub env: Env,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opened")
    }
}

/// Opens the database and puts the service on top.
///
/// # Errors
/// What is wrong with the database, in a sentence.
pub fn open(options: &store::Options, documentation_uri: Option<String>) -> Result<Opened> {
    let registry = Registry::standard()?;
    let store = DieselStore::open(options, &registry)?;
    let settings = Settings { documentation_uri, ..Settings::new(cursor_key(&store)?) };
    let env = env::system();
    let service =
        Service::new(registry, store.clone(), SharedSso::new(env.clone()), env.clone(), settings);
    Ok(Opened { store, handler: Arc::new(service), env })
}

/// The key of cursors is kept with the data: they outlive a restart, and serve every instance.
fn cursor_key(store: &DieselStore) -> Result<[u8; 32]> {
    let fresh = URL_SAFE_NO_PAD.encode(random_bytes()?);
    let kept = store.setting_or("cursor_key", &fresh)?;
    let bytes =
        URL_SAFE_NO_PAD.decode(kept).context("the cursor key in the database is damaged")?;
    bytes.try_into().map_err(|_| anyhow!("the cursor key in the database is damaged"))
}

/// Serves until it is told to stop.
///
/// # Errors
/// What keeps it from starting, in a sentence.
pub fn run(config: Config) -> Result<()> {
    logging::init(config.log_format);
    let opened = open(&config.store, config.documentation_uri.clone())?;
    log::info!("database: {}", opened.store.facts());
    let listener = TcpListener::bind(config.listen).map_err(|e| {
        let why = match e.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
            _ => e.to_string(),
        };
        anyhow!("can't listen on {}: {why}; choose another address with --listen", config.listen)
    })?;
    let address = listener.local_addr().context("can't find out the own address")?;
    welcome(&opened, &config, address)?;
    log::info!("listening on http://{address}{}", config.base_path);
    let Opened { store, handler, env } = opened;
    let state = web::Data::new(State::new(handler, store.clone(), env.clock, config, address));
    actix_web::rt::System::new().block_on(async {
        let server = http::server(state.clone(), listener).context("can't serve")?;
        let flushing = actix_web::rt::spawn({
            let state = state.clone();
            async move {
                loop {
                    tokio::time::sleep(FLUSH).await;
                    let state = state.clone();
                    let _ = web::block(move || state.flush_tokens()).await;
                }
            }
        });
        let served = server.await.context("the server failed");
        flushing.abort();
        served
    })?;
    state.flush_tokens();
    store.checkpoint()?;
    log::info!("stopped");
    Ok(())
}

/// On the first start: an organization, a token, and what to do with it. The token is shown once.
fn welcome(opened: &Opened, config: &Config, address: SocketAddr) -> Result<()> {
    let store = &opened.store;
    let base = match &config.public_url {
        Some(url) => format!("{url}{}", config.base_path),
        None => format!("http://{address}{}", config.base_path),
    };
    // Of several processes that start at once, one makes the organization.
    let claim = random_id()?;
    let first =
        store.organizations()?.is_empty() && store.setting_or("first_start", &claim)? == claim;
    if !first {
        println!("SCIM is at {base}");
        println!("For another token: scim-server token create --org ORG (scim-server org list)");
        return Ok(());
    }
    let now = opened.env.clock.now();
    let organization = store.create_organization("Default", DomainPolicy::Any, &opened.env)?;
    let spec = TokenSpec {
        preset: Preset::Lenient,
        scopes: Scopes::ALL,
        user: None,
        expires: Some(now + FIRST_TOKEN),
    };
    let request_id = opened.env.ids.next();
    let cause =
        Cause { env: &opened.env, actor: store::OPERATOR, request_id: request_id.as_str(), now };
    let (_, secret) = store.write_records(|tx| tx.create_token(&organization.id, &spec, &cause))?;
    println!("Made the organization \"{}\" ({}).", organization.name, organization.id);
    println!();
    println!("  Base URL:  {base}");
    println!("  Token:     {secret}");
    println!();
    println!("The token is shown this once and is good for a year. Try it:");
    println!();
    println!("  curl -s {base}/Users \\");
    println!("    -H 'Authorization: Bearer {secret}' -H 'Content-Type: application/scim+json' \\");
    println!(
        "    -d '{{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"userName\":\"ann@example.com\"}}'"
    );
    println!();
    Ok(())
}
