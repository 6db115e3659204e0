//! JSON against types: what `normalise` gives is what `check` accepts, and what `check` accepts is left as it is.

use std::sync::LazyLock;

use forecourt_schema::fixtures::type_of;
use forecourt_schema::{FieldError, Type, check, limits, normalise};
use serde_json::{Value, json};

use super::told;

const PACKAGE: &str = "
package forecourt:fuzz@0.1.0;
interface records {
    use forecourt:common/types@0.1.0.{vin, plate, mobile, resident-id, credit-code, money, quantity, percent, date, datetime, mileage, user-id, customer-id, vehicle-id, file-ref, page-token, personal-text};
    enum colour { red, dark-green }
    flags wishes { fast, very-clean }
    record person { name: string, age: option<u8> }
    variant form { plain, round(u32), named(person), many(list<form-part>) }
    record form-part { side: s16, wishes: wishes }
    record all {
        a: option<u8>, b: option<s8>, c: option<u16>, d: option<s16>, e: option<u32>, f: option<s32>, g: option<u64>, h: option<s64>, i: option<f32>, j: option<f64>,
        vin: option<vin>, plate: option<plate>, mobile: option<mobile>, id: option<resident-id>, code: option<credit-code>, day: option<date>, at: option<datetime>,
        user: option<user-id>, customer: option<customer-id>, vehicle: option<vehicle-id>, file: option<file-ref>, page: option<page-token>, note: option<personal-text>,
        money: option<money>, quantity: option<quantity>, percent: option<percent>, mileage: option<mileage>,
        colour: option<colour>, wishes: option<wishes>, form: option<form>, pairs: option<list<tuple<string, bool>>>, letter: option<char>, outcome: option<result<u8, string>>,
    }
}
";

/// The type against which JSON is held.
pub(crate) static ALL: LazyLock<Type> = LazyLock::new(|| type_of(PACKAGE, "forecourt:fuzz/records@0.1.0", "all"));

fn refused(errors: &[FieldError]) {
    assert!((1..=limits::FIELD_ERRORS).contains(&errors.len()), "{} errors", errors.len());
    for error in errors {
        told(&error.rule.en, &error.rule.zh);
        assert!(error.pointer.is_empty() || error.pointer.starts_with('/'), "{}", error.pointer);
    }
}

/// A value in the one form that matters: 64-bit integers may be numbers or text, absent options null or not there, and mean the same.
fn exact(value: &Value) -> Value {
    let integer = match value {
        Value::Number(number) => number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    match (integer, value) {
        (Some(integer), _) => integer.to_string().into(),
        (None, Value::Array(items)) => items.iter().map(exact).collect(),
        (None, Value::Object(fields)) => {
            let given = fields.iter().filter(|(_, value)| !value.is_null());
            given.map(|(name, value)| (name.clone(), exact(value))).collect()
        }
        (None, other) => other.clone(),
    }
}

/// What must hold of any JSON.
pub(crate) fn held(value: &Value) {
    let checked = check(&ALL, value);
    match normalise(&ALL, value.clone()) {
        Ok((canonical, _)) => {
            assert_eq!(check(&ALL, &canonical), Ok(()), "{value} became what is refused: {canonical}");
            let again = normalise(&ALL, canonical.clone()).map(|(value, _)| value);
            assert_eq!(again.as_ref(), Ok(&canonical), "{value} is normalised twice");
            if checked.is_ok() {
                assert_eq!(exact(&canonical), exact(value), "what is canonical was changed");
            }
        }
        Err(errors) => {
            refused(&errors);
            assert!(checked.is_err(), "{value} is canonical, but refused");
        }
    }
    if let Err(errors) = checked {
        refused(&errors);
    }
}

pub(super) fn value(data: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        held(&value);
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let good = [
        json!({ "a": 255, "b": -128, "c": 65_535, "d": -32_768, "e": 4_294_967_295_u32, "f": -1, "g": "18446744073709551615", "h": "-9223372036854775808", "i": 0.5, "j": -1e300 }),
        json!({ "vin": "LZZTEST14TA000001", "plate": "京A12345", "mobile": "13801230001", "id": "11010519491231002X", "code": "91350100M000100Y43" }),
        json!({ "day": "2026-02-28", "at": "2026-02-28T08:00:00+08:00", "user": "li.wei", "customer": "c1", "vehicle": "v1", "file": "0".repeat(64), "page": "AA", "note": "说明" }),
        json!({ "money": 9_007_199_254_740_993_i64, "quantity": -1, "percent": 10_000, "mileage": 0 }),
        json!({ "colour": "dark-green", "wishes": ["fast", "very_clean"], "form": { "many": [{ "side": 1, "wishes": [] }] }, "pairs": [["x", true]], "letter": "京" }),
        json!({ "form": { "named": { "name": "x", "age": 7 } }, "outcome": { "err": "x" }, "a": null, "g": "12" }),
        json!({ "form": "plain", "plate": "粤B·D12345", "at": "2026-02-28T08:00:00.123Z", "day": "2026年2月8日", "vin": "lzztest14ta000001" }),
    ];
    good.iter().map(|value| value.to_string().into_bytes()).collect()
}
