//! Connections: accepted up to a number, read within a time, ended in order.
//!
//! INVARIANT (bounded-requests): a connection whose head does not come in time is closed, idle ones included.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use forecourt_base::limits;
use forecourt_runtime::Kernel;
use futures::FutureExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::app::{App, GatewayOptions};
use crate::explained::Explained;
use crate::request::Peer;
use crate::routes::{of_app, of_metrics};

/// Bytes of a request's first line and headers.
pub(crate) const HEAD_BYTES: usize = 32 * 1024;
/// How long to wait where the system gives no more connections, such as for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where requests come in.
#[derive(Debug)]
pub struct Listeners {
    /// For the API.
    pub api: TcpListener,
    /// For `/metrics`, which the API then shows to nobody; none shows them there.
    pub metrics: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(api: TcpListener) -> Self {
        Self { api, metrics: None }
    }
}

/// Serves the API until `shutdown` is ready. Then no connection is accepted any more, requests under way are answered, and what is not done after
/// [`limits::DRAIN_MS`] is cut off. Calls outlive their connections: end the kernel by [`Kernel::drain`] afterwards.
pub async fn serve(
    kernel: Arc<Kernel>,
    listeners: Listeners,
    options: GatewayOptions,
    shutdown: impl Future<Output = ()>,
) {
    let Listeners { api, metrics } = listeners;
    let app = App::new(kernel, GatewayOptions { metrics_apart: metrics.is_some(), ..options });
    let shutdown = shutdown.shared();
    let serving = serve_on(api, &app, of_app(app.clone()), limits::CONNECTIONS, shutdown.clone());
    match metrics {
        None => serving.await,
        Some(metrics) => {
            let router = of_metrics(app.clone());
            futures::join!(serving, serve_on(metrics, &app, router, limits::METRICS_CONNECTIONS, shutdown));
        }
    }
}

async fn serve_on(
    listener: TcpListener,
    app: &App,
    router: Router,
    connections_max: usize,
    shutdown: impl Future<Output = ()>,
) {
    let room = Arc::new(Semaphore::new(connections_max));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let (permit, stream, peer) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &room) => accepted,
        };
        while connections.try_join_next().is_some() {}
        let (app, router, watcher) = (app.clone(), router.clone(), graceful.watcher());
        connections.spawn(async move {
            let _guards = (permit, app.connected());
            connection(stream, peer, app, router, watcher).await;
        });
    }
    drop(listener);
    app.stop();
    let wait = Duration::from_millis(limits::DRAIN_MS);
    if tokio::time::timeout(wait, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = app.connections(), "connections were cut off at the stop");
    }
    connections.shutdown().await;
}

/// The next connection, once there is room for it: until then clients wait in the system's queue.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, TcpStream, SocketAddr) {
    // The semaphore is never closed.
    let permit = Arc::clone(room).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (permit, stream, peer),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, app: App, router: Router, watcher: Watcher) {
    // Answers are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let answer = router.clone().oneshot(request);
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits::REQUEST_READ_MS))
        .max_header_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Explained::new(stream, app, peer)), service);
    if let Err(error) = watcher.watch(serving).await {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}
