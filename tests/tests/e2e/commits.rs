//! What a call does when its commit goes wrong, or is waited for by nobody: the kernel in this process, over an engine that fails as told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use forecourt_auth::{Auth, Bootstrap, FirstAdmin, Names, NewGroup, NewStore, Principal, SignIn};
use forecourt_base::{Area, GroupId, OsRandom, Scope, StoreId, SystemClock, UserId};
use forecourt_registry::Approval;
use forecourt_runtime::{
    Acting, Answer, Call, CallError, Compiler, FilesOptions, Kernel, KernelOptions, OutboundOptions,
};
use forecourt_storage::{
    AtPosition, Bytes, Commit, Direction, Engine, ExclusiveGuard, MemoryEngine, Position, RawRow, RowRange, Snapshot,
    StorageError,
};
use forecourt_tests::guests;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};

/// What becomes of commits.
#[derive(Debug, Default)]
enum Fate {
    #[default]
    Committed,
    /// All conflict until one keeps the others out.
    ConflictUntilExclusive,
    /// The next one ends with this.
    Once(StorageError),
    /// The next one waits until it may.
    Held,
}

/// The engine in memory, with commits that meet a fate.
#[derive(Debug)]
struct Fated {
    engine: Arc<dyn Engine>,
    fate: Mutex<Fate>,
    excluded: AtomicBool,
    /// Tells when a commit is held, and lets it go.
    held: Semaphore,
    go: Semaphore,
}

#[async_trait]
impl Engine for Fated {
    fn stable_position(&self) -> Position {
        self.engine.stable_position()
    }

    fn snapshot(&self) -> Result<Snapshot, StorageError> {
        self.engine.snapshot()
    }

    async fn get(&self, snapshot: &Snapshot, key: &[u8]) -> Result<AtPosition<Option<Bytes>>, StorageError> {
        self.engine.get(snapshot, key).await
    }

    async fn newest(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.engine.newest(key).await
    }

