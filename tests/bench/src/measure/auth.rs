//! The host with the real auth plugin.

use crate::paths;
use crate::server::Site;

/// Signs the tokens of these runs.
pub(crate) const SECRET: &[(&str, &str)] = &[("JWT_SECRET", "for benchmarks only: 0123456789abcdef")];

/// The auth plugin as shipped, with limits of requests that no benchmark meets.
pub(crate) const AUTH: &str = r#"
[plugins.auth]
source = "auth.wasm"
grants = { cache = ["session:*", "user:*", "ratelimit:*"], documents = ["users", "revocations"], publish = ["user-events", "analytics-events"], consume = ["user-events"], realtime = ["/"], tokens = true, passwords = true }
settings = { requests-per-minute = 1000000000, sign-ups-per-minute = 1000000000, log-ins-per-minute = 1000000000, admins = [] }
"#;

/// Tables for the host on these stores, with one worker.
pub(crate) fn on_stores(redis: Option<&str>, mongodb: &str) -> String {
    let redis = redis.map_or_else(String::new, |url| format!("redis = \"{url}\"\n"));
    format!("[server]\nworkers = 1\n\n[stores]\n{redis}mongodb = \"{mongodb}\"\n")
}

pub(crate) fn site() -> anyhow::Result<Site> {
    Site::new(AUTH, &[paths::plugin("auth")?])
}
