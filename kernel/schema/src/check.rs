//! Checks canonical JSON values against types.

use forecourt_base::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Number, Value};

use crate::limits::FIELD_ERRORS;
use crate::rule::{self, FieldError, Rule};
use crate::types::{Case, Field};
use crate::{Semantic, Type};

/// Checks a value that should be canonical, as guests write them. Nothing is allocated for a good value.
///
/// # Errors
/// The wrong fields, at least one and at most [`FIELD_ERRORS`].
pub fn check(ty: &Type, value: &Value) -> Result<(), Vec<FieldError>> {
    check_on(ty, value, None)
}

/// The same at the instant `now`: dates of birth after it are refused too.
///
/// # Errors
/// The wrong fields, at least one and at most [`FIELD_ERRORS`].
pub fn check_at(ty: &Type, value: &Value, now: Timestamp) -> Result<(), Vec<FieldError>> {
    check_on(ty, value, Some(crate::semantic::today(now)))
}

fn check_on(ty: &Type, value: &Value, today: Option<Date>) -> Result<(), Vec<FieldError>> {
    let mut checker = Checker { errors: Errors::default(), today };
    checker.value(ty, value, None);
    checker.errors.finish()
}

/// Wrong fields found so far. Pointers grow from their ends: whoever walks into a field puts its name before the pointers found there.
#[derive(Debug, Default)]
pub(crate) struct Errors(Vec<FieldError>);

impl Errors {
    pub(crate) fn add(&mut self, rule: Rule) {
        self.add_at("", rule);
    }

