//! Rules for garde's `custom` that are wanted everywhere and would otherwise bring a regular-expression engine into the
//! component.

/// An e-mail address as browsers' `<input type=email>` takes it, at most 254 characters, with a dot in its domain.
///
/// # Errors
/// It is none.
pub fn email<C>(text: &str, _: &C) -> garde::Result {
    is_email(text).then_some(()).ok_or_else(|| garde::Error::new("is not a valid e-mail address"))
}

/// An `http` or `https` URL with a host.
///
/// # Errors
/// It is none.
pub fn http_url<C>(text: &str, _: &C) -> garde::Result {
    is_http_url(text).then_some(()).ok_or_else(|| garde::Error::new("is not a valid http or https URL"))
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local_fits = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte));
    text.len() <= 254 && local_fits && domain.contains('.') && is_domain(domain)
}

fn is_domain(domain: &str) -> bool {
    domain.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

fn is_http_url(text: &str) -> bool {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let Some(rest) = ["https://", "http://"]
        .iter()
        .find_map(|scheme| lower.starts_with(scheme).then(|| text.get(scheme.len()..)).flatten())
    else {
        return false;
    };
    if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f || matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`'))
    {
        return false;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match host_and_port.rsplit_once(':') {
        Some((host, port)) if !host_and_port.ends_with(']') => (host, port),
        _ => (host_and_port, ""),
    };
    let is_v6 = host.starts_with('[') && host.ends_with(']') && host.len() > 4;
    port.len() <= 5
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && (is_v6 || (!host.is_empty() && is_domain(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["a@b.co", "first.last+tag@sub.example.org", "o'hara@example.com"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["", "a", "a@b", "@b.co", "a@", "a b@c.de", "a..b@c.de", ".a@c.de", "a@-b.de", "a@b..de", "a@b.de\n"]
        {
            assert!(!is_email(bad), "{bad:?}");
        }
    }

    #[test]
    fn urls() {
        for good in ["http://a.b/c?d#e", "HTTPS://example.com", "https://u:p@example.com:8443/x", "http://[::1]:80/"] {
            assert!(is_http_url(good), "{good}");
        }
        for bad in
            ["", "ftp://a.b", "javascript:alert(1)", "http://", "http:///x", "http://a b", "https://a.b:port", "//a.b"]
        {
            assert!(!is_http_url(bad), "{bad}");
        }
    }
}
