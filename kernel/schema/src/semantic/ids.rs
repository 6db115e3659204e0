//! Identifiers and free text.

use forecourt_base::UserId;

use crate::rule::Rule;

const USER: Rule = Rule::fixed(
    "user-id",
    "must be a user's sign-in name: a-z, 0-9, `-`, `_`, `.`, `@`",
    "必须是用户登录名：a-z、0-9、-、_、.、@",
);
const RECORD: Rule = Rule::fixed(
    "record-id",
    "must be an id: 1 to 64 of A-Z, a-z, 0-9, `-`, `_`, `.`",
    "必须是编号：1至64位字母、数字、-、_、.",
);
const FILE: Rule = Rule::fixed(
    "file-ref",
    "must be the SHA-256 of a stored file: 64 hexadecimal digits",
    "必须是文件的 SHA-256：64位十六进制数字",
);
pub(crate) const PAGE: Rule =
    Rule::fixed("page-token", "must be a page token from an earlier answer", "必须是先前答复中的分页标记");
const PERSONAL: Rule = Rule::fixed(
    "personal-text",
    "must be text of at most 4,000 characters without control characters",
    "必须是不超过4000字的文本，不含控制字符",
);

const PERSONAL_CHARACTERS: usize = 4_000;
const PAGE_BYTES: usize = 8_192;

fn when(good: bool, rule: Rule) -> Result<(), Rule> {
    if good { Ok(()) } else { Err(rule) }
}

pub(super) fn check_user(text: &str) -> Result<(), Rule> {
    when(UserId::principal(text).is_ok(), USER)
}

pub(super) fn check_record(text: &str) -> Result<(), Rule> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    when((1..=64).contains(&text.len()) && text.bytes().all(allowed), RECORD)
}

pub(super) fn check_file(text: &str) -> Result<(), Rule> {
    when(text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), FILE)
}

pub(super) fn check_page(text: &str) -> Result<(), Rule> {
    when((1..=PAGE_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()), PAGE)
}

pub(super) fn check_personal_text(text: &str) -> Result<(), Rule> {
    let short = text.len() <= PERSONAL_CHARACTERS || text.chars().count() <= PERSONAL_CHARACTERS;
    when(short && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), PERSONAL)
}
