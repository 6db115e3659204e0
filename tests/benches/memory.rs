//! What memory and disk the kernel takes: after its start and one call, and over 200,000 commands on 1,000 records by 64 connections.
//!
//! Every command leaves a line in the audit, an event and an answer for its key, so the disk must grow; memory must not. `--quick`, or
//! `FORECOURT_BENCH_QUICK=1`, sends a tenth of the commands.

use std::path::PathBuf;

use forecourt_tests::Server;
use forecourt_tests::bench::figures::verdict;
use forecourt_tests::bench::load::{self, Until};
use forecourt_tests::bench::process::{disk_bytes, resident};
use forecourt_tests::bench::requests::Kind;
use forecourt_tests::bench::stage::Stage;

const CONNECTIONS: u64 = 64;
const STEPS: u64 = 20;
/// Commands of one connection in a step, so that a step has 10,000.
const COMMANDS: u64 = 157;
const START_BYTES_MAX: u64 = 120_000_000;
/// After this many steps of the 20, which is 50,000 calls, memory may rise by no more than [`RISE_MAX`].
const SETTLED_STEPS: u64 = 5;
const RISE_MAX: f64 = 0.05;

const MB: f64 = 1e6;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let quick = quick || std::env::var_os("FORECOURT_BENCH_QUICK").is_some();
    let commands = if quick { COMMANDS / 10 } else { COMMANDS };
    let stage = Stage::make();
    let server = Server::start(&stage.folder, &[]);
    let address = server.address();
    let requests = Kind::Command.requests(&stage.token);
    load::run(address, 1, Until::Answers(1), &requests);
    let first = resident(server.pid()).all_bytes;
    let met = verdict(first <= START_BYTES_MAX);
    println!("after start and one call: {:.1} MB resident (at most {:.0}: {met})", mb(first), mb(START_BYTES_MAX));
    println!("   calls   /s       resident  anonymous       log     index   storage in all, MB");
    let storage = PathBuf::from(stage.folder.data()).join("storage");
    let (mut settled, mut highest) = (0, 0);
    for step in 1..=STEPS {
        let round = load::run(address, CONNECTIONS, Until::Answers(commands), &requests);
        let now = resident(server.pid());
        let disk = [storage.join("log"), storage.join("index"), storage.clone()].map(|folder| mb(disk_bytes(&folder)));
        let [log, index, all] = disk;
        println!(
            "{:8} {:7.0} {:10.1} {:10.1} {log:10.1} {index:10.1} {all:10.1}",
            step * commands * CONNECTIONS,
            round.throughput(),
            mb(now.all_bytes),
            mb(now.anonymous_bytes),
        );
        match step {
            ..SETTLED_STEPS => {}
            SETTLED_STEPS => settled = now.all_bytes,
            _ => highest = highest.max(now.all_bytes),
        }
    }
    let rise = highest as f64 / settled as f64 - 1.0;
    let met = verdict(rise < RISE_MAX);
    let from = SETTLED_STEPS * commands * CONNECTIONS;
    println!("resident memory after call {from}: {:+.1} % at most (below {:.0} %: {met})", rise * 1e2, RISE_MAX * 1e2);
    assert!(server.stop().success());
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / MB
}
