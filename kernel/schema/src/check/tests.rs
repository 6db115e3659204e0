use serde_json::{Value, json};

use super::*;
use crate::fixtures::type_of;

const WIT: &str = "package forecourt:a@0.1.0;
interface t {
    use forecourt:common/types@0.1.0.{vin, resident-id, money, date};
    enum colour { deep-red, blue }
    flags traits { small-one, heavy }
    record part { part-no: string, count: u8 }
    variant state { open, held-by(string), parts(list<part>) }
    type sizes = tuple<u32, s64>;
    record everything {
        flag: bool, byte: s8, big: u64, small: f32, real: f64, letter: char, text: string, vin: option<vin>, id: option<resident-id>,
        money: money, day: option<date>, colour: colour, traits: traits, part: part, parts: list<part>, state: state, sizes: sizes,
        outcome: result<u8, string>, silent: option<result>,
    }
}";

pub(crate) fn everything() -> Type {
    type_of(WIT, "forecourt:a/t@0.1.0", "everything")
}

pub(crate) fn good() -> Value {
    json!({
        "flag": true, "byte": -128, "big": "18446744073709551615", "small": 1.5, "real": 2, "letter": "车", "text": "",
        "vin": "LZZTEST14TA000001", "id": null, "money": -5, "colour": "deep_red", "traits": ["heavy", "small_one"],
        "part": {"part_no": "x", "count": 1}, "parts": [], "state": {"held_by": "wang"}, "sizes": [1, 2], "outcome": {"ok": 3},
    })
}

/// The good value with the place of `pointer` set to `value`, or taken out.
fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut all = good();
    match (value, all.pointer_mut(pointer)) {
        (Some(value), Some(place)) => *place = value,
        (Some(value), None) => {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            all.pointer_mut(parent).unwrap()[name] = value;
        }
        (None, _) => {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            all.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        }
    }
    all
}

#[test]
fn good_values_pass() {
    let ty = everything();
    assert_eq!(check(&ty, &good()), Ok(()));
    for (pointer, value) in [
        ("/state", json!("open")),
        ("/state", json!({"parts": [{"part_no": "a", "count": 255}]})),
        ("/big", json!(7)),
        ("/outcome", json!({"err": "no"})),
        ("/silent", json!({"ok": null})),
        ("/day", json!("2026-01-10")),
        ("/traits", json!([])),
    ] {
        assert_eq!(check(&ty, &with(pointer, Some(value.clone()))), Ok(()), "{pointer} {value}");
    }
}

#[test]
fn wrong_values_are_named_by_pointer_and_rule() {
    let ty = everything();
    for (pointer, value, at, code) in [
        ("/flag", json!(1), "/flag", "kind"),
        ("/byte", json!(128), "/byte", "range"),
        ("/byte", json!("1"), "/byte", "kind"),
        ("/byte", json!(1.5), "/byte", "kind"),
        ("/big", json!(-1), "/big", "range"),
        ("/big", json!("18446744073709551616"), "/big", "range"),
        ("/big", json!("x"), "/big", "kind"),
        ("/small", json!(1e300), "/small", "not-finite"),
        ("/letter", json!("ab"), "/letter", "kind"),
        ("/vin", json!("LZZTEST15TA000001"), "/vin", "vin-check-digit"),
        ("/vin", json!("lzztest14ta000001"), "/vin", "vin-form"),
        ("/day", json!("2026-1-10"), "/day", "date"),
        ("/colour", json!("deep-red"), "/colour", "case"),
        ("/colour", json!(1), "/colour", "kind"),
        ("/traits", json!(["heavy", "heavy"]), "/traits/1", "duplicate"),
        ("/traits", json!(["light"]), "/traits/0", "case"),
        ("/part/count", json!(256), "/part/count", "range"),
        ("/part/a~b/c", json!(1), "/part/a~0b~1c", "unknown-field"),
        ("/parts", json!([{"part_no": "a", "count": 1}, {"part_no": 1, "count": 1}]), "/parts/1/part_no", "kind"),
        ("/state", json!("held_by"), "/state", "case-value"),
        ("/state", json!({"open": null}), "/state", "case-plain"),
        ("/state", json!({"open": 1, "held_by": "x"}), "/state", "case-object"),
        ("/state", json!({"parts": [{"part_no": "a"}]}), "/state/parts/0/count", "missing"),
        ("/state", json!("closed"), "/state", "case"),
        ("/sizes", json!([1]), "/sizes", "length"),
        ("/sizes", json!([1, "x"]), "/sizes/1", "kind"),
        ("/outcome", json!({"ok": 300}), "/outcome/ok", "range"),
        ("/outcome", json!({"maybe": 1}), "/outcome", "case"),
        ("/silent", json!({"ok": 1}), "/silent/ok", "case-plain"),
    ] {
        let all = if pointer == "/part/a~b/c" {
            let mut all = good();
            all["part"]["a~b/c"] = value.clone();
            all
        } else {
            with(pointer, Some(value.clone()))
        };
        let errors = check(&ty, &all).unwrap_err();
        let found: Vec<(&str, &str)> = errors.iter().map(|error| (error.pointer.as_str(), error.rule.code)).collect();
        assert_eq!(found, [(at, code)], "{pointer} {value}");
        assert!(!errors[0].rule.text("zh-CN").is_empty() && errors[0].rule.text("zh-CN") != errors[0].rule.text("en"));
    }
}

#[test]
fn several_wrong_fields_are_reported_together_but_not_without_end() {
    let ty = everything();
    let mut all = with("/money", None);
    all["extra"] = json!(1);
    all["text"] = json!(false);
    let mut found: Vec<String> = check(&ty, &all).unwrap_err().iter().map(ToString::to_string).collect();
    found.sort();
    assert_eq!(found, ["`/extra` is not a known field", "`/money` is required", "`/text` must be text"]);
    let many = with("/parts", Some(Value::Array(vec![json!(1); 10_000])));
    assert_eq!(check(&ty, &many).unwrap_err().len(), FIELD_ERRORS);
    assert_eq!(check(&ty, &json!(1)).unwrap_err()[0].pointer, "");
}

#[test]
fn births_in_the_future_are_refused_where_the_time_is_known() {
    let ty = everything();
    let value = with("/id", Some(json!("110101209901010017")));
    let now = Timestamp::from_millis(1_768_017_600_000);
    assert_eq!(check(&ty, &value), Ok(()));
    assert_eq!(check_at(&ty, &value, now).unwrap_err()[0].rule.code, "resident-id-future");
}
