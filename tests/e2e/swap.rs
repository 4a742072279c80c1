//! Plugins that are replaced while they are in use.

use crate::harness::{Host, Site, component, eventually};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const CONFIG: &str = r#"
[plugins.subject]
source = "version.wasm"
"#;

const MARK: &[u8] = b"the guest's version ";

/// The guest `version` as the build that answers this number.
pub(crate) fn version(number: u32) -> Vec<u8> {
    let mut bytes = component("version.wasm");
    let found: Vec<_> = (0..bytes.len() - MARK.len()).filter(|start| bytes[*start..].starts_with(MARK)).collect();
    assert!(!found.is_empty(), "the guest does not hold its version in one piece");
    for start in found {
        let digits = start + MARK.len();
        bytes[digits..digits + 4].copy_from_slice(format!("{number:04}").as_bytes());
    }
    bytes
}

fn answered(host: &Host) -> u32 {
    host.client().get("/version").expect(200).text().parse().unwrap()
}

fn wait_for(host: &Host, number: u32) {
    eventually(&format!("version {number}"), || match answered(host) {
        found if found == number => Ok(()),
        found => Err(found.to_string()),
    });
}

#[test]
fn fifty_replacements_under_load_fail_no_request() {
    const LAST: u32 = 51;
    const CLIENTS: usize = 8;
    let host = Site::cold(CONFIG).start();
    let over = AtomicBool::new(false);
    let answers = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|index| {
                let (host, over, answers) = (&host, &over, &answers);
                scope.spawn(move || {
                    let mut client = host.client();
                    let mut newest = 1;
                    let mut turn = 0_u32;
                    while !over.load(Ordering::Relaxed) {
                        // Reads, writes, calls that last longer than a swap, and new connections.
                        let request = match (index, turn % 3) {
                            (0, _) => client.request("GET", "/version/slow?ms=40"),
                            (_, 0) => client.request("POST", "/version").body("x"),
                            _ => client.request("GET", "/version"),
                        };
                        let answer = request.try_send().unwrap_or_else(|error| panic!("a request failed: {error}"));
                        let found: u32 = answer.expect(200).text().parse().unwrap();
                        // Who got an answer of a version never gets one of an older version again.
                        assert!(found >= newest && found <= LAST, "{found} after {newest}");
                        newest = found;
                        turn += 1;
                        answers.fetch_add(1, Ordering::Relaxed);
                        if turn.is_multiple_of(100) {
                            client = host.client();
                        }
                    }
                    newest
                })
            })
            .collect();
        for number in 2..=LAST {
            let before = answers.load(Ordering::Relaxed);
            host.site.place("version.wasm", &version(number));
            wait_for(&host, number);
            eventually("an answer under load", || {
                let seen = answers.load(Ordering::Relaxed);
                if seen > before + CLIENTS as u64 || clients.iter().any(|client| client.is_finished()) {
                    Ok(())
                } else {
                    Err(seen.to_string())
                }
            });
        }
        over.store(true, Ordering::Relaxed);
        for client in clients {
            let newest = client.join().unwrap();
            assert!(newest >= LAST - 1, "a client ended at version {newest}");
        }
    });
    assert_eq!(answered(&host), LAST);
}

#[test]
fn a_file_written_in_place_is_taken_when_it_is_whole() {
    let host = Host::start(CONFIG);
    let path = host.site.path().join("version.wasm");
    for number in 2..6 {
        // Not by rename: opened, cut, written in pieces, closed. Half a file must never serve, nor stop the old version.
        let bytes = version(number);
        let mut file = std::fs::File::create(&path).unwrap();
        for piece in bytes.chunks(bytes.len() / 7) {
            std::io::Write::write_all(&mut file, piece).unwrap();
            assert!(answered(&host) == number - 1 || answered(&host) == number);
        }
        drop(file);
        wait_for(&host, number);
    }
}

#[test]
fn a_swap_waits_for_calls_in_flight() {
    let host = Host::start(CONFIG);
    let mut client = host.client();
    let slow = std::thread::spawn(move || client.get("/version/slow?ms=1500").expect(200).text());
    // A second call proves that the first, sent before it, is under way or will meet the new version; either is right.
    host.site.place("version.wasm", &version(2));
    wait_for(&host, 2);
    let text = slow.join().unwrap();
    assert!(text == "0001" || text == "0002", "{text}");
}

#[test]
fn going_back_to_an_earlier_file_works() {
    let host = Host::start(CONFIG);
    for number in [2, 1, 2, 1, 3, 1] {
        host.site.place("version.wasm", &version(number));
        wait_for(&host, number);
    }
}

#[test]
fn a_digest_that_differs_is_refused() {
    let wrong = "0".repeat(64);
    let text = crate::harness::refusal(&format!("{CONFIG}sha256 = \"{wrong}\"\n"));
    assert!(text.contains("sha256") && text.contains("subject"), "{text}");
}
