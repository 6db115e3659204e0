//! Checks of fields that many areas share. A broken rule is a field and a code, for the `invalid` case of an operation's error.

/// A field's snake_case name and the rule it breaks.
pub type Broken = (&'static str, &'static str);

/// A text that must be given: not blank, at most `length_max` characters. Gives it without blanks around it.
///
/// # Errors
/// `empty` or `too-long`.
pub fn text<'a>(field: &'static str, text: &'a str, length_max: usize) -> Result<&'a str, Broken> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err((field, "empty")),
        length if length > length_max => Err((field, "too-long")),
        _ => Ok(text),
    }
}

/// A text that may be left out: [`text`] where it is there.
///
/// # Errors
/// `empty` or `too-long`.
pub fn optional(field: &'static str, value: Option<&str>, length_max: usize) -> Result<Option<String>, Broken> {
    value.map(|value| text(field, value, length_max).map(str::to_owned)).transpose()
}

/// An amount or quantity from 0 to `max`.
///
/// # Errors
/// `negative` or `too-large`.
pub fn number(field: &'static str, value: i64, max: i64) -> Result<i64, Broken> {
    match value {
        ..0 => Err((field, "negative")),
        _ if value > max => Err((field, "too-large")),
        _ => Ok(value),
    }
}

/// An amount or quantity above 0, at most `max`.
///
/// # Errors
/// `not-positive` or `too-large`.
pub fn positive(field: &'static str, value: i64, max: i64) -> Result<i64, Broken> {
    match value {
        ..=0 => Err((field, "not-positive")),
        _ => number(field, value, max),
    }
}

/// A list of at most `length_max` items.
///
/// # Errors
/// `too-many`.
pub fn length<T>(field: &'static str, list: &[T], length_max: usize) -> Result<(), Broken> {
    if list.len() > length_max { Err((field, "too-many")) } else { Ok(()) }
}

/// A code such as a part's number, as it is kept: upper case, without blanks, letters, digits and `-./_` only, at most 40 of them.
///
/// # Errors
/// `empty`, `too-long` or `characters`.
pub fn code(field: &'static str, code: &str) -> Result<String, Broken> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect();
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '/' | '_');
    match code.chars().count() {
        0 => Err((field, "empty")),
        41.. => Err((field, "too-long")),
        _ if code.chars().all(allowed) => Ok(code),
        _ => Err((field, "characters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_upper_case_and_without_blanks() {
        assert_eq!(code("number", " 06a 115-561b "), Ok("06A115-561B".to_owned()));
        assert_eq!(code("number", "  "), Err(("number", "empty")));
        assert_eq!(code("number", "A*B"), Err(("number", "characters")));
        assert_eq!(code("number", &"A".repeat(40)).map(|code| code.len()), Ok(40));
        assert_eq!(code("number", &"A".repeat(41)), Err(("number", "too-long")));
    }

    #[test]
    fn numbers_and_texts_have_bounds() {
        assert_eq!(number("price", -1, 10), Err(("price", "negative")));
        assert_eq!(number("price", 11, 10), Err(("price", "too-large")));
        assert_eq!(number("price", 0, 10), Ok(0));
        assert_eq!(positive("quantity", 0, 10), Err(("quantity", "not-positive")));
        assert_eq!(positive("quantity", 10, 10), Ok(10));
        assert_eq!(text("name", " ", 3), Err(("name", "empty")));
        assert_eq!(text("name", " 机油滤 ", 3), Ok("机油滤"));
        assert_eq!(text("name", "机油滤芯", 3), Err(("name", "too-long")));
        assert_eq!(optional("lot", None, 3), Ok(None));
        assert_eq!(optional("lot", Some(""), 3), Err(("lot", "empty")));
        assert_eq!(length("concerns", &[1, 2], 1), Err(("concerns", "too-many")));
    }
}
