//! Starts a server: opens the store, makes a first organization where there is none, listens.

use crate::out::{self, say};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scim_core::caller::Scopes;
use scim_core::dialect::Preset;
use scim_core::env::Env;
use scim_core::org::{Cause, DomainPolicy, OrganizationRecords as _, SharedSso};
use scim_core::schema::Registry;
use scim_core::service::Settings;
use scim_core::{Handler, Service};

use crate::admin::Api;
use crate::config::Config;
use crate::dns::{Dns, SharedVerifier};
use crate::http::{self, State};
use crate::secrets::{random_bytes, random_id};
use crate::store::{self, CredentialKind, DieselStore, TokenSpec};
use crate::watch::Watch;
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
    /// The administrative API.
    pub api: Arc<Api>,
    /// The outside world.
    pub env: Env,
    /// Who answers about claimed domains.
    pub(crate) verifier: SharedVerifier,
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
pub fn open(config: &Config) -> Result<Opened> {
    let registry = Registry::standard()?;
    let store = DieselStore::open(&config.store, &registry)?;
    let documentation_uri = config.documentation_uri.clone();
    let settings = Settings { documentation_uri, ..Settings::new(cursor_key(&store)?) };
    let env = env::system(store.latest_event(env::now())?);
    let rules = SharedSso::new(env.clone());
    let service = Service::new(registry, store.clone(), rules, env.clone(), settings);
    let verifier: SharedVerifier = Arc::new(Dns::new(config.dns_server));
    let api = Api::new(store.clone(), env.clone(), Arc::clone(&verifier), config.failure_limit)?;
    Ok(Opened { store, handler: Arc::new(service), api: Arc::new(api), env, verifier })
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
    let done = serve(config);
    logging::finish();
    done
}

fn serve(config: Config) -> Result<()> {
    // Before anything is made: another server may be running there.
    let listener = TcpListener::bind(config.listen).map_err(|e| {
        let why = match e.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
            _ => e.to_string(),
        };
        anyhow!("can't listen on {}: {why}; choose another address with --listen", config.listen)
    })?;
    let address = listener.local_addr().context("can't find out the own address")?;
    let opened = open(&config)?;
    log::info!("database: {}", opened.store.facts());
    welcome(&opened, &config, address)?;
    log::info!("listening on http://{address}{}", config.base_path);
    let Opened { store, handler, api, env, verifier } = opened;
    let interval = config.domain_check_interval;
    let watch = Watch { store: store.clone(), env: env.clone(), verifier, interval };
    let state = State::new(handler, store.clone(), api, env, config, address)?;
    let state = web::Data::new(state);
    actix_web::rt::System::new().block_on(async {
        let server = http::server(state.clone(), listener).context("can't serve")?;
        let flushing = actix_web::rt::spawn({
            let state = state.clone();
            async move {
                loop {
                    tokio::time::sleep(FLUSH).await;
                    let state = state.clone();
                    let _ = web::block(move || state.flush_tokens(false)).await;
                }
            }
        });
        let watching = actix_web::rt::spawn(async move {
            loop {
                tokio::time::sleep(watch.pause()).await;
                let watch = watch.clone();
                let _ = web::block(move || watch.look()).await;
            }
        });
        let pulse = actix_web::rt::spawn({
            let state = state.clone();
            async move { state.watch_pulse().await }
        });
        let served = server.await.context("the server failed");
        flushing.abort();
        watching.abort();
        pulse.abort();
        if state.database_hangs() {
            // There are threads that wait for it, and would be waited for.
            log::warn!("stopped, while the database does not answer");
            logging::finish();
            std::process::exit(1);
        }
        served
    })?;
    state.flush_tokens(true);
    store.checkpoint()?;
    log::info!("stopped");
    Ok(())
}

/// On the first start: an organization, a token, and what to do with it. The token is shown once.
fn welcome(opened: &Opened, config: &Config, address: SocketAddr) -> Result<()> {
    let store = &opened.store;
    let origin = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let base = format!("{origin}{}", config.base_path);
    say!("SCIM is at {base}");
    // One is enough to know: a start must not take longer the more there are.
    let is_new = store.read_records(|tx| tx.organizations(None, 1))?.is_empty();
    if let (true, Some(failure)) = (is_new, out::failure()) {
        bail!("{failure}; the first start shows tokens there, so none were made");
    }
    // Of several processes that start at once, one makes the organization.
    let claim = random_id()?;
    let first = is_new && store.setting_or("first_start", &claim)? == claim;
    if !first {
        say!("For another token: scim-server token create --org ORG (scim-server org list),");
        say!("for the administrative API: scim-server operator create-token");
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
    let (secret, operator) = store.write_records(|tx| {
        let (_, secret) = tx.create_token(&organization.id, &spec, &cause)?;
        let (_, operator) =
            tx.create_credential(CredentialKind::Operator, None, None, (now, None))?;
        Ok((secret, operator))
    })?;
    say!("Made the organization \"{}\" ({}).", organization.name, organization.id);
    say!("");
    say!("  Base URL:  {base}");
    say!("  Token:     {secret}");
    say!("");
    say!("  Operator:  {operator}");
    say!("             (yours, since you run this server: for the administrative API at");
    say!("             {origin}/api/v1, which sets up organizations)");
    say!("");
    say!("The two are shown this once; the token is good for a year. Try it:");
    say!("");
    say!("  curl -s {base}/Users \\");
    say!("    -H 'Authorization: Bearer {secret}' -H 'Content-Type: application/scim+json' \\");
    say!(
        "    -d '{{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"userName\":\"ann@example.com\"}}'"
    );
    say!("");
    Ok(())
}
