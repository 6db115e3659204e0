//! Brings JSON values that people and programs send to their canonical form.

use forecourt_base::Timestamp;
use forecourt_base::limits::JSON_DEPTH;
use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::check::{EXACT, Errors, escaped, integer, integer_bounds, plain};
use crate::limits::FIELD_ERRORS;
use crate::rule::{self, FieldError, Warning};
use crate::types::{Case, Field};
use crate::{Semantic, Type};

/// The canonical value and what is odd about it.
pub type NormalisedValue = (Value, Vec<Warning>);

/// Brings a value to its canonical form: names in kebab case become snake case, semantic types their canonical text, 64-bit integers
/// numbers within ±2^53 and text beyond; absent and null options are left out; fields take the order of the type.
///
/// # Errors
/// The wrong fields, at least one and at most [`FIELD_ERRORS`].
pub fn normalise(ty: &Type, value: Value) -> Result<NormalisedValue, Vec<FieldError>> {
    normalise_on(ty, value, None)
}

/// The same at the instant `now`: dates of birth after it are refused too.
///
/// # Errors
/// The wrong fields, at least one and at most [`FIELD_ERRORS`].
pub fn normalise_at(ty: &Type, value: Value, now: Timestamp) -> Result<NormalisedValue, Vec<FieldError>> {
    normalise_on(ty, value, Some(crate::semantic::today(now)))
}

/// Brings the parameters of an operation, an object, to their canonical form.
///
/// # Errors
/// The wrong fields, at least one and at most [`FIELD_ERRORS`].
pub fn normalise_params(params: &[Field], value: Value, now: Timestamp) -> Result<NormalisedValue, Vec<FieldError>> {
    let mut normaliser = Normaliser::new(Some(crate::semantic::today(now)));
    let value = match value {
        Value::Object(object) => normaliser.record(params, object, 0),
        _ => normaliser.refuse(rule::kind("an object")),
    };
    normaliser.finish(value)
}

fn normalise_on(ty: &Type, value: Value, today: Option<Date>) -> Result<NormalisedValue, Vec<FieldError>> {
    let mut normaliser = Normaliser::new(today);
    let value = normaliser.value(ty, value, None, 0);
    normaliser.finish(value)
}

struct Normaliser {
    errors: Errors,
    warnings: Vec<Warning>,
    today: Option<Date>,
}

impl Normaliser {
    fn new(today: Option<Date>) -> Self {
        Self { errors: Errors::default(), warnings: Vec::new(), today }
    }

    fn finish(self, value: Value) -> Result<NormalisedValue, Vec<FieldError>> {
        self.errors.finish()?;
        Ok((value, self.warnings))
    }

    fn refuse(&mut self, rule: rule::Rule) -> Value {
        self.errors.add(rule);
        Value::Null
    }

    fn value(&mut self, ty: &Type, value: Value, semantic: Option<Semantic>, depth: usize) -> Value {
        if depth > JSON_DEPTH {
            return self.refuse(rule::TOO_DEEP);
        }
        match (ty, value) {
            (Type::Alias(alias), value) => self.value(&alias.target, value, semantic.or(alias.semantic), depth),
            (Type::Option(_), Value::Null) => Value::Null,
            (Type::Option(inner), value) => self.value(inner, value, semantic, depth),
            (Type::List(item), Value::Array(items)) => {
                self.items(items.into_iter().map(|value| (&**item, value)), depth + 1)
            }
            (Type::Tuple(types), Value::Array(items)) => {
                if types.len() != items.len() {
                    return self.refuse(rule::length(types.len()));
                }
                self.items(types.iter().zip(items), depth + 1)
            }
            (Type::Record(record), Value::Object(object)) => self.record(&record.fields, object, depth + 1),
            (Type::Variant(variant), value) => self.variant(&variant.cases, value, depth + 1),
            (Type::Enum(ty), Value::String(name)) => match find(&ty.cases, &name) {
                Some(case) => case_name(case, name),
                None => self.refuse(rule::case(ty.cases.iter().map(|case| &*case.json))),
            },
            (Type::Flags(flags), Value::Array(items)) => self.flags(&flags.cases, items),
            (Type::Result(result), Value::Object(object)) => match only(object) {
                Some((name, value)) if name == "ok" => self.side(name, result.ok.as_ref(), value, depth + 1),
                Some((name, value)) if name == "err" => self.side(name, result.err.as_ref(), value, depth + 1),
                _ => self.refuse(rule::case(["ok", "err"].into_iter())),
            },
            (ty, value) => self.plain(ty, value, semantic),
        }
    }

    fn plain(&mut self, ty: &Type, value: Value, semantic: Option<Semantic>) -> Value {
        if let (Type::String, Some(semantic), Value::String(text)) = (ty, semantic, &value) {
            return match semantic.normalise_on(text, self.today) {
                Ok(normalised) => {
                    if let Some(rule) = normalised.warning {
                        self.warnings.push(Warning { pointer: String::new(), rule });
                    }
                    if normalised.value == *text { value } else { Value::String(normalised.value.into_owned()) }
                }
                Err(rule) => self.refuse(rule),
            };
        }
        if let Some(bounds) = integer_bounds(ty) {
            return match integer(&value, bounds) {
                Ok(number) => integer_value(number),
                Err(rule) => self.refuse(rule),
            };
        }
        match plain(ty, &value, semantic, self.today) {
            Ok(()) => value,
            Err(rule) => self.refuse(rule),
        }
    }

