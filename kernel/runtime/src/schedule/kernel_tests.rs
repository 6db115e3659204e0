//! The schedule of a whole kernel on a clock that the tests set.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use forecourt_auth::{Bootstrap, FirstAdmin, Names, NewGroup, NewStore, SignIn};
use forecourt_base::{Area, GroupId, ManualClock, OsRandom, PluginName, Scope, StoreId, Timestamp, UserId};
use forecourt_bus::timers::{TIMER_TOPIC, Timer, set};
use forecourt_registry::Approval;
use forecourt_schema::fixtures::Fixture;
use forecourt_storage::{Engine, MemoryEngine, Mode, Transaction};
use serde_json::value::RawValue;

use super::Item;
use crate::{Acting, Compiler, FilesOptions, Kernel, KernelOptions, OutboundOptions};

const PASSWORD: &str = "correct horse 4S";
const MANIFEST: &str = "[[cron]]\nname = 'nightly'\nline = '30 2 * * *'\n[[cron]]\nname = 'month-end'\nline = '0 23 L * *'\nscope = 'group'";

struct World {
    storage: Arc<dyn Engine>,
    clock: Arc<ManualClock>,
    kernel: Arc<Kernel>,
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn group() -> GroupId {
    GroupId::new("demo").unwrap()
}

fn store(store: &str) -> Scope {
    Scope::store(group(), StoreId::new(store).unwrap())
}

async fn open(storage: &Arc<dyn Engine>, clock: &Arc<ManualClock>) -> Arc<Kernel> {
    let options = KernelOptions {
        storage: Arc::clone(storage),
        clock: Arc::clone(clock) as _,
        random: Arc::new(OsRandom),
        artefacts: None,
        compiler: Compiler::InProcess,
        files: FilesOptions::temporary().unwrap(),
        outbound: OutboundOptions::default(),
    };
    Kernel::open(options).await.unwrap()
}

impl World {
    /// A group with a store in Shanghai and one in New York, and an extension with cron lines enabled for the whole group.
    async fn begin(now: &str) -> Self {
        let (storage, clock) = (MemoryEngine::new(), Arc::new(ManualClock::new(at(now))));
        let kernel = open(&storage, &clock).await;
        let admin =
            FirstAdmin { user: UserId::new("boss").unwrap(), name: "Boss".to_owned(), password: PASSWORD.to_owned() };
        let new = NewGroup { id: group(), name: "Demo".to_owned(), names: Names::new() };
        kernel.auth().bootstrap(&Bootstrap { group: new, admin, deployment_admin: None }, "test").await.unwrap();
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let request = SignIn { group: Some(group()), user: "boss", password: PASSWORD, address, request_id: "test" };
        let boss = kernel.auth().sign_in(request).await.unwrap().principal;
        for (id, zone) in [("bj01", "Asia/Shanghai"), ("ny01", "America/New_York")] {
            let id = StoreId::new(id).unwrap();
            let new = NewStore { name: id.to_string(), id, names: Names::new(), time_zone: Some(zone.to_owned()) };
            let acting = forecourt_auth::Acting { principal: &boss, request_id: "test" };
            kernel.auth().create_store(acting, &group(), &new).await.unwrap();
        }
        let by = Acting { principal: &boss, request_id: "test" };
        let exports = "export forecourt:kernel/subscriber@0.1.0;";
        let component = Fixture::new("bell", "0.1.0", exports).extra(MANIFEST).build();
        let published = kernel.publish(by, &group(), component.into()).await.unwrap();
        kernel.grant(by, &group(), &published.name, &published.version, &Approval::AllRequested).await.unwrap();
        kernel.begin_schedule().await.unwrap();
        let area = Area::new("bell").unwrap();
        kernel.enable(by, &Scope::group(group()), &area, &published.name, &published.version).await.unwrap();
        let world = Self { storage, clock, kernel };
        world.look().await;
        world
    }

    /// Looks until nothing more is due.
    async fn look(&self) {
        for _ in 0..20 {
            self.kernel.look().await;
        }
    }

