//! Adding to integer fields of JSON records without reading them first.

use std::ops::RangeInclusive;

use bytes::Bytes;
use serde_json::{Map, Number, Value};

use crate::StorageError;

/// A field, what is added to it, and the range that the sum must not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addend<'a> {
    /// The field's JSON name.
    pub field: &'a str,
    /// What is added.
    pub n: i64,
    /// The values that the field's type has.
    pub range: RangeInclusive<i128>,
}

impl<'a> Addend<'a> {
    /// `n` to a field of 64 bits with a sign.
    #[must_use]
    pub fn new(field: &'a str, n: i64) -> Self {
        Self { field, n, range: i64::MIN.into()..=i64::MAX.into() }
    }
}

/// What `add` does when there is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It makes one that holds the field alone.
    Create,
    /// It refuses.
    Refuse,
}

/// What one transaction adds to one record. Additions to the same field count together, so only their sum can overflow.
#[derive(Debug, Clone)]
pub(crate) struct Adds {
    pub(crate) absent: Absent,
    fields: Vec<Sum>,
}

#[derive(Debug, Clone)]
struct Sum {
    field: String,
    n: i128,
    range: RangeInclusive<i128>,
}

impl Adds {
    pub(crate) fn new(absent: Absent, addend: &Addend<'_>) -> Self {
        Self { absent, fields: Vec::new() }.and(addend)
    }

    /// The same and one more.
    pub(crate) fn and(mut self, addend: &Addend<'_>) -> Self {
        let Addend { field, n, range } = addend;
        match self.fields.iter_mut().find(|sum| sum.field == *field) {
            Some(sum) => sum.n = sum.n.saturating_add((*n).into()),
            None => self.fields.push(Sum { field: (*field).to_owned(), n: (*n).into(), range: range.clone() }),
        }
        self
    }

    /// The record after the additions; `old` none when there is no record.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], [`StorageError::NotAnInteger`], [`StorageError::AddOverflow`].
    pub(crate) fn apply(&self, old: Option<&Bytes>) -> Result<Bytes, StorageError> {
        let mut object = match (old, self.absent) {
            (Some(bytes), _) => self.object(bytes)?,
            (None, Absent::Create) => Map::new(),
            (None, Absent::Refuse) => return Err(StorageError::NotFound),
        };
        for Sum { field, n, range } in &self.fields {
            let value = object.entry(field.as_str()).or_insert(Value::Null);
            let before = integer(value).ok_or_else(|| StorageError::NotAnInteger { field: field.clone() })?;
            let after = before.checked_add(*n).filter(|sum| range.contains(sum));
            *value = json(after.ok_or_else(|| StorageError::AddOverflow { field: field.clone() })?);
        }
        Ok(serde_json::to_vec(&Value::Object(object))?.into())
    }

    fn object(&self, bytes: &Bytes) -> Result<Map<String, Value>, StorageError> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(StorageError::NotAnInteger {
                field: self.fields.first().map(|sum| sum.field.clone()).unwrap_or_default(),
            }),
        }
    }
}

/// An integer in the JSON form of records: a number, or text where it is beyond ±2^53; a missing one counts as zero.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Null => Some(0),
        Value::Number(number) => number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Stored numbers are exact in JSON at any width, and guests read them as they write them; text is for clients that are not exact.
fn json(n: i128) -> Value {
    let narrow = i64::try_from(n).map(Number::from).or_else(|_| u64::try_from(n).map(Number::from));
    narrow.map_or_else(|_| Value::String(n.to_string()), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adding(absent: Absent, field: &str, n: i64) -> Adds {
        Adds::new(absent, &Addend::new(field, n))
    }

    fn applied(adds: &Adds, old: Option<&'static str>) -> Result<String, StorageError> {
        let old = old.map(|text| Bytes::from_static(text.as_bytes()));
        adds.apply(old.as_ref()).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn additions_keep_other_fields_and_their_order() {
        let adds = adding(Absent::Refuse, "n", 2).and(&Addend::new("n", 3)).and(&Addend::new("m", -1));
        assert_eq!(
            applied(&adds, Some(r#"{"z":"ä","n":1,"a":[1.5]}"#)).unwrap(),
            r#"{"z":"ä","n":6,"a":[1.5],"m":-1}"#
        );
        assert!(matches!(applied(&adds, None), Err(StorageError::NotFound)));
        assert_eq!(applied(&adding(Absent::Create, "n", 2), None).unwrap(), r#"{"n":2}"#);
    }

    #[test]
    fn integers_beyond_2_to_the_53_stay_exact() {
        let adds = adding(Absent::Create, "n", 1 << 53);
        assert_eq!(applied(&adds, None).unwrap(), r#"{"n":9007199254740992}"#);
        assert_eq!(applied(&adds, Some(r#"{"n":1}"#)).unwrap(), r#"{"n":9007199254740993}"#);
        assert_eq!(
            applied(&adding(Absent::Create, "n", -1), Some(r#"{"n":"9007199254740993"}"#)).unwrap(),
            r#"{"n":9007199254740992}"#
        );
    }

    #[test]
    fn what_is_no_integer_or_leaves_its_range_is_refused() {
        let adds = adding(Absent::Create, "n", 1);
        for bad in ["[]", "not json", r#"{"n":1.5}"#, r#"{"n":"x"}"#, r#"{"n":true}"#] {
            assert!(matches!(applied(&adds, Some(bad)), Err(StorageError::NotAnInteger { .. })), "{bad}");
        }
        assert!(matches!(
            applied(&adds, Some(r#"{"n":"9223372036854775807"}"#)),
            Err(StorageError::AddOverflow { .. })
        ));
        let back = adding(Absent::Create, "n", i64::MAX)
            .and(&Addend::new("n", i64::MAX))
            .and(&Addend::new("n", i64::MIN))
            .and(&Addend::new("n", i64::MIN));
        assert_eq!(applied(&back, None).unwrap(), r#"{"n":-2}"#);
    }

    #[test]
    fn a_sum_stays_within_the_width_of_its_field() {
        let within = |n, range| Adds::new(Absent::Refuse, &Addend { field: "n", n, range });
        let (small, wide) = (0..=u32::MAX.into(), 0..=u64::MAX.into());
        assert_eq!(applied(&within(1, small.clone()), Some(r#"{"n":4294967294}"#)).unwrap(), r#"{"n":4294967295}"#);
        for (n, old) in [(1, r#"{"n":4294967295}"#), (-1, r#"{"n":0}"#)] {
            assert!(
                matches!(applied(&within(n, small.clone()), Some(old)), Err(StorageError::AddOverflow { .. })),
                "{old}"
            );
        }
        let most = applied(&within(1, wide.clone()), Some(r#"{"n":"18446744073709551614"}"#)).unwrap();
        assert_eq!(most, r#"{"n":18446744073709551615}"#);
        let past = applied(&within(1, wide), Some(r#"{"n":18446744073709551615}"#));
        assert!(matches!(past, Err(StorageError::AddOverflow { .. })));
    }
}
