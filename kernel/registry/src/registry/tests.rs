use std::collections::BTreeSet;

use forecourt_base::limits;
use forecourt_schema::Type;

use crate::testing::{Desk, NOW, Plugin, area, plugin, user};
use crate::{Approval, NarrowApproval, Publisher, RegistryError, hex};

fn parts(version: &str) -> Plugin {
    plugin(&format!("parts@{version}"))
        .exports("forecourt:parts/stock@0.1.0", &[("get-level", Type::U32)])
        .requires("forecourt:crm/people@0.1.0", &[("find-person", Type::String), ("merge", Type::String)])
}

async fn publish(desk: &Desk, who: &Publisher, plugin: &Plugin) -> Result<bool, RegistryError> {
    let mut tx = desk.begin();
    let (bytes, schema) = (plugin.bytes(), plugin.schema());
    let published = desk.registry.publish(&mut tx, &desk.group, who, &bytes, &schema, NOW).await?;
    tx.commit().await?;
    Ok(published.new)
}

#[tokio::test]
async fn the_same_bytes_are_one_version_and_other_bytes_need_another() {
    let desk = Desk::new();
    assert!(publish(&desk, &user("wang"), &parts("0.1.0")).await.unwrap());
    assert!(!publish(&desk, &user("wang"), &parts("0.1.0")).await.unwrap());
    let other = parts("0.1.0").exports("forecourt:parts/orders@0.1.0", &[("get-order", Type::U32)]);
    let error = publish(&desk, &user("wang"), &other).await.unwrap_err();
    assert!(matches!(error, RegistryError::VersionTaken { .. }), "{error}");
    assert!(publish(&desk, &user("wang"), &parts("0.2.0")).await.unwrap());
}

