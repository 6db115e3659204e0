//! What a neighbour notices of a hostile plugin at its cap, over HTTP: the time that its requests take when all is quiet, and beside
//! as many hostile calls as one plugin may have in one store.
//!
//! The neighbours are another plugin of the same store, which reads, and the same plugin in another store, whose commands are durable.
//! The hostile calls loop, loop over calls of the host, or take memory until they are stopped; every second one succeeds, so that the
//! plugin is not simply suspended. Take the timing on a quiet machine: the load generator shares its cores with the kernel.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench that cannot set up its ground stops")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use forecourt_base::limits;
use forecourt_tests::{Client, Ground};
use serde_json::{Value, json};

/// Requests of each neighbour in each phase; `FORECOURT_BENCH_REQUESTS` asks for others.
const REQUESTS: usize = 2_000;
const HARM: [&str; 3] = ["processor", "host_calls", "memory"];

struct Neighbour {
    name: &'static str,
    client: Client,
    store: String,
    operation: &'static str,
}

impl Neighbour {
    fn ask(&self, at: usize) -> Duration {
        let arguments = match self.operation {
            "probe/effects/act" => json!({ "note": format!("n{}", at % 100), "ending": "succeed" }),
            _ => json!({}),
        };
        let begun = Instant::now();
        self.client.call(&self.store, self.operation, &arguments).ok();
        begun.elapsed()
    }
}

fn requests() -> usize {
    std::env::var("FORECOURT_BENCH_REQUESTS").ok().and_then(|requests| requests.parse().ok()).unwrap_or(REQUESTS)
}

/// The times of so many requests, in order of length.
fn times(neighbour: &Neighbour) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..requests()).map(|at| neighbour.ask(at)).collect();
    times.sort();
    times
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    times[(times.len() - 1) * percent / 100]
}

/// Sends hostile calls until it is told to stop: how each was answered.
fn harm(client: &Client, store: &str, way: &str, stop: &AtomicBool) -> BTreeMap<String, usize> {
    let mut answers = BTreeMap::new();
    for ending in [json!({ "breach": way }), json!("succeed")].iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let note = json!({ "note": "hostile", "ending": ending });
        let answer = client.call(store, "probe/effects/act", &note);
        let kind = answer.body["limit"].as_str().or(answer.body["type"].as_str()).unwrap_or("ok");
        *answers.entry(format!("{} {kind}", answer.status)).or_default() += 1;
    }
    answers
}

/// The neighbours' times while hostile clients fill the plugin's places.
fn beside(neighbours: &[Neighbour], client: &Client, store: &str, way: &str) -> Vec<Vec<Duration>> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let hostile: Vec<_> =
            (0..limits::STORE_PLUGIN_CALLS).map(|_| scope.spawn(|| harm(client, store, way, &stop))).collect();
        let measured = neighbours.iter().map(times).collect();
        stop.store(true, Ordering::Relaxed);
        let mut answers: BTreeMap<String, usize> = BTreeMap::new();
        for (kind, count) in hostile.into_iter().flat_map(|client| client.join().unwrap()) {
            *answers.entry(kind).or_default() += count;
        }
        println!("hostile calls by `{way}` were answered {}", Value::from_iter(answers));
        measured
    })
}

fn main() {
    let ground = Ground::begin();
    let (place, other) = (ground.place_with_guests(), ground.place_with_guests());
    let hostile = place.user("advisor");
    let reads = Neighbour {
        name: "another plugin, a query",
        client: place.user("tech"),
        store: place.store.clone(),
        operation: "relay/trips/list-trips",
    };
    let writes = Neighbour {
        name: "another store, a durable command",
        client: other.user("advisor"),
        store: other.store.clone(),
        operation: "probe/effects/act",
    };
    let neighbours = [reads, writes];
    let quiet: Vec<Vec<Duration>> = neighbours.iter().map(times).collect();
    let ticks = 2 * Duration::from_millis(limits::EPOCH_TICK_MS);
    for (neighbour, times) in neighbours.iter().zip(&quiet) {
        println!("{}: quiet p50 {:.2?}, p99 {:.2?}", neighbour.name, percentile(times, 50), percentile(times, 99));
    }
    for way in HARM {
        let measured = beside(&neighbours, &hostile, &place.store, way);
        for ((neighbour, times), quiet) in neighbours.iter().zip(&measured).zip(&quiet) {
            let (p50, p99, bound) = (percentile(times, 50), percentile(times, 99), percentile(quiet, 99) + ticks);
            let verdict = if p99 <= bound { "within" } else { "over" };
            println!(
                "{} beside `{way}`: p50 {p50:.2?}, p99 {p99:.2?}, {verdict} the bound of {bound:.2?}",
                neighbour.name
            );
        }
    }
}
