//! The rules of names and lists that people give.

use crate::error::AuthError;
use crate::record::Names;

const NAME_CHARACTERS_MAX: usize = 80;
const LANGUAGES_MAX: usize = 8;
const DEPARTMENTS_MAX: usize = 16;

/// A name shown to people, without blanks around it.
pub(crate) fn name(field: &'static str, name: &str) -> Result<String, AuthError> {
    let name = name.trim();
    let length = name.chars().count();
    if !(1..=NAME_CHARACTERS_MAX).contains(&length) {
        return Err(AuthError::invalid(field, format!("must have 1 to {NAME_CHARACTERS_MAX} characters")));
    }
    if name.chars().any(char::is_control) {
        return Err(AuthError::invalid(field, "must not have control characters"));
    }
    Ok(name.to_owned())
}

/// Names by language tag.
pub(crate) fn names(names: &Names) -> Result<Names, AuthError> {
    if names.len() > LANGUAGES_MAX {
        return Err(AuthError::invalid("names", format!("must be in at most {LANGUAGES_MAX} languages")));
    }
    let checked = names.iter().map(|(language, text)| {
        let tag = (2..=16).contains(&language.len())
            && language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && language.starts_with(|c: char| c.is_ascii_lowercase());
        if !tag {
            let language: String = language.chars().take(32).collect();
            return Err(AuthError::invalid(
                "names",
                format!("have `{language}`, which is no language such as `zh-CN`"),
            ));
        }
        Ok((language.clone(), name("names", text)?))
    });
    checked.collect()
}

/// Departments, sorted, each once.
pub(crate) fn departments(departments: &[String]) -> Result<Vec<String>, AuthError> {
    if departments.len() > DEPARTMENTS_MAX {
        return Err(AuthError::invalid("departments", format!("must be at most {DEPARTMENTS_MAX}")));
    }
    for department in departments {
        let good = (1..=40).contains(&department.len())
            && department.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
        if !good {
            let rule = format!(
                "have `{}`: use 1 to 40 of a-z, 0-9, `-`, `_`",
                department.chars().take(40).collect::<String>()
            );
            return Err(AuthError::invalid("departments", rule));
        }
    }
    let mut sorted = departments.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    Ok(sorted)
}

/// The canonical name of an IANA time zone.
pub(crate) fn time_zone(zone: &str) -> Result<String, AuthError> {
    let known = jiff::tz::TimeZone::get(zone).ok();
    known.as_ref().and_then(|known| known.iana_name()).map(str::to_owned).ok_or_else(|| {
        let zone: String = zone.chars().take(60).collect();
        AuthError::invalid("time_zone", format!("is `{zone}`, which is no IANA time zone such as `Asia/Shanghai`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(name("name", " 北京一店 ").unwrap(), "北京一店");
        for bad in ["", "   ", "a\nb", &"店".repeat(81)] {
            assert!(matches!(name("name", bad), Err(AuthError::Invalid { field: "name", .. })), "{bad:?}");
        }
        let of = |language: &str| Names::from([(language.to_owned(), "x".to_owned())]);
        assert_eq!(names(&of("zh-CN")).unwrap().len(), 1);
        for bad in ["", "z", "ZH", "zh_CN", "中文", "abcdefghijklmnopq"] {
            assert!(names(&of(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn departments_are_a_set_of_short_names() {
        let list = |names: &[&str]| departments(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(list(&["workshop", "parts", "parts"]).unwrap(), ["parts", "workshop"]);
        assert!(list(&["Workshop"]).is_err());
        assert!(list(&[""]).is_err());
        assert!(list(&["a"; DEPARTMENTS_MAX + 1]).is_err());
    }

    #[test]
    fn time_zones_are_those_of_iana() {
        assert_eq!(time_zone("Asia/Shanghai").unwrap(), "Asia/Shanghai");
        assert_eq!(time_zone("asia/urumqi").unwrap(), "Asia/Urumqi");
        for bad in ["", "Beijing", "Asia/Beijing", "+08:00", "../etc/passwd"] {
            assert!(matches!(time_zone(bad), Err(AuthError::Invalid { field: "time_zone", .. })), "{bad}");
        }
    }
}
