//! Identifiers. Each is short text in a fixed alphabet, so that it can stand in keys, paths and logs unescaped.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Bilingual;

/// Text was refused as an identifier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{value}` is not a {kind}: use 1 to {length_max} characters of {alphabet}, beginning with a letter or digit")]
pub struct IdError {
    kind: &'static str,
    value: String,
    length_max: usize,
    alphabet: &'static str,
}

/// What identifiers are called in Chinese.
const KINDS: [(&str, &str); 9] = [
    ("group id", "集团编号"),
    ("store id", "门店编号"),
    ("user id", "用户名"),
    ("role name", "角色名"),
    ("plugin name", "插件名"),
    ("area", "业务域名"),
    ("interface name", "接口名"),
    ("operation name", "操作名"),
    (OPERATION_PATH, "操作路径（业务域/接口/操作）"),
];
const OPERATION_PATH: &str = "operation path (area/interface/operation)";

impl IdError {
    /// The refusal in both languages.
    #[must_use]
    pub fn bilingual(&self) -> Bilingual {
        let Self { kind, value, length_max, alphabet } = self;
        Bilingual::made(self.to_string(), chinese(kind, value, &length_max.to_string(), alphabet))
    }

    /// The Chinese of a refusal of which nothing but its English text is left, as behind serde; none where the text is no such refusal.
    #[must_use]
    pub fn chinese(message: &str) -> Option<String> {
        let rest = message.strip_suffix(", beginning with a letter or digit")?.strip_prefix('`')?;
        let (rest, alphabet) = rest.rsplit_once(" characters of ")?;
        let (rest, length_max) = rest.rsplit_once(": use 1 to ")?;
        let (value, kind) = rest.rsplit_once("` is not a ")?;
        Some(chinese(kind, value, length_max, alphabet))
    }
}

fn chinese(kind: &str, value: &str, length_max: &str, alphabet: &str) -> String {
    let kind = KINDS.iter().find(|(en, _)| *en == kind).map_or("标识", |(_, zh)| zh);
    let alphabet = alphabet.replace(", ", "、");
    format!("`{value}` 不是有效的{kind}：须为 1 至 {length_max} 个字符，仅限 {alphabet}，以字母或数字开头")
}

fn check(kind: &'static str, value: &str, length_max: usize, extra: &'static [u8]) -> Result<(), IdError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || extra.contains(&b);
    let starts = value.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if starts && value.len() <= length_max && value.bytes().all(allowed) {
        return Ok(());
    }
    let alphabet = if extra.contains(&b'.') { "a-z, 0-9, `-`, `_`, `.`, `@`" } else { "a-z, 0-9, `-`, `_`" };
    Err(IdError { kind, value: value.chars().take(80).collect(), length_max, alphabet })
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $max:expr, $extra:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `value` against the rule of this identifier.
            ///
            /// # Errors
            /// [`IdError`] names the kind, the value and the rule.
            pub fn new(value: impl Into<String>) -> Result<Self, IdError> {
                let value = value.into();
                check($kind, &value, $max, $extra)?;
                Ok(Self(value))
            }

            /// The identifier's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(value: &str) -> Result<Self, IdError> {
                Self::new(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(value: String) -> Result<Self, IdError> {
                Self::new(value)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

identifier!(
    /// A dealer group; unique in the deployment.
    GroupId, "group id", 40, b"-_"
);
identifier!(
    /// A store (4S店); unique within its group.
    StoreId, "store id", 40, b"-_"
);
identifier!(
    /// A person's sign-in name; unique within the group.
    UserId, "user id", 64, b"-_.@"
);
identifier!(
    /// A role such as `advisor` or `svc_manager` (DOMAIN §1.2).
    RoleName, "role name", 40, b"-_"
);
identifier!(
    /// A published plugin's name; unique within the group.
    PluginName, "plugin name", 40, b"-"
);
identifier!(
    /// A business area: the package name after `forecourt:`, such as `repair`.
    Area, "area", 40, b"-"
);

/// What the principal of a plugin's own handlers, timers and jobs begins with.
const PLUGIN: &str = "plugin:";
/// What the principal of a customer's link begins with, and the hexadecimal digits of the link's id.
const LINK: &str = "link:";
const LINK_DIGITS: usize = 16;

impl UserId {
    /// The principal under which a plugin's own handlers, timers and jobs run: `plugin:<name>`, which no user can be called.
    #[must_use]
    pub fn of_plugin(plugin: &PluginName) -> Self {
        Self(format!("{PLUGIN}{plugin}"))
    }

    /// The principal of a call through a customer's link: `link:<id>`, which no user can be called. None where the id is not 16 hexadecimal digits.
    #[must_use]
    pub fn of_link(id: &str) -> Option<Self> {
        let digits = id.len() == LINK_DIGITS && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        digits.then(|| Self(format!("{LINK}{id}")))
    }

    /// A user, or the principal of a plugin or of a link.
    ///
    /// # Errors
    /// [`IdError`] for what is none of them.
    pub fn principal(value: &str) -> Result<Self, IdError> {
        if let Some(link) = value.strip_prefix(LINK).and_then(Self::of_link) {
            return Ok(link);
        }
        match value.strip_prefix(PLUGIN) {
            Some(plugin) => Ok(Self::of_plugin(&PluginName::new(plugin)?)),
            None => Self::new(value),
        }
    }
}

/// Where a call, record or event belongs: one store of a group, or the group as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// The dealer group.
    pub group: GroupId,
    /// The store, or none for what belongs to the whole group.
    pub store: Option<StoreId>,
}

impl Scope {
    /// The group as a whole.
    #[must_use]
    pub fn group(group: GroupId) -> Self {
        Self { group, store: None }
    }

    /// One store of a group.
    #[must_use]
    pub fn store(group: GroupId, store: StoreId) -> Self {
        Self { group, store: Some(store) }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.store {
            Some(store) => write!(f, "{}/{store}", self.group),
            None => write!(f, "{}", self.group),
        }
    }
}

/// The full name of an operation, `area/interface/operation`, in kebab case: `repair/orders/approve`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperationPath {
    /// The business area, `repair`.
    pub area: Area,
    /// The interface, `orders`.
    pub interface: String,
    /// The operation, `approve`.
    pub operation: String,
}

