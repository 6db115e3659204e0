//! Names of WIT interfaces.

use std::fmt;
use std::str::FromStr;

use forecourt_base::Area;
use semver::Version;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The full name of a WIT interface: `forecourt:repair/orders@0.1.0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceId {
    /// The package's namespace, `forecourt`.
    pub namespace: String,
    /// The package's name, `repair`.
    pub package: String,
    /// The interface, `orders`.
    pub interface: String,
    /// The package's version.
    pub version: Version,
}

/// Text was refused as an interface's name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not an interface name: write it as `forecourt:repair/orders@0.1.0`")]
pub struct InterfaceIdError(String);

impl InterfaceId {
    /// The business area that the interface belongs to; none for the kernel's, the common and foreign packages.
    #[must_use]
    pub fn area(&self) -> Option<Area> {
        if self.namespace != "forecourt" || self.is_kernel() || self.is_common() {
            return None;
        }
        Area::new(self.package.as_str()).ok()
    }

    /// Whether this is an interface of `forecourt:kernel`.
    #[must_use]
    pub fn is_kernel(&self) -> bool {
        self.namespace == "forecourt" && self.package == "kernel"
    }

    /// Whether this is an interface of `forecourt:common`.
    #[must_use]
    pub fn is_common(&self) -> bool {
        self.namespace == "forecourt" && self.package == "common"
    }

    /// The name without its version, as labels and grants use it: `forecourt:repair/orders`.
    #[must_use]
    pub fn unversioned(&self) -> String {
        format!("{}:{}/{}", self.namespace, self.package, self.interface)
    }

    /// Whether both names are the same but for the version.
    #[must_use]
    pub fn same_name(&self, other: &Self) -> bool {
        self.interface == other.interface && self.package == other.package && self.namespace == other.namespace
    }
}

impl fmt::Display for InterfaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}@{}", self.namespace, self.package, self.interface, self.version)
    }
}

pub(crate) fn is_kebab(name: &str) -> bool {
    name.len() <= 64
        && name.split('-').all(|word| {
            word.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
                && word.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

impl FromStr for InterfaceId {
    type Err = InterfaceIdError;

    fn from_str(value: &str) -> Result<Self, InterfaceIdError> {
        let parse = || {
            let (namespace, rest) = value.split_once(':')?;
            let (package, rest) = rest.split_once('/')?;
            let (interface, version) = rest.split_once('@')?;
            let version = Version::parse(version).ok()?;
            [namespace, package, interface].into_iter().all(is_kebab).then(|| Self {
                namespace: namespace.to_owned(),
                package: package.to_owned(),
                interface: interface.to_owned(),
                version,
            })
        };
        parse().ok_or_else(|| InterfaceIdError(value.chars().take(200).collect()))
    }
}

impl TryFrom<String> for InterfaceId {
    type Error = InterfaceIdError;
    fn try_from(value: String) -> Result<Self, InterfaceIdError> {
        value.parse()
    }
}

impl From<InterfaceId> for String {
    fn from(id: InterfaceId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_names_survive_printing() {
        for text in ["forecourt:repair/orders@0.1.0", "wasi:io/streams@0.2.6", "acme-x:y/z@1.0.0-rc.1"] {
            assert_eq!(text.parse::<InterfaceId>().unwrap().to_string(), text);
        }
        for bad in ["", "a:b/c", "a/b@1.0.0", "a:b@1.0.0", "a:b/c@1", "a:b/c d@1.0.0", "a:/c@1.0.0", "a:b/c/d@1.0.0"] {
            assert!(bad.parse::<InterfaceId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_area_packages_have_an_area() {
        let area = |text: &str| text.parse::<InterfaceId>().unwrap().area();
        assert_eq!(area("forecourt:value-added/plans@0.1.0"), Some(Area::new("value-added").unwrap()));
        for none in ["forecourt:kernel/log@0.1.0", "forecourt:common/types@0.1.0", "wasi:io/poll@0.2.0"] {
            assert_eq!(area(none), None);
        }
    }
}
