//! SIGTERM and SIGINT: the first asks to stop, a second does not wait.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Tells when to stop.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Ends when a signal has asked to stop.
    pub(super) fn asked(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut receiver = self.0.clone();
        async move {
            // The sender lives as long as the process; were it gone, nobody could ask any more.
            if receiver.wait_for(|asked| *asked).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Takes both signals over from now on.
pub(super) fn install() -> io::Result<Stop> {
    let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(listen(terminate, interrupt, sender));
    Ok(Stop(receiver))
}

async fn listen(mut terminate: Signal, mut interrupt: Signal, sender: watch::Sender<bool>) {
    loop {
        let (name, number) = tokio::select! {
            _ = terminate.recv() => ("SIGTERM", 15),
            _ = interrupt.recv() => ("SIGINT", 2),
        };
        if sender.send_replace(true) {
            tracing::warn!(signal = name, "a second signal: running calls are not waited for");
            std::process::exit(128 + number);
        }
        tracing::info!(signal = name, "asked to stop");
    }
}
