//! Bodies: what is no JSON, what is JSON of another shape, and what is too much.

use forecourt_base::limits;
use serde_json::{Value, json};

use super::cases::Case;
use super::examples::{self, Body, Example};
use super::world::world;

/// Every route that takes JSON, with its good body and the fields that must be there.
fn with_json() -> Vec<(Example, Value, &'static [&'static str])> {
    let bodies = examples::of(world()).into_iter().filter_map(|example| match example.body.clone() {
        Body::Json(body, required) => Some((example, body, required)),
        _ => None,
    });
    bodies.collect()
}

fn with_body(example: &Example, body: impl Into<Vec<u8>>) -> Case {
    Case { body: body.into(), ..example.case() }
}

/// The good body with a field set.
fn with_field(body: &Value, name: &str, value: Value) -> String {
    let mut body = body.clone();
    body[name] = value;
    body.to_string()
}

#[test]
fn what_is_no_json_is_refused_everywhere() {
    for (example, body, _) in with_json() {
        let good = body.to_string();
        let utf_16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let broken: Vec<Vec<u8>> = vec![
            good[..good.len() - 1].into(),
            format!("{good}x").into(),
            format!("{good}{good}").into(),
            format!("\u{feff}{good}").into(),
            utf_16,
            format!("{{\"x\":NaN,{}", &good[1..]).into(),
            format!("{{\"x\":-Infinity,{}", &good[1..]).into(),
            format!("{{\"x\":1e999,{}", &good[1..]).into(),
            format!("{{\"x\":\"\\ud800\",{}", &good[1..]).into(),
            format!("{{\"x\":\"\\ud800\\u0041\",{}", &good[1..]).into(),
            format!("{{\"x\":\"\u{1}\",{}", &good[1..]).into(),
            format!("{{\"x\":01,{}", &good[1..]).into(),
            format!("{{\"x\":0x1,{}", &good[1..]).into(),
            format!("{{x:1,{}", &good[1..]).into(),
            format!("{{'x':1,{}", &good[1..]).into(),
            format!("{},}}", &good[..good.len() - 1]).into(),
            format!("/* */{good}").into(),
            [b"{\"x\":\"\xff\",".as_slice(), &good.as_bytes()[1..]].concat(),
            [b"{\"x\":\"\xc0\x80\",".as_slice(), &good.as_bytes()[1..]].concat(),
            b"\x1f\x8b\x08\0\0\0\0\0".to_vec(),
            b" ".to_vec(),
            b"user=a&password=b".to_vec(),
        ];
        for bytes in broken {
            with_body(&example, bytes).is(400, "malformed-json");
        }
    }
    world().unchanged();
}

#[test]
fn what_has_another_shape_is_refused_everywhere_and_named() {
    for (example, body, required) in with_json() {
        for other in ["[]", "\"x\"", "1", "true", "null", "[{}]"] {
            with_body(&example, other).is_field("");
        }
        let good = body.to_string();
        with_body(&example, with_field(&body, "extra/~field", json!(1))).is_field("/extra~1~0field");
        for (name, value) in body.as_object().unwrap() {
            let twice = format!("{{\"{name}\":{value},{}", &good[1..]);
            with_body(&example, twice).is_field(&format!("/{name}"));
            for wrong in [json!(1.5), json!({ "odd": 1 }), json!([{ "odd": [] }])] {
                with_body(&example, with_field(&body, name, wrong)).is_field(&format!("/{name}"));
            }
        }
        for name in required {
            let mut without = body.clone();
            without.as_object_mut().unwrap().swap_remove(*name);
            with_body(&example, without.to_string()).is_field(&format!("/{name}"));
            with_body(&example, with_field(&body, name, Value::Null)).is_field(&format!("/{name}"));
        }
        if !required.is_empty() {
            with_body(&example, "").is_field(&format!("/{}", required[0]));
        }
    }
    world().unchanged();
}

#[test]
fn what_is_too_deep_or_too_wide_is_refused_everywhere() {
    for (example, body, _) in with_json() {
        let deep =
            |depth: usize| format!("{{\"x\":{}{},{}", "[".repeat(depth), "]".repeat(depth), &body.to_string()[1..]);
        let refused = with_body(&example, deep(limits::JSON_DEPTH)).is(400, "invalid-fields");
        assert_eq!(refused["errors"][0]["rule"], "too-deep");
        with_body(&example, deep(limits::JSON_DEPTH - 1)).is_field("/x");
        with_body(&example, "{\"x\":".repeat(100_000)).is_field("/x");
        let wide: String = (0..20_000).map(|at| format!("\"x{at}\":{at},")).collect();
        let told = with_body(&example, format!("{{{wide}{}", &body.to_string()[1..])).is(400, "invalid-fields");
        let pointer = told["errors"][0]["pointer"].as_str().unwrap();
        assert!(pointer.starts_with("/x"), "{pointer}");
    }
    world().unchanged();
}

#[test]
fn what_is_too_large_is_refused_everywhere() {
    for example in examples::of(world()) {
        let most = match example.body {
            Body::None => continue,
            Body::Json(..) => limits::BODY_BYTES,
            Body::Component(_) => limits::COMPONENT_BYTES,
            Body::File(_) => limits::FILE_BYTES,
        };
        let mut case = with_body(&example, vec![b' '; most + 1]);
        // A client that asks first is told before it sends; one that does not may find the connection closed.
        case.who = case.who.header("expect", "100-continue");
        case.is(413, "body-too-large");
    }
    world().unchanged();
}

#[test]
fn what_is_of_another_type_is_refused_everywhere() {
    const OTHERS: [&str; 8] = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-patch+json",
        "application/json; charset=gbk",
        "application/json; charset=utf-16",
        "json",
        "",
    ];
    for example in examples::of(world()).into_iter().filter(|example| !matches!(example.body, Body::None)) {
        // A file is what its content is.
        let typed = !matches!(example.body, Body::File(_));
        for other in OTHERS.into_iter().filter(|_| typed) {
            Case { content_type: Some(other), ..example.case() }.is(415, "unsupported-media-type");
        }
        for coding in ["gzip", "deflate", "br", "gzip, identity"] {
            let case = example.case();
            let packed = Case { who: case.who.header("content-encoding", coding), ..case };
            packed.is(415, "unsupported-media-type");
        }
    }
    world().unchanged();
}

#[test]
fn what_is_no_component_is_refused_with_reasons() {
    let world = world();
    let example = examples::of(world).into_iter().find(|example| matches!(example.body, Body::Component(_))).unwrap();
    let cut = |at: usize| world.types[..at].to_vec();
    let core_module = b"\0asm\x01\0\0\0".to_vec();
    let empty_component = b"\0asm\x0d\0\x01\0".to_vec();
    let mut flipped = world.types.clone();
    flipped[8] ^= 0x40;
    for bytes in [Vec::new(), b"no component".to_vec(), core_module, empty_component, cut(9), cut(1_000), flipped] {
        let problem = with_body(&example, bytes).is(422, "component-refused");
        assert!(problem["reasons"].as_array().is_some_and(|reasons| !reasons.is_empty()), "{problem}");
    }
    world.unchanged();
}
