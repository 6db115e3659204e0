//! What a large kernel answers, beside an empty one: a million records and a thousand stores, half of the records in the store that is asked.
//!
//! Stores are made and areas enabled over HTTP; the records are written in bulk past the kernel, in the rows that it would have written. Then both kernels
//! are asked in turns, one paused while the other answers. `--quick`, or `FORECOURT_BENCH_QUICK=1`, takes a hundredth of everything.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set up its ground stops")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use forecourt_tests::bench::bulk::{self, Cards};
use forecourt_tests::bench::figures::at_most;
use forecourt_tests::bench::load::Until;
use forecourt_tests::bench::process::{disk_bytes, resident};
use forecourt_tests::bench::requests::{CARDS, Kind, STORE};
use forecourt_tests::bench::rounds::{Plan, Target, in_turns};
use forecourt_tests::bench::stage::{Stage, enable};
use forecourt_tests::ground::GROUP;
use forecourt_tests::{Folder, Server};
use serde_json::json;

/// As the kernel's own program has it, for the bulk is written by its storage.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const P50_MAX: f64 = 1.2;

struct Size {
    records: u64,
    stores: u64,
    plan: Plan,
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let quick = quick || std::env::var_os("FORECOURT_BENCH_QUICK").is_some();
    let plan = |rounds, millis| Plan { rounds, until: Until::Elapsed(Duration::from_millis(millis)) };
    let size = if quick {
        Size { records: 10_000, stores: 10, plan: plan(3, 300) }
    } else {
        Size { records: 1_000_000, stores: 1_000, plan: plan(9, 2_000) }
    };
    let stage = Stage::make();
    let grown = stage.folder.copy();
    grow(&stage, &grown, &size);
    let (small, large) = (start("empty", &stage.folder), start("grown", &grown));
    for target in [&small, &large] {
        target.pause();
    }
    compare(&stage.token, &small, &large, size.plan);
    for target in [small, large] {
        target.resume();
        println!("{}: {:.1} MB resident", target.name, resident(target.server.pid()).all_bytes as f64 / 1e6);
        assert!(target.server.stop().success());
    }
    rebuild(&grown);
}

fn grow(stage: &Stage, grown: &Folder, size: &Size) {
    let begun = Instant::now();
    let server = Server::start(grown, &[]);
    let admin = server.client().with_token(&stage.admin);
    let others: Vec<String> = (1..size.stores).map(|number| format!("s{number:04}")).collect();
    for store in &others {
        let body = json!({ "id": store, "name": store, "time_zone": "Asia/Shanghai" });
        admin.post(&format!("/v1/groups/{GROUP}/stores"), &body).ok();
        for plugin in ["jobs", "desk"] {
            enable(&admin, store, plugin);
        }
    }
    println!("{} stores with 2 areas each over HTTP: {:.1} s", size.stores, begun.elapsed().as_secs_f64());
    assert!(server.stop().success());
    let begun = Instant::now();
    let half = size.records / 2;
    let each = half / others.len() as u64;
    let own = Cards { store: STORE.to_owned(), from: CARDS, to: half };
    let stores: Vec<Cards> = others.into_iter().map(|store| Cards { store, from: 0, to: each }).chain([own]).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(bulk::write(grown.data().as_ref(), &stores));
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} records by storage's transactions, 1,000 each: {seconds:.1} s", size.records);
    let storage = PathBuf::from(grown.data()).join("storage");
    println!("storage: {:.0} MB", disk_bytes(&storage) as f64 / 1e6);
}

/// Starts a kernel and says how long it took, and what it said meanwhile.
fn start(name: &'static str, folder: &Folder) -> Target {
    let (before, begun) = (folder.messages().len(), Instant::now());
    let server = Server::start(folder, &[]);
    println!("{name}: ready after {:.2} s", begun.elapsed().as_secs_f64());
    let mut told: Vec<(String, usize)> = Vec::new();
    for message in folder.messages().split_off(before) {
        match told.last_mut() {
            Some((last, times)) if *last == message => *times += 1,
            _ => told.push((message, 1)),
        }
    }
    for (message, times) in told {
        println!("  {message} (×{times})");
    }
    Target { name, server }
}

fn compare(token: &str, small: &Target, large: &Target, plan: Plan) {
    // Both have the cards that are written and listed.
    let warm = Plan { rounds: 1, until: Until::Answers(CARDS) };
    in_turns(&[small, large].map(|target| (target, Kind::Command.requests(token))), 1, warm);
    for kind in [Kind::Command, Kind::List] {
        println!("{} at 1 connection", kind.operation());
        let figures = in_turns(&[small, large].map(|target| (target, kind.requests(token))), 1, plan);
        for (target, figures) in [small, large].iter().zip(&figures) {
            println!("  {:8}{figures}", target.name);
        }
        if let [small, large] = figures.as_slice() {
            let ratio = large.p50.as_secs_f64() / small.p50.as_secs_f64();
            println!("  grown ÷ empty, p50: {}", at_most(ratio, P50_MAX));
        }
    }
}

/// Takes the index away, so that the next start has to make it anew.
fn rebuild(folder: &Folder) {
    std::fs::remove_dir_all(PathBuf::from(folder.data()).join("storage/index")).unwrap();
    let target = start("without its index", folder);
    assert!(target.server.stop().success());
}
