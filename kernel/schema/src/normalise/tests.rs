use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::check;
use crate::check::tests::{everything, good};

fn normalised(value: Value) -> NormalisedValue {
    normalise(&everything(), value).unwrap()
}

#[test]
fn canonical_values_stay_but_for_null_options() {
    let mut expected = good();
    expected.as_object_mut().unwrap().remove("id");
    let (value, warnings) = normalised(good());
    assert_eq!((value, warnings), (expected, vec![]));
}

#[test]
fn kebab_names_typed_codes_and_large_numbers_become_canonical() {
    let mut value = good();
    value["vin"] = json!("lzztest14ta000001");
    value["day"] = json!("2026/1/10");
    value["colour"] = json!("deep-red");
    value["traits"] = json!(["small-one"]);
    value["part"] = json!({"count": 1, "part-no": "x"});
    value["state"] = json!({"held-by": "wang"});
    value["big"] = json!(9_007_199_254_740_993_u64);
    value["money"] = json!("-5");
    let (value, warnings) = normalised(value);
    assert_eq!(warnings, vec![]);
    assert_eq!(check(&everything(), &value), Ok(()));
    assert_eq!(value["vin"], "LZZTEST14TA000001");
    assert_eq!(value["day"], "2026-01-10");
    assert_eq!(value["colour"], "deep_red");
    assert_eq!(value["traits"], json!(["small_one"]));
    assert_eq!(serde_json::to_string(&value["part"]).unwrap(), r#"{"part_no":"x","count":1}"#);
    assert_eq!(value["state"], json!({"held_by": "wang"}));
    assert_eq!((&value["big"], &value["money"]), (&json!("9007199254740993"), &json!(-5)));
}

#[test]
fn exact_integers_are_numbers_and_others_text() {
    let (exact, beyond) = (1_i64 << 53, (1_i64 << 53) + 1);
    for (given, expected) in
        [(json!(exact), json!(exact)), (json!(beyond), json!(beyond.to_string())), (json!("12"), json!(12))]
    {
        assert_eq!(normalise(&Type::S64, given).unwrap().0, expected);
    }
    assert!(normalise(&Type::U32, json!("12")).is_err());
    assert!(normalise(&Type::S64, json!("1e3")).is_err());
}

#[test]
fn warnings_point_at_their_fields() {
    let mut value = good();
    value["vin"] = json!("WVWZZZ1JZXW000001");
    let (_, warnings) = normalised(value);
    assert_eq!(warnings[0].to_string(), "`/vin` has a wrong check digit at position 9");
}

#[test]
fn errors_point_at_json_names_also_where_kebab_was_given() {
    let mut value = good();
    value["part"] = json!({"count": 1, "part-no": 5});
    value["parts"] = json!([{"count": 300, "part_no": ""}]);
    value["part"]["part_no"] = json!("twice");
    let errors = normalise(&everything(), value).unwrap_err();
    let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["`/part/part-no` is not a known field", "`/parts/0/count` must be between 0 and 255"]);
}

#[test]
fn parameters_are_an_object() {
    let params =
        [Field::new("expected-version", "", Type::U64), Field::new("note", "", Type::Option(Type::String.into()))];
    let now = Timestamp::from_millis(0);
    let (value, _) = normalise_params(&params, json!({"expected-version": "3"}), now).unwrap();
    assert_eq!(value, json!({"expected_version": 3}));
    assert_eq!(normalise_params(&params, json!([3]), now).unwrap_err()[0].rule.code, "kind");
    assert_eq!(normalise_params(&params, json!({}), now).unwrap_err()[0].pointer, "/expected_version");
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec!["ok", "err", "open", "held_by", "held-by", "parts", "part_no", "count", "x"]);
    let text = prop::sample::select(vec!["", "x", "deep-red", "heavy", "small-one", "open", "12", "LZZTEST14TA000001"]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-300_i64..300).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((names.clone(), inner), 0..4).prop_map(|entries| Value::Object(
                entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_normalised_is_canonical_and_stays(changes in prop::collection::vec((0_usize..20, any_json()), 0..3)) {
        let ty = everything();
        let mut value = good();
        let names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        for (at, change) in changes {
            let name = names.get(at).map_or("silent", String::as_str);
            value[name] = change;
        }
        let canonical = check(&ty, &value).is_ok();
        match normalise(&ty, value.clone()) {
            Ok((normalised, _)) => {
                prop_assert_eq!(check(&ty, &normalised), Ok(()));
                prop_assert_eq!(normalise(&ty, normalised.clone()).unwrap().0, normalised);
            }
            Err(errors) => {
                prop_assert!(!canonical, "{:?}", errors);
                prop_assert!(errors.iter().all(|error| error.pointer.is_empty() || error.pointer.starts_with('/')));
            }
        }
    }
}
