//! Hosts that plugins ask: as URLs name them, and as grants do.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Where a URL leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Whether it is asked by https.
    pub secure: bool,
    /// The host in lower case: a name, or an address, an IPv6 one in brackets.
    pub name: String,
    /// The port, where it is not the scheme's own.
    pub port: Option<u16>,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            None => f.write_str(&self.name),
            Some(port) => write!(f, "{}:{port}", self.name),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    /// That of the scheme.
    Own,
    This(u16),
    Any,
}

/// Hosts that a plugin may ask: `api.example.com`, all below a name, `*.example.com`; with another port than the scheme's, `:8443`, or with any, `:*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    name: String,
    below: bool,
    port: Port,
}

/// Text is no pattern of hosts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a host such as `api.example.com`, `*.example.com` or `api.example.com:8443`")]
pub struct HostPatternError(String);

impl HostPattern {
    /// Whether the pattern covers `host`.
    #[must_use]
    pub fn covers(&self, host: &Host) -> bool {
        let name = match self.below {
            false => host.name == self.name,
            true => host.name.strip_suffix(&self.name).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        };
        name && match self.port {
            Port::Own => host.port.is_none(),
            Port::This(port) => host.port.unwrap_or(if host.secure { 443 } else { 80 }) == port,
            Port::Any => true,
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;
    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let wrong = || HostPatternError(text.chars().take(80).collect());
        let (host, port) = match text.rsplit_once(':').filter(|(host, _)| !host.starts_with('[') || host.ends_with(']'))
        {
            None => (text, Port::Own),
            Some((host, "*")) => (host, Port::Any),
            Some((host, port)) => (host, Port::This(port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?)),
        };
        let (name, below) = host.strip_prefix("*.").map_or((host, false), |name| (name, true));
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let good = match address {
            Some(address) => !below && address.parse::<std::net::Ipv6Addr>().is_ok(),
            // Everything below a top-level name would be everybody.
            None => name.len() <= 253 && name.split('.').all(label) && (!below || name.contains('.')),
        };
        if good { Ok(Self { name: name.to_owned(), below, port }) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_what_they_name() {
        let host = |url: &str| {
            let (scheme, rest) = url.trim_end_matches('/').split_once("://").unwrap();
            let port = rest.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?)));
            let (name, port) = port.map_or((rest, None), |(name, port)| (name, Some(port)));
            Host { secure: scheme == "https", name: name.to_owned(), port }
        };
        let covers = |pattern: &str, url: &str| pattern.parse::<HostPattern>().unwrap().covers(&host(url));
        assert!(covers("api.example.com", "https://api.example.com/"));
        assert!(!covers("api.example.com", "https://api.example.com:8443/"));
        assert!(!covers("api.example.com", "https://xapi.example.com/"));
        assert!(!covers("api.example.com", "https://api.example.com.evil.example/"));
        assert!(covers("api.example.com:8443", "https://api.example.com:8443/"));
        assert!(covers("api.example.com:443", "https://api.example.com/"));
        assert!(covers("localhost:*", "http://localhost:1234/"));
        assert!(covers("*.example.com", "https://a.b.example.com/"));
        assert!(!covers("*.example.com", "https://example.com/"));
        assert!(!covers("*.example.com", "https://evilexample.com/"));
        assert!(!covers("*.example.com", "https://.example.com/"));
        assert!(covers("[::1]:*", "http://[::1]:99/"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for bad in [
            "",
            "*",
            "*.com",
            "A.example",
            "a..example",
            "https://a.example",
            "a.example/",
            "a.example:",
            "a.example:0",
            "*.*.example",
            "-a.example",
            "[::g]",
            "*.[::1]",
            "a_b.example",
        ] {
            assert!(bad.parse::<HostPattern>().is_err(), "{bad}");
        }
    }
}
