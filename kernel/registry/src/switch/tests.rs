use forecourt_schema::Type;

use crate::testing::{Desk, Plugin, area, plugin};
use crate::{Approval, Fault, NarrowApproval, RegistryError};

const STOCK: &str = "forecourt:parts/stock@0.1.0";
const ORDERS: &str = "forecourt:repair/orders@0.1.0";
const PEOPLE: &str = "forecourt:crm/people@0.1.0";

fn parts(version: &str, reserve: Type) -> Plugin {
    plugin(&format!("parts@{version}")).exports(STOCK, &[("get-level", Type::U32), ("reserve", reserve)])
}

fn repair() -> Plugin {
    plugin("repair@0.1.0")
        .exports(ORDERS, &[("approve", Type::U32)])
        .exports("forecourt:repair/board@0.1.0", &[("list-open", Type::U32)])
        .requires(STOCK, &[("reserve", Type::U32)])
        .may_use(PEOPLE, &[("find-person", Type::String)])
}

fn crm() -> Plugin {
    plugin("crm@0.1.0").exports(PEOPLE, &[("find-person", Type::String)])
}

async fn desk(plugins: &[&Plugin]) -> Desk {
    let desk = Desk::new();
    for plugin in plugins {
        desk.offer(plugin).await;
    }
    desk
}

#[tokio::test]
async fn a_required_import_must_be_enabled_in_the_scope() {
    let (parts, repair) = (parts("0.1.0", Type::U32), repair());
    let desk = desk(&[&parts, &repair]).await;
    desk.enable("sh01", "parts", &parts).await.unwrap();
    let error = desk.enable("bj01", "repair", &repair).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`repair` of `repair@0.1.0` in `bj01` needs `forecourt:parts/stock@0.1.0`, whose area is not enabled there"
    );
    desk.enable("bj01", "parts", &parts).await.unwrap();
    let enabled = desk.enable("bj01", "repair", &repair).await.unwrap();
    assert!(enabled.changed && enabled.previous.is_none() && enabled.withheld.is_empty());
    assert_eq!(desk.serving("bj01").await, ["parts parts@0.1.0".into(), "repair repair@0.1.0".into()].into());
    assert_eq!(desk.serving("sh01").await, ["parts parts@0.1.0".into()].into());
    assert!(desk.serving("").await.is_empty());
}

#[tokio::test]
async fn an_incompatible_provider_is_refused_field_by_field_both_ways() {
    let (old, new, repair) = (parts("0.1.0", Type::U32), parts("0.2.0", Type::String), repair());
    let desk = desk(&[&old, &new, &repair]).await;
    desk.enable("bj01", "parts", &new).await.unwrap();
    let error = desk.enable("bj01", "repair", &repair).await.unwrap_err();
    let RegistryError::Unresolved { needs } = &error else { panic!("{error}") };
    let Fault::Differs { provider, differences } = &needs[0].fault else { panic!("{error}") };
    assert_eq!((provider.to_string().as_str(), differences.len()), ("parts@0.2.0", 1));
    assert!(error.to_string().contains("reserve") && error.to_string().contains("value"), "{error}");
    desk.enable("bj01", "parts", &old).await.unwrap();
    desk.enable("bj01", "repair", &repair).await.unwrap();
    let swap = desk.enable("bj01", "parts", &new).await.unwrap_err();
    assert!(matches!(&swap, RegistryError::Unresolved { needs } if needs[0].importer == repair.reference()), "{swap}");
    assert!(desk.serving("bj01").await.contains("parts parts@0.1.0"));
}

#[tokio::test]
async fn a_provider_without_the_interface_or_of_another_version_track_does_not_do() {
    let bare = plugin("bare@1.0.0").exports("forecourt:parts/catalogue@0.1.0", &[("get-part", Type::U32)]);
    let next = plugin("next@1.0.0").exports("forecourt:parts/stock@0.2.0", &[("reserve", Type::U32)]);
    let patched = plugin("patched@1.0.0").exports("forecourt:parts/stock@0.1.7", &[("reserve", Type::U32)]);
    let repair = repair();
    let desk = desk(&[&bare, &next, &patched, &repair]).await;
    for provider in [&bare, &next] {
        desk.enable("bj01", "parts", provider).await.unwrap();
        let error = desk.enable("bj01", "repair", &repair).await.unwrap_err();
        let RegistryError::Unresolved { needs } = error else { panic!("{error}") };
        assert_eq!(needs[0].fault, Fault::NotExported { provider: provider.reference() });
    }
    desk.enable("bj01", "parts", &patched).await.unwrap();
    desk.enable("bj01", "repair", &repair).await.unwrap();
}

