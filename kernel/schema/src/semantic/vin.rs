//! Vehicle identification numbers (GB 16735-2019).

use crate::rule::Rule;

const FORM: Rule = Rule::fixed(
    "vin-form",
    "must be a VIN: 17 digits and capital letters without I, O and Q",
    "车架号必须是17位数字和大写字母，不含 I、O、Q",
);
const CHECK: Rule = Rule::fixed("vin-check-digit", "has a wrong check digit at position 9", "车架号第9位校验码错误");
const YEAR: Rule = Rule::fixed("vin-year", "has no model year at position 10", "车架号第10位不是有效的年份代码");

const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

fn value(byte: u8) -> Option<u32> {
    let value = match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'H' => byte - b'A' + 1,
        b'J'..=b'N' => byte - b'J' + 1,
        b'P' => 7,
        b'R' => 9,
        b'S'..=b'Z' => byte - b'S' + 2,
        _ => return None,
    };
    Some(u32::from(value))
}

/// Checks a VIN in capital letters. What is an error for a vehicle made in China is a warning for an imported one.
pub(super) fn check(text: &str) -> Result<Option<Rule>, Rule> {
    let bytes: &[u8; 17] = text.as_bytes().try_into().map_err(|_| FORM)?;
    let mut sum = 0;
    for (byte, weight) in bytes.iter().zip(WEIGHTS) {
        sum += value(*byte).ok_or(FORM)? * weight;
    }
    let expected = match sum % 11 {
        10 => b'X',
        digit => b'0' + u8::try_from(digit).unwrap_or(0),
    };
    let made_in_china = bytes.first() == Some(&b'L');
    let broken = if bytes.get(8) != Some(&expected) {
        Some(CHECK)
    } else if bytes.get(9).is_some_and(|year| matches!(year, b'U' | b'Z' | b'0')) {
        Some(YEAR)
    } else {
        None
    };
    match broken {
        Some(rule) if made_in_china => Err(rule),
        warning => Ok(warning),
    }
}
