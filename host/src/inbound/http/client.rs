//! Who is really calling: the peer of the connection, or whom a trusted proxy names.
//!
//! Anybody can send `x-forwarded-for`. It is believed only as far as trusted proxies wrote it: read from the right,
//! the first address that is not one of theirs is the client's. Nothing is read before somebody asks.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::HeaderName;
use ipnet::IpNet;

#[cfg(test)]
mod tests;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How the client speaks to the outermost trusted proxy, or to the host itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// In the clear.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// As a URL spells it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The proxies whose word counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
}

impl TrustedProxies {
    /// The networks of `server.trusted-proxies`.
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self { networks }
    }

    /// Whether the address is one of a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The address of the client.
    pub(crate) fn address(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.ip().to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let mut farthest = peer;
        for hop in from_the_right(headers, &FORWARDED_FOR) {
            match parse_hop(hop) {
                Some(address) if self.trusts(address) => farthest = address,
                Some(address) => return address,
                // Whoever wrote this, it was no proxy of ours: nothing left of it can be believed.
                None => return peer,
            }
        }
        farthest
    }

    /// The scheme of the client's request. A connection to the host itself is never encrypted.
    pub(crate) fn scheme(&self, peer: SocketAddr, headers: &HeaderMap) -> Scheme {
        if !self.trusts(peer.ip()) {
            return Scheme::Http;
        }
        // The nearest proxy overwrites the header or appends to it: the last value is its own.
        match from_the_right(headers, &FORWARDED_PROTO).next() {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            _ => Scheme::Http,
        }
    }
}

/// The comma-separated values of a header, over all its lines, last one first. A line that is no text is one value
/// that nothing can be made of.
fn from_the_right<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?")).collect();
    lines.into_iter().rev().flat_map(|line| line.rsplit(',')).map(str::trim)
}

/// An address, perhaps with a port: `1.2.3.4`, `1.2.3.4:5`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:5`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    bare.parse::<IpAddr>()
        .or_else(|_| hop.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .map(|address| address.to_canonical())
}
