//! The coverage-guided runner: libFuzzer over the target that `FORECOURT_FUZZ_TARGET` names. The target's seeds are first written into the folder
//! `FORECOURT_FUZZ_CORPUS`, from where libFuzzer reads them.
#![no_main]

mod targets;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use targets::{ALL, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FORECOURT_FUZZ_TARGET").unwrap_or_default();
    let names = ALL.map(|target| target.name);
    ALL.into_iter()
        .find(|target| target.name == name)
        .unwrap_or_else(|| panic!("FORECOURT_FUZZ_TARGET must be one of {names:?}"))
});

fn write_seeds() {
    let Some(corpus) = std::env::var_os("FORECOURT_FUZZ_CORPUS") else { return };
    for (number, seed) in (TARGET.seeds)().iter().enumerate() {
        let path = std::path::Path::new(&corpus).join(format!("seed-{number}"));
        std::fs::write(&path, seed).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fuzz_target!(init: write_seeds(), |data: &[u8]| (TARGET.run)(data));
