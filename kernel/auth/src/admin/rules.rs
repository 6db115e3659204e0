//! The rules of names and lists that people give.

use forecourt_base::Bilingual;

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
        let (en, zh) = (
            format!("must have 1 to {NAME_CHARACTERS_MAX} characters"),
            format!("须为 1 至 {NAME_CHARACTERS_MAX} 个字符"),
        );
        return Err(AuthError::invalid(field, Bilingual::made(en, zh)));
    }
    if name.chars().any(char::is_control) {
        return Err(AuthError::rule(field, "must not have control characters", "不得含控制字符"));
    }
    Ok(name.to_owned())
}

/// Names by language tag.
pub(crate) fn names(names: &Names) -> Result<Names, AuthError> {
    if names.len() > LANGUAGES_MAX {
        let (en, zh) =
            (format!("must be in at most {LANGUAGES_MAX} languages"), format!("最多使用 {LANGUAGES_MAX} 种语言"));
        return Err(AuthError::invalid("names", Bilingual::made(en, zh)));
    }
    let checked = names.iter().map(|(language, text)| {
        let tag = (2..=16).contains(&language.len())
            && language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && language.starts_with(|c: char| c.is_ascii_lowercase());
        if !tag {
            let language: String = language.chars().take(32).collect();
            let (en, zh) = (
                format!("have `{language}`, which is no language such as `zh-CN`"),
                format!("含有 `{language}`，不是 `zh-CN` 之类的语言标记"),
            );
            return Err(AuthError::invalid("names", Bilingual::made(en, zh)));
        }
        Ok((language.clone(), name("names", text)?))
    });
    checked.collect()
}

/// Departments, sorted, each once.
pub(crate) fn departments(departments: &[String]) -> Result<Vec<String>, AuthError> {
    if departments.len() > DEPARTMENTS_MAX {
        let (en, zh) = (format!("must be at most {DEPARTMENTS_MAX}"), format!("最多 {DEPARTMENTS_MAX} 个"));
        return Err(AuthError::invalid("departments", Bilingual::made(en, zh)));
    }
    for department in departments {
        let good = (1..=40).contains(&department.len())
            && department.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
        if !good {
            let department: String = department.chars().take(40).collect();
            let (en, zh) = (
                format!("have `{department}`: use 1 to 40 of a-z, 0-9, `-`, `_`"),
                format!("含有 `{department}`：须为 1 至 40 个 a-z、0-9、`-`、`_`"),
            );
            return Err(AuthError::invalid("departments", Bilingual::made(en, zh)));
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
        let (en, zh) = (
            format!("is `{zone}`, which is no IANA time zone such as `Asia/Shanghai`"),
            format!("`{zone}` 不是 `Asia/Shanghai` 之类的 IANA 时区"),
        );
        AuthError::invalid("time_zone", Bilingual::made(en, zh))
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
