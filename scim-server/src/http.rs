//! SCIM over HTTP: actix-web around a [`Handler`].

mod admin;
mod auth;
mod body;
mod changes;
mod failures;
mod header;
mod observe;
mod scim;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, web};
use scim_core::env::Env;
use scim_core::http::{Body, Response};
use scim_core::{Error, Handler, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admin::{Api, QUESTIONS};
use crate::config::Config;
use crate::pulse::Pulse;
use crate::store::DieselStore;
use body::Room;
use changes::Changes;
use failures::Failures;

pub use auth::Tokens;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// The largest bodies that there is room for at the same time.
const LARGE_AT_ONCE: usize = 4;

/// Pieces of streamed bodies that are made at the same time.
const PIECES: usize = 8;

/// Connections at the same time.
const CONNECTIONS: usize = 4_096;

/// How long a client may take nothing of an answer before its connection ends.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNTAKEN: Duration = Duration::from_secs(60);

/// The OpenAPI document of the administrative API.
const OPENAPI: &str = "/api/v1/openapi.json";

/// What requests share.
pub(crate) struct State {
    handler: Arc<dyn Handler>,
    store: DieselStore,
    tokens: Tokens,
    failures: Failures,
    api: Arc<Api>,
    env: Env,
    permits: Arc<Semaphore>,
    pulse: Pulse,
    changes: Changes,
    room: Room,
    /// Turns to make a piece of a streamed body.
    pieces: Arc<Semaphore>,
    config: Config,
    address: SocketAddr,
}

impl State {
    pub(crate) fn new(
        handler: Arc<dyn Handler>,
        store: DieselStore,
        api: Arc<Api>,
        env: Env,
        config: Config,
        address: SocketAddr,
    ) -> io::Result<Self> {
        let tokens = Tokens::new(store.clone(), config.failure_limit);
        let permits = Arc::new(Semaphore::new(config.concurrency));
        let changes = Changes::new(Arc::clone(&handler))?;
        let pulse = Pulse::of(&store, config.store.limits.connect)?;
        let failures = Failures::default();
        let room = Room::new(config.max_large_body.saturating_mul(LARGE_AT_ONCE));
        Ok(Self {
            handler,
            store,
            tokens,
            failures,
            api,
            env,
            permits,
            pulse,
            changes,
            room,
            pieces: Arc::new(Semaphore::new(PIECES)),
            config,
            address,
        })
    }

    /// Notices when the database hangs, as long as it is awaited.
    pub(crate) async fn watch_pulse(&self) {
        self.pulse.watch(&self.store).await;
    }

    pub(crate) fn database_hangs(&self) -> bool {
        self.pulse.hangs()
    }

    /// Has a thread do what may wait for the database. The answer doesn't wait for one that hangs, though the
    /// thread does.
    async fn blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R> {
        // The thread is taken when `block` is called.
        let done = async { web::block(work).await };
        self.pulse.outlive(done).await?.map_err(|e| {
            Error::internal(format!("the request failed with a panic, or the server stops: {e}"))
        })
    }

    /// A permit to keep a thread busy.
    async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        permit(&self.permits).await
    }

    /// Writes down when tokens were last used, and what was refused to them.
    pub(crate) fn flush_tokens(&self, stopping: bool) {
        self.tokens.flush(&self.env);
        self.failures.flush(&self.store, &self.env, stopping);
    }
}

async fn permit(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let busy = || Error::busy("The server is too busy; try again");
    let permit = Arc::clone(permits).acquire_owned();
    tokio::time::timeout(PATIENCE, permit).await.map_err(|_| busy())?.map_err(|_| busy())
}

/// A server on a socket, to be awaited. SIGTERM and SIGINT stop it: it accepts no more, finishes what is
/// under way within ten seconds, and ends.
pub(crate) fn server(state: web::Data<State>, listener: TcpListener) -> io::Result<Server> {
    let config = state.config.clone();
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    // Those who ask DNS keep a thread waiting without a permit.
    let per_worker = config.concurrency.div_ceil(cores).max(2) + 2 + QUESTIONS;
    let server = HttpServer::new(move || {
        let scim = web::scope(&state.config.base_path)
            .wrap(from_fn(auth::authenticate))
            .default_service(web::to(scim::answer));
        App::new()
            .app_data(state.clone())
            .wrap(from_fn(observe::observe))
            .route("/healthz", web::get().to(observe::healthz))
            .route("/healthz", web::head().to(observe::healthz))
            .route("/readyz", web::get().to(observe::readyz))
            .route("/readyz", web::head().to(observe::readyz))
            .route(OPENAPI, web::get().to(admin::openapi))
            .service(web::scope(admin::BASE_PATH).default_service(web::to(admin::answer)))
            .service(scim)
            .default_service(web::to(no_such_endpoint))
    })
    .on_connect(|connection, _| {
        if let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() {
            // A streamed body is several writes; without this each may wait for the client's receipt.
            let _ = stream.set_nodelay(true);
            // What is sent to a client that takes nothing is held here; actix has no time-out for that.
            #[cfg(any(target_os = "linux", target_os = "android"))]
            let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(UNTAKEN));
        }
    })
    .workers(cores)
    .worker_max_blocking_threads(per_worker)
    .client_request_timeout(config.head_timeout)
    .client_disconnect_timeout(Duration::from_secs(5))
    .keep_alive(KeepAlive::Timeout(Duration::from_secs(75)))
    .max_connections(CONNECTIONS.div_ceil(cores))
    .backlog(1024)
    .shutdown_timeout(10)
    .listen(listener)?;
    Ok(server.run())
}

async fn no_such_endpoint(state: web::Data<State>) -> HttpResponse {
    let detail = format!("There is no such endpoint; SCIM is under {}", state.config.base_path);
    refusal(Error::not_found(detail))
}

/// An error as an answer.
pub(crate) fn refusal(error: Error) -> HttpResponse {
    let response = Response::from(error);
    let mut answer = HttpResponse::build(status(response.status));
    for (name, value) in response.headers {
        answer.insert_header((name, value));
    }
    match response.body {
        Body::Full(bytes) => answer.body(bytes),
        Body::Empty | Body::Chunks(_) => answer.finish(),
    }
}

fn status(code: u16) -> actix_web::http::StatusCode {
    actix_web::http::StatusCode::from_u16(code)
        .unwrap_or(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR)
}
