use forecourt_auth::PageRequest;
use forecourt_base::{OsRandom, SystemClock};
use forecourt_runtime::{Compiler, FilesOptions, KernelOptions, OutboundOptions};
use forecourt_storage::{Engine, MemoryEngine};
use serde_json::json;

use super::*;

const GIVEN: &str = "a dusty road 42";

async fn kernel(storage: &Arc<dyn Engine>) -> Arc<Kernel> {
    let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom));
    let storage = Arc::clone(storage);
    let files = FilesOptions::temporary().unwrap();
    let (compiler, outbound) = (Compiler::InProcess, OutboundOptions::default());
    Kernel::open(KernelOptions { storage, clock, random, artefacts: None, compiler, files, outbound }).await.unwrap()
}

fn components() -> Vec<Bytes> {
    forecourt_bundle::PLUGINS.iter().map(|plugin| Bytes::from_static(plugin.bytes)).collect()
}

fn demo<'a>(components: &'a [Bytes], data: &'a Path, password: Option<&str>) -> Demo<'a> {
    Demo { data: Some(data), components, password: password.map(str::to_owned), progress: Progress::new() }
}

async fn count(stage: &Stage<'_>, operation: &str) -> usize {
    let page = stage.call("bj01", "auditor", operation, "", json!({})).await.unwrap();
    page["items"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_is_made_once_and_found_again() {
    let (folder, components, storage) = (tempfile::tempdir().unwrap(), components(), MemoryEngine::new());
    let demo = demo(&components, folder.path(), Some(GIVEN));
    let group = GroupId::new(GROUP).unwrap();
    let mut out = Vec::new();
    demo.prepare(&kernel(&storage).await, &mut out).await.unwrap();
    assert!(!String::from_utf8(out).unwrap().contains(GIVEN), "a given password is not shown");

    let again = kernel(&storage).await;
    demo.prepare(&again, &mut Vec::new()).await.unwrap();
    let stage = Stage::new(&again, &group, GIVEN);
    assert_eq!(count(&stage, "parts/catalogue/list-parts").await, 12);
    assert_eq!(count(&stage, "repair/price-list/list-operations").await, 8);
    let orders = stage.call("bj01", "advisor", "repair/orders/list-orders", "", json!({})).await.unwrap();
    let mut states: Vec<&str> =
        orders["items"].as_array().unwrap().iter().map(|order| order["state"].as_str().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(
        states,
        ["approved", "awaiting_approval", "in_progress", "quoting", "ready_to_return", "received", "work_done"]
    );

    let admin = stage.sign_in(ADMIN).await.unwrap();
    let acting = Acting { principal: &admin, request_id: REQUEST };
    let page = PageRequest { after: None, limit: Some(200) };
    let users = again.auth().list_users(acting, Some(&group), &page).await.unwrap().items;
    let advisor = users.iter().find(|user| user.id.as_str() == "advisor").unwrap();
    assert_eq!(advisor.roles.iter().map(ToString::to_string).collect::<Vec<_>>(), ["advisor@bj01"]);
    let auditor = users.iter().find(|user| user.id.as_str() == "auditor").unwrap();
    assert_eq!(auditor.roles.iter().map(ToString::to_string).collect::<Vec<_>>(), ["auditor@*"]);
    assert!(users.iter().all(|user| user.id.as_str() != "customer" && user.id.as_str() != "system"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_was_killed_half_made_is_completed_without_doubles() {
    let (folder, components, storage) = (tempfile::tempdir().unwrap(), components(), MemoryEngine::new());
    let demo = demo(&components, folder.path(), None);
    let kernel = kernel(&storage).await;
    let mut out = Vec::new();
    demo.prepare(&kernel, &mut out).await.unwrap();
    let state = State::load(Some(folder.path())).unwrap();
    let password = state.password.clone().unwrap();
    assert!(String::from_utf8(out).unwrap().contains(&password));

    // As a start that was killed before its end leaves it.
    State { complete: false, ..state }.kept_for_test(folder.path());
    demo.prepare(&kernel, &mut Vec::new()).await.unwrap();
    let group = GroupId::new(GROUP).unwrap();
    let stage = Stage::new(&kernel, &group, &password);
    assert_eq!(count(&stage, "repair/orders/list-orders").await, 7);
    let level = stage.call("bj01", "parts", "parts/stock/get-level", "", json!({"part": "04E115561H"})).await.unwrap();
    assert_eq!(level["on_hand"], 39_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_and_another_deployment_are_refused() {
    let (folder, storage) = (tempfile::tempdir().unwrap(), MemoryEngine::new());
    let kernel = kernel(&storage).await;
    let group = GroupId::new(GROUP).unwrap();
    kernel.auth().bootstrap(&beginning(&group, GIVEN).unwrap(), REQUEST).await.unwrap();
    let other = demo(&[], folder.path(), Some("another road 43"));
    let failure = other.prepare(&kernel, &mut Vec::new()).await.unwrap_err();
    assert!(failure.to_string().contains("is not the password that this demo was made with"), "{failure}");
    let failure = demo(&[], folder.path(), None).prepare(&kernel, &mut Vec::new()).await.unwrap_err();
    assert!(failure.to_string().contains("is not complete: set it again"), "{failure}");

    let storage = MemoryEngine::new();
    let kernel = self::kernel(&storage).await;
    let real = GroupId::new("huadong").unwrap();
    kernel.auth().bootstrap(&beginning(&real, GIVEN).unwrap(), REQUEST).await.unwrap();
    let failure = demo(&[], folder.path(), Some(GIVEN)).prepare(&kernel, &mut Vec::new()).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Data);
    assert!(failure.to_string().contains("no demo"), "{failure}");
}
