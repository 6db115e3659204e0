//! Every fuzz target of tests/fuzz, on inputs made from its seeds by chance: some thousands in the ordinary suite.
//!
//! `FORECOURT_FUZZ_SECONDS` sets how long each target is run instead, `FORECOURT_SEED` repeats the choices of a run that failed. The
//! coverage-guided runner of the same targets is a workspace of its own, described in tests/fuzz/README.md.

use std::time::{Duration, Instant};

use forecourt_tests::mutation::{mutate, pick};
use forecourt_tests::random::Seeded;
use serde_json::Value;

#[path = "../../fuzz/src/targets/mod.rs"]
mod targets;

use targets::{ALL, Target, values};

const INPUTS: u64 = 3_000;
const MUTATIONS: u64 = 6;
/// Pieces that mean something to a reader.
const PIECES: &[&str] = &[
    "\0",
    "\u{1}",
    "\u{7f}",
    "\u{feff}",
    "京",
    "\u{10ffff}",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\u0000",
    "\\ud800",
    ",",
    ":",
    "null",
    "true",
    "-",
    "0",
    "-0",
    "1e999",
    "0.1",
    "9007199254740993",
    "-9223372036854775809",
    "18446744073709551616",
    "\n[",
    "[[imports]]",
    "= ",
    "\"forecourt:a/b@0.1.0\"",
    "package ",
    "interface ",
    "use ",
    "record ",
    "variant ",
    "list<",
    "option<",
    ">",
    ";",
    "resource ",
    "func()",
    "->",
    "forecourt:wit@1",
    "@0.1.0",
    "type ",
    "stream<u8>",
    "future",
];

/// Tells which input it was, where one fails.
struct Shown<'a>(&'a str, &'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} failed on \"{}\"", self.0, self.1.escape_ascii());
        }
    }
}

fn run_on(name: &str, seeds: &[Vec<u8>], run: impl Fn(&[u8])) {
    let mut random = Seeded::new();
    let seconds = std::env::var("FORECOURT_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let began = Instant::now();
    let goes_on = |done| match seconds {
        Some(seconds) => began.elapsed() < Duration::from_secs(seconds),
        None => done < INPUTS,
    };
    for seed in seeds {
        let _shown = Shown(name, seed);
        run(seed);
    }
    let mut done = 0;
    while goes_on(done) {
        let mut input = seeds[pick(&mut random, seeds.len())].clone();
        let other = &seeds[pick(&mut random, seeds.len())];
        for _ in 0..=random.below(MUTATIONS) {
            mutate(&mut random, &mut input, other, PIECES);
        }
        let _shown = Shown(name, &input);
        run(&input);
        done += 1;
    }
    if let Some(seconds) = seconds {
        println!("{name}: {} inputs a second", done / std::cmp::max(seconds, 1));
    }
}

fn fuzz(name: &str) {
    let Target { run, seeds, .. } = ALL.into_iter().find(|target| target.name == name).unwrap();
    run_on(name, &seeds(), run);
}

#[test]
fn frames_are_read_as_they_are_written() {
    fuzz("frame");
}

#[test]
fn blocks_are_read_as_they_are_written() {
    fuzz("block");
}

#[test]
fn rows_are_ordered_as_what_they_are_of() {
    fuzz("keys");
}

#[test]
fn values_are_brought_to_one_form() {
    fuzz("value");
}

#[test]
fn manifests_are_read_or_refused() {
    fuzz("manifest");
}

#[test]
fn embedded_wit_is_read_or_refused() {
    fuzz("wit");
}

#[test]
fn components_are_read_or_refused() {
    fuzz("component");
}

fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_float),
        Value::Object(fields) => fields.values().any(has_float),
        _ => false,
    }
}

/// What the gateway reads strictly is JSON for any reader and the same; what it refuses it explains; and what has its type's canonical form is
/// the same again after a component had it.
fn body(data: &[u8]) {
    match forecourt_gateway::fuzz::parse(data) {
        Err((name, [english, chinese])) => {
            assert!(["malformed-json", "invalid-fields"].contains(&name), "{name}");
            targets::told(&english, &chinese);
        }
        Ok(value) => {
            assert_eq!(serde_json::from_slice::<Value>(data).unwrap(), value);
            let again = forecourt_gateway::fuzz::parse(value.to_string().as_bytes()).unwrap();
            // serde_json reads a float as one of its two nearest, so one that was printed may be its neighbour when it is read again.
            assert!(again == value || has_float(&value), "{value} is read again as {again}");
            values::held(&value);
            let ty = &values::ALL;
            if let Ok((canonical, _)) = forecourt_schema::normalise(ty, value) {
                let back = forecourt_runtime::fuzz::round_trip(ty, &canonical).unwrap();
                let again = forecourt_schema::normalise(ty, back.clone()).unwrap().0;
                assert_eq!(forecourt_runtime::fuzz::round_trip(ty, &again).unwrap(), back);
            }
        }
    }
}

#[test]
fn bodies_are_read_strictly_and_survive_a_component() {
    let seeds = ALL.into_iter().find(|target| target.name == "value").unwrap().seeds;
    run_on("body", &seeds(), body);
}
