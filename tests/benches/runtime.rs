//! What the kernel adds to a call at the runtime's own edge, value to value, on the engine in memory: a command, and a command with a
//! nested one, against the same exports with the same host functions called raw in wasmtime.
//!
//! Both are measured in turns in one run, so that what else the machine does falls on both; the ratio is that of the medians.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench that cannot set up its ground stops")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use forecourt_auth::{Auth, Bootstrap, FirstAdmin, Names, NewGroup, NewStore, Principal, SignIn};
use forecourt_base::{Area, GroupId, OperationPath, OsRandom, Scope, StoreId, SystemClock, UserId};
use forecourt_registry::Approval;
use forecourt_runtime::floor::Floor;
use forecourt_runtime::{Acting, Call, Compiler, FilesOptions, Kernel, KernelOptions, OutboundOptions};
use forecourt_storage::MemoryEngine;
use forecourt_tests::guests;
use serde_json::Value;
use wasmtime::component::Val;

/// As the kernel's own program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COUNTER: &str = "bench";
const ROUNDS: usize = 60;
const CALLS: u32 = 100;
/// The bound on what the kernel may add.
const RATIO_MAX: f64 = 1.3;

struct Ground {
    kernel: Arc<Kernel>,
    principal: Arc<Principal>,
    scope: Scope,
}

/// Makes a group with a store and signs its admin in: the session's token.
async fn admin(auth: &Auth, group: &GroupId) -> String {
    let password = "a password for the bench".to_owned();
    let first =
        FirstAdmin { user: UserId::new("admin").unwrap(), name: "Admin".to_owned(), password: password.clone() };
    let new = NewGroup { id: group.clone(), name: "Bench".to_owned(), names: Names::new() };
    auth.bootstrap(&Bootstrap { group: new, admin: first, deployment_admin: None }, "bench").await.unwrap();
    let address = [127, 0, 0, 1].into();
    let request =
        SignIn { group: Some(group.clone()), user: "admin", password: &password, address, request_id: "bench" };
    let session = auth.sign_in(request).await.unwrap();
    let new =
        NewStore { id: StoreId::new("bj01").unwrap(), name: "Bench".to_owned(), names: Names::new(), time_zone: None };
    let acting = forecourt_auth::Acting { principal: &session.principal, request_id: "bench" };
    auth.create_store(acting, group, &new).await.unwrap();
    session.token
}

async fn ground() -> Ground {
    let options = KernelOptions {
        storage: MemoryEngine::new(),
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
        artefacts: None,
        compiler: Compiler::InProcess,
        files: FilesOptions::temporary().unwrap(),
        outbound: OutboundOptions::default(),
    };
    let kernel = Kernel::open(options).await.unwrap();
    let group = GroupId::new("bench").unwrap();
    let token = admin(kernel.auth(), &group).await;
    let principal = kernel.auth().authenticate(&token).await.unwrap();
    let scope = Scope::store(group.clone(), StoreId::new("bj01").unwrap());
    let by = Acting { principal: &principal, request_id: "bench" };
    for bytes in ["probe", "relay"].map(guests::bytes) {
        let published = kernel.publish(by, &group, bytes.into()).await.unwrap();
        let (name, version) = (&published.name, &published.version);
        kernel.grant(by, &group, name, version, &Approval::AllRequested).await.unwrap();
        kernel.enable(by, &scope, &Area::new(name.as_str()).unwrap(), name, version).await.unwrap();
    }
    // Grants change rights, so the principal is read anew, as every request does.
    let principal = kernel.auth().authenticate(&token).await.unwrap();
    Ground { kernel, principal, scope }
}

impl Ground {
    fn call(&self, operation: &OperationPath) -> Call {
        Call {
            principal: Arc::clone(&self.principal),
            scope: self.scope.clone(),
            operation: operation.clone(),
            arguments: Value::Null,
            by_get: false,
            idempotency_key: None,
            request_id: "bench".to_owned(),
            trace: None,
        }
    }

    async fn through_kernel(&self, operation: &OperationPath, params: &[Val]) -> Duration {
        let begun = Instant::now();
        for _ in 0..CALLS {
            let answer = self.kernel.call_values(self.call(operation), params.to_vec()).await.unwrap();
            assert!(matches!(answer, Some(Val::S64(_))));
        }
        begun.elapsed() / CALLS
    }
}

async fn raw(floor: &Floor, params: &[Val]) -> Duration {
    let begun = Instant::now();
    for _ in 0..CALLS {
        let answer = floor.call(params).await.unwrap();
        assert!(matches!(answer, Some(Val::Result(Ok(_)))));
    }
    begun.elapsed() / CALLS
}

/// `FORECOURT_BENCH_ROUNDS` asks for more, as a profiler needs.
fn rounds() -> usize {
    std::env::var("FORECOURT_BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

async fn compare(ground: &Ground, name: &str, operation: &str) -> bool {
    let operation: OperationPath = operation.parse().unwrap();
    let params = [Val::String(COUNTER.to_owned())];
    let floor = Floor::new(&ground.kernel, &ground.principal, &ground.scope, &operation).await.unwrap();
    let (mut kernel_times, mut raw_times) = (Vec::new(), Vec::new());
    for _ in 0..rounds() {
        raw_times.push(raw(&floor, &params).await);
        kernel_times.push(ground.through_kernel(&operation, &params).await);
    }
    let (kernel, raw) = (median(kernel_times), median(raw_times));
    let ratio = kernel.as_secs_f64() / raw.as_secs_f64();
    println!("{name}: kernel {kernel:.1?}, raw {raw:.1?}, ratio {ratio:.2} (at most {RATIO_MAX})");
    ratio <= RATIO_MAX
}

/// Runs on a worker thread, as the handlers of requests do.
async fn measure() {
    let ground = ground().await;
    let make = ground.call(&"probe/counters/make".parse().unwrap());
    ground.kernel.call_values(make, vec![Val::String(COUNTER.to_owned())]).await.unwrap();
    let single = compare(&ground, "a command", "probe/counters/bump").await;
    let nested = compare(&ground, "a command with a nested one", "relay/trips/count").await;
    if !(single && nested) {
        println!("over the bound: profile the path before anything else is added to it");
    }
}

#[tokio::main]
async fn main() {
    tokio::spawn(measure()).await.unwrap();
}
