//! What every handler shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use forecourt_base::limits;
use forecourt_runtime::Kernel;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How the gateway behaves where deployments differ.
#[derive(Debug, Clone, Default)]
pub struct GatewayOptions {
    /// Shows `/metrics` to every peer. Otherwise only direct peers on the loopback see it.
    pub public_metrics: bool,
    /// `/metrics` has a listener of its own; here nobody sees it.
    pub metrics_apart: bool,
    /// Browsers reach the kernel by `https` alone: cookies are marked `Secure`, and browsers are told never to use `http`.
    pub secure: bool,
    /// Origins such as `https://kernel.example` that browsers may name beside the one in the request's `Host`.
    pub origins: Vec<String>,
}

/// The state of the gateway, shared by all requests.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kernel: Arc<Kernel>,
    options: GatewayOptions,
    stopping: AtomicBool,
    connections: AtomicUsize,
    streams: Arc<Semaphore>,
    /// Answers by their status' first digit, 1 to 5.
    answers: [AtomicU64; 5],
}

impl App {
    pub(crate) fn new(kernel: Arc<Kernel>, options: GatewayOptions) -> Self {
        Self(Arc::new(Inner {
            kernel,
            options,
            stopping: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            streams: Arc::new(Semaphore::new(limits::EVENT_STREAMS)),
            answers: Default::default(),
        }))
    }

    pub(crate) fn kernel(&self) -> &Arc<Kernel> {
        &self.0.kernel
    }

    pub(crate) fn options(&self) -> &GatewayOptions {
        &self.0.options
    }

    /// From now on the gateway says that it is not ready.
    pub(crate) fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Relaxed)
    }

    /// Leave to stream events, where not as many do as may.
    pub(crate) fn stream_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.streams).try_acquire_owned().ok()
    }

    /// Counts a connection as open until the guard is dropped.
    pub(crate) fn connected(&self) -> Connected {
        self.0.connections.fetch_add(1, Ordering::Relaxed);
        Connected(self.clone())
    }

    pub(crate) fn connections(&self) -> usize {
        self.0.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn answered(&self, status: u16) {
        if let Some(count) = self.0.answers.get(usize::from(status / 100).wrapping_sub(1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many answers there were by the first digit of their status.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (usize, u64)> {
        self.0.answers.iter().enumerate().map(|(index, count)| (index + 1, count.load(Ordering::Relaxed)))
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connected(App);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
