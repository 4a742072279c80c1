//! Which endpoint answers a request: the routes of all plugins, in one table.
//!
//! A pattern is a path of literal segments, `{name}` for one segment and, at the end, `{*name}` for the rest. Of the
//! routes that a method and a path match, the most specific one wins: compared segment by segment from the left, a
//! literal before a parameter before a rest. Names of parameters do not count, so that plugins may choose their own,
//! and a route that leads nowhere is given up for a less specific one: with `/a/b/c` and `/a/{x}/d`, `/a/b/d` is the
//! second. A method without a route on the best pattern falls back the same way.
//!
//! `matchit`, the obvious choice, refuses `/a/{x}` beside `/a/{*rest}`, which two plugins may well have. Segments are
//! all that patterns are made of here, so a trie of segments does it, one for each method: the look-up touches one.
//! Each node is visited at most once, so patterns of a hostile plugin cannot make it slow.

use http::HeaderValue;

mod pattern;
#[cfg(test)]
mod tests;
mod trie;
mod verb;

use pattern::Pattern;
use trie::Trie;
pub(crate) use verb::{Allow, Verb};

/// The most parameters that a pattern may have: what a packed request has room for.
pub(crate) const MAX_PARAMETERS: usize = 6;

/// Where a pattern's parameters are in the path: start × 65,536 + length, in bytes; zero where there are no more.
pub(crate) type Spans = [u32; MAX_PARAMETERS];

/// The longest path that a span can point into.
const LONGEST_PATH: usize = u16::MAX as usize;

/// Why a route was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The pattern is malformed.
    #[error("route `{verb} {pattern}` of {owner}: {reason}")]
    Pattern {
        /// The route's method.
        verb: Verb,
        /// The pattern as written.
        pattern: String,
        /// Who has the route.
        owner: String,
        /// What is wrong, and what would be right.
        reason: &'static str,
    },
    /// Two routes would answer the same requests.
    #[error(
        "route `{verb} {pattern}` of {owner} clashes with `{verb} {other_pattern}` of {other}: change or remove one of them"
    )]
    Clash {
        /// The method of both.
        verb: Verb,
        /// The pattern of the route that came second.
        pattern: String,
        /// Who has it.
        owner: String,
        /// The pattern of the route that was there.
        other_pattern: String,
        /// Who has that.
        other: String,
    },
}

/// Collects routes for a [`Table`].
#[derive(Debug)]
pub(crate) struct Builder<E> {
    routes: Vec<Route<E>>,
    tries: [Trie; Verb::COUNT],
}

/// The routes of all plugins. It never changes: a swap builds another one.
#[derive(Debug)]
pub(crate) struct Table<E> {
    routes: Vec<Route<E>>,
    tries: [Trie; Verb::COUNT],
}

#[derive(Debug)]
struct Route<E> {
    verb: Verb,
    pattern: Pattern,
    owner: String,
    endpoint: E,
}

/// What a look-up found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lookup<'t, E> {
    /// The endpoint that answers, and where the pattern's parameters are in the path.
    Found(&'t E, Spans),
    /// OPTIONS on a path that has routes, but none for OPTIONS: the host answers with the methods.
    Options(Allow),
    /// The path has routes, but none for the method: 405.
    MethodNotAllowed(Allow),
    /// No route has the path.
    NotFound,
    /// The host does not know the method: 501.
    UnknownMethod,
    /// The path is longer than 65,535 bytes: 414.
    TooLong,
}

impl<E> Default for Builder<E> {
    fn default() -> Self {
        Self { routes: Vec::new(), tries: std::array::from_fn(|_| Trie::default()) }
    }
}

impl<E> Builder<E> {
    /// Adds a route. `owner` names who has it in messages: ``plugin `auth` ``, `the host`.
    ///
    /// # Errors
    /// Refuses a malformed pattern, and a route that answers exactly what another one answers.
    pub(crate) fn route(&mut self, verb: Verb, pattern: &str, owner: &str, endpoint: E) -> Result<(), Error> {
        let pattern = Pattern::parse(pattern).map_err(|reason| Error::Pattern {
            verb,
            pattern: pattern.to_owned(),
            owner: owner.to_owned(),
            reason,
        })?;
        let index = self.routes.len();
        if let Some(trie) = self.tries.get_mut(verb as usize)
            && let Err(taken) = trie.insert(&pattern, index)
        {
            let other = self.routes.get(taken);
            return Err(Error::Clash {
                verb,
                pattern: pattern.as_str().to_owned(),
                owner: owner.to_owned(),
                other_pattern: other.map_or_else(String::new, |route| route.pattern.as_str().to_owned()),
                other: other.map_or_else(String::new, |route| route.owner.clone()),
            });
        }
        self.routes.push(Route { verb, pattern, owner: owner.to_owned(), endpoint });
        Ok(())
    }

    /// The table of all routes added.
    pub(crate) fn build(mut self) -> Table<E> {
        // HEAD is answered by GET's route where it has none of its own.
        if let Some(heads) = self.tries.get_mut(Verb::Head as usize) {
            for (index, route) in self.routes.iter().enumerate() {
                if route.verb == Verb::Get {
                    // The pattern being taken is the other case: the route has its own HEAD.
                    let _ = heads.insert(&route.pattern, index);
                }
            }
        }
        Table { routes: self.routes, tries: self.tries }
    }
}

impl<E> Table<E> {
    /// The endpoint for a method and a path (as received, without query). Allocates nothing.
    pub(crate) fn lookup(&self, method: &http::Method, path: &str) -> Lookup<'_, E> {
        let Some(verb) = Verb::of(method) else {
            return Lookup::UnknownMethod;
        };
        if path.len() > LONGEST_PATH {
            return Lookup::TooLong;
        }
        let mut spans = Spans::default();
        let found = self.tries.get(verb as usize).and_then(|trie| trie.find(path, &mut spans));
        if let Some(route) = found.and_then(|index| self.routes.get(index)) {
            return Lookup::Found(&route.endpoint, spans);
        }
        let allow = self.allow(path);
        if allow.is_empty() {
            Lookup::NotFound
        } else if verb == Verb::Options {
            Lookup::Options(allow)
        } else {
            Lookup::MethodNotAllowed(allow)
        }
    }

    /// The methods that a path answers; none if it has no route. Always with OPTIONS, which the host answers itself.
    pub(crate) fn allow(&self, path: &str) -> Allow {
        let mut allow = Allow::default();
        for (verb, trie) in Verb::ALL.into_iter().zip(&self.tries) {
            if trie.find(path, &mut Spans::default()).is_some() {
                allow.add(verb);
            }
        }
        if !allow.is_empty() {
            allow.add(Verb::Options);
        }
        allow
    }
}

impl Allow {
    /// The value of an `allow` header.
    pub(crate) fn header_value(self) -> HeaderValue {
        HeaderValue::from_str(&self.to_string()).unwrap_or_else(|_| HeaderValue::from_static("OPTIONS"))
    }
}
