use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use forecourt_base::{GroupId, StoreId};
use forecourt_storage::{Engine, MemoryEngine, Mode};
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

struct World {
    engine: Arc<dyn Engine>,
    scope: Scope,
    cron: Cron,
}

impl World {
    fn new(line: &str, zone: &str) -> Self {
        let scope = Scope::store(GroupId::new("demo").unwrap(), StoreId::new("bj01").unwrap());
        Self { engine: MemoryEngine::new(), scope, cron: cron(line, zone) }
    }

    fn begin(&self) -> Transaction {
        Transaction::begin(&self.engine, Some(self.scope.group.clone()), Mode::ReadWrite).unwrap()
    }

    async fn turn(&self, now: Timestamp) -> CronTurn {
        let mut transaction = self.begin();
        let turned = turn(&mut transaction, &self.scope, &self.cron, now, "r").await.unwrap();
        transaction.commit().await.unwrap();
        turned
    }

    async fn ran(&self, now: &str) -> Option<String> {
        self.turn(at(now)).await.ran.map(Timestamp::to_rfc3339)
    }

    async fn planned(&self) -> Vec<String> {
        let mut transaction = self.begin();
        let page = crate::page(&mut transaction, &self.scope, &[], None, 10_000).await.unwrap();
        let planned = page.items.iter().map(|placed| {
            assert_eq!((&*placed.event.topic, &*placed.event.key), (CRON_TOPIC, "nightly"));
            let payload: serde_json::Value = serde_json::from_str(placed.event.payload.get()).unwrap();
            payload["planned"].as_str().unwrap().to_owned()
        });
        planned.collect()
    }
}

