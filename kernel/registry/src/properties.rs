//! Random sequences of publications, grants, swaps and aborted transactions against a naive model.

mod model;

use std::collections::BTreeMap;
use std::sync::Arc;

use forecourt_storage::{Bytes, Transaction};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::digest::sha256;
use crate::testing::{Desk, NOW, Plugin, user};
use crate::{Approval, Generation, Importer, Registry, RegistryError};
use model::{AREAS, Model, Outcome, STORES, Spec};

/// One request.
#[derive(Debug, Clone)]
enum Step {
    Publish { plugin: usize, publisher: u8, other_bytes: bool },
    Grant { plugin: usize },
    Enable { store: usize, area: usize, plugin: usize },
    Disable { store: usize, area: usize, force: bool },
}

/// Weighted so that most sequences get several modules that need one another, and all outcomes come up.
fn spec() -> impl Strategy<Value = Spec> {
    let rare = |weight| prop::bool::weighted(weight);
    let operation = move |there| prop::option::weighted(there, rare(0.06));
    let face = move |there| (rare(0.06), operation(there), operation(there));
    let exports = prop::array::uniform4(prop::option::weighted(0.4, face(0.95)));
    let imports = prop::array::uniform4(prop::option::weighted(0.35, (any::<bool>(), face(0.5))));
    (exports, imports).prop_map(|(exports, imports)| Spec { exports, imports })
}

fn step() -> impl Strategy<Value = Step> {
    let plugin = || 0..8_usize;
    let (store, area) = (|| 0..STORES.len(), || 0..AREAS.len());
    prop_oneof![
        2 => (plugin(), 0..5_u8, prop::bool::weighted(0.1))
            .prop_map(|(plugin, publisher, other_bytes)| Step::Publish { plugin, publisher, other_bytes }),
        2 => plugin().prop_map(|plugin| Step::Grant { plugin }),
        10 => (store(), area(), plugin()).prop_map(|(store, area, plugin)| Step::Enable { store, area, plugin }),
        4 => (store(), area(), any::<bool>()).prop_map(|(store, area, force)| Step::Disable { store, area, force }),
    ]
}

fn outcome(error: &RegistryError) -> Outcome {
    match error {
        RegistryError::NameTaken { .. } => Outcome::NameTaken,
        RegistryError::VersionTaken { .. } => Outcome::VersionTaken,
        RegistryError::UnknownVersion { .. } => Outcome::Unknown,
        RegistryError::NotGranted { .. } => Outcome::NotGranted,
        RegistryError::AreaNotServed { .. } => Outcome::NotServed,
        RegistryError::Unresolved { .. } => Outcome::Unresolved,
        RegistryError::Cycle { .. } => Outcome::Cycle,
        RegistryError::Required { .. } => Outcome::Required,
        RegistryError::NotEnabled { .. } => Outcome::NotEnabled,
        RegistryError::GroupWide { .. } => Outcome::GroupWide,
        other => panic!("{other}"),
    }
}

fn places(importers: &[Importer]) -> Vec<(usize, usize)> {
    let store = |importer: &Importer| importer.store.as_ref().map_or("", |store| store.as_str()).to_owned();
    let at = |names: &[&str], name: &str| names.iter().position(|known| *known == name).unwrap();
    let mut places: Vec<_> =
        importers.iter().map(|importer| (at(&STORES, &store(importer)), at(&AREAS, importer.area.as_str()))).collect();
    places.sort_unstable();
    places
}

/// What is published as the component: the plugin's own bytes, or others under the same name and version.
fn bytes(plugin: &Plugin, other: bool) -> Bytes {
    if other { [&plugin.bytes(), &b" rebuilt"[..]].concat().into() } else { plugin.bytes() }
}

/// A world of some plugins, the registry under test and the model beside it.
struct World {
    desk: Desk,
    plugins: Vec<Plugin>,
}

impl World {
    fn new(specs: &[Spec]) -> Self {
        let version = |at: usize| format!("plugin-{}@0.{}.0", at / 2, at % 2);
        let plugins = specs.iter().enumerate().map(|(at, spec)| spec.plugin(&version(at))).collect();
        Self { desk: Desk::new(), plugins }
    }

