//! `Set-Cookie`.

use std::fmt;
use std::time::Duration;

/// A cookie to set: HTTP-only, for the whole site (`/`) and `SameSite=Lax` unless told otherwise.
///
/// ```
/// # use devconnect_sdk::Cookie;
/// # use std::time::Duration;
/// let cookie = Cookie::new("token", "abc").lives(Duration::from_secs(28_800)).secure();
/// assert_eq!(cookie.to_string(), "token=abc; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax; Secure");
/// ```
#[derive(Clone, Debug)]
pub struct Cookie {
    name: String,
    value: String,
    path: String,
    max_age: Option<Duration>,
    http_only: bool,
    same_site: SameSite,
    secure: bool,
}

/// Which requests of other sites a cookie goes along with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// None of them.
    Strict,
    /// Those that a person caused by following a link.
    Lax,
    /// All of them; browsers demand `Secure` then, and it is set.
    None,
}

impl Cookie {
    /// A cookie that lives as long as the browser's session. Characters that would end the value (`;`, `,`, spaces,
    /// quotes, backslashes and control characters) are left out of it.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        let mut value = value.into();
        value.retain(|character| character.is_ascii_graphic() && !matches!(character, ';' | ',' | '"' | '\\'));
        Self {
            name: name.into(),
            value,
            path: "/".to_owned(),
            max_age: None,
            http_only: true,
            same_site: SameSite::Lax,
            secure: false,
        }
    }

    /// A cookie that takes an earlier one of this name away.
    pub fn removal(name: impl Into<String>) -> Self {
        Self::new(name, "").lives(Duration::ZERO)
    }

    /// How long it lives.
    #[must_use]
    pub fn lives(mut self, life: Duration) -> Self {
        self.max_age = Some(life);
        self
    }

    /// The paths that it is sent to.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Which requests of other sites it goes along with.
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Only over TLS.
    #[must_use]
    pub fn secure(mut self) -> Self {
        self.secure = true;
        self
    }

    /// Scripts of the page may read it.
    #[must_use]
    pub fn readable_by_scripts(mut self) -> Self {
        self.http_only = false;
        self
    }
}

impl fmt::Display for Cookie {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}; Path={}", self.name, self.value, self.path)?;
        if let Some(life) = self.max_age {
            write!(formatter, "; Max-Age={}", life.as_secs())?;
        }
        if self.http_only {
            formatter.write_str("; HttpOnly")?;
        }
        formatter.write_str(match self.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        })?;
        if self.secure || self.same_site == SameSite::None {
            formatter.write_str("; Secure")?;
        }
        Ok(())
    }
}
