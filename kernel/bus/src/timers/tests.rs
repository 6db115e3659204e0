use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use forecourt_base::{GroupId, StoreId};
use forecourt_storage::{Engine, MemoryEngine, Mode};
use proptest::prelude::*;

struct World {
    engine: Arc<dyn Engine>,
    scope: Scope,
}

impl World {
    fn new() -> Self {
        let scope = Scope::store(GroupId::new("demo").unwrap(), StoreId::new("bj01").unwrap());
        Self { engine: MemoryEngine::new(), scope }
    }

    fn begin(&self) -> Transaction {
        Transaction::begin(&self.engine, Some(self.scope.group.clone()), Mode::ReadWrite).unwrap()
    }

    async fn set(&self, plugin: &str, key: &str, at: i64, payload: u32) {
        let mut transaction = self.begin();
        set(&mut transaction, &self.scope, &name(plugin), key, &timer(at, payload)).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn cancel(&self, plugin: &str, key: &str) -> bool {
        let mut transaction = self.begin();
        let there = cancel(&mut transaction, &self.scope, &name(plugin), key).await.unwrap();
        transaction.commit().await.unwrap();
        there
    }

    async fn fire(&self, now: i64) -> Fired {
        let mut transaction = self.begin();
        let fired = fire(&mut transaction, &self.scope, Timestamp::from_millis(now)).await.unwrap();
        transaction.commit().await.unwrap();
        fired
    }

    /// What each event tells: plugin, key, planned instant and payload.
    async fn events(&self) -> Vec<(String, String, String, u32)> {
        let mut transaction = self.begin();
        let page = crate::page(&mut transaction, &self.scope, &[], None, 10_000).await.unwrap();
        let told = page.items.iter().map(|placed| {
            let event = &placed.event;
            assert_eq!((&*event.topic, event.by.clone()), (TIMER_TOPIC, format!("plugin:{}", event.plugin)));
            let payload: serde_json::Value = serde_json::from_str(event.payload.get()).unwrap();
            assert_eq!(payload["key"], event.key);
            let number = u32::try_from(payload["payload"].as_u64().unwrap()).unwrap();
            (event.plugin.to_string(), event.key.clone(), payload["at"].as_str().unwrap().to_owned(), number)
        });
        told.collect()
    }

    async fn held(&self, plugin: &str) -> usize {
        held(&mut self.begin(), &self.scope, &name(plugin)).await.unwrap()
    }
}

fn name(plugin: &str) -> PluginName {
    PluginName::new(plugin).unwrap()
}

fn timer(at: i64, payload: u32) -> Timer {
    let payload = RawValue::from_string(payload.to_string()).unwrap();
    Timer { at: Timestamp::from_millis(at), payload, request_id: "r".to_owned(), trace: None }
}

#[tokio::test]
async fn timers_fire_in_the_order_of_their_times_and_once() {
    let world = World::new();
    world.set("repair", "b", 2_000, 2).await;
    world.set("parts", "a", 1_000, 1).await;
    world.set("repair", "c", 3_000, 3).await;
    assert_eq!(next_due(&mut world.begin(), &world.scope).await.unwrap(), Some(Timestamp::from_millis(1_000)));
    assert_eq!(world.fire(999).await, Fired { count: 0, more: false, next: Some(Timestamp::from_millis(1_000)) });
    assert_eq!(world.fire(2_000).await, Fired { count: 2, more: false, next: Some(Timestamp::from_millis(3_000)) });
    // The clock is set back, and comes again.
    assert_eq!(world.fire(500).await.count, 0);
    assert_eq!(world.fire(2_000).await.count, 0);
    assert_eq!(world.fire(3_000).await, Fired { count: 1, more: false, next: None });
    let keys: Vec<_> = world.events().await.into_iter().map(|(plugin, key, ..)| format!("{plugin}/{key}")).collect();
    assert_eq!(keys, ["parts/a", "repair/b", "repair/c"]);
    assert_eq!((world.held("repair").await, world.held("parts").await), (0, 0));
}

#[tokio::test]
async fn a_timer_that_is_set_again_is_replaced_and_a_cancelled_one_is_silent() {
    let world = World::new();
    world.set("repair", "a", 1_000, 1).await;
    world.set("repair", "a", 5_000, 2).await;
    world.set("repair", "b", 1_000, 3).await;
    assert_eq!(world.held("repair").await, 2);
    assert!(world.cancel("repair", "b").await && !world.cancel("repair", "b").await);
    assert!(!world.cancel("parts", "a").await, "another plugin's timer is out of reach");
    assert_eq!(world.fire(4_999).await.count, 0);
    assert_eq!(world.fire(5_000).await.count, 1);
    assert_eq!(world.events().await, [("repair".into(), "a".into(), "1970-01-01T00:00:05.000Z".into(), 2)]);
}

#[tokio::test]
async fn many_that_are_due_fire_in_several_transactions() {
    let world = World::new();
    for number in 0..u32::try_from(TIMERS_AT_ONCE).unwrap() + 1 {
        world.set("repair", &number.to_string(), 1_000, number).await;
    }
    let first = world.fire(1_000).await;
    assert_eq!((first.count, first.more), (TIMERS_AT_ONCE, true));
    assert_eq!(world.fire(1_000).await, Fired { count: 1, more: false, next: None });
}

#[tokio::test]
async fn firing_and_cancelling_at_once_ends_in_one_of_the_two() {
    let world = World::new();
    world.set("repair", "a", 1_000, 1).await;
    let (mut firing, mut cancelling) = (world.begin(), world.begin());
    assert_eq!(fire(&mut firing, &world.scope, Timestamp::from_millis(1_000)).await.unwrap().count, 1);
    assert!(cancel(&mut cancelling, &world.scope, &name("repair"), "a").await.unwrap());
    firing.commit().await.unwrap();
    assert!(matches!(cancelling.commit().await, Err(StorageError::Conflict)));
    assert!(!world.cancel("repair", "a").await);
}

/// What happens to timers, and to the clock.
#[derive(Debug, Clone)]
enum Step {
    Set { key: u8, ahead_ms: i64 },
    SetInFailedCall { key: u8 },
    Cancel { key: u8 },
    Jump { ms: i64 },
    Fire,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..6, -1_000_i64..5_000).prop_map(|(key, ahead_ms)| Step::Set { key, ahead_ms }),
        1 => (0_u8..6).prop_map(|key| Step::SetInFailedCall { key }),
        2 => (0_u8..6).prop_map(|key| Step::Cancel { key }),
        3 => (-4_000_i64..4_000).prop_map(|ms| Step::Jump { ms }),
        3 => Just(Step::Fire),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// INVARIANT (fires-once): however timers are set and cancelled and the clock jumps, each that was neither cancelled nor replaced before it was
    /// due has one event, and no other has any.
    #[test]
    fn every_timer_fires_once(steps in prop::collection::vec(step(), 1..60)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let world = World::new();
            let (mut now, mut number) = (10_000_i64, 0_u32);
            let mut waiting: BTreeMap<String, (i64, u32)> = BTreeMap::new();
            let mut expected = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Set { key, ahead_ms } => {
                        number += 1;
                        world.set("repair", &key.to_string(), now + ahead_ms, number).await;
                        waiting.insert(key.to_string(), (now + ahead_ms, number));
                    }
                    Step::SetInFailedCall { key } => {
                        let mut transaction = world.begin();
                        set(&mut transaction, &world.scope, &name("repair"), &key.to_string(), &timer(now, 0)).await.unwrap();
                        drop(transaction);
                    }
                    Step::Cancel { key } => {
                        let there = world.cancel("repair", &key.to_string()).await;
                        assert_eq!(there, waiting.remove(&key.to_string()).is_some());
                    }
                    Step::Jump { ms } => now += ms,
                    Step::Fire => {
                        let due: Vec<_> = waiting.extract_if(.., |_, (at, _)| *at <= now).map(|(_, (_, n))| n).collect();
                        assert_eq!(world.fire(now).await.count, due.len());
                        expected.extend(due);
                    }
                }
                assert_eq!(world.held("repair").await, waiting.len());
                let next = next_due(&mut world.begin(), &world.scope).await.unwrap();
                assert_eq!(next.map(Timestamp::as_millis), waiting.values().map(|(at, _)| *at).min());
            }
            let told: Vec<u32> = world.events().await.into_iter().map(|(.., number)| number).collect();
            assert_eq!(told.len(), expected.len());
            assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), expected);
        });
    }
}
