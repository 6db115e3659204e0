//! Unified social credit codes (GB 32100-2015).

use super::resident_id::is_province;
use crate::rule::Rule;

const FORM: Rule = Rule::fixed(
    "credit-code-form",
    "must be a unified social credit code: 18 digits and capital letters without I, O, S, V and Z",
    "统一社会信用代码必须是18位数字和大写字母，不含 I、O、S、V、Z",
);
const CHECK: Rule = Rule::fixed("credit-code-check", "has a wrong check character", "统一社会信用代码校验码错误");
const ORGANISATION: Rule = Rule::fixed(
    "credit-code-organisation",
    "has a wrong check character in its organisation code, positions 9 to 17",
    "统一社会信用代码中的组织机构代码校验码错误",
);
const REGION: Rule =
    Rule::fixed("credit-code-region", "names no known region in positions 3 and 4", "统一社会信用代码的地区代码未知");

const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
const ORGANISATION_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

/// Checks a code in capital letters. A wrong inner check character and an unknown region are warnings: old codes are known that have them.
pub(super) fn check(text: &str) -> Result<Option<Rule>, Rule> {
    let bytes: &[u8; 18] = text.as_bytes().try_into().map_err(|_| FORM)?;
    let mut values = [0; 18];
    for (byte, value) in bytes.iter().zip(&mut values) {
        *value = ALPHABET.iter().position(|known| known == byte).ok_or(FORM)?;
    }
    let [body @ .., last] = values;
    let sum: usize = body.iter().zip(WEIGHTS).map(|(value, weight)| value * weight).sum();
    if (31 - sum % 31) % 31 != last {
        return Err(CHECK);
    }
    let [_, _, r1, r2, _, _, _, _, organisation @ .., _] = bytes;
    if !organisation_check(organisation) {
        return Ok(Some(ORGANISATION));
    }
    let region = [*r1, *r2];
    // Region 10 stands for the national register.
    Ok((!is_province(&region) && region != *b"10").then_some(REGION))
}

/// The organisation code's own check character (GB 11714), in whose arithmetic letters count from A = 10 without gaps.
fn organisation_check(code: &[u8; 9]) -> bool {
    let value = |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' + 10 };
    let [body @ .., last] = code;
    let sum: u32 = body.iter().zip(ORGANISATION_WEIGHTS).map(|(byte, weight)| u32::from(value(*byte)) * weight).sum();
    let expected = match 11 - sum % 11 {
        11 => b'0',
        10 => b'X',
        digit => b'0' + u8::try_from(digit).unwrap_or(0),
    };
    *last == expected
}
