//! Instances and queues.

use crate::harness::{Host, PATIENCE};
use std::time::Instant;

fn config(limits: &str) -> String {
    format!(
        r#"
[plugins.version]
source = "version.wasm"
limits = {{ {limits} }}
"#
    )
}

/// Occupies every instance: calls `/version/slow` until a further call is refused, and returns that answer's headers.
fn fill(host: &Host, calls: usize) -> Vec<std::thread::JoinHandle<u16>> {
    (0..calls)
        .map(|_| {
            let mut client = host.client();
            std::thread::spawn(move || client.get("/version/slow?ms=1500").status)
        })
        .collect()
}

#[test]
fn calls_beyond_instances_and_queue_are_503_with_retry_after() {
    let host = Host::start(&config("instances = 2, queue = 0"));
    let slow = fill(&host, 2);
    let deadline = Instant::now() + PATIENCE;
    let refused = loop {
        let answer = host.client().get("/version");
        if answer.status == 503 || slow.iter().all(std::thread::JoinHandle::is_finished) {
            break answer;
        }
        assert!(Instant::now() < deadline);
    };
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&after), "{after}");
    refused.problem(503);
    for thread in slow {
        assert_eq!(thread.join().unwrap(), 200);
    }
    host.client().get("/version").expect(200);
}

#[test]
fn a_queue_keeps_calls_until_an_instance_is_free() {
    let host = Host::start(&config("instances = 1, queue = 100, queue-wait = \"30s\""));
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let mut client = host.client();
            std::thread::spawn(move || client.get("/version/slow?ms=20").status)
        })
        .collect();
    for client in clients {
        assert_eq!(client.join().unwrap(), 200);
    }
}

#[test]
fn waiting_in_the_queue_is_not_billed_to_the_deadline() {
    let host = Host::start(&config("instances = 1, queue = 100, queue-wait = \"30s\", deadline = \"400ms\""));
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let mut client = host.client();
            std::thread::spawn(move || client.get("/version/slow?ms=100").status)
        })
        .collect();
    for client in clients {
        assert_eq!(client.join().unwrap(), 200);
    }
}

#[test]
fn a_call_that_waited_too_long_is_503() {
    let host = Host::start(&config("instances = 1, queue = 100, queue-wait = \"50ms\", deadline = \"10s\""));
    let slow = fill(&host, 3);
    let statuses: Vec<_> = slow.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 2, "{statuses:?}");
}

#[test]
fn a_plugin_that_is_full_does_not_stop_another() {
    let host = Host::start(&format!(
        "{}\n[plugins.faults]\nsource = \"faults.wasm\"\ngrants = {{ passwords = true }}\n",
        config("instances = 1, queue = 0")
    ));
    let slow = fill(&host, 1);
    let mut served = 0_u32;
    while !slow.iter().all(std::thread::JoinHandle::is_finished) {
        host.client().get("/faults/incoming").expect(200);
        served += 1;
    }
    assert!(served > 0);
}

#[test]
fn a_limit_beyond_the_pool_is_refused_at_start() {
    let site =
        crate::harness::Site::new(&format!("[runtime]\nmax-memory = \"64MiB\"\n{}", config("memory = \"65MiB\"")));
    let (code, text) = site.run(&["check"]);
    assert_ne!(code, Some(0));
    assert!(text.contains("max-memory") && text.contains("plugins.version.limits.memory"), "{text}");
}
