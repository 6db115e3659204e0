//! Components that are not what they say, or say what no plugin may: each is refused when it is published, and why.

use std::fmt::Write as _;

use forecourt_base::limits;
use forecourt_schema::fixtures::Fixture;

use super::bombs::{FINE, WIT, WORLD, bomb};
use super::table::{Attempt, Expected, Row};

/// The version of every component that is refused.
pub(crate) const VERSION: &str = "0.2.0";

fn fixture() -> Fixture {
    Fixture::new("bomb", VERSION, WORLD).package(WIT)
}

fn refused(surface: &'static str, reason: &'static str, bytes: Vec<u8>) -> Row {
    Row { surface, expected: Expected::Refused(reason), attempt: Attempt::Publish(bytes) }
}

/// A component of this interface alone, whose code traps.
fn of(interface: &str) -> Vec<u8> {
    Fixture::new("bomb", VERSION, WORLD)
        .package(&format!("package forecourt:bomb@0.1.0; interface ops {{ {interface} }}"))
        .build()
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = no_components();
    rows.extend(sections());
    rows.extend(imports());
    rows.extend(interfaces());
    rows.extend(sizes());
    rows
}

fn no_components() -> Vec<Row> {
    let whole = fixture().build();
    let mut half = whole.clone();
    half.truncate(whole.len() / 2);
    let mut garbled = whole;
    // The first section's length runs beyond the end.
    garbled.splice(9..10, [0xff, 0xff, 0xff, 0x7f]);
    let module = wat::parse_str("(module)").unwrap();
    vec![
        refused("no bytes at all", "not-a-component", Vec::new()),
        refused("bytes of something else", "not-a-component", b"#!/bin/sh\nrm -rf /\n".to_vec()),
        refused("a core module", "this is a core module", module),
        refused("half a component", "not-a-component", half),
        refused("a section's length", "not-a-component", garbled),
    ]
}

fn sections() -> Vec<Row> {
    let lie = "package forecourt:bomb@0.1.0;
        interface ops { variant error { other(string) } run: func() -> result<string, error>; }";
    let long =
        format!("[powers]\n\"bomb.long\" = {{ roles = [], en = \"{}\", zh-CN = \"x\" }}\n", "x".repeat(3_000_000));
    let collection = |name: &str| {
        format!("[[collections]]\nname = \"{name}\"\nrecord = \"forecourt:bomb/ops@0.1.0#none\"\nscope = \"store\"\n")
    };
    let many: String = (0..101).map(|at| collection(&format!("c{at}"))).collect();
    vec![
        refused("no sections", "`forecourt:manifest@1` is missing", b"\0asm\x0d\0\x01\0".to_vec()),
        refused("a second manifest", "is there twice", fixture().section("forecourt:manifest@1", b"x").build()),
        refused("a second WIT", "is there twice", fixture().section("forecourt:wit@1", b"x").build()),
        refused("a section of a later kernel", "is not known to this kernel", fixture().section("forecourt:manifest@2", b"x").build()),
        refused("a manifest that is no TOML", "manifest", fixture().manifest("[plugin\nname = ").build()),
        refused("a manifest without a version", "version", fixture().manifest("[plugin]\nname = \"bomb\"\n").build()),
        refused("a manifest with an unknown table", "surprise", fixture().extra("[surprise]\nx = 1\n").build()),
        refused("a role for an operation that is not there", "ops/walk", fixture().extra("[roles]\n\"ops/walk\" = [\"advisor\"]\n").build()),
        refused("a collection of a record that is not there", "none", fixture().extra(&collection("c")).build()),
        refused("a flood of collections", "collections", fixture().extra(&many).build()),
        refused("an index of a field that is not there", "no-such-interface", fixture().extra("[[collections]]\nname = \"c\"\nrecord = \"forecourt:bomb/no-such-interface@0.1.0#r\"\nscope = \"store\"\n").build()),
        refused("a topic of another area", "parts.issued", fixture().extra("[events]\npublishes = [\"parts.issued\"]\n").build()),
        refused("labels that are no JSON", "labels", fixture().labels("{").build()),
        refused("labels of another shape", "zh-CN.a", fixture().labels("{\"zh-CN\": {\"a\": 1}}").build()),
        refused("WIT that lies about a result", "run", fixture().documented(&[lie]).build()),
        refused("metadata", "more than 2097152 bytes", fixture().extra(&long).build()),
    ]
}