    pub(crate) fn add_at(&mut self, segment: &str, rule: Rule) {
        if self.0.len() < FIELD_ERRORS {
            let pointer = if segment.is_empty() { String::new() } else { format!("/{}", escaped(segment)) };
            self.0.push(FieldError { pointer, rule });
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Puts a name before the pointers of the errors behind the first `before`.
    pub(crate) fn within(&mut self, before: usize, segment: &str) {
        for error in self.0.iter_mut().skip(before) {
            error.pointer.insert_str(0, &escaped(segment));
            error.pointer.insert(0, '/');
        }
    }

    pub(crate) fn within_item(&mut self, before: usize, index: usize) {
        if self.count() > before {
            self.within(before, &index.to_string());
        }
    }

    pub(crate) fn finish(self) -> Result<(), Vec<FieldError>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// A name as a segment of a JSON pointer.
pub(crate) fn escaped(segment: &str) -> String {
    segment.chars().take(100).collect::<String>().replace('~', "~0").replace('/', "~1")
}

struct Checker {
    errors: Errors,
    today: Option<Date>,
}

impl Checker {
    fn value(&mut self, ty: &Type, value: &Value, semantic: Option<Semantic>) {
        match (ty, value) {
            (Type::Alias(alias), _) => self.value(&alias.target, value, semantic.or(alias.semantic)),
            (Type::Option(_), Value::Null) => {}
            (Type::Option(inner), _) => self.value(inner, value, semantic),
            (Type::List(item), Value::Array(items)) => self.items(items.iter().map(|value| (&**item, value))),
            (Type::Tuple(types), Value::Array(items)) => {
                if types.len() == items.len() {
                    self.items(types.iter().zip(items));
                } else {
                    self.errors.add(rule::length(types.len()));
                }
            }
            (Type::Record(record), Value::Object(object)) => self.record(&record.fields, object),
            (Type::Variant(variant), _) => self.variant(&variant.cases, value),
            (Type::Enum(ty), Value::String(name)) => {
                if !ty.cases.iter().any(|case| *case.json == **name) {
                    self.errors.add(rule::case(ty.cases.iter().map(|case| &*case.json)));
                }
            }
            (Type::Flags(flags), Value::Array(items)) => {
                let known = items.iter().enumerate().find_map(|(at, item)| flag(&flags.cases, items, at, item).err());
                if let Some((at, rule)) = known {
                    self.errors.add_at(&at.to_string(), rule);
                }
            }
            (Type::Result(result), Value::Object(object)) => match single(object) {
                Some(("ok", value)) => self.side("ok", result.ok.as_ref(), value),
                Some(("err", value)) => self.side("err", result.err.as_ref(), value),
                _ => self.errors.add(rule::case(["ok", "err"].into_iter())),
            },
            _ => {
                if let Err(rule) = plain(ty, value, semantic, self.today) {
                    self.errors.add(rule);
                }
            }
        }
    }

    fn items<'a>(&mut self, items: impl Iterator<Item = (&'a Type, &'a Value)>) {
        for (index, (ty, value)) in items.enumerate() {
            let before = self.errors.count();
            self.value(ty, value, None);
            self.errors.within_item(before, index);
            if self.errors.count() >= FIELD_ERRORS {
                return;
            }
        }
    }

    fn field(&mut self, name: &str, ty: &Type, value: &Value) {
        let before = self.errors.count();
        self.value(ty, value, None);
        if self.errors.count() > before {
            self.errors.within(before, name);
        }
    }

    fn record(&mut self, fields: &[Field], object: &Map<String, Value>) {
        let mut known = 0;
        for field in fields {
            match object.get(&*field.json) {
                Some(value) => {
                    known += 1;
                    self.field(&field.json, &field.ty, value);
                }
                None if matches!(field.ty.resolved(), Type::Option(_)) => {}
                None => self.errors.add_at(&field.json, rule::MISSING),
            }
        }
        if known < object.len() {
            for name in object.keys().filter(|name| !fields.iter().any(|field| *field.json == ***name)) {
                self.errors.add_at(name, rule::UNKNOWN);
            }
        }
    }

    fn variant(&mut self, cases: &[Case], value: &Value) {
        let (name, payload) = match value {
            Value::String(name) => (name.as_str(), None),
            Value::Object(object) => match single(object) {
                Some((name, payload)) => (name, Some(payload)),
                None => return self.errors.add(rule::CASE_OBJECT),
            },
            _ => return self.errors.add(rule::CASE_OBJECT),
        };
        let Some(case) = cases.iter().find(|case| *case.json == *name) else {
            return self.errors.add(rule::case(cases.iter().map(|case| &*case.json)));
        };
        match (&case.ty, payload) {
            (None, None) => {}
            (Some(ty), Some(payload)) => self.field(&case.json, ty, payload),
            (Some(_), None) => self.errors.add(rule::CASE_VALUE),
            (None, Some(_)) => self.errors.add(rule::CASE_PLAIN),
        }
    }

    fn side(&mut self, name: &str, ty: Option<&Type>, value: &Value) {
        match (ty, value) {
            (Some(ty), value) => self.field(name, ty, value),
            (None, Value::Null) => {}
            (None, _) => self.errors.add_at(name, rule::CASE_PLAIN),
        }
    }
}

/// The only entry of an object.
pub(crate) fn single(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = object.iter();
    match (entries.next(), entries.next()) {
        (Some((name, value)), None) => Some((name, value)),
        _ => None,
    }
}

fn flag(cases: &[Case], items: &[Value], at: usize, item: &Value) -> Result<(), (usize, Rule)> {
    if !item.as_str().is_some_and(|name| cases.iter().any(|case| *case.json == *name)) {
        return Err((at, rule::case(cases.iter().map(|case| &*case.json))));
    }
    if items.iter().take(at).any(|other| other == item) { Err((at, rule::DUPLICATE)) } else { Ok(()) }
}

/// Checks a value of a type that has no parts, and names the rule where a value's kind is not its type's.
pub(crate) fn plain(ty: &Type, value: &Value, semantic: Option<Semantic>, today: Option<Date>) -> Result<(), Rule> {
    match (ty, value) {
        (Type::Bool, Value::Bool(_)) => Ok(()),
        (Type::String, Value::String(text)) => semantic.map_or(Ok(()), |semantic| semantic.check_on(text, today)),
        (Type::Char, Value::String(text)) => {
            let mut chars = text.chars();
            let one = chars.next().is_some() && chars.next().is_none();
            if one { Ok(()) } else { Err(rule::kind("one character")) }
        }
        (Type::F64, Value::Number(_)) => Ok(()),
        (Type::F32, Value::Number(number)) => {
            let fits = number.as_f64().is_some_and(|n| (n as f32).is_finite());
            if fits { Ok(()) } else { Err(rule::NOT_FINITE) }
        }
        _ => match integer_bounds(ty) {
            Some(bounds) => integer(value, bounds).map(drop),
            None => Err(expected(ty)),
        },
    }
}

/// The least and the greatest value of an integer type.
pub(crate) fn integer_bounds(ty: &Type) -> Option<(i64, u64)> {
    let bounds = match ty {
        Type::S8 => (i64::from(i8::MIN), i8::MAX as u64),
        Type::S16 => (i64::from(i16::MIN), i16::MAX as u64),
        Type::S32 => (i64::from(i32::MIN), i32::MAX as u64),
        Type::S64 => (i64::MIN, i64::MAX as u64),
        Type::U8 => (0, u64::from(u8::MAX)),
        Type::U16 => (0, u64::from(u16::MAX)),
        Type::U32 => (0, u64::from(u32::MAX)),
        Type::U64 => (0, u64::MAX),
        _ => return None,
    };
    Some(bounds)
}

/// The greatest integer up to which JSON numbers are exact everywhere.
pub(crate) const EXACT: u64 = 1 << 53;

/// Reads an integer: a number, or the text of one where the type has 64 bits.
pub(crate) fn integer(value: &Value, (min, max): (i64, u64)) -> Result<i128, Rule> {
    let number = match value {
        Value::Number(number) => whole(number).ok_or_else(|| rule::kind("an integer"))?,
        Value::String(text) if max > u64::from(u32::MAX) && text.len() <= 20 && !text.starts_with('+') => {
            text.parse::<i128>().map_err(|_| rule::kind("an integer"))?
        }
        _ => return Err(rule::kind("an integer")),
    };
    if number < i128::from(min) || number > i128::from(max) { Err(rule::range(min, max)) } else { Ok(number) }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

pub(crate) fn expected(ty: &Type) -> Rule {
    rule::kind(match ty.resolved() {
        Type::Bool => "true or false",
        Type::F32 | Type::F64 => "a number",
        Type::Char => "one character",
        Type::String | Type::Enum(_) => "text",
        Type::List(_) | Type::Tuple(_) | Type::Flags(_) => "a list",
        _ => "an object",
    })
}

#[cfg(test)]
pub(crate) mod tests;
