//! `serve`: opens the data folder, starts the kernel, offers the bundled plugins, answers requests, and stops cleanly.

mod data;
mod otlp;
mod signals;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forecourt_base::{OsRandom, SystemClock};
use forecourt_gateway::{GatewayOptions, Listeners};
use forecourt_runtime::{Compiler, FilesOptions, Kernel, KernelOptions, OutboundOptions};
use forecourt_storage::{Blobs, Bytes, Engine, MemoryEngine};
use tokio::net::TcpListener;

use crate::config::{ServeFlags, Settings};
use crate::demo::{self, Demo};
use crate::failure::{Exit, Failure};
use crate::logging;
use crate::output::Progress;

pub(crate) use data::{DataFolder, make_private};

pub(crate) fn run(flags: &ServeFlags, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = Settings::resolve(flags, &|name| std::env::var(name).ok())?;
    logging::begin(&settings.log, settings.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(serve(&settings, out));
    // A stop that was asked for at the start does not wait for a replay that goes on in a thread of its own.
    runtime.shutdown_background();
    ended
}

async fn serve(settings: &Settings, out: &mut dyn Write) -> Result<(), Failure> {
    let stop = signals::install()?;
    let listener = listen(settings.listen).await?;
    let metrics = match settings.metrics_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let started = tokio::select! {
        started = start(settings, out) => started?,
        () = stop.asked() => {
            tracing::info!("stopped before the kernel had started");
            return Ok(());
        }
    };
    if let Some(endpoint) = &settings.otlp {
        started.trace_to(otlp::Exporter::begin(endpoint)?);
    }
    started.sweep_on();
    started.keep_audit();
    let sending = started.send_on();
    started.schedule_on();
    started.jobs_on();
    let address = listener.local_addr()?;
    // INVARIANT (said-when-ready)
    writeln!(out, "listening on http://{address}")?;
    out.flush()?;
    if let Some(metrics) = &metrics {
        writeln!(out, "metrics on http://{}/metrics", metrics.local_addr()?)?;
        out.flush()?;
    }
    tracing::info!(%address, "ready");
    let listeners = Listeners { api: listener, metrics };
    forecourt_gateway::serve(Arc::clone(&started), listeners, gateway_options(settings), stop.asked()).await;
    tracing::info!("stopping: running calls and requests may end");
    sending.stop().await;
    if !started.drain().await {
        tracing::warn!("some calls had not ended in time");
    }
    started.close().await?;
    tracing::info!("stopped");
    Ok(())
}

fn gateway_options(settings: &Settings) -> GatewayOptions {
    let Settings { public_metrics, secure, origins, .. } = settings;
    let (public_metrics, secure, origins) = (*public_metrics, *secure, origins.clone());
    GatewayOptions { public_metrics, secure, origins, ..GatewayOptions::default() }
}

/// Listens before anything else is opened: an address in use is found out at once, and early requests wait instead of failing.
async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let what = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there: stop it, or name another address by --listen".to_owned()
            }
            _ => error.to_string(),
        };
        Failure::new(Exit::Address, format!("`{address}` cannot be listened on: {what}"))
    })
}

async fn start(settings: &Settings, out: &mut dyn Write) -> Result<Arc<Kernel>, Failure> {
    let progress = Progress::new();
    let folder = settings.data.as_deref().map(DataFolder::new);
    let storage: Arc<dyn Engine> = match &folder {
        Some(folder) if settings.demo || folder.has_begun() => folder.open(progress).await?,
        Some(folder) => return Err(folder.not_begun()),
        None => MemoryEngine::new(),
    };
    let blobs = Arc::new(folder.as_ref().map_or_else(Blobs::temporary, DataFolder::blobs)?);
    let files = FilesOptions { quota_bytes: settings.file_quota_bytes, ..FilesOptions::new(blobs) };
    let secret_key = folder.as_ref().map(DataFolder::secret_key).transpose()?;
    let outbound = OutboundOptions { outlets: settings.outlets.clone(), secret_key };
    let kernel = kernel(storage, folder.as_ref().map(DataFolder::artefacts), (files, outbound), progress).await?;
    let components: Vec<Bytes> =
        forecourt_bundle::PLUGINS.iter().map(|plugin| Bytes::from_static(plugin.bytes)).collect();
    if settings.demo {
        let password = std::env::var(demo::PASSWORD).ok().filter(|password| !password.is_empty());
        let demo = Demo { data: settings.data.as_deref(), components: &components, password, progress };
        demo.prepare(&kernel, out).await?;
        return Ok(kernel);
    }
    let groups = kernel.auth().group_ids().await?;
    if let (Some(folder), []) = (&folder, groups.as_slice()) {
        kernel.close().await?;
        return Err(folder.not_begun());
    }
    for group in groups {
        offer(&kernel, &group, &components, progress).await?;
    }
    Ok(kernel)
}

/// Opens a kernel over `storage` that compiles components in child processes of this program.
async fn kernel(
    storage: Arc<dyn Engine>,
    artefacts: Option<PathBuf>,
    (files, outbound): (FilesOptions, OutboundOptions),
    progress: Progress,
) -> Result<Arc<Kernel>, Failure> {
    let compiler = Compiler::Child { exe: own_program()?, arguments: vec!["compile-component".to_owned()] };
    let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom));
    let step = progress.begin("loading enabled plugins");
    let kernel = Kernel::open(KernelOptions { storage, clock, random, artefacts, compiler, files, outbound }).await?;
    step.done();
    Ok(kernel)
}

/// The program that runs, even when another was put in its place meanwhile: code compiled by another could not be loaded.
fn own_program() -> Result<PathBuf, Failure> {
    let running = Path::new("/proc/self/exe");
    Ok(if running.exists() { running.to_owned() } else { std::env::current_exe()? })
}

/// Publishes and grants the bundled plugins in a group. A group that gave their name to a plugin of its own goes without.
pub(crate) async fn offer(
    kernel: &Kernel,
    group: &forecourt_base::GroupId,
    components: &[Bytes],
    progress: Progress,
) -> Result<(), Failure> {
    let step = progress.begin(format!("offering the bundled plugins to group {group} (compiled at the first start)"));
    for component in components {
        match kernel.offer_bundled(group, std::slice::from_ref(component)).await {
            Ok(published) => {
                for plugin in published.iter().filter(|plugin| plugin.new) {
                    tracing::info!(%group, name = %plugin.name, version = %plugin.version, "bundled plugin published and granted");
                }
            }
            Err(forecourt_runtime::KernelError::Registry(error)) if !error.is_retryable() => {
                tracing::warn!(%group, %error, "a bundled plugin was not offered");
            }
            Err(error) => return Err(error.into()),
        }
    }
    step.done();
    Ok(())
}

#[cfg(test)]
mod tests;