#[tokio::test]
async fn an_optional_import_may_be_absent_but_not_incompatible() {
    let (parts, repair, crm) = (parts("0.1.0", Type::U32), repair(), crm());
    let odd = plugin("crm@0.2.0").exports(PEOPLE, &[("find-person", Type::Bool)]);
    let desk = desk(&[&parts, &repair, &crm, &odd]).await;
    desk.enable("bj01", "parts", &parts).await.unwrap();
    desk.enable("bj01", "repair", &repair).await.unwrap();
    let error = desk.enable("bj01", "crm", &odd).await.unwrap_err();
    assert!(error.to_string().contains("needs `forecourt:crm/people@0.1.0`, which differs in `crm@0.2.0`"), "{error}");
    desk.enable("bj01", "crm", &crm).await.unwrap();
    let disabled = desk.disable("bj01", "crm", false).await.unwrap();
    assert!(disabled.stops.is_empty());
    assert_eq!(disabled.loses.len(), 1);
    assert_eq!(disabled.loses[0].module, repair.reference());
    assert_eq!(disabled.loses[0].interfaces, [PEOPLE.to_owned()].into());
}

#[tokio::test]
async fn a_swap_that_takes_an_optional_interface_away_tells_who_loses() {
    let (parts, repair, crm) = (parts("0.1.0", Type::U32), repair(), crm());
    let other = plugin("crm@0.3.0").exports("forecourt:crm/leads@0.1.0", &[("find-lead", Type::U32)]);
    let desk = desk(&[&parts, &repair, &crm, &other]).await;
    for (name, plugin) in [("parts", &parts), ("crm", &crm), ("repair", &repair)] {
        assert!(desk.enable("", name, plugin).await.unwrap().loses.is_empty());
    }
    let swapped = desk.enable("", "crm", &other).await.unwrap();
    assert_eq!(swapped.previous, Some(crm.reference()));
    assert_eq!(swapped.loses.iter().map(|loser| loser.area.as_str()).collect::<Vec<_>>(), ["repair"]);
    assert_eq!(swapped.loses[0].store, None);
}

#[tokio::test]
async fn a_store_whose_own_module_lacks_an_optional_interface_loses_it_there_alone() {
    let (parts, repair, crm) = (parts("0.1.0", Type::U32), repair(), crm());
    let other = plugin("crm@0.3.0").exports("forecourt:crm/leads@0.1.0", &[("find-lead", Type::U32)]);
    let desk = desk(&[&parts, &repair, &crm, &other]).await;
    for (name, plugin) in [("parts", &parts), ("crm", &crm), ("repair", &repair)] {
        desk.enable("", name, plugin).await.unwrap();
    }
    let enabled = desk.enable("bj01", "crm", &other).await.unwrap();
    assert_eq!((enabled.previous, enabled.loses.len()), (None, 1));
    assert_eq!(enabled.loses[0].store, desk.scope("bj01").store);
    assert_eq!(enabled.loses[0].module, repair.reference());
    assert!(desk.disable("bj01", "crm", false).await.unwrap().loses.is_empty());
}

#[tokio::test]
async fn enabling_what_is_enabled_changes_nothing() {
    let parts = parts("0.1.0", Type::U32);
    let desk = desk(&[&parts]).await;
    desk.enable("bj01", "parts", &parts).await.unwrap();
    let generation = async || desk.registry.generation(&mut desk.begin(), &desk.group).await.unwrap();
    let before = generation().await;
    let again = desk.enable("bj01", "parts", &parts).await.unwrap();
    assert!(!again.changed);
    assert_eq!(again.previous, Some(parts.reference()));
    assert_eq!(generation().await.number(), before.number());
}

#[tokio::test]
async fn a_version_must_be_published_granted_and_serve_the_area() {
    let parts = parts("0.1.0", Type::U32);
    let desk = desk(&[&parts]).await;
    let error = desk.enable("bj01", "repair", &parts).await.unwrap_err();
    assert_eq!(error.to_string(), "`parts@0.1.0` does not serve the area `repair`; it serves `parts`");
    let error = desk.enable("bj01", "repair", &repair()).await.unwrap_err();
    assert!(matches!(error, RegistryError::UnknownVersion { .. }), "{error}");
    let (crm, mut tx) = (crm(), desk.begin());
    let (who, bytes, schema) = (crate::testing::user("wang"), crm.bytes(), crm.schema());
    desk.registry.publish(&mut tx, &desk.group, &who, &bytes, &schema, crate::testing::NOW).await.unwrap();
    tx.commit().await.unwrap();
    let error = desk.enable("bj01", "crm", &crm).await.unwrap_err();
    assert!(matches!(error, RegistryError::NotGranted { .. }), "{error}");
}

