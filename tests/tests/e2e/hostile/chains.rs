//! Several plugins that do harm together: each area calls the next.

use forecourt_schema::fixtures::Fixture;
use serde_json::json;

use super::bombs::FINE;
use super::table::{Attempt, Expected, Plugin, Row};

const AREAS: usize = forecourt_base::limits::TREE_DEPTH + 1;
const VERSION: &str = "0.1.0";
const TEXT_BYTES: usize = 5_000_000;
/// 56 MiB: five instances hold more than a tree may.
const PAGES: usize = 900;

const OPERATIONS: &str = "/// Why it was refused.
    variant error { not-enabled, other(string) }
    /// Calls the next.
    run: func() -> result<u32, error>;
    /// Takes memory and calls the next.
    swell: func() -> result<u32, error>;
    /// Calls the next with a giant text.
    shout: func() -> result<u32, error>;
    /// Hears a text.
    hear: func(text: string) -> result<u32, error>;
    /// Asks the next.
    get-answer: func() -> result<u32, error>;";

fn wit(area: &str) -> String {
    format!("package forecourt:{area}@0.1.0; interface ops {{ {OPERATIONS} }}")
}

fn area(at: usize) -> String {
    format!("link{at}")
}

/// A plugin whose operations call those of the next area, where there is one.
fn link(name: &str, next: Option<&str>, optional: bool, wit_of_next: &str) -> Plugin {
    let call = |operation: &str, import: &str, before: &str| match next {
        Some(_) => {
            format!("(func (export \"forecourt:{name}/ops@0.1.0#{operation}\") (result i32) {before} {import} {FINE})")
        }
        None => format!("(func (export \"forecourt:{name}/ops@0.1.0#{operation}\") (result i32) {FINE})"),
    };
    let imports = next.map_or_else(String::new, |next| {
        let import = |operation: &str, parameters: &str| {
            format!("(import \"forecourt:{next}/ops@0.1.0\" \"{operation}\" (func ${operation} (param {parameters})))")
        };
        [import("run", "i32"), import("swell", "i32"), import("hear", "i32 i32 i32"), import("get-answer", "i32")]
            .concat()
    });
    let module = format!(
        "(module {imports} (memory (export \"memory\") 100)
            (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) i32.const 4096)
            {} {} {} {}
            (func (export \"forecourt:{name}/ops@0.1.0#hear\") (param i32 i32) (result i32) {FINE}))",
        call("run", "(call $run (i32.const 2048))", ""),
        call("swell", "(call $swell (i32.const 2048))", &format!("(drop (memory.grow (i32.const {PAGES})))")),
        call("shout", &format!("(call $hear (i32.const 0) (i32.const {TEXT_BYTES}) (i32.const 2048))"), ""),
        call("get-answer", "(call $get-answer (i32.const 2048))", ""),
    );
    let export = format!("export forecourt:{name}/ops@0.1.0;");
    let fixture = match next {
        Some(next) => {
            let import = format!("forecourt:{next}/ops@0.1.0");
            let fixture = Fixture::new(name, VERSION, &format!("import {import}; {export}")).package(wit_of_next);
            if optional { fixture.optional(&import) } else { fixture }
        }
        None => Fixture::new(name, VERSION, &export),
    };
    let bytes = fixture.package(&wit(name)).module(wat::parse_str(module).unwrap()).build();
    Plugin { name: name.to_owned(), version: VERSION.to_owned(), bytes }
}

/// The areas from this one to the last, the last first, as they must be enabled.
fn chain(from: usize) -> Vec<Plugin> {
    let next = |at: usize| (at + 1 < AREAS).then(|| area(at + 1));
    let plugin = |at: usize| {
        let next = next(at);
        let wit_of_next = next.as_deref().map(wit).unwrap_or_default();
        link(&area(at), next.as_deref(), false, &wit_of_next)
    };
    (from..AREAS).rev().map(plugin).collect()
}

/// A plugin that asks only, so that its optional import is no edge.
fn asks(name: &str, next: &str, optional: bool) -> Plugin {
    let module = format!(
        "(module (import \"forecourt:{next}/ops@0.1.0\" \"get-answer\" (func $ask (param i32)))
            (memory (export \"memory\") 1)
            (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) i32.const 4096)
            (func (export \"forecourt:{name}/ops@0.1.0#get-answer\") (result i32) (call $ask (i32.const 2048)) {FINE}))"
    );
    let wit = |area: &str| {
        format!(
            "package forecourt:{area}@0.1.0; interface ops {{
                /// Why it was refused.
                variant error {{ not-enabled, other(string) }}
                /// Asks the other.
                get-answer: func() -> result<u32, error>; }}"
        )
    };
    let import = format!("forecourt:{next}/ops@0.1.0");
    let fixture = Fixture::new(name, VERSION, &format!("import {import}; export forecourt:{name}/ops@0.1.0;"));
    let fixture = if optional { fixture.optional(&import) } else { fixture };
    let fixture = fixture.package(&wit(next)).package(&wit(name));
    Plugin {
        name: name.to_owned(),
        version: VERSION.to_owned(),
        bytes: fixture.module(wat::parse_str(module).unwrap()).build(),
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |surface, expected, plugins, operation| Row {
        surface,
        expected,
        attempt: Attempt::Plugins(plugins, operation, json!({})),
    };
    let cycle = vec![
        link("cycle-a", Some("cycle-b"), true, &wit("cycle-b")),
        link("cycle-b", Some("cycle-a"), false, &wit("cycle-a")),
    ];
    let missing = vec![link("lost", Some("nowhere"), false, &wit("nowhere"))];
    let last = area(AREAS - 1);
    let other = wit(&last).replace("hear: func(text: string)", "hear: func(text: option<string>)");
    let mistyped = Fixture::new(
        "mistyped",
        VERSION,
        &format!("import forecourt:{last}/ops@0.1.0; export forecourt:mistyped/ops@0.1.0;"),
    )
    .package(&other)
    .package(&wit("mistyped"))
    .build();
    let mistyped = vec![Plugin { name: "mistyped".to_owned(), version: VERSION.to_owned(), bytes: mistyped }];
    vec![
        row("calls under one another", Expected::Limit("TREE_DEPTH"), chain(0), "link0/ops/run"),
        row("memory of calls under one another", Expected::Limit("TREE_MEMORY_BYTES"), Vec::new(), "link0/ops/swell"),
        row("one giant text to another plugin", Expected::Limit("HOSTCALL_FUEL"), Vec::new(), "link0/ops/shout"),
        row(
            "a call back",
            Expected::Trap("plugin `pong`: it called `ping`, which is already running in this call"),
            vec![asks("ping", "pong", true), asks("pong", "ping", false)],
            "ping/ops/get-answer",
        ),
        row("areas in a circle", Expected::Problem(409, "import-cycle", "cycle-a"), cycle, ""),
        row("an import that nobody serves", Expected::Problem(409, "unresolved-imports", "nowhere"), missing, ""),
        row("an import of another type", Expected::Problem(409, "unresolved-imports", "hear"), mistyped, ""),
    ]
}
