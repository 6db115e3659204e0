//! What a value breaks, said in English and Chinese.

use std::borrow::Cow;
use std::fmt;

/// A rule that a value breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Stable name of the rule, in kebab case.
    pub code: &'static str,
    /// The rule in English.
    pub en: Cow<'static, str>,
    /// The rule in Chinese.
    pub zh: Cow<'static, str>,
}

/// A field and the rule that its value breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the value, with JSON names; empty for the whole.
    pub pointer: String,
    /// The rule.
    pub rule: Rule,
}

/// A field whose value is accepted though it breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// JSON pointer (RFC 6901) to the value, with JSON names.
    pub pointer: String,
    /// The rule.
    pub rule: Rule,
}

impl Rule {
    pub(crate) const fn fixed(code: &'static str, en: &'static str, zh: &'static str) -> Self {
        Self { code, en: Cow::Borrowed(en), zh: Cow::Borrowed(zh) }
    }

    pub(crate) fn made(code: &'static str, en: String, zh: String) -> Self {
        Self { code, en: Cow::Owned(en), zh: Cow::Owned(zh) }
    }

    /// The rule in `language`: Chinese for `zh` and its regions, else English.
    #[must_use]
    pub fn text(&self, language: &str) -> &str {
        if language == "zh" || language.starts_with("zh-") { &self.zh } else { &self.en }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.pointer, self.rule)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.pointer, self.rule)
    }
}

pub(crate) const MISSING: Rule = Rule::fixed("missing", "is required", "必填");
pub(crate) const UNKNOWN: Rule = Rule::fixed("unknown-field", "is not a known field", "未知字段");
pub(crate) const NOT_FINITE: Rule = Rule::fixed("not-finite", "must be a finite number", "必须是有限的数");

/// Expected kinds of JSON values.
pub(crate) fn kind(en: &'static str) -> Rule {
    let zh = match en {
        "true or false" => "必须是 true 或 false",
        "a number" => "必须是数字",
        "an integer" => "必须是整数",
        "one character" => "必须是单个字符",
        "text" => "必须是文本",
        "a list" => "必须是列表",
        _ => "必须是对象",
    };
    let message = match en {
        "true or false" => "must be true or false",
        "a number" => "must be a number",
        "an integer" => "must be an integer",
        "one character" => "must be one character",
        "text" => "must be text",
        "a list" => "must be a list",
        _ => "must be an object",
    };
    Rule::fixed("kind", message, zh)
}

pub(crate) fn range(min: impl fmt::Display, max: impl fmt::Display) -> Rule {
    Rule::made("range", format!("must be between {min} and {max}"), format!("必须在 {min} 到 {max} 之间"))
}

pub(crate) fn length(count: usize) -> Rule {
    Rule::made("length", format!("must hold exactly {count} items"), format!("必须正好有 {count} 项"))
}

/// The value names no case; `cases` are the JSON names that it may name.
pub(crate) fn case<'a>(cases: impl Iterator<Item = &'a str>) -> Rule {
    let mut list = String::new();
    for name in cases {
        if list.len() > 400 {
            list.push_str(", …");
            break;
        }
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push('`');
        list.push_str(name);
        list.push('`');
    }
    Rule::made("case", format!("must be one of {list}"), format!("必须是以下之一：{list}"))
}

pub(crate) const CASE_OBJECT: Rule = Rule::fixed(
    "case-object",
    "must be a case's name, or an object with one case",
    "必须是情形名称，或只含一个情形的对象",
);
pub(crate) const CASE_VALUE: Rule =
    Rule::fixed("case-value", "needs a value: write an object with the case", "该情形需要值");
pub(crate) const CASE_PLAIN: Rule = Rule::fixed("case-plain", "takes no value: write the case as text", "该情形不带值");
pub(crate) const TWICE: Rule = Rule::fixed("duplicate", "is given twice", "重复出现");
pub(crate) const DUPLICATE: Rule = Rule::fixed("duplicate", "names a flag twice", "标志重复");
pub(crate) const TOO_DEEP: Rule = Rule::fixed("too-deep", "is nested too deeply", "嵌套过深");