    async fn step(&self, tx: &mut Transaction, model: &mut Model, step: &Step) {
        let (desk, group) = (&self.desk, &self.desk.group);
        match *step {
            Step::Publish { plugin, publisher, other_bytes } => {
                let known = &self.plugins[plugin];
                let schema = known.schema();
                let bytes = bytes(known, other_bytes);
                // Four of five publications come from the one who publishes this name in most sequences.
                let who = user(if publisher == 0 { "li" } else { "wang" });
                let published = desk.registry.publish(tx, group, &who, &bytes, &schema, NOW).await;
                let real = published.map_or_else(|error| outcome(&error), |published| Outcome::Done(published.new));
                assert_eq!(real, model.publish(plugin, publisher == 0, other_bytes), "{step:?}");
            }
            Step::Grant { plugin } => {
                let known = &self.plugins[plugin];
                let all = Approval::AllRequested;
                let granted = desk.registry.grant(tx, group, &known.name, &known.version, &all).await;
                let real = granted.map_or_else(|error| outcome(&error), |granted| Outcome::Done(granted.changed));
                assert_eq!(real, model.grant(plugin), "{step:?}");
            }
            Step::Enable { store, area, plugin } => {
                let (known, before) = (&self.plugins[plugin], model.clone());
                let (scope, of) = (desk.scope(STORES[store]), crate::testing::area(AREAS[area]));
                let enabled = desk.registry.enable(tx, &scope, &of, &known.name, &known.version).await;
                let expected = model.enable(store, area, plugin);
                let real = enabled.as_ref().map_or_else(outcome, |enabled| Outcome::Done(enabled.changed));
                assert_eq!(real, expected, "{step:?}: {enabled:?}");
                enabled.iter().for_each(|enabled| self.check_losers(&before, model, &enabled.loses));
            }
            Step::Disable { store, area, force } => {
                let (scope, of, before) = (desk.scope(STORES[store]), crate::testing::area(AREAS[area]), model.clone());
                let disabled = desk.registry.disable(tx, &scope, &of, force).await;
                let (expected, stops) = model.disable(store, area, force);
                let real = disabled.as_ref().map_or_else(outcome, |_| Outcome::Done(true));
                assert_eq!(real, expected, "{step:?}: {disabled:?}");
                match &disabled {
                    Ok(disabled) => {
                        assert_eq!(places(&disabled.stops), stops, "{step:?}");
                        self.check_losers(&before, model, &disabled.loses);
                    }
                    Err(RegistryError::Required { importers, .. }) => assert_eq!(places(importers), stops, "{step:?}"),
                    Err(_) => {}
                }
            }
        }
    }

    /// Who loses is told in the store where it happens, or once for the group.
    fn check_losers(&self, before: &Model, after: &Model, told: &[Importer]) {
        let (told, all) = (places(told), before.losers(after));
        assert!(told.iter().all(|place| all.contains(place)), "{told:?} of {all:?}");
        let known = |&(store, area): &(usize, usize)| told.contains(&(store, area)) || told.contains(&(0, area));
        assert!(all.iter().all(known), "{told:?} of {all:?}");
    }

    /// INVARIANT (one-provider), INVARIANT (resolved), INVARIANT (area-order): the generation routes as the model does, which fits.
    fn check(&self, model: &Model, generation: &Generation) {
        for (at, store) in STORES.iter().enumerate() {
            let store = self.desk.scope(store).store;
            let serving = generation.serving(store.as_ref());
            let serving =
                serving.into_iter().map(|(area, module)| (area.as_str(), (module.reference(), module.sha256)));
            let expected = model.serving(at).into_iter().map(|(area, version)| {
                let plugin = &self.plugins[version];
                let address = sha256(&[&bytes(plugin, model.other_bytes(version))]);
                (AREAS[area], (plugin.reference(), address))
            });
            assert_eq!(serving.collect::<BTreeMap<_, _>>(), expected.collect());
        }
        assert_eq!(model.fits(), Ok(()));
    }

    /// What a registry with empty caches loads. It is given the schemas, as nothing could parse these components.
    async fn afresh(&self, tx: &mut Transaction) -> Generation {
        let registry = Registry::new();
        for plugin in &self.plugins {
            for other in [false, true] {
                let address = sha256(&[&bytes(plugin, other)]);
                registry.schemas.slot(&address).set(plugin.schema()).unwrap();
            }
        }
        let generation = registry.generation(tx, &self.desk.group).await.unwrap();
        drop(registry);
        Arc::into_inner(generation).unwrap()
    }
}

async fn run(specs: &[Spec], transactions: &[(Vec<Step>, bool)]) {
    let world = World::new(specs);
    let mut model = Model::new(specs);
    let mut tx = world.desk.begin();
    for plugin in 0..specs.len() {
        for step in [Step::Publish { plugin, publisher: 1, other_bytes: false }, Step::Grant { plugin }] {
            // One in four starts unpublished, so that the sequence itself publishes and grants.
            if plugin % 4 != 3 {
                world.step(&mut tx, &mut model, &step).await;
            }
        }
    }
    for (plugin, area) in (0..specs.len()).flat_map(|plugin| (0..AREAS.len()).map(move |area| (plugin, area))) {
        world.step(&mut tx, &mut model, &Step::Enable { store: 0, area, plugin }).await;
    }
    tx.commit().await.unwrap();
    for (steps, commits) in transactions {
        let (mut tx, mut after) = (world.desk.begin(), model.clone());
        for step in steps {
            world.step(&mut tx, &mut after, step).await;
            // The cache now holds generations of a transaction that may never commit. INVARIANT (stamped).
            let inside = world.desk.registry.generation(&mut tx, &world.desk.group).await.unwrap();
            world.check(&after, &inside);
        }
        if *commits {
            tx.commit().await.unwrap();
            model = after;
        } else {
            drop(tx);
        }
        let mut tx = world.desk.begin();
        let cached = world.desk.registry.generation(&mut tx, &world.desk.group).await.unwrap();
        world.check(&model, &cached);
        let afresh = world.afresh(&mut tx).await;
        world.check(&model, &afresh);
        assert_eq!((afresh.number, &afresh.stamp), (cached.number, &cached.stamp));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_registry_does_what_the_model_does(
        specs in vec(spec(), 8),
        transactions in vec((vec(step(), 1..4), prop::bool::weighted(0.8)), 1..32),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(&specs, &transactions));
    }
}
