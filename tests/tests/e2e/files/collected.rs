//! INVARIANT (named-stays): the collector, in a kernel of this process whose clock the test sets.

use std::sync::Arc;

use forecourt_auth::{Bootstrap, FirstAdmin, Names, NewGroup, NewStore, Principal, SignIn};
use forecourt_base::{Area, GroupId, ManualClock, OsRandom, Scope, StoreId, Timestamp, UserId};
use forecourt_registry::Approval;
use forecourt_runtime::{
    Acting, Call, CallError, Collected, Compiler, FilesOptions, Kernel, KernelOptions, OutboundOptions,
};
use forecourt_storage::{Blobs, Bytes, MemoryEngine};
use forecourt_tests::guests;
use forecourt_tests::random::Seeded;
use serde_json::json;

use super::{bytes, name_of};

const HOUR_MS: i64 = 3_600_000;

struct Ground {
    kernel: Arc<Kernel>,
    clock: Arc<ManualClock>,
    blobs: Arc<Blobs>,
    principal: Arc<Principal>,
    scope: Scope,
}

impl Ground {
    async fn begin() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_790_000_000_000)));
        let files = FilesOptions::temporary().unwrap();
        let blobs = Arc::clone(&files.blobs);
        let options = KernelOptions {
            storage: MemoryEngine::new(),
            clock: Arc::clone(&clock) as Arc<_>,
            random: Arc::new(OsRandom),
            artefacts: None,
            compiler: Compiler::InProcess,
            files,
            outbound: OutboundOptions::default(),
        };
        let kernel = Kernel::open(options).await.unwrap();
        let group = GroupId::new("g").unwrap();
        let password = "a password for files".to_owned();
        let admin =
            FirstAdmin { user: UserId::new("admin").unwrap(), name: "Admin".to_owned(), password: password.clone() };
        let new = NewGroup { id: group.clone(), name: "Group".to_owned(), names: Names::new() };
        kernel.auth().bootstrap(&Bootstrap { group: new, admin, deployment_admin: None }, "begin").await.unwrap();
        let scope = Scope::store(group.clone(), StoreId::new("bj01").unwrap());
        let mut ground = Self { principal: sign_in(&kernel, &group, &password).await, kernel, clock, blobs, scope };
        let store = NewStore {
            id: StoreId::new("bj01").unwrap(),
            name: "Store".to_owned(),
            names: Names::new(),
            time_zone: None,
        };
        let acting = forecourt_auth::Acting { principal: &ground.principal, request_id: "begin" };
        ground.kernel.auth().create_store(acting, &group, &store).await.unwrap();
        let by = Acting { principal: &ground.principal, request_id: "begin" };
        let published = ground.kernel.publish(by, &group, guests::bytes("archive").into()).await.unwrap();
        let (name, version) = (&published.name, &published.version);
        ground.kernel.grant(by, &group, name, version, &Approval::AllRequested).await.unwrap();
        ground.kernel.enable(by, &ground.scope, &Area::new("archive").unwrap(), name, version).await.unwrap();
        ground.principal = sign_in(&ground.kernel, &group, &password).await;
        ground
    }

    fn by(&self) -> Acting<'_> {
        Acting { principal: &self.principal, request_id: "r" }
    }

    /// Moves the clock on, and signs in again where the session has ended meanwhile.
    async fn pass(&mut self, hours: i64) {
        self.clock.advance_millis(hours * HOUR_MS);
        self.principal = sign_in(&self.kernel, &self.scope.group, "a password for files").await;
    }

    async fn upload(&self, content: &[u8]) {
        let mut upload = self.kernel.upload(self.by(), &self.scope, None, None).await.unwrap();
        upload.write(&Bytes::copy_from_slice(content)).await.unwrap();
        upload.finish().await.unwrap();
    }

    async fn call(&self, operation: &str, arguments: serde_json::Value) -> Result<(), CallError> {
        let call = Call {
            principal: Arc::clone(&self.principal),
            scope: self.scope.clone(),
            operation: format!("archive/papers/{operation}").parse().unwrap(),
            arguments,
            by_get: false,
            idempotency_key: None,
            request_id: "r".to_owned(),
            trace: None,
        };
        self.kernel.call(call).await.map(drop)
    }

    async fn file(&self, id: &str, scan: &[u8]) -> Result<(), CallError> {
        self.call("file-plainly", json!({ "id": id, "scan": name_of(scan) })).await
    }

    async fn remove(&self, id: &str) {
        self.call("remove", json!({ "id": id })).await.unwrap();
    }

    /// Whether the file is there, row and bytes; one without the other fails the test.
    async fn has(&self, content: &[u8]) -> bool {
        let id = name_of(content).parse().unwrap();
        let known = self.kernel.open_file(self.by(), &self.scope, id).await.is_ok();
        assert_eq!(self.blobs.open_blob(&self.scope, id).unwrap().is_some(), known);
        known
    }

    async fn collect(&self) -> Collected {
        self.kernel.collect_files().await.unwrap()
    }
}

