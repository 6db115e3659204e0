//! Events delivered with effect, beside durable commands: how many a second, and how soon.
//!
//! One kernel with everything synced. First the durable commands of one connection; then as many events as there is room for are published while nobody
//! subscribes, a subscriber that writes two records for each is enabled, and it is measured how long it takes until all are counted; last, one event after
//! another on an idle kernel, from the answer of the command that published it until its effect can be read: this has the handler's own sync and the reading in it.
//! `--quick`, or `FORECOURT_BENCH_QUICK=1`, takes a tenth of everything.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench that cannot set up its ground stops")]

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use forecourt_tests::bench::figures::{at_least, median, sync_p50, verdict};
use forecourt_tests::bench::load::{Until, run};
use forecourt_tests::bench::requests::{Kind, STORE};
use forecourt_tests::bench::stage::{Stage, enable};
use forecourt_tests::ground::{grant, publish};
use forecourt_tests::{Client, Server};
use serde_json::json;

/// As the kernel's own program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The least that deliveries must make of what one connection's durable commands make.
const DELIVERIES_MIN: f64 = 10.0;
/// The most that half of the deliveries on an idle kernel may take.
const LATENCY_MAX: Duration = Duration::from_millis(5);
/// Keys among which the events are.
const KEYS: u32 = 64;
/// Events of one command.
const EACH: u32 = 50;

fn emit(advisor: &Client, key: u32, count: u32) {
    let beats = json!({ "key": format!("key-{key}"), "count": count, "mood": "good" });
    advisor.call(STORE, "pulse/beats/emit", &beats).ok();
}

fn counted(advisor: &Client) -> u64 {
    advisor.call(STORE, "tally/lines/get-total", &json!({})).ok()["count"].as_u64().unwrap()
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let quick = quick || std::env::var_os("FORECOURT_BENCH_QUICK").is_some();
    let (commands, time, singles) = if quick { (40, 1, 50) } else { (400, 5, 300) };
    let stage = Stage::make();
    let server = Server::start(&stage.folder, &[]);
    let (admin, advisor) = (server.client().with_token(&stage.admin), server.client().with_token(&stage.token));
    for plugin in ["pulse", "tally"] {
        publish(&admin, plugin);
        grant(&admin, plugin, "0.1.0");
    }
    enable(&admin, STORE, "pulse");
    println!("fdatasync of 4 KiB before: p50 {:.3} ms", sync_p50().as_secs_f64() * 1e3);

    let request = Kind::Command.requests(&stage.token);
    run(server.address(), 1, Until::Answers(1_000), &request);
    let durable = run(server.address(), 1, Until::Elapsed(Duration::from_secs(time)), &request).throughput();
    println!("durable commands of one connection: {durable:.0}/s");

    for command in 0..commands {
        emit(&advisor, command % KEYS, EACH);
    }
    let events = u64::from(commands * EACH);
    let begun = Instant::now();
    enable(&admin, STORE, "tally");
    // Whoever looks all the time takes the time that deliveries need.
    let (_nobody, looks) = channel::<()>();
    while counted(&advisor) < events {
        let _ = looks.recv_timeout(Duration::from_millis(20));
    }
    let delivered = events as f64 / begun.elapsed().as_secs_f64();
    println!("events delivered with effect: {delivered:.0}/s of {events}");
    println!("  deliveries ÷ commands: {}", at_least(delivered / durable, DELIVERIES_MIN));

    let mut expected = events;
    let mut latencies = Vec::new();
    for single in 0..singles {
        emit(&advisor, single % KEYS, 1);
        let committed = Instant::now();
        expected += 1;
        while counted(&advisor) < expected {}
        latencies.push(committed.elapsed());
    }
    let p50 = median(&latencies);
    println!(
        "from the answer to the effect, idle: p50 {:.2} ms (at most {} ms: {})",
        p50.as_secs_f64() * 1e3,
        LATENCY_MAX.as_millis(),
        verdict(p50 <= LATENCY_MAX)
    );
    println!("fdatasync of 4 KiB after: p50 {:.3} ms", sync_p50().as_secs_f64() * 1e3);
    assert!(server.stop().success());
}
