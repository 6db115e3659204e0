//! JSON read strictly: bounded depth, no name twice in one object.
//!
//! INVARIANT (bounded-requests): the depth is looked at before the reader descends, so that no body can exhaust the stack.

use std::borrow::Cow;
use std::fmt;

use forecourt_base::limits;
use forecourt_schema::{FieldError, Rule};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::Problem;
use crate::{syntax, table};

const TOO_DEEP: Rule =
    Rule { code: "too-deep", en: Cow::Borrowed("is nested too deeply"), zh: Cow::Borrowed("嵌套过深") };
const DUPLICATE: Rule =
    Rule { code: "duplicate", en: Cow::Borrowed("is given twice"), zh: Cow::Borrowed("重复出现") };
const RANGE: Rule =
    Rule { code: "range", en: Cow::Borrowed("is no finite number"), zh: Cow::Borrowed("不是有限的数") };

/// Reads a body.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    let mut reading = Reading::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Node { depth: 0, reading: &mut reading }.deserialize(&mut deserializer);
    match value.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => Ok(value),
        Err(error) => Err(match reading.fault {
            Some(fault) => Problem::field(fault),
            None => Problem::new(&table::MALFORMED_JSON).both("reason", syntax::reason(&error)),
        }),
    }
}

/// Where the reader stands, and the rule that stopped it.
#[derive(Default)]
struct Reading {
    pointer: String,
    fault: Option<FieldError>,
}

impl Reading {
    fn refuse<E: serde::de::Error>(&mut self, rule: Rule) -> E {
        let error = E::custom(&rule.en);
        self.fault = Some(FieldError { pointer: self.pointer.clone(), rule });
        error
    }

    /// Steps down to a child; the answer leads back up.
    fn down(&mut self, token: &str) -> usize {
        let back = self.pointer.len();
        push(&mut self.pointer, token);
        back
    }
}

/// Adds a reference token to a JSON pointer (RFC 6901 §3).
pub(crate) fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    for c in token.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

struct Node<'a> {
    depth: usize,
    reading: &'a mut Reading,
}

impl Node<'_> {
    fn descend<E: serde::de::Error>(&mut self) -> Result<usize, E> {
        if self.depth >= limits::JSON_DEPTH {
            return Err(self.reading.refuse(TOO_DEEP));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| self.reading.refuse(RANGE))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.descend()?;
        let mut list = Vec::new();
        loop {
            let back = self.reading.down(&list.len().to_string());
            match items.next_element_seed(Node { depth, reading: self.reading })? {
                Some(item) => list.push(item),
                None => {
                    self.reading.pointer.truncate(back);
                    return Ok(list.into());
                }
            }
            self.reading.pointer.truncate(back);
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Value, A::Error> {
        let depth = self.descend()?;
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let back = self.reading.down(&name);
            if object.contains_key(&name) {
                return Err(self.reading.refuse(DUPLICATE));
            }
            let value = fields.next_value_seed(Node { depth, reading: self.reading })?;
            self.reading.pointer.truncate(back);
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(text: &str) -> (String, &'static str) {
        let problem = parse(text.as_bytes()).unwrap_err();
        let errors = problem.errors();
        (errors[0].pointer.clone(), errors[0].rule.code)
    }

    #[test]
    fn values_are_read_as_they_stand() {
        let text = r#"{"b": [1, -2, 0.5, "汽车\n", null, true], "a": {"x": 9007199254740993}}"#;
        let value = json!({ "b": [1, -2, 0.5, "汽车\n", null, true], "a": { "x": 9_007_199_254_740_993_u64 } });
        let read = parse(text.as_bytes()).unwrap();
        assert_eq!(read, value);
        assert_eq!(read.to_string(), value.to_string(), "the order stays");
    }

    #[test]
    fn a_name_given_twice_is_refused_where_it_stands() {
        assert_eq!(refusal(r#"{"a": 1, "a": 1}"#), ("/a".to_owned(), "duplicate"));
        assert_eq!(
            refusal(r#"{"l": [{}, {"x/~y": {"k": 1, "\u006b": 2}}]}"#),
            ("/l/1/x~1~0y/k".to_owned(), "duplicate")
        );
        assert!(parse(br#"[{"a": 1}, {"a": 2}]"#).is_ok());
    }

    #[test]
    fn depth_is_bounded_before_it_is_reached() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(limits::JSON_DEPTH).as_bytes()).is_ok());
        let (pointer, rule) = refusal(&nested(limits::JSON_DEPTH + 1));
        assert_eq!((pointer.matches("/0").count(), rule), (limits::JSON_DEPTH, "too-deep"));
        assert_eq!(refusal(&"[".repeat(1_000_000)).1, "too-deep");
        assert_eq!(refusal(&r#"{"a":"#.repeat(100_000)).1, "too-deep");
    }

    #[test]
    fn what_is_no_json_is_refused_without_quoting_it() {
        for bad in ["", "{", "nul", "{'a': 1}", "[1,]", "1 2", "NaN", "1e999", "\"\\ud800\"", "\u{feff}{}", "{\"a\" 1}"]
        {
            let problem = parse(bad.as_bytes()).unwrap_err();
            assert_eq!(problem.kind().name, "malformed-json", "{bad}");
        }
        assert_eq!(parse(b"\"\xff\"").unwrap_err().kind().name, "malformed-json");
    }
}