#[tokio::test]
async fn a_name_belongs_to_its_first_publisher() {
    let desk = Desk::new();
    publish(&desk, &user("wang"), &parts("0.1.0")).await.unwrap();
    for (other, version) in [(user("li"), "0.2.0"), (Publisher::Bundled, "0.2.0"), (user("bundled"), "0.1.0")] {
        let error = publish(&desk, &other, &parts(version)).await.unwrap_err();
        assert!(matches!(&error, RegistryError::NameTaken { .. }), "{error}");
        assert!(error.to_string().contains("belongs to the publisher `wang`"), "{error}");
    }
    let mut tx = desk.begin();
    let plugins = desk.registry.plugins(&mut tx, &desk.group).await.unwrap();
    assert_eq!(plugins.iter().map(|plugin| plugin.versions.len()).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn a_publication_that_is_not_committed_leaves_the_name_free() {
    let desk = Desk::new();
    let plugin = parts("0.1.0");
    let mut tx = desk.begin();
    let (bytes, schema) = (plugin.bytes(), plugin.schema());
    desk.registry.publish(&mut tx, &desk.group, &user("li"), &bytes, &schema, NOW).await.unwrap();
    drop(tx);
    assert!(publish(&desk, &user("wang"), &plugin).await.unwrap());
}

#[tokio::test]
async fn a_component_is_stored_once_whatever_group_publishes_it() {
    let desk = Desk::new();
    let other = forecourt_base::GroupId::new("south").unwrap();
    publish(&desk, &user("wang"), &parts("0.1.0")).await.unwrap();
    let mut tx = desk.begin();
    let (bytes, schema) = (parts("0.1.0").bytes(), parts("0.1.0").schema());
    let published = desk.registry.publish(&mut tx, &other, &user("li"), &bytes, &schema, NOW).await.unwrap();
    assert!(published.new);
    let collections: BTreeSet<String> = tx.written().map(|written| written.space.collection().to_owned()).collect();
    assert_eq!(collections, ["plugins".to_owned(), "versions".to_owned()].into());
    assert_eq!(desk.registry.component(&mut tx, &published.sha256).await.unwrap(), bytes);
}

#[tokio::test]
async fn a_component_beyond_the_limit_is_refused() {
    let desk = Desk::new();
    let mut tx = desk.begin();
    let bytes = vec![0; limits::COMPONENT_BYTES + 1].into();
    let schema = parts("0.1.0").schema();
    let error = desk.registry.publish(&mut tx, &desk.group, &user("wang"), &bytes, &schema, NOW).await.unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn lists_tell_versions_in_semantic_order_with_requests_and_grants() {
    let desk = Desk::new();
    for version in ["0.10.0", "0.9.0"] {
        publish(&desk, &user("wang"), &parts(version)).await.unwrap();
    }
    publish(&desk, &user("li"), &plugin("aux@1.0.0")).await.unwrap();
    let granted = parts("0.9.0");
    let mut tx = desk.begin();
    let narrow = NarrowApproval { kernel: ["storage".to_owned()].into(), ..NarrowApproval::default() };
    let (registry, group, name) = (&desk.registry, &desk.group, &granted.name);
    registry.grant(&mut tx, group, name, &granted.version, &Approval::Only(narrow)).await.unwrap();
    let plugins = registry.plugins(&mut tx, group).await.unwrap();
    assert_eq!(plugins.iter().map(|plugin| plugin.name.as_str()).collect::<Vec<_>>(), ["aux", "parts"]);
    assert_eq!(plugins[1].publisher, user("wang"));
    let versions = &plugins[1].versions;
    assert_eq!(versions.iter().map(|info| info.version.to_string()).collect::<Vec<_>>(), ["0.9.0", "0.10.0"]);
    let nine = &versions[0];
    assert_eq!(nine.areas, [area("parts")].into());
    assert_eq!(nine.published, NOW);
    assert_eq!(nine.title["zh-CN"], "插件");
    assert!(nine.requested.import("forecourt:crm/people", "merge").unwrap().elevated);
    let grant = nine.granted.as_ref().unwrap();
    assert!(grant.kernel.contains("storage") && !grant.kernel.contains("clock") && grant.imports.is_empty());
    assert_eq!(versions[1].granted, None);
    assert_eq!(&registry.version(&mut tx, group, name, &granted.version).await.unwrap(), nine);
}

#[tokio::test]
async fn a_grant_needs_a_published_version_and_stays_within_its_request() {
    let desk = Desk::new();
    publish(&desk, &user("wang"), &parts("0.1.0")).await.unwrap();
    let mut tx = desk.begin();
    let grant = async |tx: &mut _, plugin: &Plugin, approval: Approval| {
        desk.registry.grant(tx, &desk.group, &plugin.name, &plugin.version, &approval).await
    };
    let error = grant(&mut tx, &parts("0.2.0"), Approval::AllRequested).await.unwrap_err();
    assert_eq!(error.to_string(), "no plugin version `parts@0.2.0` is published in this group");
    let wider = NarrowApproval { kernel: ["http".to_owned()].into(), ..NarrowApproval::default() };
    let error = grant(&mut tx, &parts("0.1.0"), Approval::Only(wider)).await.unwrap_err();
    assert_eq!(error.to_string(), "`parts@0.1.0` did not request kernel interface `http`");
    assert!(grant(&mut tx, &parts("0.1.0"), Approval::AllRequested).await.unwrap().changed);
    assert!(!grant(&mut tx, &parts("0.1.0"), Approval::AllRequested).await.unwrap().changed);
}

#[tokio::test]
async fn what_the_manifest_names_is_requested_and_no_more() {
    let mut schema = (*parts("0.1.0").schema()).clone();
    schema.manifest.imports[0].operations = Some(["find-person".to_owned()].into());
    schema.manifest.imports[0].elevated = false;
    let requested = crate::Grant::requested(&schema);
    assert!(!requested.import("forecourt:crm/people", "find-person").unwrap().elevated);
    assert_eq!(requested.import("forecourt:crm/people", "merge"), None);
}

#[tokio::test]
async fn bundled_plugins_are_granted_but_an_administrators_grant_stays() {
    let desk = Desk::new();
    let bundled = parts("0.1.0");
    let (bytes, schema) = (bundled.bytes(), bundled.schema());
    let mut tx = desk.begin();
    let registry = &desk.registry;
    let first = registry.offer_bundled(&mut tx, &desk.group, &bytes, &schema, NOW).await.unwrap();
    assert!(first.new && hex(&first.sha256).len() == 64);
    let info = registry.version(&mut tx, &desk.group, &bundled.name, &bundled.version).await.unwrap();
    assert_eq!(info.granted.as_ref(), Some(&info.requested));
    let nothing = Approval::Only(NarrowApproval::default());
    registry.grant(&mut tx, &desk.group, &bundled.name, &bundled.version, &nothing).await.unwrap();
    let again = registry.offer_bundled(&mut tx, &desk.group, &bytes, &schema, NOW).await.unwrap();
    assert!(!again.new);
    let info = registry.version(&mut tx, &desk.group, &bundled.name, &bundled.version).await.unwrap();
    assert_eq!(info.granted, Some(crate::Grant::default()));
    assert!(registry.modules(&mut tx, &desk.scope("")).await.unwrap().is_empty());
}
