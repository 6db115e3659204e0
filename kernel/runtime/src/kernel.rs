//! The kernel as the edges see it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use bytes::Bytes;
use forecourt_auth::Auth;
use forecourt_base::{Clock, GroupId, Random, SeededRandom, limits};
use forecourt_registry::{Generation, Module, Registry};
use forecourt_schema::PluginSchema;
use forecourt_storage::{Engine as Storage, Mode, StorageError, Transaction};
use tokio::sync::Mutex;
use wasmtime::component::Component;

use crate::KernelError;
use crate::admission::Admission;
use crate::compile::{Artefacts, Compiler};
use crate::dispatch::{self, Dispatcher};
use crate::engine::{Purpose, Ticker, build, warn_of_fallbacks};
use crate::error::Abort;
use crate::files::{FilesOptions, Seats};
use crate::jobs::Jobs;
use crate::ledger::Ledger;
use crate::loaded::Loaded;
use crate::metrics::Metrics;
use crate::nested::Plans;
use crate::outbound::{Outbound, OutboundOptions};
use crate::schedule::Schedule;
use crate::secrets::SecretKey;
use crate::series::Series;
use crate::suspension::Suspensions;
use crate::trace::SpanSink;
use crate::turns::Turns;

/// What a kernel is made of.
#[derive(Debug)]
pub struct KernelOptions {
    /// Where everything is stored.
    pub storage: Arc<dyn Storage>,
    /// The source of time.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness, fit for secrets.
    pub random: Arc<dyn Random>,
    /// The private folder for compiled components; none keeps nothing over a restart.
    pub artefacts: Option<PathBuf>,
    /// Where components are compiled.
    pub compiler: Compiler,
    /// Where files are kept.
    pub files: FilesOptions,
    /// Where plugins' requests may go.
    pub outbound: OutboundOptions,
}

/// A running kernel.
pub struct Kernel {
    engine: wasmtime::Engine,
    _ticker: Ticker,
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    auth: Auth,
    registry: Registry,
    artefacts: Artefacts,
    loaded: RwLock<HashMap<[u8; 32], Arc<Loaded>>>,
    loading: Mutex<()>,
    plans: Plans,
    series: Series,
    admission: Admission,
    turns: Turns,
    suspensions: Arc<Suspensions>,
    dispatcher: Arc<Dispatcher>,
    schedule: Schedule,
    jobs: Jobs,
    metrics: Metrics,
    spans: OnceLock<Arc<dyn SpanSink>>,
    seeds: SeededRandom,
    ledger: Ledger,
    files: FilesOptions,
    uploads: Seats,
    downloads: Seats,
    outbound: Outbound,
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernel").finish_non_exhaustive()
    }
}

impl Kernel {
    /// Starts a kernel and loads every plugin version that is enabled somewhere.
    ///
    /// # Errors
    /// [`KernelError`] when the engine, the artefact folder or storage refuses. A single plugin that does not load is logged and
    /// answers 500 when it is called.
    pub async fn open(options: KernelOptions) -> Result<Arc<Self>, KernelError> {
        let KernelOptions { storage, clock, random, artefacts, compiler, files, outbound } = options;
        warn_of_fallbacks();
        let engine = build(Purpose::Run)?;
        let key = outbound.secret_key.clone().or_else(|| SecretKey::generate(&*random));
        let key = key.ok_or_else(|| KernelError::Engine("no key for secrets can be made".to_owned()))?;
        let ticker = Ticker::start(&engine)?;
        let kernel = Arc::new(Self {
            _ticker: ticker,
            auth: Auth::new(Arc::clone(&storage), Arc::clone(&clock), Arc::clone(&random))?,
            registry: Registry::new(),
            artefacts: Artefacts::open(artefacts, compiler, &*random)?,
            loaded: RwLock::default(),
            loading: Mutex::new(()),
            plans: Plans::default(),
            series: Series::new(Arc::clone(&storage), Arc::clone(&random)),
            admission: Admission::new(),
            turns: Turns::new(std::thread::available_parallelism().map_or(1, usize::from)),
            suspensions: Suspensions::new(Arc::clone(&clock)),
            dispatcher: Arc::default(),
            schedule: Schedule::default(),
            jobs: Jobs::default(),
            metrics: Metrics::default(),
            spans: OnceLock::new(),
            seeds: SeededRandom::new(random.next_u64()),
            ledger: Ledger::default(),
            files,
            uploads: Seats::of_uploads(),
            downloads: Seats::of_downloads(),
            outbound: Outbound::new(outbound, key),
            engine,
            storage,
            clock,
            random,
        });
        kernel.warm_all().await?;
        dispatch::start(&kernel);
        Ok(kernel)
    }