    /// Moves the clock, and looks as the kernel does by itself.
    async fn set_clock(&self, now: &str) {
        let back = at(now) < self.kernel.clock().now();
        self.clock.set(at(now));
        if back {
            self.kernel.schedule().look_at_lines(at(now));
        }
        self.look().await;
    }

    async fn restart(&mut self) {
        self.kernel = open(&self.storage, &self.clock).await;
        self.kernel.begin_schedule().await.unwrap();
        self.look().await;
    }

    async fn set_timer(&self, scope: &Scope, key: &str, due: &str) {
        let mut transaction = Transaction::begin(&self.storage, Some(group()), Mode::ReadWrite).unwrap();
        let payload = RawValue::from_string("null".to_owned()).unwrap();
        let timer = Timer { at: at(due), payload, request_id: "r".to_owned(), trace: None };
        set(&mut transaction, scope, &PluginName::new("bell").unwrap(), key, &timer).await.unwrap();
        transaction.commit().await.unwrap();
        self.kernel.schedule().sooner(Item::Timers(scope.clone()), at(due));
    }

    /// What was told in a place: the keys of timers, and the instants for which cron lines ran.
    async fn told(&self, scope: &Scope) -> Vec<String> {
        let mut transaction = Transaction::begin(&self.storage, Some(group()), Mode::ReadOnly).unwrap();
        let page = forecourt_bus::page(&mut transaction, scope, &[], None, 1_000).await.unwrap();
        let told = page.items.iter().map(|placed| {
            let payload: serde_json::Value = serde_json::from_str(placed.event.payload.get()).unwrap();
            match placed.event.topic.as_str() {
                TIMER_TOPIC => payload["key"].as_str().unwrap().to_owned(),
                _ => format!("{} {}", placed.event.key, payload["planned"].as_str().unwrap().replace(":00.000Z", "Z")),
            }
        });
        told.collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_run_by_the_clocks_of_each_store_and_once_for_the_group() {
    let world = World::begin("2026-05-31T00:00:00Z").await;
    world.set_clock("2026-05-31T06:30:01Z").await;
    world.set_clock("2026-05-31T15:00:01Z").await;
    world.set_clock("2026-05-31T18:30:01Z").await;
    assert_eq!(world.told(&store("bj01")).await, ["nightly 2026-05-31T18:30Z"]);
    assert_eq!(world.told(&store("ny01")).await, ["nightly 2026-05-31T06:30Z"]);
    assert_eq!(world.told(&Scope::group(group())).await, ["month-end 2026-05-31T15:00Z"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_and_jumps_of_the_clock_neither_lose_nor_double() {
    let mut world = World::begin("2026-05-01T00:00:00Z").await;
    let here = store("bj01");
    for (key, due) in [("a", "2026-05-01T00:10:00Z"), ("b", "2026-05-03T00:00:00Z"), ("c", "2026-05-01T00:20:00Z")] {
        world.set_timer(&here, key, due).await;
    }
    world.set_clock("2026-05-01T00:15:00Z").await;
    assert_eq!(world.told(&here).await, ["a"]);
    // Set back behind what was told, and restarted there.
    world.set_clock("2026-05-01T00:05:00Z").await;
    world.restart().await;
    assert_eq!(world.told(&here).await, ["a"]);
    // Three days go by in which nothing runs: of the nights that were missed the last is made up for.
    world.clock.set(at("2026-05-04T00:00:00Z"));
    world.restart().await;
    let mut told = world.told(&here).await;
    told.sort();
    assert_eq!(told, ["a", "b", "c", "nightly 2026-05-03T18:30Z"]);
    // A year ahead by mistake, and right again: the nights go on.
    world.set_clock("2027-05-04T00:00:00Z").await;
    world.set_clock("2026-05-04T01:00:00Z").await;
    world.set_clock("2026-05-04T18:30:00Z").await;
    world.restart().await;
    let mut told = world.told(&here).await.split_off(4);
    told.sort();
    assert_eq!(told, ["nightly 2026-05-04T18:30Z", "nightly 2027-05-03T18:30Z"]);
}
