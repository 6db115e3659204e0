//! Values of every type, each wrong in every way its type knows.

use serde_json::{Value, json};

use super::cases::Case;
use super::examples::{self, Example, everything};
use super::world::world;

/// Integers by name, with the least and greatest of their type.
const INTEGERS: [(&str, i128, i128); 8] = [
    ("a", 0, 255),
    ("b", -128, 127),
    ("c", 0, 65_535),
    ("d", -32_768, 32_767),
    ("e", 0, 4_294_967_295),
    ("f", -2_147_483_648, 2_147_483_647),
    ("g", 0, 18_446_744_073_709_551_615),
    ("h", -9_223_372_036_854_775_808, 9_223_372_036_854_775_807),
];

/// Texts that break the rule of a semantic type.
const PAPERS: &[(&str, &[&str])] = &[
    (
        "vin",
        &[
            "",
            "LZZTEST15TA000001",
            "LZZTEST1OTA000001",
            "LZZTEST14TA00001",
            " LZZTEST14TA000001",
            "京ZZTEST14TA0001",
            "LZZTEST14TA000001\u{0}",
        ],
    ),
    ("plate", &["", "12345", "京A", "京A1234567", "ABCDEFG", "京I12345", "京A1234O"]),
    ("mobile", &["", "12345678901", "1380123000", "138012300011", "1380123000x", "+1 555 0100", "1380123000\u{0}"]),
    (
        "id",
        &[
            "",
            "110101190001010015",
            "110101190002290011",
            "110101209901010017",
            "000101190001010019",
            "11010119000101001",
            "1101011900010100l4",
        ],
    ),
    ("code", &["", "91350100M000100Y4Z", "91310000MA1TEXT06D", "913200000000000001", "91310000MA1TEXT06"]),
    ("day", &["", "2026-02-29", "2026-13-01", "26-01-01", "2026-1", "yesterday", "2026-01-01T00:00:00Z"]),
    ("at", &["", "2026-02-28", "2026-02-28T25:00:00Z", "2026-02-28T08:00:00", "now", "2026-02-28 08:00"]),
    ("user", &["", "A", "a b", "店", "x\u{0}"]),
    ("customer", &["", "a b\n", "\u{0}"]),
    ("file", &["", "0", "g000000000000000000000000000000000000000000000000000000000000000", "../x"]),
];

fn example() -> Example {
    let examples = examples::of(world());
    examples.into_iter().find(|example| example.segments.last().is_some_and(|last| last == "send")).unwrap()
}

/// The good arguments with the value at a pointer set.
fn with(example: &Example, pointer: &str, value: Value) -> Case {
    let mut body = everything();
    *body.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    Case { body: body.to_string().into_bytes(), ..example.case() }
}

#[test]
fn numbers_keep_their_range() {
    let example = example();
    for (name, least, greatest) in INTEGERS {
        let pointer = format!("/numbers/{name}");
        let texts = [(least - 1).to_string(), (greatest + 1).to_string()];
        let odd = ["1.5", "1e3", "", " 1", "0x1", "१", "--1", "+", "NaN"].map(str::to_owned);
        for text in texts.iter().chain(&odd) {
            with(&example, &pointer, json!(text)).is_field(&pointer);
        }
        for text in &texts {
            // As a number of JSON, however many digits it has.
            let mut case = with(&example, &pointer, json!("@"));
            case.body = String::from_utf8(case.body).unwrap().replace("\"@\"", text).into_bytes();
            case.is_field(&pointer);
        }
        for value in [json!(0.5), json!(true), json!(null), json!([]), json!({}), json!(1e300)] {
            with(&example, &pointer, value).is_field(&pointer);
        }
    }
    for name in ["i", "j"] {
        for value in [json!("0.5"), json!("NaN"), json!("Infinity"), json!(null), json!(false), json!([0.5])] {
            with(&example, &format!("/numbers/{name}"), value).is_field(&format!("/numbers/{name}"));
        }
    }
    // Beyond 2^53 a number of JSON may be another one for its reader, so what is not exact is not guessed at.
    with(&example, "/amounts/money", json!(9_007_199_254_740_993.5)).is_field("/amounts/money");
    with(&example, "/amounts/percent", json!(2_147_483_648_i64)).is_field("/amounts/percent");
    with(&example, "/amounts/mileage", json!(-1)).is_field("/amounts/mileage");
    world().unchanged();
}

