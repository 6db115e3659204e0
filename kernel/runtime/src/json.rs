//! JSON and component values, one to one along a type.
//!
//! The HTTP edge has checked and normalised the JSON against the same type, so a mismatch here is an error of the kernel's own.

use forecourt_schema::{Case, Field, Type};
use serde_json::{Map, Number, Value};
use wasmtime::component::Val;

/// A value did not have the shape of its type.
#[derive(Debug, thiserror::Error)]
#[error("a value is not a {0}")]
pub(crate) struct ShapeError(String);

fn mismatch(ty: &Type) -> ShapeError {
    ShapeError(ty.label())
}

/// Integers within ±2^53 are JSON numbers, others strings, so that every client reads them exactly.
const EXACT: i64 = 1 << 53;

fn integer<T: TryFrom<i128>>(value: &Value, ty: &Type) -> Result<T, ShapeError> {
    let wide = match value {
        Value::Number(number) => number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    wide.and_then(|wide| T::try_from(wide).ok()).ok_or_else(|| mismatch(ty))
}

fn float(value: &Value, ty: &Type) -> Result<f64, ShapeError> {
    value.as_f64().ok_or_else(|| mismatch(ty))
}

fn text<'a>(value: &'a Value, ty: &Type) -> Result<&'a str, ShapeError> {
    value.as_str().ok_or_else(|| mismatch(ty))
}

/// The component value of a checked JSON value.
pub(crate) fn to_val(ty: &Type, value: &Value) -> Result<Val, ShapeError> {
    Ok(match ty {
        Type::Bool => Val::Bool(value.as_bool().ok_or_else(|| mismatch(ty))?),
        Type::S8 => Val::S8(integer(value, ty)?),
        Type::S16 => Val::S16(integer(value, ty)?),
        Type::S32 => Val::S32(integer(value, ty)?),
        Type::S64 => Val::S64(integer(value, ty)?),
        Type::U8 => Val::U8(integer(value, ty)?),
        Type::U16 => Val::U16(integer(value, ty)?),
        Type::U32 => Val::U32(integer(value, ty)?),
        Type::U64 => Val::U64(integer(value, ty)?),
        #[expect(clippy::cast_possible_truncation, reason = "JSON has one kind of float; f32 takes the nearest")]
        Type::F32 => Val::Float32(float(value, ty)? as f32),
        Type::F64 => Val::Float64(float(value, ty)?),
        Type::Char => Val::Char(text(value, ty)?.chars().next().ok_or_else(|| mismatch(ty))?),
        Type::String => Val::String(text(value, ty)?.to_owned()),
        Type::List(item) => {
            Val::List(items(value, ty)?.iter().map(|value| to_val(item, value)).collect::<Result<_, _>>()?)
        }
        Type::Tuple(types) => {
            let values = items(value, ty)?;
            if values.len() != types.len() {
                return Err(mismatch(ty));
            }
            Val::Tuple(types.iter().zip(values).map(|(ty, value)| to_val(ty, value)).collect::<Result<_, _>>()?)
        }
        Type::Option(_) if value.is_null() => Val::Option(None),
        Type::Option(item) => Val::Option(Some(Box::new(to_val(item, value)?))),
        Type::Record(record) => Val::Record(fields(&record.fields, value, ty)?),
        Type::Result(result) => {
            let (case, value) = object_case(value).ok_or_else(|| mismatch(ty))?;
            match case {
                "ok" => Val::Result(Ok(payload(result.ok.as_ref(), value)?)),
                "err" => Val::Result(Err(payload(result.err.as_ref(), value)?)),
                _ => return Err(mismatch(ty)),
            }
        }
        Type::Variant(variant) => {
            let (name, value) = match value {
                Value::String(name) => (name.as_str(), &Value::Null),
                other => object_case(other).ok_or_else(|| mismatch(ty))?,
            };
            let case = find(&variant.cases, name).ok_or_else(|| mismatch(ty))?;
            Val::Variant(case.name.to_string(), payload(case.ty.as_ref(), value)?)
        }
        Type::Enum(cases) => {
            let case = find(&cases.cases, text(value, ty)?).ok_or_else(|| mismatch(ty))?;
            Val::Enum(case.name.to_string())
        }
        Type::Flags(flags) => {
            let name = |value: &Value| Some(find(&flags.cases, value.as_str()?)?.name.to_string());
            let names = items(value, ty)?.iter().map(|value| name(value).ok_or_else(|| mismatch(ty)));
            Val::Flags(names.collect::<Result<_, _>>()?)
        }
        Type::Alias(alias) => to_val(&alias.target, value)?,
    })
}

