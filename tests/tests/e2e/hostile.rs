//! Components that mean harm or are broken: what is refused when they are published, and what a call of them does to others: nothing.

use forecourt_schema::fixtures::Fixture;
use forecourt_tests::client::unless_late;
use forecourt_tests::ground::GROUP;
use forecourt_tests::log::request_id;
use forecourt_tests::{Answer, Client, Place, ground, guests};
use serde_json::{Value, json};

const WIT: &str = "package forecourt:bomb@0.1.0;
    interface ops {
        /// Why it was refused.
        variant error { other(string) }
        /// Does harm.
        run: func() -> result<u32, error>;
    }";
const WORLD: &str = "export forecourt:bomb/ops@0.1.0;";

pub(crate) fn publish(client: &Client, bytes: &[u8]) -> Answer {
    client.send("POST", &format!("/v1/groups/{GROUP}/plugins"), Some("application/wasm"), bytes).unwrap()
}

fn fixture(version: &str) -> Fixture {
    Fixture::new("bomb", version, WORLD).package(WIT)
}

/// The component whose core module has these fields beside its memory, and whose operation has this body.
pub(crate) fn bomb(version: &str, fields: &str, memory: &str, body: &str) -> Vec<u8> {
    let text = format!(
        "(module
            (memory (export \"memory\") {memory})
            {fields}
            (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) i32.const 4096)
            (func (export \"forecourt:bomb/ops@0.1.0#run\") (result i32) {body}))"
    );
    fixture(version).module(wat::parse_str(text).unwrap()).build()
}

/// Publishes, grants, enables and calls; the first problem on the way, or the call's answer.
fn explode(place: &Place<'_>, version: &str, bytes: &[u8], request_id: &str) -> Answer {
    let published = publish(&place.admin, bytes);
    if published.status >= 300 {
        return published;
    }
    let grants = format!("/v1/groups/{GROUP}/plugins/bomb/versions/{version}/grants");
    place.admin.put(&grants, &json!({ "all_requested": true })).ok();
    let enabled = place.enable("bomb", "bomb", version);
    if enabled.status >= 300 {
        return enabled;
    }
    place.admin.header("x-request-id", request_id).call(&place.store, "bomb/ops/run", &json!({}))
}

/// Ok with the number 7, where nobody hinders it.
pub(crate) const FINE: &str =
    "(i32.store8 (i32.const 1024) (i32.const 0)) (i32.store (i32.const 1028) (i32.const 7)) i32.const 1024";

#[test]
fn a_component_that_misbehaves_fails_alone() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    let spin = "(func $spin (loop br 0)) (start $spin)";
    let initialize = "(func (export \"_initialize\") (loop br 0))";
    let string = "(i32.store8 (i32.const 1024) (i32.const 1)) (i32.store (i32.const 1032) (i32.const 0))";
    let cases = [
        ("0.1.0", bomb("0.1.0", "", "1", FINE), None),
        ("0.1.1", bomb("0.1.1", spin, "1", FINE), Some(("limit-exceeded", Some("TREE_CPU_MS")))),
        ("0.1.2", bomb("0.1.2", initialize, "1", FINE), Some(("limit-exceeded", Some("TREE_CPU_MS")))),
        ("0.1.3", bomb("0.1.3", "", "1", "i32.const -8"), Some(("trap", None))),
        (
            "0.1.4",
            bomb("0.1.4", "", "1", "(i32.store8 (i32.const 1024) (i32.const 9)) i32.const 1024"),
            Some(("trap", None)),
        ),
        (
            "0.1.5",
            bomb(
                "0.1.5",
                "",
                "1",
                &format!("{string} (i32.store (i32.const 1036) (i32.const 0x7fffffff)) i32.const 1024"),
            ),
            Some(("trap", None)),
        ),
        ("0.1.6", bomb("0.1.6", "", "1", "unreachable"), Some(("trap", None))),
        ("0.1.7", bomb("0.1.7", "(table 100000000 funcref)", "1", FINE), None),
        ("0.1.8", bomb("0.1.8", "", "65536", FINE), None),
    ];
    for (version, bytes, expected) in cases {
        let mut id = String::new();
        let answer = unless_late(|| {
            id = request_id();
            explode(&place, version, &bytes, &id)
        });
        match expected {
            Some((name, limit)) => {
                let problem = answer.problem(500, name);
                assert_eq!(problem["limit"].as_str(), limit, "{version}: {problem}");
                assert_eq!(place.audit_of(&id).len(), 1, "{version}");
            }
            None if version == "0.1.0" => assert_eq!(answer.ok(), 7),
            // Too large for an instance: whether that is found when it is published or when it is called.
            None => assert!(answer.status >= 400 && answer.status != 503, "{version}: {answer}"),
        }
        advisor.call(&place.store, "probe/effects/get-area", &json!({ "width_in_m": 2, "height_in_m": null })).ok();
        assert_eq!(place.admin.get("/readyz").status, 200);
    }
}

/// The reasons why a component is refused.
fn refused(bytes: &[u8]) -> String {
    publish(&ground().admin, bytes).problem(422, "component-refused")["reasons"].to_string()
}

#[test]
fn a_component_that_is_not_what_it_says_is_refused() {
    let lie = "package forecourt:bomb@0.1.0;
        interface ops { variant error { other(string) } run: func() -> result<string, error>; }";
    let bare = "package forecourt:bomb@0.1.0; interface ops { run: func() -> u32; }";
    let bytes = "package forecourt:bomb@0.1.0;
        interface ops { variant error { other(string) } run: func() -> result<list<u8>, error>; }";
    let http = "package wasi:http@0.2.0; interface fetch { get: func(url: string) -> string; }";
    let other = "package acme:tools@0.1.0; interface tool { use-it: func(); }";
    let long =
        format!("[powers]\n\"bomb.long\" = {{ roles = [], en = \"{}\", zh-CN = \"x\" }}\n", "x".repeat(3_000_000));
    let with = |package: &str, import: &str| {
        Fixture::new("bomb", "0.2.0", &format!("{WORLD} import {import};")).package(WIT).package(package).build()
    };
    let cases = [
        (fixture("0.2.0").documented(&[lie]).build(), "run"),
        (Fixture::new("bomb", "0.2.0", WORLD).package(bare).build(), "result"),
        (Fixture::new("bomb", "0.2.0", WORLD).package(bytes).build(), "list<u8>"),
        (with(http, "wasi:http/fetch@0.2.0"), "wasi:http"),
        (with(other, "acme:tools/tool@0.1.0"), "acme:tools"),
        (fixture("0.2.0").manifest("[plugin]\nname = \"bomb\"\n").build(), "version"),
        (fixture("0.2.0").extra("[surprise]\nx = 1\n").build(), "surprise"),
        (fixture("0.2.0").extra("[roles]\n\"ops/walk\" = [\"advisor\"]\n").build(), "ops/walk"),
        (
            fixture("0.2.0")
                .extra("[[collections]]\nname = \"c\"\nrecord = \"forecourt:bomb/ops@0.1.0#none\"\nscope = \"store\"\n")
                .build(),
            "none",
        ),
        (fixture("0.2.0").extra(&long).build(), ""),
    ];
    for (bytes, word) in cases {
        let reasons = refused(&bytes);
        assert!(reasons.contains(word), "{word}: {reasons}");
    }
}

/// The component with every occurrence of some bytes replaced by as many others.
fn patched(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
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

#[test]
fn a_name_and_a_version_belong_to_whom_they_were_given_first() {
    let admin = &ground().admin;
    let probe = guests::bytes("probe");
    let other = patched(&probe, "Changes things and ends", "Changed things and ends");
    publish(admin, &other).problem(409, "plugin-version-taken");
    // `parts` is bundled, so it belongs to the deployment.
    let parts = patched(&probe, "name = \"probe\"", "name = \"parts\"");
    publish(admin, &parts).problem(409, "plugin-name-taken");
    let large = vec![0; forecourt_base::limits::COMPONENT_BYTES + 1];
    publish(&admin.header("expect", "100-continue"), &large).problem(413, "body-too-large");
    let plugins = admin.get(&format!("/v1/groups/{GROUP}/plugins")).ok();
    let versions: Vec<&Value> =
        plugins["items"].as_array().unwrap().iter().filter(|plugin| plugin["name"] == "probe").collect();
    assert_eq!(versions[0]["versions"].as_array().unwrap().len(), 1, "{plugins}");
}
