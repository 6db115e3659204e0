//! The floor under the kernel: the same operations, hand-written in Rust in a server of their own.
//!
//! It is what a team would write for these two areas alone on the kernel's own crates: the same sign-in and rights, the same checks of values, the
//! same idempotency, audit, event, record and index rows in one serializable transaction on the same engine, behind the same HTTP stack with the same
//! duties around a request. What it lacks is the runtime: no component, no instance, no routing, no grants, no budget. That both leave the same
//! rows is a test of the suite.

mod answers;
mod call;
mod operations;
mod records;
mod refusal;
mod server;

use std::path::Path;
use std::sync::Arc;

use forecourt_auth::Auth;
use forecourt_base::{Area, Clock, GroupId, OsRandom, Random, Scope, SeededRandom, StoreId, SystemClock, limits};
use forecourt_registry::{Module, Registry};
use forecourt_storage::{Engine, LogEngine, LogOptions, Mode, RealFiles, Transaction};
use tokio::sync::Semaphore;

use crate::bench::requests::STORE;
use crate::ground::GROUP;

pub use server::serve;

/// The server's state.
#[derive(Debug)]
pub struct Native {
    engine: Arc<dyn Engine>,
    auth: Auth,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    numbers: SeededRandom,
    jobs: Arc<Module>,
    desk: Arc<Module>,
    calls: Semaphore,
}

impl Native {
    /// Opens a data folder that a kernel left. The types of values are those that the plugins published, read once.
    pub async fn open(data: &Path) -> Arc<Self> {
        let engine = LogEngine::open(&data.join("storage"), Arc::new(RealFiles), LogOptions::default()).await.unwrap();
        let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(OsRandom));
        let auth = Auth::new(Arc::clone(&engine), Arc::clone(&clock), Arc::clone(&random)).unwrap();
        let mut transaction = Transaction::begin(&engine, None, Mode::ReadOnly).unwrap();
        let generation = Registry::new().generation(&mut transaction, &group()).await.unwrap();
        let [jobs, desk] = ["jobs", "desk"].map(|area| {
            let store = Self::scope().store;
            Arc::clone(generation.provider(store.as_ref(), &Area::new(area).unwrap()).unwrap())
        });
        let numbers = SeededRandom::new(random.next_u64());
        Arc::new(Self { engine, auth, clock, random, numbers, jobs, desk, calls: Semaphore::new(limits::ROOT_CALLS) })
    }

    /// The store of the benches.
    #[must_use]
    pub fn scope() -> Scope {
        Scope::store(group(), StoreId::new(STORE).unwrap())
    }

    /// Where everything is stored.
    #[must_use]
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// What guest `jobs` says of itself.
    #[must_use]
    pub fn jobs(&self) -> &Module {
        &self.jobs
    }
}

fn group() -> GroupId {
    GroupId::new(GROUP).unwrap()
}
