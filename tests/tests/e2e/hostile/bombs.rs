//! Components written by hand, whose code is wrong in ways that no compiler of a language would let through.

use forecourt_schema::fixtures::Fixture;
use serde_json::{Value, json};

use super::table::{Attempt, Expected, Plugin, Row};

pub(crate) const WIT: &str = "package forecourt:bomb@0.1.0;
    interface ops {
        /// Why it was refused.
        variant error { other(string) }
        /// Does harm.
        run: func() -> result<u32, error>;
    }";
/// The same operation with an argument.
const WIT_WITH_TEXT: &str = "package forecourt:bomb@0.1.0;
    interface ops {
        /// Why it was refused.
        variant error { other(string) }
        /// Does harm.
        run: func(text: string) -> result<u32, error>;
    }";
pub(crate) const WORLD: &str = "export forecourt:bomb/ops@0.1.0;";
const EXPORT: &str = "forecourt:bomb/ops@0.1.0#run";

/// Ok with the number 7, where nobody hinders it.
pub(crate) const FINE: &str =
    "(i32.store8 (i32.const 1024) (i32.const 0)) (i32.store (i32.const 1028) (i32.const 7)) i32.const 1024";
const REALLOC: &str = "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) i32.const 4096)";

/// The component whose core module has these fields beside its memory, and whose operation has this body.
pub(crate) fn bomb(version: &str, fields: &str, memory: &str, body: &str) -> Vec<u8> {
    let module = format!(
        "(module (memory (export \"memory\") {memory}) {fields} {REALLOC} (func (export \"{EXPORT}\") (result i32) {body}))"
    );
    Fixture::new("bomb", version, WORLD).package(WIT).module(wat::parse_str(module).unwrap()).build()
}