    async fn range(
        &self,
        snapshot: &Snapshot,
        range: &RowRange,
        direction: Direction,
        limit: usize,
    ) -> Result<AtPosition<Vec<RawRow>>, StorageError> {
        self.engine.range(snapshot, range, direction, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Position, StorageError> {
        let mut fate = self.fate.lock().await;
        match std::mem::take(&mut *fate) {
            Fate::Committed => {}
            Fate::ConflictUntilExclusive if self.excluded.load(Ordering::SeqCst) => {}
            Fate::ConflictUntilExclusive => {
                *fate = Fate::ConflictUntilExclusive;
                return Err(StorageError::Conflict);
            }
            Fate::Once(error) => return Err(error),
            Fate::Held => {
                drop(fate);
                self.held.add_permits(1);
                self.go.acquire().await.unwrap().forget();
                return self.engine.commit(commit).await;
            }
        }
        drop(fate);
        self.engine.commit(commit).await
    }

    async fn exclusive(&self, group: Option<&GroupId>) -> ExclusiveGuard {
        self.excluded.store(true, Ordering::SeqCst);
        self.engine.exclusive(group).await
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.engine.close().await
    }
}

struct Ground {
    engine: Arc<Fated>,
    kernel: Arc<Kernel>,
    principal: Arc<Principal>,
    scope: Scope,
}

/// Makes a group with a store and signs its admin in: the session's token.
async fn admin(auth: &Auth, group: &GroupId) -> String {
    let password = "a password for commits".to_owned();
    let first =
        FirstAdmin { user: UserId::new("admin").unwrap(), name: "Admin".to_owned(), password: password.clone() };
    let new = NewGroup { id: group.clone(), name: "Group".to_owned(), names: Names::new() };
    auth.bootstrap(&Bootstrap { group: new, admin: first, deployment_admin: None }, "begin").await.unwrap();
    let address = [127, 0, 0, 1].into();
    let request =
        SignIn { group: Some(group.clone()), user: "admin", password: &password, address, request_id: "begin" };
    let session = auth.sign_in(request).await.unwrap();
    let new =
        NewStore { id: StoreId::new("bj01").unwrap(), name: "Store".to_owned(), names: Names::new(), time_zone: None };
    let acting = forecourt_auth::Acting { principal: &session.principal, request_id: "begin" };
    auth.create_store(acting, group, &new).await.unwrap();
    session.token
}

impl Ground {
    async fn begin() -> Self {
        let engine = Arc::new(Fated {
            engine: MemoryEngine::new(),
            fate: Mutex::default(),
            excluded: AtomicBool::new(false),
            held: Semaphore::new(0),
            go: Semaphore::new(0),
        });
        let options = KernelOptions {
            storage: Arc::clone(&engine) as Arc<dyn Engine>,
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            artefacts: None,
            compiler: Compiler::InProcess,
            files: FilesOptions::temporary().unwrap(),
            outbound: OutboundOptions::default(),
        };
        let kernel = Kernel::open(options).await.unwrap();
        let group = GroupId::new("g").unwrap();
        let token = admin(kernel.auth(), &group).await;
        let principal = kernel.auth().authenticate(&token).await.unwrap();
        let scope = Scope::store(group.clone(), StoreId::new("bj01").unwrap());
        let by = Acting { principal: &principal, request_id: "begin" };
        let published = kernel.publish(by, &group, guests::bytes("probe").into()).await.unwrap();
        let (name, version) = (&published.name, &published.version);
        kernel.grant(by, &group, name, version, &Approval::AllRequested).await.unwrap();
        kernel.enable(by, &scope, &Area::new("probe").unwrap(), name, version).await.unwrap();
        // Grants change rights, so the principal is read anew, as every request does.
        let principal = kernel.auth().authenticate(&token).await.unwrap();
        Self { engine, kernel, principal, scope }
    }

    async fn fated(&self, fate: Fate) {
        self.engine.excluded.store(false, Ordering::SeqCst);
        *self.engine.fate.lock().await = fate;
    }

    async fn call(&self, operation: &str, arguments: Value) -> Result<Answer, CallError> {
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
        self.kernel.call(call).await
    }

    /// Bumps with so many million steps of work; once more where the machine had no time for it.
    async fn bump(&self, millions: u32) -> Result<Answer, CallError> {
        loop {
            self.fated(Fate::ConflictUntilExclusive).await;
            let bumped = self.call("probe/counters/bump-slowly", json!({ "counter": "c", "millions": millions })).await;
            if !matches!(bumped, Err(CallError::Timeout)) {
                return bumped;
            }
        }
    }

    async fn total(&self) -> Value {
        self.call("probe/counters/get-total", json!({ "counter": "c" })).await.unwrap().value
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_keeps_conflicting_has_its_group_to_itself_for_a_moment() {
    let ground = Ground::begin().await;
    ground.call("probe/counters/make", json!({ "counter": "c" })).await.unwrap();
    assert_eq!(ground.bump(0).await.unwrap().value, 1);
    assert!(ground.engine.excluded.load(Ordering::SeqCst));
    // Well within a call's time, but too long for others to wait.
    let refused = ground.bump(40).await;
    assert!(matches!(refused, Err(CallError::Conflict)), "{refused:?}");
    assert!(ground.engine.excluded.load(Ordering::SeqCst));
    ground.fated(Fate::Committed).await;
    assert_eq!(ground.total().await, 1);
    ground.call("probe/counters/bump", json!({ "counter": "c" })).await.unwrap();
    assert_eq!(ground.total().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_ends_otherwise_is_told_as_it_is() {
    let ground = Ground::begin().await;
    ground.call("probe/counters/make", json!({ "counter": "c" })).await.unwrap();
    let bump = || ground.call("probe/counters/bump", json!({ "counter": "c" }));
    ground.fated(Fate::Once(StorageError::OutcomeUnknown)).await;
    let unknown = bump().await;
    assert!(matches!(unknown, Err(CallError::OutcomeUnknown)), "{unknown:?}");
    ground.fated(Fate::Once(StorageError::DiskFull)).await;
    let full = bump().await;
    assert!(matches!(full, Err(CallError::DiskFull)), "{full:?}");
    // Neither was tried again on its own.
    assert_eq!(ground.total().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_when_nobody_waits_for_it() {
    let ground = Ground::begin().await;
    ground.call("probe/counters/make", json!({ "counter": "c" })).await.unwrap();
    ground.fated(Fate::Held).await;
    {
        let mut bump = Box::pin(ground.call("probe/counters/bump", json!({ "counter": "c" })));
        tokio::select! {
            biased;
            _ = &mut bump => panic!("the commit is held"),
            held = ground.engine.held.acquire() => held.unwrap().forget(),
        }
        // Whoever asked goes away.
    }
    assert_eq!(ground.total().await, 0);
    ground.engine.go.add_permits(1);
    while ground.total().await != 1 {
        tokio::task::yield_now().await;
    }
}
