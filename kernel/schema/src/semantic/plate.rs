//! Number plates (GA 36-2018).

use std::borrow::Cow;

use super::Normalised;
use crate::rule::Rule;

const FORM: Rule = Rule::fixed(
    "plate-form",
    "must be a number plate such as `沪B0K123` or, for new energy, `京AD00000`",
    "车牌号格式错误，例如 沪B0K123；新能源车例如 京AD00000",
);
const OFFICE: Rule = Rule::fixed(
    "plate-office",
    "has the office letter O, which is not issued to the public",
    "发牌机关代号 O 不向社会车辆发放",
);

const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
const KINDS: &str = "挂学警港澳";

fn letter(c: char) -> bool {
    c.is_ascii_uppercase() && c != 'I' && c != 'O'
}

fn serial(c: char) -> bool {
    letter(c) || c.is_ascii_digit()
}

/// Letters that mark new energy: A to E battery-electric, F to K other.
fn energy(c: char) -> bool {
    matches!(c, 'A'..='H' | 'J' | 'K')
}

fn digits(chars: &[char]) -> bool {
    chars.iter().all(char::is_ascii_digit)
}

/// Checks a plate in capital letters; a plate of office letter O passes with a warning.
pub(super) fn check(text: &str) -> Result<Option<Rule>, Rule> {
    let mut chars = ['\0'; 8];
    let mut length = 0;
    for c in text.chars() {
        *chars.get_mut(length).ok_or(FORM)? = c;
        length += 1;
    }
    let number: &[char] = match (length, chars.as_slice()) {
        (7, [_, _, number @ .., _]) | (8, [_, _, number @ ..]) => number,
        _ => return Err(FORM),
    };
    let [province, office, ..] = chars;
    let good = PROVINCES.contains(province)
        && (letter(office) || office == 'O')
        && match number {
            [a, b, c, d, last] => {
                [a, b, c, d].into_iter().all(|c| serial(*c)) && (serial(*last) || KINDS.contains(*last))
            }
            [first, rest @ ..] if energy(*first) && digits(rest.get(1..).unwrap_or_default()) => {
                rest.first().is_some_and(|c| serial(*c))
            }
            [head @ .., last] => digits(head) && energy(*last),
            [] => false,
        };
    match (good, office) {
        (false, _) => Err(FORM),
        (true, 'O') => Ok(Some(OFFICE)),
        (true, _) => Ok(None),
    }
}

/// Takes out the dot and the blanks that people put behind the office letter, and writes capitals.
pub(super) fn normalise(text: &str) -> Result<Normalised<'_>, Rule> {
    let odd = |c: char| c.is_whitespace() || matches!(c, '·' | '•' | '-');
    let value = if text.chars().any(|c| odd(c) || c.is_ascii_lowercase()) {
        Cow::Owned(text.chars().filter(|c| !odd(*c)).map(|c| c.to_ascii_uppercase()).collect())
    } else {
        Cow::Borrowed(text)
    };
    let warning = check(&value)?;
    Ok(Normalised { value, warning })
}