#[tokio::test]
async fn a_required_module_is_disabled_only_by_force_and_stops_its_importers_in_turn() {
    let (parts, repair) = (parts("0.1.0", Type::U32), repair());
    let warranty = plugin("warranty@0.1.0")
        .exports("forecourt:warranty/claims@0.1.0", &[("claim", Type::U32)])
        .requires(ORDERS, &[("approve", Type::U32)]);
    let desk = desk(&[&parts, &repair, &warranty]).await;
    desk.enable("", "parts", &parts).await.unwrap();
    desk.enable("bj01", "repair", &repair).await.unwrap();
    desk.enable("bj01", "warranty", &warranty).await.unwrap();
    let error = desk.disable("", "parts", false).await.unwrap_err();
    let text = "`parts` is required by `repair` of `repair@0.1.0` in `bj01`; `warranty` of `warranty@0.1.0` in `bj01`; \
                disable them first, or force it and they stop";
    assert_eq!(error.to_string(), text);
    assert_eq!(desk.serving("bj01").await.len(), 3);
    let disabled = desk.disable("", "parts", true).await.unwrap();
    assert_eq!(disabled.stops.iter().map(|stop| stop.area.as_str()).collect::<Vec<_>>(), ["repair", "warranty"]);
    assert!(desk.serving("bj01").await.is_empty());
    let error = desk.disable("", "parts", false).await.unwrap_err();
    assert_eq!(error.to_string(), "the area `parts` is not enabled for the group");
}

#[tokio::test]
async fn a_stores_module_stands_before_the_groups() {
    let (wide, own, repair) = (parts("0.1.0", Type::U32), parts("0.3.0", Type::U32), repair());
    let desk = desk(&[&wide, &own, &repair]).await;
    desk.enable("", "parts", &wide).await.unwrap();
    desk.enable("", "repair", &repair).await.unwrap();
    desk.enable("bj01", "parts", &own).await.unwrap();
    let shared = "repair repair@0.1.0*".to_owned();
    assert_eq!(desk.serving("bj01").await, ["parts parts@0.3.0".into(), shared.clone()].into());
    assert_eq!(desk.serving("sh01").await, ["parts parts@0.1.0*".into(), shared.clone()].into());
    let error = desk.disable("sh01", "parts", false).await.unwrap_err();
    assert!(matches!(error, RegistryError::GroupWide { .. }), "{error}");
    desk.disable("bj01", "parts", false).await.unwrap();
    assert_eq!(desk.serving("bj01").await, ["parts parts@0.1.0*".into(), shared].into());
}

#[tokio::test]
async fn a_store_may_not_break_the_groups_importer_for_itself() {
    let (wide, odd, repair) = (parts("0.1.0", Type::U32), parts("0.2.0", Type::String), repair());
    let desk = desk(&[&wide, &odd, &repair]).await;
    desk.enable("", "parts", &wide).await.unwrap();
    desk.enable("", "repair", &repair).await.unwrap();
    let error = desk.enable("bj01", "parts", &odd).await.unwrap_err();
    let RegistryError::Unresolved { needs } = &error else { panic!("{error}") };
    assert_eq!(needs[0].store.as_ref().map(|store| store.as_str()), Some("bj01"));
}

#[tokio::test]
async fn a_group_module_that_comes_into_view_must_fit_the_store() {
    let (wide, odd, repair) = (parts("0.1.0", Type::U32), parts("0.2.0", Type::String), repair());
    let plain = plugin("plain@1.0.0").exports(ORDERS, &[("approve", Type::U32)]);
    let desk = desk(&[&wide, &odd, &repair, &plain]).await;
    desk.enable("", "parts", &wide).await.unwrap();
    desk.enable("", "repair", &repair).await.unwrap();
    desk.enable("bj01", "repair", &plain).await.unwrap();
    desk.enable("bj01", "parts", &odd).await.unwrap();
    for force in [false, true] {
        let error = desk.disable("bj01", "repair", force).await.unwrap_err();
        assert!(matches!(error, RegistryError::Unresolved { .. }), "{error}");
    }
    desk.disable("bj01", "parts", false).await.unwrap();
    desk.disable("bj01", "repair", false).await.unwrap();
    assert!(desk.serving("bj01").await.contains("repair repair@0.1.0*"));
}

