//! Resident identity numbers (GB 11643-1999).

use jiff::civil::Date;

use crate::rule::Rule;

const FORM: Rule = Rule::fixed(
    "resident-id-form",
    "must be a resident identity number: 17 digits and a check character, 0-9 or X",
    "身份证号必须是17位数字加1位校验码（数字或X）",
);
const CHECK: Rule = Rule::fixed("resident-id-check", "has a wrong check character", "身份证号校验码错误");
const REGION: Rule = Rule::fixed("resident-id-region", "begins with no province's code", "身份证号的地区代码无效");
const BIRTH: Rule = Rule::fixed("resident-id-birth", "holds no real date of birth", "身份证号中的出生日期无效");
const FUTURE: Rule =
    Rule::fixed("resident-id-future", "holds a date of birth in the future", "身份证号中的出生日期晚于今天");

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

fn number(digits: &[u8]) -> i16 {
    digits.iter().fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0'))
}

/// Whether two digits are a province's code (GB/T 2260), with Hong Kong, Macao and Taiwan and their residence permits.
pub(super) fn is_province(code: &[u8]) -> bool {
    code.iter().all(u8::is_ascii_digit)
        && matches!(number(code), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
}

pub(super) fn check(text: &str, today: Option<Date>) -> Result<(), Rule> {
    let bytes: &[u8; 18] = text.as_bytes().try_into().map_err(|_| FORM)?;
    let [body @ .., last] = bytes;
    if !body.iter().all(u8::is_ascii_digit) || !(last.is_ascii_digit() || *last == b'X') {
        return Err(FORM);
    }
    let sum: u32 = body.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    if CHECKS.get(sum as usize % 11) != Some(last) {
        return Err(CHECK);
    }
    let [p1, p2, _, _, _, _, y1, y2, y3, y4, m1, m2, d1, d2, ..] = *body;
    if !is_province(&[p1, p2]) {
        return Err(REGION);
    }
    let part = |digits: [u8; 2]| i8::try_from(number(&digits)).unwrap_or(0);
    let birth = Date::new(number(&[y1, y2, y3, y4]), part([m1, m2]), part([d1, d2])).map_err(|_| BIRTH)?;
    if today.is_some_and(|today| birth > today) {
        return Err(FUTURE);
    }
    Ok(())
}