impl OperationPath {
    /// Builds a path from its three parts; `_` is read as `-`.
    ///
    /// # Errors
    /// [`IdError`] when a part is not a kebab-case name.
    pub fn new(area: &str, interface: &str, operation: &str) -> Result<Self, IdError> {
        let kebab = |part: &str| part.replace('_', "-");
        let (interface, operation) = (kebab(interface), kebab(operation));
        check("interface name", &interface, 64, b"-")?;
        check("operation name", &operation, 64, b"-")?;
        Ok(Self { area: Area::new(kebab(area))?, interface, operation })
    }
}

impl fmt::Display for OperationPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.area, self.interface, self.operation)
    }
}

impl FromStr for OperationPath {
    type Err = IdError;
    fn from_str(value: &str) -> Result<Self, IdError> {
        let mut parts = value.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(area), Some(interface), Some(operation), None) => Self::new(area, interface, operation),
            _ => Err(IdError {
                kind: OPERATION_PATH,
                value: value.chars().take(80).collect(),
                length_max: 170,
                alphabet: "a-z, 0-9, `-`, `_`",
            }),
        }
    }
}

impl TryFrom<String> for OperationPath {
    type Error = IdError;
    fn try_from(value: String) -> Result<Self, IdError> {
        value.parse()
    }
}

impl From<OperationPath> for String {
    fn from(path: OperationPath) -> String {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_hold_only_text_that_passed_their_rule() {
        for good in ["bj01", "a", "north-east_2"] {
            assert_eq!(StoreId::new(good).map(String::from), Ok(good.to_owned()));
        }
        for bad in ["", "-x", "BJ01", "a/b", "a\0", "店", &"x".repeat(41)] {
            assert!(StoreId::new(bad).is_err(), "{bad:?}");
        }
        assert!(UserId::new("li.wei@example").is_ok());
        let plugin = UserId::of_plugin(&PluginName::new("parts").unwrap());
        assert_eq!(UserId::principal("plugin:parts"), Ok(plugin.clone()));
        assert!(UserId::new(plugin.as_str()).is_err() && UserId::principal("plugin:").is_err());
        assert_eq!(UserId::principal("li"), UserId::new("li"));
        let link = UserId::of_link("0123456789abcdef").unwrap();
        assert_eq!(UserId::principal("link:0123456789abcdef"), Ok(link.clone()));
        assert!(UserId::new(link.as_str()).is_err() && UserId::principal("link:0123").is_err());
        assert!(UserId::of_link("0123456789ABCDEF").is_none());
        assert!(serde_json::from_str::<StoreId>("\"A\"").is_err());
    }

    #[test]
    fn refusals_are_told_in_chinese_also_from_their_english() {
        let refused = [
            GroupId::new("A").unwrap_err(),
            StoreId::new("` is not a store id: use 1 to 2 characters of x").unwrap_err(),
            UserId::new("A").unwrap_err(),
            RoleName::new("A").unwrap_err(),
            PluginName::new("A").unwrap_err(),
            Area::new("A").unwrap_err(),
            OperationPath::new("a", "A", "a").unwrap_err(),
            OperationPath::new("a", "a", "A").unwrap_err(),
            "a".parse::<OperationPath>().unwrap_err(),
        ];
        for error in refused {
            let both = error.bilingual();
            assert_eq!(IdError::chinese(&error.to_string()).as_deref(), Some(&*both.zh));
            assert!(KINDS.iter().any(|(en, zh)| both.en.contains(en) && both.zh.contains(zh)), "{both:?}");
        }
        assert_eq!(IdError::chinese("missing field `a`"), None);
    }

    #[test]
    fn operation_paths_read_underscores_as_hyphens() {
        let path: OperationPath = "repair/orders/report_findings".parse().unwrap();
        assert_eq!(path.to_string(), "repair/orders/report-findings");
        assert!("repair/orders".parse::<OperationPath>().is_err());
        assert!("repair/orders/a/b".parse::<OperationPath>().is_err());
    }
}
