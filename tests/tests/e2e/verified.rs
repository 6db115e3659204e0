//! The verifier of records, on a store in memory whose rows are then spoilt one by one.

use std::sync::Arc;

use forecourt_auth::audit::{AuditEntry, Outcome};
use forecourt_auth::{Auth, Bootstrap, FirstAdmin, Names, NewGroup, NewStore};
use forecourt_base::{GroupId, OsRandom, Scalar, Scope, StoreId, SystemClock, Timestamp, UserId};
use forecourt_registry::{Publisher, Registry};
use forecourt_runtime::{Verified, Verifier};
use forecourt_storage::{Bytes, Engine, IndexEntry, MemoryEngine, Mode, Space, Transaction};
use forecourt_tests::guests;

struct Ground {
    engine: Arc<dyn Engine>,
    scope: Scope,
}

impl Ground {
    /// A group with one store, and the guest `probe` published in it.
    async fn new() -> Self {
        let engine = MemoryEngine::new();
        let (group, store) = (GroupId::new("verified").unwrap(), StoreId::new("bj01").unwrap());
        let auth = Auth::new(Arc::clone(&engine), Arc::new(SystemClock), Arc::new(OsRandom)).unwrap();
        let admin = || UserId::new("admin").unwrap();
        let password = "a password for the test".to_owned();
        let first = FirstAdmin { user: admin(), name: "Admin".to_owned(), password: password.clone() };
        let new = NewGroup { id: group.clone(), name: "Verified".to_owned(), names: Names::new() };
        auth.bootstrap(&Bootstrap { group: new, admin: first, deployment_admin: None }, "test").await.unwrap();
        let address = [127, 0, 0, 1].into();
        let asked = forecourt_auth::SignIn {
            group: Some(group.clone()),
            user: "admin",
            password: &password,
            address,
            request_id: "test",
        };
        let principal = auth.sign_in(asked).await.unwrap().principal;
        let new = NewStore { id: store.clone(), name: "One".to_owned(), names: Names::new(), time_zone: None };
        let acting = forecourt_auth::Acting { principal: &principal, request_id: "test" };
        auth.create_store(acting, &group, &new).await.unwrap();
        let ground = Self { engine, scope: Scope::store(group.clone(), store) };
        let bytes = Bytes::from(guests::bytes("probe"));
        let schema = Arc::new(forecourt_schema::read_component(&bytes).unwrap());
        let mut tx = ground.begin();
        let now = Timestamp::from_millis(1_790_000_000_000);
        Registry::new().publish(&mut tx, &group, &Publisher::Bundled, &bytes, &schema, now).await.unwrap();
        tx.commit().await.unwrap();
        ground
    }

    fn begin(&self) -> Transaction {
        Transaction::begin(&self.engine, Some(self.scope.group.clone()), Mode::ReadWrite).unwrap()
    }

    fn space(&self, owner: &str, collection: &str, generation: u32) -> Space {
        Space::new(Some(&self.scope.group), self.scope.store.as_ref(), owner, collection, generation).unwrap()
    }

    async fn blob(&self, key: &str, value: &str, tags: &[&str]) {
        let entry = |tag: &&str| IndexEntry { index: "by-tag".into(), values: vec![Scalar::Text((*tag).to_owned())] };
        let mut tx = self.begin();
        let entries = tags.iter().map(entry).collect();
        tx.put(&self.space("probe", "blobs", 0), key.as_bytes(), value.to_owned(), entries).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn verify(&self) -> Verified {
        let verifier = Verifier::new(Arc::clone(&self.engine), Arc::new(SystemClock), Arc::new(OsRandom)).unwrap();
        verifier.run(&|_| {}).await.unwrap()
    }

    /// The one finding there is.
    async fn finding(&self) -> (String, String, String) {
        let findings = self.verify().await.findings;
        let [finding] = &findings[..] else { panic!("one finding, not {findings:?}") };
        (finding.place.clone(), finding.key.clone(), finding.problem.clone())
    }
}

const GOOD: &str = r#"{"id":"a","tags":["x","y"],"text":"t"}"#;

#[tokio::test]
async fn what_fits_its_type_and_its_indexes_is_found_well() {
    let ground = Ground::new().await;
    let before = ground.verify().await;
    assert_eq!((before.records, &before.findings[..]), (0, &[][..]));
    assert!(before.audit_rows > 0, "the group and its store were made by somebody");
    ground.blob("a", GOOD, &["x", "y"]).await;
    let after = ground.verify().await;
    assert_eq!((after.records, &after.findings[..]), (1, &[][..]));
}

#[tokio::test]
async fn records_that_do_not_fit_are_named() {
    let ground = Ground::new().await;
    ground.blob("a", r#"{"id":"a","tags":"x","text":"t"}"#, &[]).await;
    let (place, key, problem) = ground.finding().await;
    assert_eq!((place.as_str(), key.as_str()), ("verified/bj01/probe/blobs", "a"));
    assert!(problem.starts_with("`/tags` "), "{problem}");
    ground.blob("a", GOOD, &["x"]).await;
    assert_eq!(ground.finding().await.2, "its index entries are not those of its value");
    ground.blob("a", "no json", &[]).await;
    assert!(ground.finding().await.2.contains("expected"));
}

#[tokio::test]
async fn audit_rows_and_events_that_cannot_be_read_are_named() {
    let ground = Ground::new().await;
    let mut tx = ground.begin();
    let at = Timestamp::from_millis(1_790_000_000_000);
    let entry = AuditEntry::new(at, None, Some(ground.scope.clone()), "test", Outcome::Done, "test");
    forecourt_auth::audit::append(&mut tx, &entry).await.unwrap();
    tx.put_stamped(&ground.space("@events", "log", 0), b"", "no event").await.unwrap();
    tx.commit().await.unwrap();
    let (place, _, problem) = ground.finding().await;
    assert_eq!(place, "events of verified/bj01", "{problem}");

    let ground = Ground::new().await;
    let mut tx = ground.begin();
    tx.put_stamped(&ground.space("@audit", "entries", 1), b"", "").await.unwrap();
    tx.commit().await.unwrap();
    let (place, _, problem) = ground.finding().await;
    assert_eq!((place.as_str(), problem.contains("audit row")), ("audit trail of verified/bj01", true), "{problem}");
}
