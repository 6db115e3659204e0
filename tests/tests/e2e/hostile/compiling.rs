//! Components that are small to send and take long to compile, or much memory.

use std::fmt::Write as _;

use forecourt_schema::fixtures::Fixture;

use super::bombs::{FINE, WIT, WORLD};
use super::refusals::VERSION;
use super::table::{Attempt, Expected, Row};

/// A component with this function beside its operation.
fn with(locals: usize, code: &str) -> Vec<u8> {
    let locals = "i32 ".repeat(locals);
    let module = format!(
        "(module (memory (export \"memory\") 1) (func (local {locals}) {code})
            (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) i32.const 4096)
            (func (export \"forecourt:bomb/ops@0.1.0#run\") (result i32) {FINE}))"
    );
    Fixture::new("bomb", VERSION, WORLD).package(WIT).module(wat::parse_str(module).unwrap()).build()
}

/// Loops within loops: where a variable lives is worked out for each of them.
fn slow() -> Vec<u8> {
    const LOCALS: usize = 1_000;
    const DEPTH: usize = 4_000;
    let mut code = String::new();
    for at in 0..DEPTH {
        let _ = writeln!(code, "loop local.get {} local.set {}", at % LOCALS, at * 7 % LOCALS);
    }
    for at in 0..DEPTH {
        let _ = writeln!(code, "local.get {} br_if 0 end", at % LOCALS);
    }
    with(LOCALS, &code)
}

/// Loops one after another, through which very many variables live.
fn hungry() -> Vec<u8> {
    const LOCALS: usize = 10_000;
    const LOOPS: usize = 2_000;
    let mut code = String::new();
    for at in 0..LOOPS {
        let _ = writeln!(code, "loop");
        for step in 0..4 {
            let (left, right) = ((at * 7 + step * 13) % LOCALS, (at * 11 + step * 29) % LOCALS);
            let _ =
                writeln!(code, "local.get {left} local.get {right} i32.add local.set {}", (at * 3 + step * 5) % LOCALS);
        }
        let _ = writeln!(code, "local.get {} br_if 0 end", at % LOCALS);
    }
    with(LOCALS, &code)
}

/// Either is ended by a limit of the process that compiles: which of them comes first depends on the machine.
pub(crate) fn rows() -> Vec<Row> {
    let row =
        |surface, reason, bytes| Row { surface, expected: Expected::Refused(reason), attempt: Attempt::Publish(bytes) };
    vec![
        row("a component hungry to compile", "bytes of memory", hungry()),
        row("a component slow to compile", "seconds", slow()),
    ]
}
