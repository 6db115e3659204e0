//! Adding to integer fields of JSON records without reading them first.

use bytes::Bytes;
use serde_json::{Map, Number, Value};

use crate::StorageError;

/// JSON numbers beyond this are written as strings, as everywhere in the kernel.
const NUMBER_MAX: i64 = 1 << 53;

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
    fields: Vec<(String, i128)>,
}

impl Adds {
    pub(crate) fn new(absent: Absent, field: &str, n: i64) -> Self {
        Self { absent, fields: vec![(field.to_owned(), n.into())] }
    }

    /// The same and `n` more in `field`.
    pub(crate) fn and(mut self, field: &str, n: i64) -> Self {
        match self.fields.iter_mut().find(|(name, _)| name == field) {
            Some((_, sum)) => *sum = sum.saturating_add(n.into()),
            None => self.fields.push((field.to_owned(), n.into())),
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
        for (field, n) in &self.fields {
            let value = object.entry(field.as_str()).or_insert(Value::Null);
            let before = integer(value).ok_or_else(|| StorageError::NotAnInteger { field: field.clone() })?;
            let after = i128::from(before).checked_add(*n).and_then(|sum| i64::try_from(sum).ok());
            *value = json(after.ok_or_else(|| StorageError::AddOverflow { field: field.clone() })?);
        }
        Ok(serde_json::to_vec(&Value::Object(object))?.into())
    }

    fn object(&self, bytes: &Bytes) -> Result<Map<String, Value>, StorageError> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(StorageError::NotAnInteger {
                field: self.fields.first().map(|(field, _)| field.clone()).unwrap_or_default(),
            }),
        }
    }
}

/// An integer in the JSON form of records: a number, or text where it is beyond ±2^53; a missing one counts as zero.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Null => Some(0),
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn json(n: i64) -> Value {
    if (-NUMBER_MAX..=NUMBER_MAX).contains(&n) { Value::Number(Number::from(n)) } else { Value::String(n.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(adds: &Adds, old: Option<&'static str>) -> Result<String, StorageError> {
        let old = old.map(|text| Bytes::from_static(text.as_bytes()));
        adds.apply(old.as_ref()).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn additions_keep_other_fields_and_their_order() {
        let adds = Adds::new(Absent::Refuse, "n", 2).and("n", 3).and("m", -1);
        assert_eq!(
            applied(&adds, Some(r#"{"z":"ä","n":1,"a":[1.5]}"#)).unwrap(),
            r#"{"z":"ä","n":6,"a":[1.5],"m":-1}"#
        );
        assert!(matches!(applied(&adds, None), Err(StorageError::NotFound)));
        assert_eq!(applied(&Adds::new(Absent::Create, "n", 2), None).unwrap(), r#"{"n":2}"#);
    }

    #[test]
    fn integers_beyond_2_to_the_53_are_text() {
        let adds = Adds::new(Absent::Create, "n", 1 << 53);
        assert_eq!(applied(&adds, None).unwrap(), r#"{"n":9007199254740992}"#);
        assert_eq!(applied(&adds, Some(r#"{"n":1}"#)).unwrap(), r#"{"n":"9007199254740993"}"#);
        assert_eq!(
            applied(&Adds::new(Absent::Create, "n", -1), Some(r#"{"n":"9007199254740993"}"#)).unwrap(),
            r#"{"n":9007199254740992}"#
        );
    }

    #[test]
    fn what_is_no_integer_or_leaves_its_range_is_refused() {
        let adds = Adds::new(Absent::Create, "n", 1);
        for bad in ["[]", "not json", r#"{"n":1.5}"#, r#"{"n":"x"}"#, r#"{"n":true}"#, r#"{"n":18446744073709551615}"#]
        {
            assert!(matches!(applied(&adds, Some(bad)), Err(StorageError::NotAnInteger { .. })), "{bad}");
        }
        assert!(matches!(
            applied(&adds, Some(r#"{"n":"9223372036854775807"}"#)),
            Err(StorageError::AddOverflow { .. })
        ));
        let back = Adds::new(Absent::Create, "n", i64::MAX).and("n", i64::MAX).and("n", i64::MIN).and("n", i64::MIN);
        assert_eq!(applied(&back, None).unwrap(), r#"{"n":-2}"#);
    }
}
