//! Which addresses are on the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether anybody on the internet may have the address: not this machine, its network, its provider's metadata service
/// (169.254.169.254), nor anything that the registries of special addresses (RFC 6890 and later) keep out of it.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match a {
        // "This network"; loopback; multicast and what lies above it.
        0 | 127 | 224..=255 => true,
        // Carriers' shared space, 100.64.0.0/10.
        100 => b & 0xc0 == 64,
        // Protocol assignments and the former relays of 6to4.
        192 => (b == 0 && c == 0) || (b == 88 && c == 99),
        // Benchmarks, 198.18.0.0/15.
        198 => b & 0xfe == 18,
        _ => false,
    };
    !(special || address.is_private() || address.is_link_local() || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    match a {
        // Addresses of IPv4 by the translator of the network, 64:ff9b::/96.
        0x64 => embedded(address, [0x64, 0xff9b, 0, 0, 0, 0]).is_some_and(is_public_v4),
        // Teredo, ORCHID, benchmarks (2001::/23), documentation.
        0x2001 => b >= 0x200 && b != 0xdb8,
        // 6to4 leads to an address of IPv4 that it carries.
        0x2002 => false,
        // Documentation, 3fff::/20.
        0x3fff => b & 0xf000 != 0,
        // Of all the rest, global unicast alone is handed out: no loopback, no local ones, no ::ffff:0:0/96.
        _ => a & 0xe000 == 0x2000,
    }
}

/// The address of IPv4 behind this prefix.
fn embedded(address: Ipv6Addr, prefix: [u16; 6]) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let [w, x] = high.to_be_bytes();
    let [y, z] = low.to_be_bytes();
    ([a, b, c, d, e, f] == prefix).then(|| Ipv4Addr::new(w, x, y, z))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn public(address: &str) -> bool {
        is_public(address.parse().unwrap())
    }

    #[test]
    fn the_internet_is_public() {
        for address in
            ["1.1.1.1", "93.184.216.34", "100.63.0.1", "100.128.0.1", "172.15.0.1", "172.32.0.1", "198.17.0.1"]
        {
            assert!(public(address), "{address}");
        }
        for address in ["2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888", "64:ff9b::8.8.8.8"] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn everything_special_is_not() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!public(address), "{address}");
        }
        for address in [
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!public(address), "{address}");
        }
    }
}
