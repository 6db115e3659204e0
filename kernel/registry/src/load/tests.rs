use std::sync::Arc;

use forecourt_base::{GroupId, Scope};
use forecourt_schema::Type;
use forecourt_schema::fixtures::Fixture;
use forecourt_storage::{Bytes, Space, StorageError, Transaction};

use crate::digest::sha256;
use crate::records::{GroupSpaces, components, module_key};
use crate::testing::{Desk, NOW, Plugin, area, plugin};
use crate::{Registry, RegistryError, hex};

const PARTS: &str = "
package forecourt:parts@0.1.0;

/// Stock.
interface stock {
    /// Why not.
    variant error {
        /// Something else.
        other(string),
    }

    /// Sets some aside.
    reserve: func(quantity: u32) -> result<u32, error>;
}
";

fn parts() -> Fixture {
    Fixture::new("parts", "0.1.0", "export forecourt:parts/stock@0.1.0;").package(PARTS)
}

fn repair() -> Fixture {
    Fixture::new("repair", "0.1.0", "import forecourt:parts/stock@0.1.0;\nexport forecourt:repair/orders@0.1.0;")
        .package(PARTS)
        .package(&PARTS.replace("forecourt:parts", "forecourt:repair").replace("stock", "orders"))
}

/// A group in which real components serve: parts for the group, repair in one store.
async fn running() -> Desk {
    let desk = Desk::new();
    let mut tx = desk.begin();
    for fixture in [parts(), repair()] {
        let (bytes, schema) = (Bytes::from(fixture.build()), Arc::new(fixture.schema()));
        desk.registry.offer_bundled(&mut tx, &desk.group, &bytes, &schema, NOW).await.unwrap();
    }
    tx.commit().await.unwrap();
    desk.enable("", "parts", &plugin("parts@0.1.0")).await.unwrap();
    desk.enable("bj01", "repair", &plugin("repair@0.1.0")).await.unwrap();
    desk
}

#[tokio::test]
async fn a_registry_that_starts_reads_all_from_storage_and_parses_each_component_once() {
    let desk = running().await;
    let registry = Registry::new();
    let (mut one, mut two) = (desk.begin(), desk.begin());
    let (one, two) =
        tokio::join!(registry.generation(&mut one, &desk.group), registry.generation(&mut two, &desk.group));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.number(), one.group()), (2, &desk.group));
    let store = desk.scope("bj01").store;
    let module = one.provider(store.as_ref(), &area("repair")).unwrap();
    assert_eq!(module.reference().to_string(), "repair@0.1.0");
    assert!(module.grant.import("forecourt:parts/stock", "reserve").is_some());
    let path = "repair/orders/reserve".parse().unwrap();
    let (interface, operation) = module.operation(&path).unwrap();
    assert_eq!(
        (interface.id.to_string().as_str(), operation.docs.as_str()),
        ("forecourt:repair/orders@0.1.0", "Sets some aside.")
    );
    assert!(module.operation(&"repair/orders/drop".parse().unwrap()).is_none());
    assert!(module.operation(&"parts/orders/reserve".parse().unwrap()).is_none());
    let again = two.provider(store.as_ref(), &area("repair")).unwrap();
    assert!(Arc::ptr_eq(&module.schema, &again.schema));
    assert!(one.provider(None, &area("repair")).is_none());
    assert!(one.provider(None, &area("parts")).is_some());
}

#[tokio::test]
async fn a_generation_is_loaded_once_and_never_changes() {
    let desk = running().await;
    let before = desk.registry.generation(&mut desk.begin(), &desk.group).await.unwrap();
    let mut tx = desk.begin();
    let again = desk.registry.generation(&mut tx, &desk.group).await.unwrap();
    assert!(Arc::ptr_eq(&before, &again));
    assert_eq!(tx.usage().rows_read, 1);
    let store = desk.scope("bj01").store;
    desk.disable("bj01", "repair", false).await.unwrap();
    assert!(before.provider(store.as_ref(), &area("repair")).is_some());
    let after = desk.registry.generation(&mut desk.begin(), &desk.group).await.unwrap();
    assert!(after.provider(store.as_ref(), &area("repair")).is_none());
    assert_eq!(after.number(), before.number() + 1);
}

#[tokio::test]
async fn groups_do_not_see_one_another() {
    let desk = running().await;
    let other = GroupId::new("south").unwrap();
    let mut tx = desk.begin();
    let generation = desk.registry.generation(&mut tx, &other).await.unwrap();
    assert_eq!((generation.number(), generation.modules().count()), (0, 0));
    assert!(desk.registry.plugins(&mut tx, &other).await.unwrap().is_empty());
    let parts = plugin("parts@0.1.0");
    let (scope, area) = (Scope::group(other), area("parts"));
    let enabled = desk.registry.enable(&mut tx, &scope, &area, &parts.name, &parts.version).await;
    assert!(matches!(enabled, Err(RegistryError::UnknownVersion { .. })));
}

