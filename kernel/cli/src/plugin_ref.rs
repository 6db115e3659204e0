//! `NAME@VERSION` on the command line.

use std::fmt;
use std::str::FromStr;

use forecourt_base::PluginName;
use semver::Version;

/// A plugin version by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PluginRef {
    pub(crate) name: PluginName,
    pub(crate) version: Version,
}

impl FromStr for PluginRef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = text
            .split_once('@')
            .ok_or_else(|| format!("`{text}` is not of the form NAME@VERSION, such as `repair@0.1.0`"))?;
        let version =
            version.parse().map_err(|error| format!("`{version}` is not a version such as `0.1.0`: {error}"))?;
        Ok(Self { name: PluginName::new(name).map_err(|error| error.to_string())?, version })
    }
}

impl fmt::Display for PluginRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_name_and_a_version() {
        assert_eq!("repair@0.1.0".parse::<PluginRef>().unwrap().to_string(), "repair@0.1.0");
        assert_eq!("a-b@1.0.0-rc.1".parse::<PluginRef>().unwrap().version.pre.as_str(), "rc.1");
        for (bad, why) in [
            ("repair", "not of the form NAME@VERSION"),
            ("repair@1", "`1` is not a version"),
            ("Repair@1.0.0", "`Repair` is not a plugin name"),
            ("@1.0.0", "is not a plugin name"),
        ] {
            let error = bad.parse::<PluginRef>().unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
