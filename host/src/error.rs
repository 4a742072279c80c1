//! Why the host did not start: each error names the thing and the fix, and ends the process with its own code.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::Problems;

pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the host did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong, or not there.
    #[error("{problems}\n\n{}", summary(.problems))]
    Configuration {
        /// All that is wrong.
        problems: Problems,
    },

    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}; {}", listen_fix(.cause))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        cause: io::Error,
    },

    /// A folder of the host cannot be used.
    #[error("cannot use the folder {}: {cause}; make it writable for the host, or set `{key}` in devconnect.toml", path.display())]
    Folder {
        /// The key that names it (`stores.data`).
        key: &'static str,
        /// The folder.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },

    /// An embedded store cannot be opened; its own error says why.
    #[error("cannot open the {store} in {}: {cause}", path.display())]
    Store {
        /// Which one.
        store: &'static str,
        /// Its folder or file.
        path: PathBuf,
        /// Why not.
        cause: Cause,
    },

    /// The runtime for plugins cannot be made.
    #[error(
        "cannot set up the runtime for plugins: {cause}; smaller `max-instances` or `max-memory` in [runtime] need less address space"
    )]
    Engine {
        /// Why not.
        cause: Cause,
    },

    /// A plugin cannot serve.
    #[error("plugin `{plugin}` cannot serve: {cause}")]
    Plugin {
        /// The operator's name for it.
        plugin: String,
        /// Why not.
        cause: Cause,
    },

    /// The operating system refused something that the host cannot do without (threads, signals).
    #[error("cannot {action}: {cause}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why not.
        cause: io::Error,
    },
}

impl Error {
    /// The process's exit code: 2 where the configuration is not there, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Configuration { problems } if problems.is_unreadable() => 2,
            _ => 1,
        }
    }
}

fn summary(problems: &Problems) -> String {
    match problems.len() {
        1 => "the host did not start: 1 problem in its configuration".to_owned(),
        count => format!("the host did not start: {count} problems in its configuration"),
    }
}

fn listen_fix(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::AddrInUse => {
            "stop what listens there, or set another `listen` in [server] (PORT=0 takes a free port)"
        }
        io::ErrorKind::PermissionDenied => {
            "set a port above 1023 as `listen` in [server], or let the host use this one"
        }
        io::ErrorKind::AddrNotAvailable => "set an address of this machine as `listen` in [server]",
        _ => "set another `listen` in [server]",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    #[test]
    fn an_address_in_use_says_what_to_do() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let cause = std::net::TcpListener::bind(address).unwrap_err();
        let error = Error::Listen { address, cause };
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot listen on {address}: ")), "{text}");
        assert!(
            text.ends_with("stop what listens there, or set another `listen` in [server] (PORT=0 takes a free port)")
        );
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn a_wrong_configuration_is_shown_whole() {
        let path = Path::new("/nowhere/devconnect.toml");
        let source = "[server]\nlisten = 1\nlistn = 2\n";
        let problems = crate::config::parse(path, source, &BTreeMap::new()).unwrap_err();
        let text = Error::Configuration { problems }.to_string();
        assert!(text.contains("devconnect.toml:2:10") && text.contains("did you mean `listen`?"), "{text}");
        assert!(text.ends_with("the host did not start: 2 problems in its configuration"), "{text}");
        let problems = crate::config::load(path, &BTreeMap::new()).unwrap_err();
        assert_eq!(Error::Configuration { problems }.exit_code(), 2);
    }
}