#[test]
fn papers_keep_their_rules_and_their_check_digits() {
    let example = example();
    for (name, wrong) in PAPERS {
        let pointer = format!("/papers/{name}");
        for text in *wrong {
            with(&example, &pointer, json!(text)).is_field(&pointer);
        }
        for value in [json!(1), json!(null), json!(["x"]), json!("x".repeat(10_000))] {
            with(&example, &pointer, value).is_field(&pointer);
        }
    }
    world().unchanged();
}

#[test]
fn cases_flags_lists_and_tuples_keep_their_shape() {
    let example = example();
    let wrong: &[(&str, &str, &[Value])] = &[
        (
            "/colour",
            "/colour",
            &[json!("blue"), json!("RED"), json!(""), json!(0), json!({ "red": null }), json!(null), json!(["red"])],
        ),
        ("/wishes", "/wishes", &[json!("fast"), json!({ "fast": true }), json!(1), json!(null)]),
        (
            "/wishes",
            "/wishes/1",
            &[
                json!(["fast", "slow"]),
                json!(["fast", "fast"]),
                json!(["very_clean", "very-clean"]),
                json!(["fast", 1]),
            ],
        ),
        (
            "/form",
            "/form",
            &[
                json!("square"),
                json!("round"),
                json!({ "plain": 1 }),
                json!({}),
                json!({ "plain": null, "round": 1 }),
                json!(1),
                json!(null),
                json!([]),
            ],
        ),
        ("/form", "/form/round", &[json!({ "round": "x" }), json!({ "round": -1 }), json!({ "round": null })]),
        ("/form", "/form/named/name", &[json!({ "named": {} }), json!({ "named": { "name": 1 } })]),
        ("/form", "/form/named/more", &[json!({ "named": { "name": "x", "more": 1 } })]),
        ("/counts", "/counts", &[json!({}), json!("AAA"), json!(1), json!(null)]),
        ("/counts", "/counts/2", &[json!([0, 1, 65_536]), json!([0, 1, -1]), json!([0, 1, null]), json!([0, 1, [2]])]),
        ("/pair", "/pair", &[json!([]), json!(["x"]), json!(["x", true, 1]), json!({ "0": "x" }), json!(null)]),
        ("/pair", "/pair/1", &[json!(["x", 1]), json!(["x", "true"]), json!(["x", null])]),
        ("/letter", "/letter", &[json!(""), json!("ab"), json!("京京"), json!(1), json!(null), json!(["a"])]),
        ("/maybe", "/maybe", &[json!("x"), json!([]), json!(1)]),
        ("/maybe", "/maybe/name", &[json!({}), json!({ "age": 1 }), json!({ "name": null })]),
        ("/maybe", "/maybe/age", &[json!({ "name": "x", "age": 256 }), json!({ "name": "x", "age": "x" })]),
    ];
    for (set, named, values) in wrong {
        for value in *values {
            with(&example, set, value.clone()).is_field(named);
        }
    }
    world().unchanged();
}

/// However many fields are wrong, the answer has a bounded number of them.
#[test]
fn of_many_wrong_fields_some_are_named() {
    let example = example();
    let list: Vec<Value> = (0..100_000).map(|_| json!(-1)).collect();
    let problem = with(&example, "/counts", json!(list)).is(400, "invalid-fields");
    let named = problem["errors"].as_array().unwrap().len();
    assert!((2..=forecourt_schema::limits::FIELD_ERRORS).contains(&named), "{named}");
    world().unchanged();
}
