use std::sync::Arc;

use forecourt_schema::{Case, Enum, Field, Flags, Record, ResultType, Type, Variant, normalise};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{from_val, to_val};

fn names(prefix: &'static str, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |at| format!("{prefix}-{}", char::from(b'a' + u8::try_from(at).unwrap_or(0))))
}

fn record(types: Vec<Type>) -> Type {
    let fields = names("field", types.len()).zip(types).map(|(name, ty)| Field::new(&name, "", ty)).collect();
    Type::Record(Arc::new(Record { name: "r".into(), docs: "".into(), owner: "o".into(), fields }))
}

fn variant(types: Vec<Option<Type>>) -> Type {
    let cases = names("case", types.len()).zip(types).map(|(name, ty)| Case::new(&name, "", ty)).collect();
    Type::Variant(Arc::new(Variant { name: "v".into(), docs: "".into(), owner: "o".into(), cases }))
}

fn plain_cases(count: usize) -> Vec<Case> {
    names("case", count).map(|name| Case::new(&name, "", None)).collect()
}

fn types() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        Just(Type::Bool),
        Just(Type::S64),
        Just(Type::U64),
        Just(Type::U8),
        Just(Type::F64),
        Just(Type::Char),
        Just(Type::String),
        (1_usize..4).prop_map(|count| {
            Type::Enum(Arc::new(Enum {
                name: "e".into(),
                docs: "".into(),
                owner: "o".into(),
                cases: plain_cases(count),
            }))
        }),
        (1_usize..4).prop_map(|count| {
            Type::Flags(Arc::new(Flags {
                name: "f".into(),
                docs: "".into(),
                owner: "o".into(),
                cases: plain_cases(count),
            }))
        }),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|ty| Type::List(Arc::new(ty))),
            // An option of an option has no JSON form that tells `none` from `some(none)`.
            inner
                .clone()
                .prop_filter("nested option", |ty| !matches!(ty, Type::Option(_)))
                .prop_map(|ty| Type::Option(Arc::new(ty))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(record),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|types| Type::Tuple(types.into())),
            prop::collection::vec(prop::option::of(inner.clone()), 1..4).prop_map(variant),
            (prop::option::of(inner.clone()), prop::option::of(inner))
                .prop_map(|(ok, err)| Type::Result(Arc::new(ResultType { ok, err }))),
        ]
    })
}

fn values(ty: &Type) -> BoxedStrategy<Value> {
    match ty {
        Type::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Type::S64 => any::<i64>().prop_map(super::exact).boxed(),
        Type::U64 => any::<u64>()
            .prop_map(|number| i64::try_from(number).map_or_else(|_| number.to_string().into(), super::exact))
            .boxed(),
        Type::U8 => any::<u8>().prop_map(Value::from).boxed(),
        Type::F64 => prop::num::f64::NORMAL.prop_map(Value::from).boxed(),
        Type::Char => any::<char>().prop_map(|c| Value::from(c.to_string())).boxed(),
        Type::String => any::<String>().prop_map(Value::from).boxed(),
        Type::List(item) => prop::collection::vec(values(item), 0..4).prop_map(Value::from).boxed(),
        Type::Option(item) => prop_oneof![Just(Value::Null), values(item)].boxed(),
        Type::Tuple(types) => types.iter().map(values).collect::<Vec<_>>().prop_map(Value::from).boxed(),
        Type::Record(record) => {
            let fields: Vec<_> = record.fields.iter().map(|field| values(&field.ty)).collect();
            let names: Vec<String> = record.fields.iter().map(|field| field.json.to_string()).collect();
            fields.prop_map(move |values| Value::Object(names.iter().cloned().zip(values).collect())).boxed()
        }
        Type::Variant(variant) => one_of(variant.cases.iter().map(|case| (case.json.to_string(), case.ty.clone()))),
        Type::Enum(cases) => one_of(cases.cases.iter().map(|case| (case.json.to_string(), None))),
        Type::Flags(flags) => {
            let names: Vec<Value> = flags.cases.iter().map(|case| (*case.json).into()).collect();
            let count = names.len();
            prop::sample::subsequence(names, 0..=count).prop_map(Value::from).boxed()
        }
        Type::Result(result) => prop_oneof![tagged("ok", result.ok.clone()), tagged("err", result.err.clone())].boxed(),
        other => unreachable!("{other:?} is not generated"),
    }
}

fn tagged(name: &'static str, ty: Option<Type>) -> BoxedStrategy<Value> {
    ty.map_or_else(|| Just(Value::Null).boxed(), |ty| values(&ty)).prop_map(move |value| json!({ name: value })).boxed()
}

fn one_of(cases: impl Iterator<Item = (String, Option<Type>)>) -> BoxedStrategy<Value> {
    let case = |(name, ty): (String, Option<Type>)| match ty {
        None => Just(Value::from(name)).boxed(),
        Some(ty) => values(&ty).prop_map(move |value| json!({ name.clone(): value })).boxed(),
    };
    proptest::strategy::Union::new(cases.map(case)).boxed()
}

fn typed_values() -> impl Strategy<Value = (Type, Value)> {
    types().prop_flat_map(|ty| (Just(ty.clone()), values(&ty)))
}

/// Absent and null options are the same.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(object) => object
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect::<Vec<_>>().into(),
        other => other,
    }
}

proptest! {
    #[test]
    fn what_the_edge_accepts_passes_through_a_component_value_unchanged((ty, value) in typed_values()) {
        let (normalised, _) = normalise(&ty, value.clone()).map_err(|errors| TestCaseError::fail(format!("{errors:?}")))?;
        let val = to_val(&ty, &normalised).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let back = from_val(&ty, &val).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(without_nulls(back), without_nulls(value));
    }
}

#[test]
fn integers_beyond_two_to_the_53_are_text() {
    let exact = 9_007_199_254_740_992_i64;
    for (number, expected) in [(exact, json!(exact)), (exact + 1, json!("9007199254740993")), (-exact, json!(-exact))] {
        let val = to_val(&Type::S64, &json!(number)).unwrap();
        assert_eq!(from_val(&Type::S64, &val).unwrap(), expected);
        assert_eq!(to_val(&Type::S64, &expected).unwrap(), val);
    }
    assert!(to_val(&Type::U8, &json!(256)).is_err());
    assert!(to_val(&Type::U64, &json!(-1)).is_err());
}
