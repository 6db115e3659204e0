//! Mobile numbers in China.

use std::borrow::Cow;

use crate::rule::Rule;

const FORM: Rule = Rule::fixed(
    "mobile-form",
    "must be a mobile number: 11 digits, the first two 13 to 19",
    "手机号必须是11位数字，以13至19开头",
);

pub(super) fn check(text: &str) -> Result<(), Rule> {
    match text.as_bytes() {
        [b'1', b'3'..=b'9', rest @ ..] if rest.len() == 9 && rest.iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err(FORM),
    }
}

pub(super) fn normalise(text: &str) -> Result<Cow<'_, str>, Rule> {
    let odd = |c: char| c.is_whitespace() || c == '-';
    let value: Cow<'_, str> =
        if text.contains(odd) { Cow::Owned(text.chars().filter(|c| !odd(*c)).collect()) } else { Cow::Borrowed(text) };
    let country = ["+86", "0086", "86"].into_iter().find(|code| value.starts_with(code)).map_or(0, str::len);
    let value = match value {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(country..).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(country..).unwrap_or_default().to_owned()),
    };
    check(&value)?;
    Ok(value)
}
