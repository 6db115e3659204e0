//! Values between versions of a type, along a plan that `schema` made when the two versions met.

use forecourt_schema::{CallConversion, CaseConversion, CaseTarget, Conversion, FieldConversion};
use wasmtime::component::Val;

use crate::error::Abort;

fn broken() -> Abort {
    Abort::Internal("a value does not have the shape of its conversion".to_owned())
}

/// The parameters as the provider takes them.
pub(crate) fn params(plan: &CallConversion, given: &[Val]) -> Result<Vec<Val>, Abort> {
    plan.params.iter().map(|field| from_position(field, |at| given.get(at))).collect()
}

fn from_position<'a>(field: &FieldConversion, given: impl FnOnce(usize) -> Option<&'a Val>) -> Result<Val, Abort> {
    match &field.from {
        None => Ok(Val::Option(None)),
        Some((at, plan)) => convert(plan, given(*at).ok_or_else(broken)?),
    }
}

/// The value that `plan` makes of `value`.
pub(crate) fn convert(plan: &Conversion, value: &Val) -> Result<Val, Abort> {
    Ok(match (plan, value) {
        (Conversion::Same, value) => value.clone(),
        (Conversion::Some(inner), value) => Val::Option(Some(Box::new(convert(inner, value)?))),
        (Conversion::Option(inner), Val::Option(value)) => Val::Option(boxed(inner, value.as_deref())?),
        (Conversion::List(inner), Val::List(items)) => {
            Val::List(items.iter().map(|item| convert(inner, item)).collect::<Result<_, _>>()?)
        }
        (Conversion::Tuple(plans), Val::Tuple(items)) => {
            Val::Tuple(plans.iter().zip(items).map(|(plan, item)| convert(plan, item)).collect::<Result<_, _>>()?)
        }
        (Conversion::Record(fields), Val::Record(given)) => {
            let field = |field: &FieldConversion| {
                let value = from_position(field, |at| given.get(at).map(|(_, value)| value))?;
                Ok((field.name.to_string(), value))
            };
            Val::Record(fields.iter().map(field).collect::<Result<_, Abort>>()?)
        }
        (Conversion::Result { ok, .. }, Val::Result(Ok(value))) => Val::Result(Ok(boxed(ok, value.as_deref())?)),
        (Conversion::Result { err, .. }, Val::Result(Err(value))) => Val::Result(Err(boxed(err, value.as_deref())?)),
        (Conversion::Variant(cases), Val::Variant(name, value)) => case(cases, name, value.as_deref())?,
        (Conversion::Variant(cases), Val::Enum(name)) => match case(cases, name, None)? {
            Val::Variant(name, None) => Val::Enum(name),
            _ => return Err(broken()),
        },
        _ => return Err(broken()),
    })
}

fn boxed(plan: &Conversion, value: Option<&Val>) -> Result<Option<Box<Val>>, Abort> {
    value.map(|value| convert(plan, value).map(Box::new)).transpose()
}

fn case(cases: &[CaseConversion], name: &str, value: Option<&Val>) -> Result<Val, Abort> {
    let plan = cases.iter().find(|case| *case.name == *name).ok_or_else(broken)?;
    Ok(match &plan.to {
        CaseTarget::Case(plan) => Val::Variant(name.to_owned(), boxed(plan, value)?),
        CaseTarget::Other => Val::Variant("other".to_owned(), Some(Box::new(Val::String(name.to_owned())))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use forecourt_schema::{Case, Field, Record, Type, Variant, difference};
    use std::sync::Arc;

    fn record(fields: Vec<Field>) -> Type {
        Type::Record(Arc::new(Record { name: "r".into(), docs: "".into(), owner: "o".into(), fields }))
    }

    fn variant(cases: Vec<Case>) -> Type {
        Type::Variant(Arc::new(Variant { name: "v".into(), docs: "".into(), owner: "o".into(), cases }))
    }

    #[test]
    fn added_options_are_none_and_unknown_fields_are_dropped() {
        let old = record(vec![Field::new("a", "", Type::U8), Field::new("gone", "", Type::Bool)]);
        let option = Type::Option(Arc::new(Type::String));
        let new = record(vec![Field::new("added", "", option), Field::new("a", "", Type::U8)]);
        let plan = difference(&old, &new).unwrap();
        let value = Val::Record(vec![("a".to_owned(), Val::U8(7)), ("gone".to_owned(), Val::Bool(true))]);
        let expected = Val::Record(vec![("added".to_owned(), Val::Option(None)), ("a".to_owned(), Val::U8(7))]);
        assert_eq!(convert(&plan, &value).unwrap(), expected);
    }

    #[test]
    fn an_unknown_case_becomes_other_with_its_name() {
        let other = || Case::new("other", "", Some(Type::String));
        let provider = variant(vec![Case::new("held-by", "", Some(Type::U8)), other()]);
        let importer = variant(vec![other()]);
        let plan = difference(&provider, &importer).unwrap();
        let value = Val::Variant("held-by".to_owned(), Some(Box::new(Val::U8(1))));
        let expected = Val::Variant("other".to_owned(), Some(Box::new(Val::String("held-by".to_owned()))));
        assert_eq!(convert(&plan, &value).unwrap(), expected);
        assert!(convert(&plan, &Val::U8(1)).is_err());
    }
}
