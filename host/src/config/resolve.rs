//! From the tree to [`Resolved`]: each section read by its rows, each value by itself. What concerns several of them is
//! in `checks`.

mod plugin;
mod server;
mod stores;

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::Secret;
use super::reader::{Fault, SecretSource, Section};
use super::resolved::{Environment, Resolved, Runtime, Sockets, Static, Stores, TokenKey, Tokens};

/// Shortest token secret in production, in bytes.
const SECRET_LENGTH: usize = 16;

pub(super) fn resolve(file: &Path, root: &Section<'_>) -> Resolved {
    let server = server::server(&root.table("server"));
    let stores = stores::stores(&root.table("stores"));
    let tokens = tokens(&root.table("tokens"), server.environment);
    let runtime = runtime(&root.table("runtime"), &stores);
    Resolved {
        file: file.to_owned(),
        sockets: sockets(&root.table("sockets")),
        statics: root.tables("static").iter().map(static_files).collect(),
        plugins: root.named("plugins").iter().map(|(name, section)| plugin::plugin(name, section, &runtime)).collect(),
        server,
        runtime,
        stores,
        tokens,
    }
}

fn runtime(section: &Section<'_>, stores: &Stores) -> Runtime {
    Runtime {
        max_instances: section.number("max-instances"),
        max_memory: section.size("max-memory"),
        compile_timeout: section.duration("compile-timeout"),
        compile_memory: section.size("compile-memory"),
        cache: section.path("cache").unwrap_or_else(|| stores.data.join("compiled")),
    }
}

fn sockets(section: &Section<'_>) -> Sockets {
    Sockets {
        socket_io: path_of_url(section, "socket-io"),
        websocket: path_of_url(section, "websocket"),
        ping_interval: section.duration("ping-interval"),
        ping_timeout: section.duration("ping-timeout"),
        max_payload: section.size("max-payload"),
        queue: section.size("queue"),
        anonymous: section.flag("anonymous"),
    }
}

/// A path of the host's URLs.
fn path_of_url(section: &Section<'_>, key: &str) -> String {
    let path = section.text(key).unwrap_or_default();
    if !path.is_empty()
        && let Err(fault) = check_path(&path)
    {
        section.problem(key, fault);
    }
    path
}

pub(super) fn check_path(path: &str) -> Result<(), Fault> {
    let bad = |character: char| character.is_whitespace() || character.is_control() || matches!(character, '?' | '#');
    if !path.starts_with('/') {
        let fix = format!("write \"/{}\"", path.escape_debug());
        return Err(Fault::new("does not begin with `/`", fix));
    }
    if path.contains(bad) || path.contains("//") || path.split('/').any(|part| part == "." || part == "..") {
        return Err(Fault::new("is no path of a URL", "write a path like \"/app\", without spaces, `?`, `#` and `..`"));
    }
    Ok(())
}

/// A prefix of paths, so that `/app` and `/app/` are one.
fn without_slash(path: String) -> String {
    if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path }
}

fn static_files(section: &Section<'_>) -> Static {
    let mount = without_slash(path_of_url(section, "mount"));
    let dir = section.path("dir").unwrap_or_default();
    if !dir.as_os_str().is_empty() && !dir.is_dir() {
        section.problem("dir", Fault::new(format!("is no folder: {}", dir.display()), "make it, or correct the path"));
    }
    Static { mount, dir }
}

fn tokens(section: &Section<'_>, environment: Environment) -> Tokens {
    let production = environment == Environment::Production;
    let current = match section.secret("secret") {
        Some(SecretSource::Found(secret)) => token_key(section, Some(secret), production),
        Some(SecretSource::Unset(name)) if production => {
            let fix = format!("set {name} to a random text, made by `openssl rand -hex 32`");
            section.problem("secret", Fault::new(format!("is not there: the variable {name} is not set"), fix));
            None
        }
        None if production && section.node("secret").is_none() => {
            let fix = "set JWT_SECRET, or add to [tokens]: secret = { env = \"JWT_SECRET\" }; `openssl rand -hex 32` makes one";
            section.problem("secret", Fault::new("is missing, and in production there is no default", fix));
            None
        }
        // Development makes its own; what was wrong is noted.
        Some(SecretSource::Unset(_)) | None => token_key(section, None, production),
    };
    let previous: Vec<TokenKey> = section
        .tables("previous")
        .iter()
        .filter_map(|previous| token_key(previous, required_secret(previous, "secret"), production))
        .collect();
    let mut kids: BTreeMap<&str, ()> = BTreeMap::new();
    for key in current.iter().chain(&previous) {
        if kids.insert(&key.kid, ()).is_some() {
            let message = format!("has two keys with the kid \"{}\"", key.kid.escape_debug());
            section.problem("previous", Fault::new(message, "give each key a kid of its own, and list no key twice"));
        }
    }
    Tokens { current, previous }
}

fn token_key(section: &Section<'_>, secret: Option<Secret>, production: bool) -> Option<TokenKey> {
    // Looked at even where the secret is missing, so that both are reported.
    let named = section.text("kid");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if named.as_ref().is_some_and(|kid| kid.len() > 64 || !kid.bytes().all(plain)) {
        section.problem("kid", Fault::new("is no key name", "write 1 to 64 letters, digits, `-`, `_` or `.`"));
    }
    let secret = secret?;
    let length = secret.expose().len();
    if production && length < SECRET_LENGTH {
        let message = format!("is too short: {length} bytes, in production it needs {SECRET_LENGTH}");
        section.problem("secret", Fault::new(message, "make one with `openssl rand -hex 32`"));
        return None;
    }
    Some(TokenKey { kid: named.unwrap_or_else(|| kid(&secret)), secret })
}

/// A name that a key keeps when it moves from `secret` to `previous`. Tokens give no less away about the key.
fn kid(secret: &Secret) -> String {
    let digest = Sha256::new().chain_update(b"devconnect kid ").chain_update(secret.expose()).finalize();
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// A secret whose variable must be set.
pub(super) fn required_secret(section: &Section<'_>, key: &str) -> Option<Secret> {
    match section.secret(key)? {
        SecretSource::Found(secret) => Some(secret),
        SecretSource::Unset(name) => {
            let fix = format!("set {name}");
            section.problem(key, Fault::new(format!("is not there: the variable {name} is not set"), fix));
            None
        }
    }
}
