//! Connections served as the kernel's gateway serves them: the same hyper, the same settings.

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use forecourt_base::limits;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt;

/// Ready once a server is to stop.
pub type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

const HEAD_BYTES: usize = 32 * 1024;

/// The other end of a request's connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Listens on a port of its own.
pub async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Serves until `stop` is ready.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let room = Arc::new(Semaphore::new(limits::CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let permit = Arc::clone(&room).acquire_owned().await;
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            () = &mut stop => break,
        };
        while connections.try_join_next().is_some() {}
        let (router, watcher) = (router.clone(), graceful.watcher());
        connections.spawn(async move {
            let _permit = permit;
            stream.set_nodelay(true).unwrap();
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(peer));
                let answer = router.clone().oneshot(request);
                async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
            });
            let serving = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_millis(limits::REQUEST_READ_MS))
                .max_header_size(HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), service);
            let _ = watcher.watch(serving).await;
        });
    }
    connections.shutdown().await;
}

/// A server as a program of its own: on a runtime like the kernel's, logging as it does; it says where it listens as the kernel does, and ends by SIGTERM.
pub fn program<F: Future<Output = ()>>(server: impl FnOnce(TcpListener, Stop) -> F) {
    let filter = tracing_subscriber::EnvFilter::builder().parse("info").unwrap();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.json().flatten_event(true).with_span_list(false).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stop = signal(SignalKind::terminate()).unwrap();
        let listener = listen().await;
        let mut out = std::io::stdout();
        writeln!(out, "listening on http://{}", listener.local_addr().unwrap()).unwrap();
        out.flush().unwrap();
        let stop = async move {
            stop.recv().await;
        };
        server(listener, Box::pin(stop)).await;
    });
}