#[tokio::test]
async fn areas_may_not_call_one_another_in_a_circle() {
    let (plain, repair) = (parts("0.1.0", Type::U32), repair());
    let back = |version: &str| parts(version, Type::U32);
    let required = back("0.2.0").requires(ORDERS, &[("approve", Type::U32)]);
    let command = back("0.3.0").may_use(ORDERS, &[("approve", Type::U32)]);
    let query = back("0.4.0").may_use("forecourt:repair/board@0.1.0", &[("list-open", Type::U32)]);
    let desk = desk(&[&plain, &repair, &required, &command, &query]).await;
    desk.enable("bj01", "parts", &plain).await.unwrap();
    desk.enable("bj01", "repair", &repair).await.unwrap();
    for circular in [&required, &command] {
        let error = desk.enable("bj01", "parts", circular).await.unwrap_err();
        assert_eq!(error.to_string(), "areas would call one another in a circle: `parts` → `repair` → `parts`");
    }
    desk.enable("bj01", "parts", &query).await.unwrap();
}

#[tokio::test]
async fn a_group_module_that_comes_into_view_may_not_close_a_circle() {
    let (wide, repair) = (parts("0.1.0", Type::U32), repair());
    let plain = plugin("plain@1.0.0").exports(ORDERS, &[("approve", Type::U32)]);
    let back = parts("0.2.0", Type::U32).requires(ORDERS, &[("approve", Type::U32)]);
    let desk = desk(&[&wide, &repair, &plain, &back]).await;
    desk.enable("", "parts", &wide).await.unwrap();
    desk.enable("", "repair", &repair).await.unwrap();
    desk.enable("bj01", "repair", &plain).await.unwrap();
    desk.enable("bj01", "parts", &back).await.unwrap();
    let error = desk.disable("bj01", "repair", true).await.unwrap_err();
    assert!(matches!(error, RegistryError::Cycle { .. }), "{error}");
    assert!(desk.serving("bj01").await.contains("repair plain@1.0.0"));
}

#[tokio::test]
async fn a_grant_of_an_enabled_version_makes_a_new_generation() {
    let (parts, repair) = (parts("0.1.0", Type::U32), repair());
    let desk = desk(&[&parts, &repair]).await;
    desk.enable("bj01", "parts", &parts).await.unwrap();
    desk.enable("bj01", "repair", &repair).await.unwrap();
    let generation = async || desk.registry.generation(&mut desk.begin(), &desk.group).await.unwrap();
    let before = generation().await;
    let mut tx = desk.begin();
    let narrow = Approval::Only(NarrowApproval { kernel: ["clock".to_owned()].into(), ..NarrowApproval::default() });
    desk.registry.grant(&mut tx, &desk.group, &repair.name, &repair.version, &narrow).await.unwrap();
    tx.commit().await.unwrap();
    let after = generation().await;
    assert_eq!(after.number(), before.number() + 1);
    let store = desk.scope("bj01").store;
    let grant =
        |generation: &crate::Generation| generation.provider(store.as_ref(), &area("repair")).unwrap().grant.clone();
    assert!(grant(&before).import("forecourt:parts/stock", "reserve").is_some());
    assert!(grant(&after).imports.is_empty() && grant(&after).kernel.contains("clock"));
    desk.disable("bj01", "repair", false).await.unwrap();
    let enabled = desk.enable("bj01", "repair", &repair).await.unwrap();
    assert_eq!(enabled.withheld, ["forecourt:parts/stock"]);
}

#[tokio::test]
async fn a_plugin_may_serve_two_areas_but_not_require_its_own() {
    let both =
        plugin("both@1.0.0").exports(STOCK, &[("reserve", Type::U32)]).exports(ORDERS, &[("approve", Type::U32)]);
    let selfish =
        plugin("selfish@1.0.0").exports(STOCK, &[("reserve", Type::U32)]).requires(STOCK, &[("reserve", Type::U32)]);
    let desk = desk(&[&both, &selfish]).await;
    desk.enable("bj01", "parts", &both).await.unwrap();
    assert_eq!(desk.serving("bj01").await, ["parts both@1.0.0".into()].into());
    desk.enable("bj01", "repair", &both).await.unwrap();
    let error = desk.enable("bj01", "parts", &selfish).await.unwrap_err();
    assert!(matches!(error, RegistryError::Cycle { .. }), "{error}");
}