fn cron(line: &str, zone: &str) -> Cron {
    let plugin = PluginName::new("parts").unwrap();
    Cron { plugin, name: "nightly".to_owned(), line: CronLine::new(line).unwrap(), zone: TimeZone::get(zone).unwrap() }
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

#[tokio::test]
async fn a_line_begins_when_it_is_first_seen_and_runs_when_it_is_due() {
    let world = World::new("30 2 * * *", "Asia/Shanghai");
    let first = world.turn(at("2026-05-01T10:00:00Z")).await;
    assert_eq!(first, CronTurn { ran: None, next: Some(at("2026-05-01T18:30:00Z")) });
    assert_eq!(world.ran("2026-05-01T18:29:59.999Z").await, None);
    assert_eq!(world.ran("2026-05-01T18:30:00.250Z").await.unwrap(), "2026-05-01T18:30:00.000Z");
    assert_eq!(world.ran("2026-05-01T18:30:01Z").await, None);
    assert_eq!(world.planned().await, ["2026-05-01T18:30:00.000Z"]);
}

#[tokio::test]
async fn of_the_runs_missed_in_a_stop_the_last_is_made() {
    let world = World::new("0 * * * *", "UTC");
    world.turn(at("2026-05-01T10:30:00Z")).await;
    world.turn(at("2026-05-01T11:00:00Z")).await;
    assert_eq!(world.ran("2026-05-04T07:45:00Z").await.unwrap(), "2026-05-04T07:00:00.000Z");
    assert_eq!(world.ran("2026-05-04T07:46:00Z").await, None);
    assert_eq!(world.planned().await, ["2026-05-01T11:00:00.000Z", "2026-05-04T07:00:00.000Z"]);
}

#[tokio::test]
async fn a_clock_that_was_a_year_ahead_neither_silences_a_line_nor_repeats_it() {
    let world = World::new("0 12 * * *", "UTC");
    world.turn(at("2026-05-01T11:00:00Z")).await;
    assert!(world.ran("2026-05-01T12:00:00Z").await.is_some());
    assert_eq!(world.ran("2027-05-01T15:00:00Z").await.unwrap(), "2027-05-01T12:00:00.000Z");
    assert_eq!(world.ran("2026-05-01T12:00:30Z").await, None);
    assert_eq!(world.turn(at("2026-05-01T13:00:00Z")).await.next, Some(at("2026-05-02T12:00:00Z")));
    assert_eq!(world.ran("2026-05-02T12:00:00Z").await.unwrap(), "2026-05-02T12:00:00.000Z");
    assert_eq!(world.ran("2027-05-01T15:00:00Z").await, None, "that one was run already");
}

#[tokio::test]
async fn a_line_that_was_first_seen_by_a_clock_ahead_of_the_time_begins_at_the_right_time() {
    let world = World::new("0 12 * * *", "UTC");
    world.turn(at("2030-01-01T00:00:00Z")).await;
    assert_eq!(world.ran("2026-05-01T13:00:00Z").await, None);
    assert!(world.ran("2026-05-02T12:00:00Z").await.is_some());
}

#[tokio::test]
async fn another_line_of_that_name_begins_anew_and_a_forgotten_one_too() {
    let mut world = World::new("0 12 * * *", "UTC");
    world.turn(at("2026-05-01T11:00:00Z")).await;
    assert!(world.ran("2026-05-01T12:00:00Z").await.is_some());
    world.cron = cron("0 11 * * *", "UTC");
    assert_eq!(world.ran("2026-05-01T13:00:00Z").await, None);
    assert!(world.ran("2026-05-02T11:00:00Z").await.is_some());
    for (kept, day) in [(true, 3), (false, 4)] {
        let mut transaction = world.begin();
        forget_others(&mut transaction, &world.scope, |plugin, name| kept && (plugin, name) == ("parts", "nightly"))
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(world.ran(&format!("2026-05-{day:02}T11:30:00Z")).await.is_some(), kept);
    }
}

#[tokio::test]
async fn what_is_remembered_is_bounded() {
    let world = World::new("0 * * * *", "UTC");
    let mut now = at("2026-05-01T10:30:00Z");
    for _ in 0..3 * CRON_STRETCHES {
        world.turn(now).await;
        now = now.plus_millis(5 * HOUR);
    }
    let mut transaction = world.begin();
    let key = row_key(&world.cron.plugin, "nightly");
    let state: CronState = transaction.get_json(&space(&world.scope).unwrap(), &key).await.unwrap().unwrap();
    assert_eq!(state.ran.len(), CRON_STRETCHES);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// INVARIANT (planned-once): however the clock moves, no instant is run twice; after each look the last planned instant since the line began has
    /// been run.
    #[test]
    fn however_the_clock_moves_no_run_is_doubled_and_the_last_is_never_missed(
        line in prop::sample::select(vec!["*/15 * * * *", "0 * * * *", "30 2 * * *", "0 0 1 * *", "15,45 1-3 * * *"]),
        zone in prop::sample::select(vec!["Asia/Shanghai", "America/New_York", "Europe/London"]),
        from in 1_767_225_600_000_i64..1_798_761_600_000,
        moves in prop::collection::vec(prop_oneof![
            6 => 1_000_i64..40 * MINUTE,
            2 => -3 * HOUR..0,
            1 => -40 * 24 * HOUR..40 * 24 * HOUR,
        ], 1..CRON_STRETCHES),
    ) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let world = World::new(line, zone);
            let mut now = Timestamp::from_millis(from);
            let mut since = now;
            world.turn(now).await;
            let mut ran = BTreeSet::new();
            for by in moves {
                now = now.plus_millis(by);
                since = since.min(now);
                let turned = world.turn(now).await;
                if let Some(planned) = turned.ran {
                    assert!(ran.insert(planned), "{planned} was run twice");
                    assert!(planned <= now);
                }
                let last = world.cron.line.latest(now, &world.cron.zone).unwrap();
                assert!(last < since || ran.contains(&last), "{last} was not run at {now}");
                assert!(turned.next.unwrap() > now);
            }
            let told: Vec<String> = ran.into_iter().map(Timestamp::to_rfc3339).collect();
            let mut planned = world.planned().await;
            planned.sort();
            assert_eq!(planned, told);
        });
    }
}
