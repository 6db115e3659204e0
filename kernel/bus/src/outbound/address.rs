//! Which addresses may be connected to.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the deployment allows beyond https to public addresses; by default nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlets {
    /// Addresses that may be connected to though they are not public.
    pub private: BTreeSet<IpAddr>,
    /// Hosts that may be asked without encryption, as they stand in URLs.
    pub plain: BTreeSet<String>,
}

impl Outlets {
    /// Whether this address may be connected to.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        is_public(address) || self.private.contains(&address)
    }
}

/// Whether an address is one of the public Internet's hosts (the registries of RFC 6890), and none that stands for another.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let refused = match address.octets() {
        [0 | 10 | 127, ..] | [224..=255, ..] => true,
        // Shared by a carrier's customers; link-local, where clouds tell of themselves; private.
        [100, 64..=127, ..] | [169, 254, ..] | [172, 16..=31, ..] | [192, 168, ..] => true,
        // Protocol assignments, relays, benchmarks, documentation.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        _ => false,
    };
    !refused
}

/// Of the addresses that are given out, all but those that lead on to others or are for documents. Those that hold an IPv4 address are none of them.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let given_out = first & 0xE000 == 0x2000;
    let special = first == 0x2001 && (second < 0x0200 || second == 0x0DB8)
        || first == 0x2002
        || first == 0x3FFF && second < 0x1000;
    given_out && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_public_is_refused() {
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "64:ff9b::808:808",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "223.5.5.5",
            "2400:3200::1",
            "2606:4700::1111",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn the_deployment_names_what_else_may_be_reached() {
        let outlets = Outlets { private: ["10.0.0.5".parse().unwrap()].into(), plain: BTreeSet::new() };
        assert!(outlets.allows("10.0.0.5".parse().unwrap()) && !outlets.allows("10.0.0.6".parse().unwrap()));
        assert!(!Outlets::default().allows("127.0.0.1".parse().unwrap()));
    }
}