    /// Groups, stores, users, roles, sessions and audit.
    #[must_use]
    pub fn auth(&self) -> &Auth {
        &self.auth
    }

    /// Where everything is stored.
    #[must_use]
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// The source of time.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The source of randomness.
    #[must_use]
    pub fn random(&self) -> &dyn Random {
        &*self.random
    }

    /// Numbers that differ and may be guessed, at less cost than secrets: for the ids of requests.
    #[must_use]
    pub fn numbers(&self) -> &dyn Random {
        &self.seeds
    }

    /// What the kernel counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What the kernel counts, and who runs or is suspended now, in Prometheus' text format.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let running = self.admission.running();
        let mut text = self.metrics.to_prometheus();
        text.push_str(&format!("# TYPE forecourt_calls_running gauge\nforecourt_calls_running {running}\n"));
        let (uploads, downloads) = (self.uploads.taken(), self.downloads.taken());
        text.push_str(&format!("# TYPE forecourt_file_uploads gauge\nforecourt_file_uploads {uploads}\n"));
        text.push_str(&format!("# TYPE forecourt_file_downloads gauge\nforecourt_file_downloads {downloads}\n"));
        let open = self.outbound.open();
        text.push_str(&format!("# TYPE forecourt_outbound_open gauge\nforecourt_outbound_open {open}\n"));
        let jobs = self.jobs.running();
        text.push_str(&format!("# TYPE forecourt_jobs_running gauge\nforecourt_jobs_running {jobs}\n"));
        text.push_str(&self.suspensions.to_prometheus());
        text.push_str(&self.dispatcher.to_prometheus(self.clock.now()));
        text
    }

    pub(crate) fn files(&self) -> &FilesOptions {
        &self.files
    }

    pub(crate) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    pub(crate) fn uploads(&self) -> &Seats {
        &self.uploads
    }

    pub(crate) fn downloads(&self) -> &Seats {
        &self.downloads
    }

    /// From now on the spans of calls and hook runs are handed over. Only the first sink that is given takes any.
    pub fn trace_to(&self, sink: Arc<dyn SpanSink>) {
        let _ = self.spans.set(sink);
    }

    pub(crate) fn spans(&self) -> Option<&dyn SpanSink> {
        self.spans.get().map(|sink| &**sink)
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }

    pub(crate) fn suspensions(&self) -> &Arc<Suspensions> {
        &self.suspensions
    }

    pub(crate) fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.dispatcher
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    pub(crate) fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A seed for one call's randomness, which guests see: no secret is made of it.
    pub(crate) fn next_seed(&self) -> u64 {
        self.seeds.next_u64()
    }

    pub(crate) fn plans(&self) -> &Plans {
        &self.plans
    }

    pub(crate) fn series(&self) -> &Series {
        &self.series
    }

    /// The runnable form of a module's plugin version. It is there already unless a swap is only just happening.
    pub(crate) async fn load(&self, module: &Module) -> Result<Arc<Loaded>, Abort> {
        if let Some(loaded) = self.loaded.read().unwrap_or_else(PoisonError::into_inner).get(&module.sha256) {
            return Ok(Arc::clone(loaded));
        }
        self.load_anew(&module.sha256, &module.schema)
            .await
            .map_err(|error| Abort::Internal(format!("plugin `{}`: {error}", module.plugin)))
    }

    /// Loads a version that no module refers to yet.
    pub(crate) async fn load_version(
        &self,
        sha256: &[u8; 32],
        schema: &PluginSchema,
    ) -> Result<Arc<Loaded>, KernelError> {
        if let Some(loaded) = self.loaded.read().unwrap_or_else(PoisonError::into_inner).get(sha256) {
            return Ok(Arc::clone(loaded));
        }
        self.load_anew(sha256, schema).await
    }

    async fn load_anew(&self, sha256: &[u8; 32], schema: &PluginSchema) -> Result<Arc<Loaded>, KernelError> {
        let _one_at_a_time = self.loading.lock().await;
        if let Some(loaded) = self.loaded.read().unwrap_or_else(PoisonError::into_inner).get(sha256) {
            return Ok(Arc::clone(loaded));
        }
        let plugin = &schema.manifest.plugin;
        tracing::info!(plugin = %plugin.name, version = %plugin.version, "loading a plugin version");
        let component = self.component(sha256, &self.bytes(sha256).await?).await?;
        let loaded = Arc::new(Loaded::new(&component, schema)?);
        let mut all = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(*sha256, Arc::clone(&loaded));
        Ok(loaded)
    }

    /// The bytes of a published component.
    pub(crate) async fn bytes(&self, sha256: &[u8; 32]) -> Result<Bytes, KernelError> {
        let mut transaction = Transaction::begin(&self.storage, None, Mode::ReadOnly)?;
        Ok(self.registry.component(&mut transaction, sha256).await?)
    }

    /// The compiled form of a component.
    pub(crate) async fn component(&self, sha256: &[u8; 32], bytes: &[u8]) -> Result<Component, KernelError> {
        self.artefacts.component(&self.engine, sha256, bytes).await
    }

    /// Checks that a component compiles and links, and keeps the result.
    pub(crate) async fn try_component(
        &self,
        digest: &[u8; 32],
        bytes: &[u8],
        schema: &PluginSchema,
    ) -> Result<(), KernelError> {
        Loaded::new(&self.component(digest, bytes).await?, schema)?;
        Ok(())
    }

    /// The current routing generation of a group.
    ///
    /// # Errors
    /// [`KernelError::Registry`] when storage fails or a stored record is corrupt.
    pub async fn generation(&self, group: &GroupId) -> Result<Arc<Generation>, KernelError> {
        loop {
            let mut transaction = Transaction::begin(&self.storage, Some(group.clone()), Mode::ReadOnly)?;
            match self.registry.generation(&mut transaction, group).await {
                Err(error) if error.is_retryable() => {}
                other => return Ok(other?),
            }
        }
    }

    /// Loads every module of a generation.
    pub(crate) async fn warm(&self, generation: &Generation) {
        for (_, _, module) in generation.modules() {
            if let Err(error) = self.load(module).await {
                tracing::error!(plugin = %module.plugin, version = %module.version, %error, "an enabled plugin does not load");
            }
        }
    }

    async fn warm_all(&self) -> Result<(), KernelError> {
        for group in self.auth.group_ids().await? {
            let generation = self.generation(&group).await?;
            self.warm(&generation).await;
        }
        Ok(())
    }

    /// Waits until no root call runs, at most [`limits::DRAIN_MS`]. New calls are refused from now on.
    pub async fn drain(&self) -> bool {
        self.dispatcher.stop();
        self.schedule.stop();
        self.jobs.stop();
        self.admission.drain(std::time::Duration::from_millis(limits::DRAIN_MS)).await
    }

    /// Ends the keeping of the audit trails, then storage, cleanly.
    ///
    /// # Errors
    /// [`StorageError`] when the last writes did not reach the disk.
    pub async fn close(&self) -> Result<(), StorageError> {
        self.end_audit().await;
        self.storage.close().await
    }
}
