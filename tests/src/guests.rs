//! The components of tests/guests, as the build script left them.

use std::path::Path;

/// A component's bytes by the name of its crate.
pub fn bytes(name: &str) -> Vec<u8> {
    let file = format!("{}.wasm", name.replace('-', "_"));
    let path = Path::new(env!("FORECOURT_GUESTS")).join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
