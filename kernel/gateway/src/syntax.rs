//! Why a body is no JSON, in both languages and with the place in it. Nothing of the body itself is repeated.

use forecourt_base::Bilingual;

/// What the reader of JSON says, and how a person is told.
const REASONS: [(&str, &str, &str); 16] = [
    ("EOF while parsing", "it ends too early", "内容不完整"),
    ("expected `:`", "`:` is expected", "此处应为 `:`"),
    ("expected `,` or `]`", "`,` or `]` is expected", "此处应为 `,` 或 `]`"),
    ("expected `,` or `}`", "`,` or `}` is expected", "此处应为 `,` 或 `}`"),
    ("expected `\"`", "`\"` is expected", "此处应为 `\"`"),
    ("expected ident", "a value is expected", "此处应为值"),
    ("expected value", "a value is expected", "此处应为值"),
    ("invalid escape", "an escape in text is none", "文本中的转义无效"),
    ("unexpected end of hex escape", "an escape in text is none", "文本中的转义无效"),
    ("lone leading surrogate", "an escape in text is half of a pair", "文本中的转义缺少另一半代理项"),
    ("invalid unicode code point", "text is not UTF-8", "文本不是 UTF-8"),
    ("control character", "text has a control character that is not escaped", "文本含未转义的控制字符"),
    ("number out of range", "a number is out of range", "数字超出范围"),
    ("invalid number", "a number is none", "数字无效"),
    ("key must be a string", "a field's name must be text in quotes", "字段名必须是带引号的文本"),
    ("trailing", "something follows that does not belong there", "其后有多余内容"),
];

/// The reason for an error of the reader.
pub(crate) fn reason(error: &serde_json::Error) -> Bilingual {
    let message = error.to_string();
    let known = REASONS.iter().find(|(start, _, _)| message.starts_with(start));
    let (en, zh) = known.map_or(("it is malformed", "格式有误"), |(_, en, zh)| (en, zh));
    let (line, column) = (error.line(), error.column());
    Bilingual::made(format!("{en}, at line {line} column {column}"), format!("{zh}（第 {line} 行第 {column} 列）"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_fault_of_syntax_has_its_own_words() {
        let cases: [&[u8]; 16] = [
            b"[1",
            b"{\"a\" 1}",
            b"[1 2]",
            b"{\"a\": 1 \"b\": 2}",
            b"{\"a\": 1,}",
            b"nux",
            b"?",
            b"\"\\x\"",
            b"\"\\u12",
            b"\"\\udc00\"",
            b"\"\xff\"",
            b"\"\n\"",
            b"1e999",
            b"-x",
            b"{1: 2}",
            b"1 2",
        ];
        let mut told = BTreeSet::new();
        for bytes in cases {
            let error = serde_json::from_slice::<serde_json::Value>(bytes).unwrap_err();
            let reason = reason(&error);
            assert!(!reason.en.contains("malformed"), "{error} for {bytes:?}");
            assert!(reason.zh.contains("第 1 行") || reason.zh.contains("第 2 行"), "{reason:?}");
            told.insert(reason.zh.split('（').next().unwrap_or_default().to_owned());
        }
        assert!(told.len() >= 13, "{told:?}");
    }
}