    /// Walks into a part of a value; what is found there gets `segment` before its pointer.
    fn part(&mut self, segment: &str, ty: &Type, value: Value, depth: usize) -> Value {
        let (errors, warnings) = (self.errors.count(), self.warnings.len());
        let value = self.value(ty, value, None, depth);
        self.locate(errors, warnings, || segment.to_owned());
        value
    }

    fn locate(&mut self, errors: usize, warnings: usize, segment: impl Fn() -> String) {
        if self.errors.count() > errors {
            self.errors.within(errors, &segment());
        }
        for warning in self.warnings.iter_mut().skip(warnings) {
            warning.pointer.insert_str(0, &format!("/{}", escaped(&segment())));
        }
    }

    fn items<'a>(&mut self, items: impl Iterator<Item = (&'a Type, Value)>, depth: usize) -> Value {
        let mut list = Vec::with_capacity(items.size_hint().0);
        for (index, (ty, value)) in items.enumerate() {
            let (errors, warnings) = (self.errors.count(), self.warnings.len());
            list.push(self.value(ty, value, None, depth));
            self.locate(errors, warnings, || index.to_string());
            if self.errors.count() >= FIELD_ERRORS {
                break;
            }
        }
        Value::Array(list)
    }

    fn record(&mut self, fields: &[Field], mut object: Map<String, Value>, depth: usize) -> Value {
        let mut record = Map::with_capacity(fields.len());
        for field in fields {
            let mut value = object.swap_remove(&*field.json);
            if value.is_none() && field.name != field.json {
                value = object.swap_remove(&*field.name);
            }
            match value {
                Some(Value::Null) | None if matches!(field.ty.resolved(), Type::Option(_)) => {}
                Some(value) => {
                    let value = self.part(&field.json, &field.ty, value, depth);
                    record.insert(field.json.to_string(), value);
                }
                None => self.errors.add_at(&field.json, rule::MISSING),
            }
        }
        for name in object.keys() {
            self.errors.add_at(name, rule::UNKNOWN);
        }
        Value::Object(record)
    }

    fn variant(&mut self, cases: &[Case], value: Value, depth: usize) -> Value {
        let (name, payload) = match value {
            Value::String(name) => (name, None),
            Value::Object(object) => match only(object) {
                Some((name, payload)) => (name, Some(payload)),
                None => return self.refuse(rule::CASE_OBJECT),
            },
            _ => return self.refuse(rule::CASE_OBJECT),
        };
        let Some(case) = find(cases, &name) else {
            return self.refuse(rule::case(cases.iter().map(|case| &*case.json)));
        };
        match (&case.ty, payload) {
            (None, None) => case_name(case, name),
            (Some(ty), Some(payload)) => {
                let payload = self.part(&case.json, ty, payload, depth);
                object_of(case.json.to_string(), payload)
            }
            (Some(_), None) => self.refuse(rule::CASE_VALUE),
            (None, Some(_)) => self.refuse(rule::CASE_PLAIN),
        }
    }

    fn side(&mut self, name: String, ty: Option<&Type>, value: Value, depth: usize) -> Value {
        let value = match (ty, value) {
            (Some(ty), value) => self.part(&name, ty, value, depth),
            (None, Value::Null) => Value::Null,
            (None, _) => {
                self.errors.add_at(&name, rule::CASE_PLAIN);
                Value::Null
            }
        };
        object_of(name, value)
    }

    fn flags(&mut self, cases: &[Case], items: Vec<Value>) -> Value {
        let mut flags = Vec::with_capacity(items.len().min(cases.len()));
        for (index, item) in items.into_iter().enumerate() {
            let case = item.as_str().and_then(|name| find(cases, name));
            let rule = match case {
                None => rule::case(cases.iter().map(|case| &*case.json)),
                Some(case) if flags.iter().any(|flag: &Value| flag.as_str() == Some(&case.json)) => rule::DUPLICATE,
                Some(case) => {
                    flags.push(Value::String(case.json.to_string()));
                    continue;
                }
            };
            self.errors.add_at(&index.to_string(), rule);
            break;
        }
        Value::Array(flags)
    }
}

fn integer_value(number: i128) -> Value {
    if number.unsigned_abs() > u128::from(EXACT) {
        return Value::String(number.to_string());
    }
    i64::try_from(number).map_or(Value::Null, Value::from)
}

fn find<'a>(cases: &'a [Case], name: &str) -> Option<&'a Case> {
    cases.iter().find(|case| *case.json == *name || *case.name == *name)
}

fn case_name(case: &Case, name: String) -> Value {
    Value::String(if *case.json == *name { name } else { case.json.to_string() })
}

fn only(object: Map<String, Value>) -> Option<(String, Value)> {
    let mut entries = object.into_iter();
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Some(entry),
        _ => None,
    }
}

fn object_of(name: String, value: Value) -> Value {
    let mut object = Map::with_capacity(1);
    object.insert(name, value);
    Value::Object(object)
}

#[cfg(test)]
mod tests;