/// Two builds of one version, of which only the second is committed. INVARIANT (stamped).
#[tokio::test]
async fn the_generation_of_a_transaction_that_never_commits_is_seen_by_none_other() {
    let desk = Desk::new();
    let first = plugin("parts@0.1.0").exports("forecourt:parts/stock@0.1.0", &[("reserve", Type::U32)]);
    let second = plugin("parts@0.1.0").exports("forecourt:parts/stock@0.1.0", &[("reserve", Type::String)]);
    let scope = desk.scope("bj01");
    let enable = async |tx: &mut Transaction, plugin: &Plugin| {
        let (bytes, schema) = (plugin.bytes(), plugin.schema());
        desk.registry.offer_bundled(tx, &desk.group, &bytes, &schema, NOW).await.unwrap();
        desk.registry.enable(tx, &scope, &area("parts"), &plugin.name, &plugin.version).await.unwrap();
        desk.registry.generation(tx, &desk.group).await.unwrap()
    };
    let mut tx = desk.begin();
    let dropped = enable(&mut tx, &first).await;
    drop(tx);
    assert!(desk.serving("bj01").await.is_empty());
    let mut tx = desk.begin();
    enable(&mut tx, &second).await;
    tx.commit().await.unwrap();
    let kept = desk.registry.generation(&mut desk.begin(), &desk.group).await.unwrap();
    assert_eq!(kept.number(), dropped.number());
    let serving = kept.provider(scope.store.as_ref(), &area("parts")).unwrap();
    assert_eq!(serving.sha256, sha256(&[&second.bytes()]));
}

#[tokio::test]
async fn a_change_of_routes_conflicts_with_calls_under_way_and_a_publication_does_not() {
    let desk = running().await;
    let space = Space::new(Some(&desk.group), None, "repair", "orders", 0).unwrap();
    let call = async || {
        let mut tx = desk.begin();
        desk.registry.generation(&mut tx, &desk.group).await.unwrap();
        tx.put(&space, b"order", "{}", Vec::new()).await.unwrap();
        tx
    };
    let (under_way, extra) = (call().await, plugin("extra@1.0.0"));
    desk.offer(&extra).await;
    under_way.commit().await.unwrap();
    let under_way = call().await;
    desk.disable("bj01", "repair", false).await.unwrap();
    assert!(matches!(under_way.commit().await, Err(StorageError::Conflict)));
}

#[tokio::test]
async fn stored_components_are_checked_against_their_address() {
    let desk = running().await;
    let address = sha256(&[&parts().build()]);
    let key = hex(&address);
    let mut tx = desk.begin();
    tx.put(&components().unwrap(), key.as_bytes(), "other bytes", Vec::new()).await.unwrap();
    let error = Registry::new().schema(&mut tx, &address).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the stored record `components/{key}` is corrupt: its content has another sha256")
    );
    tx.delete(&components().unwrap(), key.as_bytes()).await.unwrap();
    let error = Registry::new().generation(&mut tx, &desk.group).await.unwrap_err();
    assert!(error.to_string().ends_with("it is missing"), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn bytes_that_are_no_component_are_corrupt_not_a_panic() {
    let desk = Desk::new();
    let mut tx = desk.begin();
    let address = sha256(&[b"no component"]);
    tx.put(&components().unwrap(), hex(&address).as_bytes(), "no component", Vec::new()).await.unwrap();
    let error = desk.registry.schema(&mut tx, &address).await.unwrap_err();
    assert!(matches!(error, RegistryError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn records_that_do_not_fit_together_are_corrupt() {
    let desk = running().await;
    let spaces = GroupSpaces::new(&desk.group).unwrap();
    let store = desk.scope("bj01").store;
    for (space, key) in [(&spaces.grants, b"repair/0.1.0".to_vec()), (&spaces.versions, b"parts/0.1.0".to_vec())] {
        let mut tx = desk.begin();
        tx.delete(space, &key).await.unwrap();
        let error = Registry::new().generation(&mut tx, &desk.group).await.unwrap_err();
        assert!(error.to_string().contains("is missing, though the version is enabled"), "{error}");
    }
    for (key, value) in [(module_key(store.as_ref(), &area("repair")), "{}"), (b"BJ01/repair".to_vec(), "{}")] {
        let mut tx = desk.begin();
        tx.put(&spaces.modules, &key, value, Vec::new()).await.unwrap();
        let error = Registry::new().generation(&mut tx, &desk.group).await.unwrap_err();
        assert!(matches!(error, RegistryError::Corrupt { .. }), "{error}");
    }
}
