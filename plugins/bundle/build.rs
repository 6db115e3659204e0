//! Builds the area plugins as components and leaves them in `OUT_DIR`.
//!
//! The inner cargo has a target folder of its own under `OUT_DIR`, because the outer one holds the lock of the usual folder, and an
//! environment without what the outer one was told about its own target, flags and wrappers.

use std::env::VarError;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const TARGET: &str = "wasm32-wasip2";
/// The plugins by name; the crate of each is `forecourt-<name>` in `plugins/<name>`.
const PLUGINS: &[&str] = &["parts", "repair"];

/// Small rather than fast: a call spends its time in the kernel, and size is what publishing, compiling and starting cost.
const PROFILE: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    ("CARGO_PROFILE_RELEASE_LTO", "fat"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_STRIP", "true"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_INCREMENTAL", "false"),
];

/// What cargo, clippy and the user's shell say about the outer build. `CARGO_MAKEFLAGS` stays, to share the
/// outer jobserver, and `RUSTC`, to be the same compiler.
fn is_of_the_outer_build(name: &str) -> bool {
    const NAMES: &[&str] =
        &["RUSTFLAGS", "RUSTDOCFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "TARGET", "HOST"];
    const PREFIXES: &[&str] = &[
        "RUSTC_",
        "RUSTDOC",
        "CLIPPY_",
        "CARGO_BUILD_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
        "CARGO_PROFILE_",
        "CARGO_TARGET_",
        "DEP_",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            for line in message.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn variable(name: &str) -> Result<PathBuf, String> {
    std::env::var(name).map(PathBuf::from).map_err(|error: VarError| format!("{name}: {error}"))
}

fn build() -> Result<(), String> {
    let root = variable("CARGO_MANIFEST_DIR")?.join("../..");
    let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
    let out = variable("OUT_DIR")?;
    let watched = ["sdk", "wit", "Cargo.lock", "Cargo.toml"].map(String::from).into_iter();
    for path in watched.chain(PLUGINS.iter().map(|name| format!("plugins/{name}"))) {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    need_target(&root)?;
    let target_dir = out.join("guests");
    build_plugins(&root, &target_dir)?;
    for name in PLUGINS {
        let built = target_dir.join(TARGET).join("release").join(format!("forecourt_{name}.wasm"));
        std::fs::copy(&built, out.join(format!("{name}.wasm")))
            .map_err(|error| format!("{}: {error}", built.display()))?;
    }
    Ok(())
}

/// Sees to it that the standard library for the target is there.
fn need_target(root: &Path) -> Result<(), String> {
    if target_is_there()? {
        return Ok(());
    }
    let advice = format!(
        "building the plugins needs the Rust target {TARGET}: run `rustup target add {TARGET}` with network access, or \
         install rust-std for {TARGET} as your Rust came"
    );
    let added = Command::new("rustup").args(["target", "add", TARGET]).current_dir(root).status();
    match added {
        Ok(status) if status.success() && target_is_there()? => Ok(()),
        Ok(status) => Err(format!("{advice}\n`rustup target add {TARGET}` was tried and ended with {status}")),
        Err(error) => Err(format!("{advice}\nrustup could not be started: {error}")),
    }
}

fn target_is_there() -> Result<bool, String> {
    let rustc = variable("RUSTC")?;
    let asked = Command::new(&rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let output = asked.map_err(|error| format!("{}: {error}", rustc.display()))?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}

fn build_plugins(root: &Path, target_dir: &Path) -> Result<(), String> {
    let mut cargo = Command::new(variable("CARGO")?);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_the_outer_build) {
            cargo.env_remove(name);
        }
    }
    cargo.envs(PROFILE.iter().copied()).current_dir(root);
    cargo.args(["build", "--lib", "--release", "--locked", "--target", TARGET]);
    cargo.arg("--manifest-path").arg(root.join("Cargo.toml")).arg("--target-dir").arg(target_dir);
    for name in PLUGINS {
        cargo.arg("--package").arg(format!("forecourt-{name}"));
    }
    let status = cargo.status().map_err(|error| format!("cargo could not be started: {error}"))?;
    if status.success() { Ok(()) } else { Err("the plugins did not build; the messages above say why".to_owned()) }
}
