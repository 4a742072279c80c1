use super::*;

mod addresses;
mod real;
pub(in crate::capabilities::cache) mod server;

/// What every test with a real server needs to know.
pub(in crate::capabilities::cache) const UNSET: &str = "set REDIS_URL or run `cargo xtask test`";

pub(in crate::capabilities::cache) fn config(url: &str) -> Config {
    Config { url: url.to_owned(), client_name: "devconnect-test".to_owned(), ca: None }
}

/// The server that all tests share.
pub(in crate::capabilities::cache) fn shared() -> Redis {
    patient(config(&std::env::var("REDIS_URL").expect(UNSET)))
}

/// With a deadline that a busy machine meets too, for tests of what is answered and not of how fast.
pub(in crate::capabilities::cache) fn patient(config: Config) -> Redis {
    Redis::with_deadline(config, Duration::from_secs(20)).unwrap()
}

/// Waits until a condition holds.
pub(in crate::capabilities::cache) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(tokio::time::Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
