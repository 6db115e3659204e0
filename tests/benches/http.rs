//! What the kernel makes of this machine over HTTP, against servers that do the same by hand, or less.
//!
//! All run as processes of their own, on data folders of their own on the same disk, and are loaded in turns by the same generator, the others paused:
//! - the kernel: the program as it is shipped, in release, with real sign-in and everything synced;
//! - native: the same operations hand-written on the kernel's own crates, without the runtime (`forecourt_tests::bench::native`);
//! - bare: axum that appends to a group-committed log, and nothing else;
//! - postgres, where PostgreSQL is installed: axum in front of it (`forecourt_tests::bench::postgres`).
//!
//! `--quick`, or `FORECOURT_BENCH_QUICK=1`, makes the rounds short: for trying it out, not for figures. `FORECOURT_BENCH_CASE=get-card` measures the cases
//! whose title holds that text, as a profiler needs. The figures are ratios of one run; a build beside it
//! spoils them.
#![expect(clippy::unwrap_used, reason = "a bench that cannot find its own program stops")]

use std::process::Command;
use std::time::Duration;

use forecourt_tests::bench::figures::{at_least, at_most, sync_p50};
use forecourt_tests::bench::load::{Request, Until};
use forecourt_tests::bench::requests::Kind;
use forecourt_tests::bench::rounds::{Figures, Plan, Target, in_turns};
use forecourt_tests::bench::stage::Stage;
use forecourt_tests::bench::{bare, http, native, postgres};
use forecourt_tests::{Folder, Server};

/// As the kernel's own program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One comparison: what is asked, by how many connections, and the bounds on kernel ÷ native.
struct Case {
    kind: Kind,
    connections: u64,
    throughput_min: Option<f64>,
    p50_max: Option<f64>,
}

const CASES: [Case; 5] = [
    Case { kind: Kind::Command, connections: 1, throughput_min: Some(0.5), p50_max: Some(1.4) },
    Case { kind: Kind::Command, connections: 16, throughput_min: Some(0.5), p50_max: None },
    Case { kind: Kind::Command, connections: 64, throughput_min: Some(0.5), p50_max: None },
    Case { kind: Kind::Nested, connections: 64, throughput_min: Some(0.35), p50_max: None },
    Case { kind: Kind::Read, connections: 64, throughput_min: Some(0.5), p50_max: None },
];
/// The least that native must make of what bare makes, else it is too low a floor.
const NATIVE_TO_BARE_MIN: f64 = 0.5;

/// The bench's own program as a server.
fn other(name: &'static str, folder: &Folder) -> Target {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args([name, folder.data()]);
    Target { name, server: Server::start_program(program, folder) }
}

impl Case {
    fn title(&self) -> String {
        format!("{} at {} connection(s)", self.kind.operation(), self.connections)
    }
}

fn compare(case: &Case, targets: &[(&Target, Request)], plan: Plan) -> Vec<Figures> {
    println!("{}", case.title());
    let figures = in_turns(targets, case.connections, plan);
    for ((target, _), figures) in targets.iter().zip(&figures) {
        println!("  {:9}{figures}", target.name);
    }
    figures
}

fn judge(case: &Case, figures: &[Figures]) {
    let [kernel, native, rest @ ..] = figures else { return };
    if let Some(bound) = case.throughput_min {
        println!("  kernel ÷ native, throughput: {}", at_least(kernel.throughput / native.throughput, bound));
    }
    if let Some(bound) = case.p50_max {
        let ratio = kernel.p50.as_secs_f64() / native.p50.as_secs_f64();
        println!("  kernel ÷ native, p50: {}", at_most(ratio, bound));
    }
    if let [bare, others @ ..] = rest {
        println!("  native ÷ bare, throughput: {}", at_least(native.throughput / bare.throughput, NATIVE_TO_BARE_MIN));
        for postgres in others {
            println!("  kernel ÷ postgres, throughput: {:.2}", kernel.throughput / postgres.throughput);
        }
    }
}

fn measure(plan: Plan) {
    let stage = Stage::make();
    let (native_folder, bare_folder, postgres_folder) = (stage.folder.copy(), Folder::new(), Folder::new());
    let kernel = Target { name: "kernel", server: Server::start(&stage.folder, &[]) };
    let mut all = vec![kernel, other("native", &native_folder), other("bare", &bare_folder)];
    if postgres::installed().is_some() {
        all.push(other("postgres", &postgres_folder));
    }
    for target in &all {
        target.pause();
    }
    println!("fdatasync of 4 KiB before: p50 {:.3} ms", sync_p50().as_secs_f64() * 1e3);
    // Every card is written once before anything is measured, so that reads find what they ask for.
    let warm = Plan { rounds: 1, until: Until::Answers(16) };
    // Only the kernel and the native server know more than one command.
    let asked = |kind: Kind| {
        let targets = all.iter().take(if kind == Kind::Command { all.len() } else { 2 });
        targets.map(|target| (target, kind.requests(&stage.token))).collect::<Vec<_>>()
    };
    for kind in [Kind::Command, Kind::Nested, Kind::Read] {
        in_turns(&asked(kind), 64, warm);
    }
    let wanted = std::env::var("FORECOURT_BENCH_CASE").unwrap_or_default();
    for case in CASES.iter().filter(|case| case.title().contains(&wanted)) {
        judge(case, &compare(case, &asked(case.kind), plan));
    }
    println!("fdatasync of 4 KiB after: p50 {:.3} ms", sync_p50().as_secs_f64() * 1e3);
    if postgres::installed().is_none() {
        println!("PostgreSQL: not compared");
    }
    println!("wasmtime serve: not compared");
    for target in all {
        target.resume();
        assert!(target.server.stop().success(), "{}", target.name);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match texts.as_slice() {
        ["native", data] => http::program(async |listener, stop| {
            native::serve(native::Native::open(data.as_ref()).await, listener, stop).await;
        }),
        ["bare", folder] => http::program(|listener, stop| bare::serve(folder.as_ref(), listener, stop)),
        ["postgres", folder] => http::program(|listener, stop| postgres::serve(folder.as_ref(), listener, stop)),
        flags => {
            let quick = flags.contains(&"--quick") || std::env::var_os("FORECOURT_BENCH_QUICK").is_some();
            let (rounds, time) = if quick { (3, Duration::from_millis(300)) } else { (7, Duration::from_secs(3)) };
            measure(Plan { rounds, until: Until::Elapsed(time) });
        }
    }
}