async fn sign_in(kernel: &Kernel, group: &GroupId, password: &str) -> Arc<Principal> {
    let address = [127, 0, 0, 1].into();
    let request = SignIn { group: Some(group.clone()), user: "admin", password, address, request_id: "begin" };
    kernel.auth().sign_in(request).await.unwrap().principal
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_record_names_goes_after_a_day_and_what_one_names_stays() {
    let mut ground = Ground::begin().await;
    let [named, twice, unnamed, again] = [40, 41, 42, 43].map(|seed| bytes(5_000, seed));
    for content in [&named, &twice, &unnamed, &again] {
        ground.upload(content).await;
    }
    ground.file("a", &named).await.unwrap();
    ground.file("b", &twice).await.unwrap();
    ground.file("c", &twice).await.unwrap();
    assert_eq!(ground.collect().await, Collected::default());
    ground.pass(24).await;
    assert_eq!(ground.collect().await, Collected::default(), "a day is not over before its end");
    ground.upload(&again).await;
    ground.pass(1).await;
    assert_eq!(ground.collect().await, Collected { unnamed: 1, unknown: 0 });
    assert!(!ground.has(&unnamed).await && ground.has(&again).await, "what is uploaded again has another day");
    assert!(ground.has(&named).await && ground.has(&twice).await);
    ground.pass(24 * 400).await;
    ground.remove("b").await;
    assert_eq!(ground.collect().await, Collected { unnamed: 1, unknown: 0 }, "nobody named the one uploaded again");
    ground.remove("c").await;
    ground.file("a", &twice).await.unwrap();
    ground.pass(25).await;
    assert_eq!(ground.collect().await, Collected { unnamed: 1, unknown: 0 }, "the record names another file now");
    assert!(!ground.has(&named).await && ground.has(&twice).await);
    ground.remove("a").await;
    assert_eq!(ground.collect().await, Collected::default(), "it has a day from now on");
    ground.pass(25).await;
    assert_eq!(ground.collect().await, Collected { unnamed: 1, unknown: 0 });
    assert!(!ground.has(&twice).await);
    assert!(ground.file("d", &twice).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_were_never_written_down_go() {
    let ground = Ground::begin().await;
    let content = bytes(3_000, 44);
    ground.upload(&content).await;
    let mut incoming = ground.blobs.receive().unwrap();
    incoming.write(b"left by a kill").unwrap();
    let received = incoming.finish().unwrap();
    let id = received.id;
    received.keep(&ground.scope).unwrap();
    assert_eq!(ground.collect().await, Collected { unnamed: 0, unknown: 1 });
    assert!(ground.blobs.open_blob(&ground.scope, id).unwrap().is_none() && ground.has(&content).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_never_takes_what_a_record_comes_to_name_meanwhile() {
    let mut ground = Ground::begin().await;
    let mut random = Seeded::new();
    let mut outcomes = [0, 0];
    for round in 0..60_u8 {
        let content = [bytes(100, 45), vec![round]].concat();
        ground.upload(&content).await;
        ground.pass(25).await;
        let pause = random.below(1_500);
        let filing = async {
            for _ in 0..pause {
                tokio::task::yield_now().await;
            }
            // Named, uploaded again, or both while the collector is at it.
            if round % 3 == 0 {
                ground.upload(&content).await;
            }
            ground.file("p", &content).await
        };
        let (filed, _) = tokio::join!(filing, ground.collect());
        assert!(round % 3 != 0 || filed.is_ok());
        let there = ground.has(&content).await;
        assert!(there || filed.is_err(), "round {round}: a record names a file that is gone");
        outcomes[usize::from(there)] += 1;
    }
    assert!(outcomes[1] > 0, "{outcomes:?}");
}