fn imports() -> Vec<Row> {
    let with = |package: &str, import: &str| {
        Fixture::new("bomb", VERSION, &format!("{WORLD} import {import};")).package(WIT).package(package).build()
    };
    let http = "package wasi:http@0.2.0; interface fetch { get: func(url: string) -> string; }";
    let threads = "package wasi:threads@0.2.0; interface spawn { start: func(); }";
    let other = "package acme:tools@0.1.0; interface tool { use-it: func(); }";
    let later = "package forecourt:kernel@0.2.0; interface storage { go: func(); }";
    let own = "package forecourt:bomb@0.1.0;
        interface ops { variant error { other(string) } run: func() -> result<u32, error>; }
        interface more { variant error { other(string) } run: func() -> result<u32, error>; }";
    let unknown = patched(&clock(), "unix-millis", "unix-minute");
    // A function without parameters that gives `s64`, and one that gives `u64`, in a component's binary form.
    let mistyped = patched(&clock(), "@\0\0x", "@\0\0w");
    vec![
        refused("HTTP", "wasi:http", with(http, "wasi:http/fetch@0.2.0")),
        refused("a package of WASI that is not given", "wasi:threads", with(threads, "wasi:threads/spawn@0.2.0")),
        refused("a package of somebody's", "acme:tools", with(other, "acme:tools/tool@0.1.0")),
        refused("a later kernel's interface", "version 0.1", with(later, "forecourt:kernel/storage@0.2.0")),
        refused(
            "its own area",
            "cannot call its own area",
            Fixture::new("bomb", VERSION, &format!("{WORLD} import forecourt:bomb/more@0.1.0;")).package(own).build(),
        ),
        refused("a function of no interface", "stands in no interface", with(other, "go: func()")),
        refused("a function that the kernel's interface lacks", "unix-minute", unknown),
        refused("a function of the kernel's with another type", "unix-millis", mistyped),
        refused(
            "the export of a kernel's interface",
            "export",
            Fixture::new("bomb", VERSION, "export forecourt:kernel/log@0.1.0;").build(),
        ),
    ]
}

/// A component that reads the clock.
fn clock() -> Vec<u8> {
    let module = format!(
        "(module (import \"forecourt:kernel/clock@0.1.0\" \"unix-millis\" (func $now (result i64)))
            (memory (export \"memory\") 1)
            (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) i32.const 4096)
            (func (export \"forecourt:bomb/ops@0.1.0#run\") (result i32) (drop (call $now)) {FINE}))"
    );
    let world = format!("import forecourt:kernel/clock@0.1.0; {WORLD}");
    Fixture::new("bomb", VERSION, &world).package(WIT).module(wat::parse_str(module).unwrap()).build()
}

fn interfaces() -> Vec<Row> {
    let error = "variant error { other(string) }";
    let deep = format!("{error} run: func(a: {}u32{}) -> result<_, error>;", "option<".repeat(60), ">".repeat(60));
    let mut wide = format!("{error} record r0 {{ a: u32 }}\n");
    for at in 1..16 {
        let _ = writeln!(wide, "record r{at} {{ a: r{0}, b: r{0} }}", at - 1);
    }
    wide.push_str("run: func(r: r15) -> result<_, error>;");
    vec![
        refused("an operation without a result", "result", of("run: func() -> u32;")),
        refused(
            "an operation that gives bytes",
            "list<u8>",
            of(&format!("{error} run: func() -> result<list<u8>, error>;")),
        ),
        refused(
            "an operation with a resource",
            "not supported",
            of(&format!("{error} resource r; run: func(r: r) -> result<_, error>;")),
        ),
        refused("a deep type", "deeper than", of(&deep)),
        refused("a wide type", "larger than 20000 nodes", of(&wide)),
    ]
}

fn sizes() -> Vec<Row> {
    // The component's own module, instantiated so often more.
    let instances = |count: u8| {
        let mut bytes = bomb(VERSION, "", "1", FINE);
        bytes.extend([2, 1 + 3 * count, count]);
        bytes.extend([0, 0, 0].repeat(usize::from(count)));
        bytes
    };
    let mut nested = wat::parse_str("(component)").unwrap();
    for _ in 0..10 {
        let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
        leb(&mut outer, nested.len());
        outer.extend(nested);
        nested = outer;
    }
    vec![
        refused("core instances", "core instances are more than", instances(30)),
        refused("memories", "memories", instances(2)),
        refused("components within components", "nested more than", nested),
        refused("an instance's first memory", "memory", bomb(VERSION, "", "65536", FINE)),
        refused("an instance's first table", "table", bomb(VERSION, "(table 100000000 funcref)", "1", FINE)),
        Row {
            surface: "a component",
            expected: Expected::Problem(413, "body-too-large", "16777216"),
            attempt: Attempt::Publish(vec![0; limits::COMPONENT_BYTES + 1]),
        },
    ]
}

fn leb(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
}

/// The component with every occurrence of some bytes replaced by as many others.
pub(crate) fn patched(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut patches = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            patches += 1;
        }
    }
    assert!(patches > 0, "`{from}` is not in the component");
    bytes
}
