//! What serde says of input that it refuses, in both languages. Of a refusal deep within a type nothing but its English text comes out, so its
//! words are known here: those of serde itself, and those of the kernel's identifiers.

use forecourt_base::{Bilingual, IdError};

use crate::rule::{self, Rule};

/// What is expected, as serde calls it and as people do.
const EXPECTED: [(&str, &str); 7] = [
    ("a boolean", "true or false"),
    ("a string", "text"),
    ("string", "text"),
    ("a sequence", "a list"),
    ("sequence", "a list"),
    ("a map", "an object"),
    ("map", "an object"),
];

/// The rule that a message of serde tells, as the rest of a sentence that begins with the field.
#[must_use]
pub fn rule_of(message: &str) -> Rule {
    if message.starts_with("missing field `") {
        return rule::MISSING;
    }
    if message.starts_with("unknown field `") {
        return rule::UNKNOWN;
    }
    if message.starts_with("duplicate field `") {
        return rule::TWICE;
    }
    if let Some(kind) = message.strip_prefix("invalid type: ").and_then(expected).and_then(kind) {
        return rule::kind(kind);
    }
    if let Some((_, cases)) = message.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, expected "))
    {
        let cases = names(cases);
        return Rule::made("case", format!("must be one of {cases}"), format!("必须是以下之一：{cases}"));
    }
    let both = bilingual(message);
    Rule { code: "malformed", en: both.en, zh: both.zh }
}

/// A message of serde, or of what is read through it, as a sentence of its own.
#[must_use]
pub fn bilingual(message: &str) -> Bilingual {
    let quoted = |start: &str| message.strip_prefix(start)?.split_once('`');
    let zh = if let Some((name, _)) = quoted("missing field `") {
        format!("缺少字段 `{name}`")
    } else if let Some((name, rest)) = quoted("unknown field `") {
        let known = rest.strip_prefix(", expected ").map(names);
        format!("未知字段 `{name}`{}", known.map(|known| format!("，已知字段：{known}")).unwrap_or_default())
    } else if let Some((name, _)) = quoted("duplicate field `") {
        format!("字段 `{name}` 重复出现")
    } else if let Some((name, rest)) = quoted("unknown variant `") {
        format!("`{name}` 必须是以下之一：{}", names(rest.strip_prefix(", expected ").unwrap_or(rest)))
    } else if let Some(expected) = message.strip_prefix("invalid type: ").and_then(expected) {
        kind(expected).map_or_else(|| format!("类型不符，应为 {expected}"), |kind| rule::kind(kind).zh.into_owned())
    } else if let Some((given, expected)) =
        message.strip_prefix("invalid value: ").and_then(|rest| rest.rsplit_once(", expected "))
    {
        format!("取值不符：{given}，应为 {expected}")
    } else {
        IdError::chinese(message).unwrap_or_else(|| format!("格式有误：{message}"))
    };
    Bilingual::made(message.to_owned(), zh)
}

/// The names that serde lists, two of them as it lists more.
fn names(listed: &str) -> String {
    listed.strip_prefix("one of ").unwrap_or(listed).replace("` or `", "`, `")
}

fn expected(rest: &str) -> Option<&str> {
    rest.rsplit_once(", expected ").map(|(_, expected)| expected)
}

/// The kind of JSON value that is meant by what serde expects; none where it is something else.
fn kind(expected: &str) -> Option<&'static str> {
    let integer =
        |text: &str| text.strip_prefix(['i', 'u']).is_some_and(|bits| bits == "size" || bits.parse::<u8>().is_ok());
    if expected.starts_with("struct ") || expected.starts_with("internally tagged enum ") {
        return Some("an object");
    }
    if expected.starts_with("enum ") || expected.starts_with("string or map") {
        return Some("text");
    }
    if integer(expected) {
        return Some("an integer");
    }
    EXPECTED.iter().find(|(known, _)| *known == expected).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use forecourt_base::UserId;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read by serde alone")]
    struct Body {
        user: UserId,
        #[serde(default)]
        rows: u8,
        #[serde(default)]
        whole: bool,
        #[serde(default)]
        list: Vec<Kind>,
        #[serde(default)]
        map: BTreeMap<String, String>,
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read by serde alone")]
    struct Inner {
        text: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        One,
        Two,
    }

    #[test]
    fn what_serde_refuses_is_told_in_both_languages_without_names_of_types() {
        let cases = [
            (json!({}), "missing", "is required"),
            (json!({ "user": "a", "x": 1 }), "unknown-field", "is not a known field"),
            (json!({ "user": 1 }), "kind", "must be text"),
            (json!({ "user": "A" }), "malformed", "`A` is not a user id: use 1 to 64"),
            (json!({ "user": "a", "rows": "1" }), "kind", "must be an integer"),
            (json!({ "user": "a", "rows": 256 }), "malformed", "invalid value: integer `256`"),
            (json!({ "user": "a", "whole": 1 }), "kind", "must be true or false"),
            (json!({ "user": "a", "list": {} }), "kind", "must be a list"),
            (json!({ "user": "a", "list": ["three"] }), "case", "must be one of `one`, `two`"),
            (json!({ "user": "a", "map": [] }), "kind", "must be an object"),
            (json!({ "user": "a", "inner": 1 }), "kind", "must be an object"),
        ];
        for (body, code, en) in cases {
            let message = serde_json::from_value::<Body>(body.clone()).unwrap_err().to_string();
            let rule = rule_of(&message);
            assert_eq!((rule.code, rule.en.starts_with(en)), (code, true), "{body}: {message}: {rule:?}");
            let sentence = bilingual(&message);
            for zh in [&rule.zh, &sentence.zh] {
                assert!(zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{message}: {zh}");
                assert!(!zh.starts_with("格式有误"), "no words for {message}");
            }
        }
        assert_eq!(bilingual("odd").zh, "格式有误：odd");
        let twice = serde_json::from_str::<Inner>(r#"{"text": "", "text": ""}"#).unwrap_err().to_string();
        assert_eq!(rule_of(&twice).code, "duplicate");
    }
}