/// A bomb to be built once its version is known.
struct Bomb {
    surface: &'static str,
    expected: Expected,
    /// What its world imports beside, with the WIT packages of that.
    imports: (&'static str, &'static [&'static str]),
    /// The imports of its core module.
    core_imports: &'static str,
    fields: String,
    memory: &'static str,
    body: String,
    arguments: Option<Value>,
}

impl Bomb {
    fn new(surface: &'static str, expected: Expected, fields: &str, body: &str) -> Self {
        let (fields, body) = (fields.to_owned(), body.to_owned());
        Self { surface, expected, imports: ("", &[]), core_imports: "", fields, memory: "1", body, arguments: None }
    }

    fn memory(self, memory: &'static str) -> Self {
        Self { memory, ..self }
    }

    fn with_text(self, text: &str) -> Self {
        Self { arguments: Some(json!({ "text": text })), ..self }
    }

    fn importing(self, world: &'static str, packages: &'static [&'static str], core_imports: &'static str) -> Self {
        Self { imports: (world, packages), core_imports, ..self }
    }

    fn row(self, version: String) -> Row {
        let Self { surface, expected, imports, core_imports, fields, memory, body, arguments } = self;
        let (world, packages) = imports;
        let (wit, parameters) = match &arguments {
            Some(_) => (WIT_WITH_TEXT, "(param i32 i32)"),
            None => (WIT, ""),
        };
        let realloc = if fields.contains("cabi_realloc") { "" } else { REALLOC };
        let module = format!(
            "(module {core_imports} (memory (export \"memory\") {memory}) {fields} {realloc}
                (func (export \"{EXPORT}\") {parameters} (result i32) (local $n i32) {body}))"
        );
        let mut fixture = Fixture::new("bomb", &version, &format!("{world} {WORLD}"));
        for package in packages {
            fixture = fixture.package(package);
        }
        let bytes = fixture.package(wit).module(wat::parse_str(module).unwrap()).build();
        let plugin = Plugin { name: "bomb".to_owned(), version, bytes };
        let attempt = Attempt::Plugins(vec![plugin], "bomb/ops/run", arguments.unwrap_or_else(|| json!({})));
        Row { surface, expected, attempt }
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let mut bombs = harmless();
    bombs.extend(loops());
    bombs.extend(wrong_results());
    bombs.extend(wasi());
    bombs.into_iter().enumerate().map(|(at, bomb)| bomb.row(format!("0.5.{at}"))).collect()
}

fn harmless() -> Vec<Bomb> {
    vec![Bomb::new("nothing", Expected::Ok(json!(7)), "", FINE)]
}

fn loops() -> Vec<Bomb> {
    let cpu = || Expected::Limit("TREE_CPU_MS");
    let table = "(table $t 1 funcref)";
    let grow = "(loop (drop (table.grow $t (ref.null func) (i32.const 1000))) br 0) unreachable";
    vec![
        Bomb::new("a loop in `start`", cpu(), "(func $spin (loop br 0)) (start $spin)", FINE),
        Bomb::new("a loop in `_initialize`", cpu(), "(func (export \"_initialize\") (loop br 0))", FINE),
        Bomb::new(
            "a loop in `cabi_realloc`",
            cpu(),
            "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (loop br 0) unreachable)",
            FINE,
        )
        .with_text("x"),
        Bomb::new(
            "a loop in post-return",
            cpu(),
            "(func (export \"cabi_post_forecourt:bomb/ops@0.1.0#run\") (param i32) (loop br 0))",
            FINE,
        ),
        Bomb::new("a table that grows", Expected::Limit("INSTANCE_TABLE_ELEMENTS"), table, grow),
        Bomb::new("code that can't be reached", Expected::Trap("unreachable"), "", "unreachable"),
        Bomb::new(
            "a call through an empty table",
            Expected::Trap("uninitialized element"),
            "(table $t 1 funcref)",
            "(call_indirect $t (i32.const 0)) unreachable",
        ),
        Bomb::new(
            "a read beyond memory",
            Expected::Trap("out of bounds memory access"),
            "",
            "(i32.load (i32.const -4))",
        ),
        Bomb::new(
            "a division by nothing",
            Expected::Trap("integer divide by zero"),
            "",
            "(i32.div_u (i32.const 1) (local.get $n))",
        ),
    ]
}

fn wrong_results() -> Vec<Bomb> {
    // Err(other(text)): two discriminants, then the text's address and length.
    let text = |address: &str, length: &str| {
        format!(
            "(i32.store8 (i32.const 1024) (i32.const 1)) (i32.store8 (i32.const 1028) (i32.const 0))
             (i32.store (i32.const 1032) (i32.const {address})) (i32.store (i32.const 1036) (i32.const {length})) i32.const 1024"
        )
    };
    let bad_utf8 = format!("(i32.store8 (i32.const 2048) (i32.const 0xff)) {}", text("2048", "1"));
    vec![
        Bomb::new("a result's address", Expected::Trap("out of bounds"), "", "i32.const -8"),
        Bomb::new("a result's alignment", Expected::Trap("not aligned"), "", "i32.const 1025"),
        Bomb::new(
            "a result's case",
            Expected::Trap("discriminant 9 out of range"),
            "",
            "(i32.store8 (i32.const 1024) (i32.const 9)) i32.const 1024",
        ),
        Bomb::new("a text's length in a result", Expected::Trap("out of bounds"), "", &text("0", "0x7fffffff")),
        Bomb::new("a text's bytes in a result", Expected::Trap("invalid utf-8 sequence"), "", &bad_utf8),
        Bomb::new("one giant text in a result", Expected::Limit("HOSTCALL_FUEL"), "", &text("65536", "5000000"))
            .memory("100"),
        Bomb::new(
            "the place for an argument",
            Expected::Trap("realloc return: beyond end of memory"),
            "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) i32.const -16)",
            FINE,
        )
        .with_text("x"),
        Bomb::new("the place for a large argument", Expected::Trap("realloc return: beyond end of memory"), "", FINE)
            .with_text(&"x".repeat(900_000)),
    ]
}

const IO: &str = "package wasi:io@0.2.6;
    interface poll { resource pollable { block: func(); } poll: func(polled: list<borrow<pollable>>) -> list<u32>; }
    interface streams {
        variant stream-error { closed }
        resource output-stream { write: func(contents: list<u8>) -> result<_, stream-error>; }
    }";
const CLOCKS: &str = "package wasi:clocks@0.2.6;
    interface monotonic-clock { use wasi:io/poll@0.2.6.{pollable}; now: func() -> u64; subscribe-duration: func(when: u64) -> pollable; }";
const CLI: &str = "package wasi:cli@0.2.6;
    interface stdout { use wasi:io/streams@0.2.6.{output-stream}; get-stdout: func() -> output-stream; }
    interface exit { exit: func(status: result); }";
const RANDOM: &str = "package wasi:random@0.2.6; interface random { get-random-bytes: func(len: u64) -> list<u8>; }";
const SOCKETS: &str = "package wasi:sockets@0.2.6;
    interface tcp-create-socket {
        enum family { ipv4, ipv6 }
        enum error-code { unknown, access-denied }
        resource tcp-socket;
        create-tcp-socket: func(family: family) -> result<tcp-socket, error-code>;
    }";
const FILES: &str = "package wasi:filesystem@0.2.6;
    interface types { resource descriptor { sync: func(); } }
    interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }";

const POLLING: &str = "import wasi:io/poll@0.2.6; import wasi:clocks/monotonic-clock@0.2.6;";
const POLLING_CORE: &str =
    "(import \"wasi:clocks/monotonic-clock@0.2.6\" \"subscribe-duration\" (func $subscribe (param i64) (result i32)))
    (import \"wasi:clocks/monotonic-clock@0.2.6\" \"now\" (func $now (result i64)))
    (import \"wasi:io/poll@0.2.6\" \"poll\" (func $poll (param i32 i32 i32)))
    (import \"wasi:io/poll@0.2.6\" \"[method]pollable.block\" (func $block (param i32)))
    (import \"wasi:io/poll@0.2.6\" \"[resource-drop]pollable\" (func $drop (param i32)))";

fn wasi() -> Vec<Bomb> {
    let flood = "(loop (drop (call $subscribe (i64.const 1))) br 0) unreachable";
    let sleep = "(loop (local.set $n (call $subscribe (i64.const 60000000000))) (call $block (local.get $n)) (call $drop (local.get $n))
        (br_if 0 (i64.lt_u (call $now) (i64.const 0x7fffffffffffffff)))) unreachable";
    let nap = "(local.set $n (call $subscribe (i64.const 1))) (i32.store (i32.const 3072) (local.get $n))
        (call $poll (i32.const 3072) (i32.const 1) (i32.const 2048)) (call $block (local.get $n)) (call $drop (local.get $n))";
    let stdout = "(local.set $n (call $stdout)) (loop (call $write (local.get $n) (i32.const 0) (i32.const 4096) (i32.const 1024)) br 0) unreachable";
    let random = "(call $random (i64.const 1000000) (i32.const 1024)) unreachable";
    // Ok with the case of the answer: 1 is `err`; or with the number of folders.
    let socket = "(call $create (i32.const 0) (i32.const 2048)) (i32.store8 (i32.const 1024) (i32.const 0))
        (i32.store (i32.const 1028) (i32.load8_u (i32.const 2048))) i32.const 1024";
    let folders = "(call $folders (i32.const 2048)) (i32.store8 (i32.const 1024) (i32.const 0))
        (i32.store (i32.const 1028) (i32.load (i32.const 2052))) i32.const 1024";
    let polling: &[&str] = &[IO, CLOCKS];
    vec![
        Bomb::new("a flood of handles", Expected::Limit("TREE_HOST_CALLS"), "", flood).importing(
            POLLING,
            polling,
            POLLING_CORE,
        ),
        Bomb::new("a sleep beyond the deadline", Expected::Limit("TREE_HOST_CALLS"), "", sleep).importing(
            POLLING,
            polling,
            POLLING_CORE,
        ),
        // What an honest program does: each of these functions takes a borrowed handle.
        Bomb::new("a moment's sleep", Expected::Ok(json!(7)), "", &format!("{nap} {FINE}")).importing(
            POLLING,
            polling,
            POLLING_CORE,
        ),
        Bomb::new(
            "a handle of one's own making",
            Expected::Trap("unknown handle"),
            "",
            "(call $block (i32.const 77)) unreachable",
        )
        .importing(POLLING, polling, POLLING_CORE),
        Bomb::new("a flood of output", Expected::Limit("TREE_LOG_BYTES"), "", stdout).importing(
            "import wasi:io/streams@0.2.6; import wasi:cli/stdout@0.2.6;",
            &[IO, CLI],
            "(import \"wasi:cli/stdout@0.2.6\" \"get-stdout\" (func $stdout (result i32)))
             (import \"wasi:io/streams@0.2.6\" \"[method]output-stream.write\" (func $write (param i32 i32 i32 i32)))",
        ),
        Bomb::new("an exit", Expected::Trap("it exited"), "", "(call $exit (i32.const 0)) unreachable").importing(
            "import wasi:cli/exit@0.2.6;",
            &[IO, CLI],
            "(import \"wasi:cli/exit@0.2.6\" \"exit\" (func $exit (param i32)))",
        ),
        Bomb::new("a flood of randomness", Expected::Trap("random bytes are given at once"), "", random).importing(
            "import wasi:random/random@0.2.6;",
            &[RANDOM],
            "(import \"wasi:random/random@0.2.6\" \"get-random-bytes\" (func $random (param i64 i32)))",
        ),
        Bomb::new("a socket", Expected::Ok(json!(1)), "", socket).importing(
            "import wasi:sockets/tcp-create-socket@0.2.6;",
            &[SOCKETS],
            "(import \"wasi:sockets/tcp-create-socket@0.2.6\" \"create-tcp-socket\" (func $create (param i32 i32)))",
        ),
        Bomb::new("a folder", Expected::Ok(json!(0)), "", folders).importing(
            "import wasi:filesystem/types@0.2.6; import wasi:filesystem/preopens@0.2.6;",
            &[FILES],
            "(import \"wasi:filesystem/preopens@0.2.6\" \"get-directories\" (func $folders (param i32)))",
        ),
    ]
}
