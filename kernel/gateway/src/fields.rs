//! JSON objects read into Rust types, with each wrong field named by its pointer.

use std::borrow::Cow;

use forecourt_base::{Bilingual, limits};
use forecourt_schema::{FieldError, Rule, rule_of};
use semver::Version;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde::{Deserialize, de::IntoDeserializer};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::problem::Problem;
use crate::strict::push;

/// Begins, and parts the languages of, a rule of our own on its way through serde, whose errors carry one text.
const MARK: char = '\u{1f}';

/// Reads `value` as a `T`.
pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    if !value.is_object() {
        let rule = Rule { code: "kind", en: Cow::Borrowed("must be an object"), zh: Cow::Borrowed("必须是对象") };
        return Err(Problem::field(FieldError { pointer: String::new(), rule }));
    }
    serde_path_to_error::deserialize(value.into_deserializer()).map_err(
        |error: serde_path_to_error::Error<serde_json::Error>| {
            let pointer = pointer(error.path());
            Problem::field(named(pointer, &error.into_inner().to_string()))
        },
    )
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push(&mut pointer, &index.to_string()),
            Segment::Map { key } => push(&mut pointer, key),
            Segment::Enum { variant } => push(&mut pointer, variant),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// The rule that serde's message tells. Names of missing fields stand in the message alone; those of unknown ones in both.
fn named(mut pointer: String, message: &str) -> FieldError {
    let quoted = |start: &str| message.strip_prefix(start)?.split_once('`').map(|(name, _)| name);
    if let Some(name) = quoted("missing field `") {
        push(&mut pointer, name);
    } else if let Some(name) = quoted("unknown field `") {
        let mut token = String::new();
        push(&mut token, name);
        if !pointer.ends_with(&token) {
            pointer.push_str(&token);
        }
    } else if let Some((en, zh)) = message.strip_prefix(MARK).and_then(|both| both.split_once(MARK)) {
        let (en, zh) = (en.to_owned().into(), zh.to_owned().into());
        return FieldError { pointer, rule: Rule { code: "malformed", en, zh } };
    }
    FieldError { pointer, rule: rule_of(message) }
}

/// A rule of our own, in both languages, as an error of serde that [`read`] understands.
pub(crate) fn refusal<E: Error>(rule: &Bilingual) -> E {
    E::custom(format!("{MARK}{}{MARK}{}", rule.en, rule.zh))
}

/// How lists are asked for: `after` is the `next` of the page before.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    pub(crate) after: Option<String>,
    #[serde(default, deserialize_with = "rows")]
    pub(crate) limit: Option<usize>,
}

/// A number of rows from the text of a query string.
pub(crate) fn rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.parse() {
        Ok(rows @ 1..=limits::PAGE_ROWS) => Ok(Some(rows)),
        _ => {
            let most = limits::PAGE_ROWS;
            Err(refusal(&Bilingual::made(format!("must be 1 to {most}"), format!("须为 1 至 {most}"))))
        }
    }
}

/// `true` or `false` from the text of a query string.
pub(crate) fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(refusal(&Bilingual::fixed("must be `true` or `false`", "须为 `true` 或 `false`"))),
    }
}

/// A plugin's version.
pub(crate) fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
    let rule = Bilingual::fixed("must be a version such as `1.2.0`", "须为 `1.2.0` 之类的版本号");
    String::deserialize(deserializer)?.parse().map_err(|_| refusal(&rule))
}

impl From<PageQuery> for forecourt_auth::PageRequest {
    fn from(query: PageQuery) -> Self {
        Self { after: query.after, limit: query.limit }
    }
}

#[cfg(test)]
mod tests {
    use forecourt_base::UserId;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "read by serde alone")]
        user: UserId,
        #[serde(default)]
        #[expect(dead_code, reason = "read by serde alone")]
        list: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        #[expect(dead_code, reason = "read by serde alone")]
        n: u8,
    }

    #[test]
    fn wrong_fields_are_named_by_pointer_and_rule() {
        let cases = [
            (json!({}), "/user", "missing"),
            (json!({ "user": "a", "x/y": 1 }), "/x~1y", "unknown-field"),
            (json!({ "user": 5 }), "/user", "kind"),
            (json!({ "user": "A B" }), "/user", "malformed"),
            (json!({ "user": "a", "list": [{ "n": 1 }, { "n": 256 }] }), "/list/1/n", "malformed"),
            (json!({ "user": "a", "list": [{}] }), "/list/0/n", "missing"),
            (json!({ "user": "a", "list": [{ "n": 1, "m": 2 }] }), "/list/0/m", "unknown-field"),
            (json!(["a", []]), "", "kind"),
            (json!("text"), "", "kind"),
        ];
        for (body, pointer, code) in cases {
            let problem = read::<Body>(body.clone()).unwrap_err();
            assert_eq!(
                (problem.errors()[0].pointer.as_str(), problem.errors()[0].rule.code),
                (pointer, code),
                "{body}"
            );
        }
        assert!(read::<Body>(json!({ "user": "a", "list": [{ "n": 1 }] })).is_ok());
    }
}
