//! When deliveries are tried again, and how long events are kept: the kernel in this process, by a clock that the test sets.

use std::sync::Arc;

use forecourt_auth::{Bootstrap, FirstAdmin, Names, NewGroup, NewStore, Principal, SignIn};
use forecourt_base::{Area, GroupId, ManualClock, OsRandom, PluginName, Scope, StoreId, Timestamp, UserId, limits};
use forecourt_bus::ParkedKey;
use forecourt_registry::Approval;
use forecourt_runtime::{Acting, Call, Compiler, FilesOptions, Kernel, KernelOptions, OutboundOptions};
use forecourt_storage::{Engine, MemoryEngine};
use forecourt_tests::guests;
use serde_json::{Value, json};

const PASSWORD: &str = "a password for a clock";
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

struct Ground {
    kernel: Arc<Kernel>,
    clock: Arc<ManualClock>,
    principal: Arc<Principal>,
    scope: Scope,
    others: u32,
}

fn group() -> GroupId {
    GroupId::new("g").unwrap()
}

async fn sign_in(kernel: &Kernel) -> Arc<Principal> {
    let address = [127, 0, 0, 1].into();
    let request = SignIn { group: Some(group()), user: "admin", password: PASSWORD, address, request_id: "begin" };
    kernel.auth().sign_in(request).await.unwrap().principal
}

impl Ground {
    async fn begin() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_768_032_000_000)));
        let options = KernelOptions {
            storage: MemoryEngine::new() as Arc<dyn Engine>,
            clock: Arc::clone(&clock) as Arc<_>,
            random: Arc::new(OsRandom),
            artefacts: None,
            compiler: Compiler::InProcess,
            files: FilesOptions::temporary().unwrap(),
            outbound: OutboundOptions::default(),
        };
        let kernel = Kernel::open(options).await.unwrap();
        let admin =
            FirstAdmin { user: UserId::new("admin").unwrap(), name: "Admin".to_owned(), password: PASSWORD.to_owned() };
        let new = NewGroup { id: group(), name: "Group".to_owned(), names: Names::new() };
        kernel.auth().bootstrap(&Bootstrap { group: new, admin, deployment_admin: None }, "begin").await.unwrap();
        let principal = sign_in(&kernel).await;
        let store = StoreId::new("bj01").unwrap();
        let new = NewStore { id: store.clone(), name: "Store".to_owned(), names: Names::new(), time_zone: None };
        let acting = forecourt_auth::Acting { principal: &principal, request_id: "begin" };
        kernel.auth().create_store(acting, &group(), &new).await.unwrap();
        let scope = Scope::store(group(), store);
        for name in ["pulse", "tally"] {
            let principal = sign_in(&kernel).await;
            let by = Acting { principal: &principal, request_id: "begin" };
            let published = kernel.publish(by, &group(), guests::bytes(name).into()).await.unwrap();
            let (plugin, version) = (&published.name, &published.version);
            kernel.grant(by, &group(), plugin, version, &Approval::AllRequested).await.unwrap();
            kernel.enable(by, &scope, &Area::new(name).unwrap(), plugin, version).await.unwrap();
        }
        let principal = sign_in(&kernel).await;
        Self { kernel, clock, principal, scope, others: 0 }
    }

    fn acting(&self) -> Acting<'_> {
        Acting { principal: &self.principal, request_id: "r" }
    }

    async fn call(&self, operation: &str, arguments: Value) -> Value {
        let call = Call {
            principal: Arc::clone(&self.principal),
            scope: self.scope.clone(),
            operation: operation.parse().unwrap(),
            arguments,
            by_get: false,
            idempotency_key: None,
            request_id: "r".to_owned(),
            trace: None,
        };
        self.kernel.call(call).await.unwrap().value
    }

    async fn emit(&self, key: &str, mood: &str) {
        self.call("pulse/beats/emit", json!({ "key": key, "count": 1, "mood": mood })).await;
    }

    /// Has an event of another key handled: by then whatever is due had its turn, too.
    async fn turn(&mut self) {
        for _ in 0..2 {
            self.others += 1;
            self.emit("other", "good").await;
            let others = json!(self.others);
            loop {
                let lines = self.call("tally/lines/list-lines", json!({ "page": null })).await;
                if lines["items"].as_array().unwrap().iter().any(|line| line["count"] == others) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }

    fn now(&self) -> i64 {
        self.kernel.clock().now().as_millis()
    }

    async fn parked(&self) -> Vec<ParkedKey> {
        let tally = PluginName::new("tally").unwrap();
        self.kernel.parked_keys(self.acting(), &self.scope, &tally, None, 10).await.unwrap().0
    }

    async fn dead(&self) -> usize {
        self.kernel.dead_letters(self.acting(), &self.scope, None, None, 10).await.unwrap().items.len()
    }

    async fn events(&self) -> usize {
        self.kernel.events(self.acting(), &self.scope, &[], None, limits::PAGE_ROWS).await.unwrap().items.len()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_event_is_tried_when_it_is_due_and_no_sooner() {
    let mut ground = Ground::begin().await;
    ground.emit("k", "refused").await;
    ground.turn().await;
    for (failures, wait_ms) in (1..).zip(limits::DELIVERY_BACKOFF_MS) {
        let wait_ms = i64::try_from(wait_ms).unwrap();
        let [key] = &ground.parked().await[..] else { panic!("one key is parked") };
        assert_eq!((key.failures, key.due.as_millis() - ground.now()), (failures, wait_ms));
        ground.clock.advance_millis(wait_ms - 1);
        ground.turn().await;
        assert_eq!(ground.parked().await[0].failures, failures);
        ground.clock.advance_millis(1);
        ground.turn().await;
    }
    assert_eq!((ground.parked().await.len(), ground.dead().await), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_kept_so_long_and_then_go() {
    let mut ground = Ground::begin().await;
    ground.turn().await;
    let kept = i64::try_from(limits::EVENT_KEPT_DAYS).unwrap();
    for (days, before, after) in [(kept, 2, 2), (1, 2, 0)] {
        ground.clock.advance_millis(days * DAY_MS);
        ground.principal = sign_in(&ground.kernel).await;
        assert_eq!(ground.events().await, before);
        ground.kernel.sweep().await.unwrap();
        assert_eq!(ground.events().await, after);
    }
    // What is told goes on.
    ground.turn().await;
}
