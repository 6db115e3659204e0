//! Builds the guests of the end-to-end tests for wasm32-wasip2, in a target folder of their own: cargo would wait for its own lock in
//! the one that this script runs in.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip2";
/// What cargo and its wrappers set for this build and must not reach the other.
const INHERITED: [&str; 8] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let guests = root.join("guests");
    let watched = [
        "Cargo.toml",
        "Cargo.lock",
        "archive",
        "caller",
        "clockwork",
        "desk",
        "echo",
        "harm",
        "jobs",
        "probe",
        "pulse",
        "relay",
        "shelf",
        "shelf-broken",
        "shelf-wider",
        "tally",
        "watcher",
    ];
    let watched = watched.iter().map(|name| guests.join(name));
    for path in watched.chain(["sdk", "wit"].map(|name| root.join("..").join(name))) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    add_target()?;
    let target = PathBuf::from(variable("OUT_DIR")?).join("guests");
    build(&guests, &target)?;
    println!("cargo::rustc-env=FORECOURT_GUESTS={}", target.join(TARGET).join("release").display());
    Ok(())
}

fn variable(name: &str) -> Result<String, Box<dyn Error>> {
    std::env::var(name).map_err(|error| format!("{name}: {error}").into())
}

fn add_target() -> Result<(), Box<dyn Error>> {
    let rustc = variable("RUSTC")?;
    let printed = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    if Path::new(String::from_utf8(printed.stdout)?.trim()).is_dir() {
        return Ok(());
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).status();
    if added.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err(format!("the compiler lacks the target {TARGET}: install it, with rustup by `rustup target add {TARGET}`")
        .into())
}

fn build(guests: &Path, target: &Path) -> Result<(), Box<dyn Error>> {
    let mut cargo = Command::new(variable("CARGO")?);
    for name in INHERITED {
        cargo.env_remove(name);
    }
    let cargo = cargo.current_dir(guests).args(["build", "--release", "--locked", "--target", TARGET, "--target-dir"]);
    if cargo.arg(target).status()?.success() {
        return Ok(());
    }
    Err("the guests in tests/guests were not built; where their lock file is behind, run `cargo update -w` there"
        .into())
}
