//! What a grant covers.

use std::fmt;

/// A name, or with `*` at the end everything that starts alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    prefix: bool,
}

impl Pattern {
    /// Reads a pattern: a text that is not empty, with `*` at most at its end.
    ///
    /// # Errors
    /// What is wrong with it, for the operator.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (text, prefix) = text.strip_suffix('*').map_or((text, false), |start| (start, true));
        if text.is_empty() && !prefix {
            return Err("an empty name covers nothing");
        }
        if text.contains('*') {
            return Err("`*` is allowed at the end only");
        }
        if text.chars().any(char::is_control) {
            return Err("control characters are not allowed");
        }
        Ok(Self { text: text.into(), prefix })
    }

    /// Whether this is within the pattern. The hot path of each cache command.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        if self.prefix { name.starts_with(&*self.text) } else { name == &*self.text }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.text, if self.prefix { "*" } else { "" })
    }
}

/// A host on the network that may be called: `api.example.com`, `api.example.com:8443`, `[2001:db8::1]:443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: Box<str>,
    port: Option<u16>,
}

impl Endpoint {
    /// Reads `host[:port]`.
    ///
    /// # Errors
    /// What is wrong with it, for the operator.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains("://") || text.contains('/') {
            return Err("only the host is named here, without scheme and path");
        }
        if text.contains('*') {
            return Err("hosts are named one by one, without `*`");
        }
        let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(None) => return Err("the `]` of an IPv6 address is missing"),
            Some(Some((host, ""))) => (host, None),
            Some(Some((host, rest))) => {
                (host, Some(rest.strip_prefix(':').ok_or("after `]` comes nothing, or `:` and a port")?))
            }
            None => match text.split_once(':') {
                Some((_, port)) if port.contains(':') => return Err("an IPv6 address stands in brackets"),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if host.is_empty() || host.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err("the host is missing or has spaces in it");
        }
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => return Err("the port is a number from 1 to 65535"),
        };
        Ok(Self { host: host.to_ascii_lowercase().into(), port })
    }

    /// Whether the grant covers host and port; without a port it covers the ports of https and http.
    #[must_use]
    pub fn covers(&self, host: &str, port: u16) -> bool {
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let port = self.port.map_or(port == 443 || port == 80, |granted| granted == port);
        port && self.host.eq_ignore_ascii_case(host)
    }

    /// How a grant for host and port is written.
    pub(super) fn text(host: &str, port: u16) -> String {
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
        if port == 443 || port == 80 { host } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host: &str = &self.host;
        match (host.contains(':'), self.port) {
            (true, Some(port)) => write!(formatter, "[{host}]:{port}"),
            (true, None) => write!(formatter, "[{host}]"),
            (false, Some(port)) => write!(formatter, "{host}:{port}"),
            (false, None) => formatter.write_str(host),
        }
    }
}