/// Fields of a JSON object in the order of their declaration; an absent one is null.
pub(crate) fn fields(fields: &[Field], value: &Value, ty: &Type) -> Result<Vec<(String, Val)>, ShapeError> {
    let object = value.as_object().ok_or_else(|| mismatch(ty))?;
    let field = |field: &Field| {
        let value = object.get(&*field.json).unwrap_or(&Value::Null);
        Ok((field.name.to_string(), to_val(&field.ty, value)?))
    };
    fields.iter().map(field).collect()
}

fn items<'a>(value: &'a Value, ty: &Type) -> Result<&'a [Value], ShapeError> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| mismatch(ty))
}

fn object_case(value: &Value) -> Option<(&str, &Value)> {
    let (name, value) = value.as_object()?.iter().next()?;
    Some((name, value))
}

fn find<'a>(cases: &'a [Case], name: &str) -> Option<&'a Case> {
    cases.iter().find(|case| *case.json == *name || *case.name == *name)
}

fn payload(ty: Option<&Type>, value: &Value) -> Result<Option<Box<Val>>, ShapeError> {
    ty.map(|ty| to_val(ty, value).map(Box::new)).transpose()
}

fn exact(number: i64) -> Value {
    if (-EXACT..=EXACT).contains(&number) { number.into() } else { number.to_string().into() }
}

/// The JSON form of a component value that a guest gave for this type.
pub(crate) fn from_val(ty: &Type, val: &Val) -> Result<Value, ShapeError> {
    Ok(match (ty, val) {
        (Type::Alias(alias), _) => from_val(&alias.target, val)?,
        (_, Val::Bool(value)) => (*value).into(),
        (_, Val::S8(value)) => (*value).into(),
        (_, Val::S16(value)) => (*value).into(),
        (_, Val::S32(value)) => (*value).into(),
        (_, Val::S64(value)) => exact(*value),
        (_, Val::U8(value)) => (*value).into(),
        (_, Val::U16(value)) => (*value).into(),
        (_, Val::U32(value)) => (*value).into(),
        (_, Val::U64(value)) => i64::try_from(*value).map_or_else(|_| value.to_string().into(), exact),
        (_, Val::Float32(value)) => {
            Number::from_f64(f64::from(*value)).map(Value::Number).ok_or_else(|| mismatch(ty))?
        }
        (_, Val::Float64(value)) => Number::from_f64(*value).map(Value::Number).ok_or_else(|| mismatch(ty))?,
        (_, Val::Char(value)) => value.to_string().into(),
        (_, Val::String(value)) => value.as_str().into(),
        (Type::List(item), Val::List(values)) => {
            values.iter().map(|value| from_val(item, value)).collect::<Result<Vec<_>, _>>()?.into()
        }
        (Type::Tuple(types), Val::Tuple(values)) => {
            types.iter().zip(values).map(|(ty, value)| from_val(ty, value)).collect::<Result<Vec<_>, _>>()?.into()
        }
        (Type::Option(_), Val::Option(None)) => Value::Null,
        (Type::Option(item), Val::Option(Some(value))) => from_val(item, value)?,
        (Type::Record(record), Val::Record(values)) => {
            let mut object = Map::with_capacity(values.len());
            for (field, (_, value)) in record.fields.iter().zip(values) {
                object.insert(field.json.to_string(), from_val(&field.ty, value)?);
            }
            object.into()
        }
        (Type::Result(result), Val::Result(value)) => match value {
            Ok(value) => tagged("ok", result.ok.as_ref(), value.as_deref())?,
            Err(value) => tagged("err", result.err.as_ref(), value.as_deref())?,
        },
        (Type::Variant(variant), Val::Variant(name, value)) => {
            let case = variant.cases.iter().find(|case| *case.name == **name).ok_or_else(|| mismatch(ty))?;
            match value {
                None => (*case.json).into(),
                Some(_) => tagged(&case.json, case.ty.as_ref(), value.as_deref())?,
            }
        }
        (Type::Enum(cases), Val::Enum(name)) => json_name(&cases.cases, name, ty)?,
        (Type::Flags(flags), Val::Flags(names)) => {
            names.iter().map(|name| json_name(&flags.cases, name, ty)).collect::<Result<Vec<_>, _>>()?.into()
        }
        _ => return Err(mismatch(ty)),
    })
}

fn json_name(cases: &[Case], name: &str, ty: &Type) -> Result<Value, ShapeError> {
    let case = cases.iter().find(|case| *case.name == *name).ok_or_else(|| mismatch(ty))?;
    Ok((*case.json).into())
}

fn tagged(name: &str, ty: Option<&Type>, value: Option<&Val>) -> Result<Value, ShapeError> {
    let value = match (ty, value) {
        (Some(ty), Some(value)) => from_val(ty, value)?,
        _ => Value::Null,
    };
    let mut object = Map::with_capacity(1);
    object.insert(name.to_owned(), value);
    Ok(object.into())
}

#[cfg(test)]
mod tests;
