//! Instances and queues.

use crate::harness::Host;

fn config(limits: &str) -> String {
    format!(
        r#"
[plugins.version]
source = "version.wasm"
limits = {{ {limits} }}
"#
    )
}

/// Longer than any test.
const SLOW: &str = "/version/slow?ms=50000";

#[test]
fn calls_beyond_instances_and_queue_are_503_with_retry_after() {
    let host = Host::start(&config("instances = 1, queue = 0, deadline = \"60s\""));
    let busy = host.occupy(SLOW, "/version");
    let refused = host.client().get("/version");
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&after), "{after}");
    refused.problem(503);
    drop(busy);
    // Who asked has gone, and a GET is then given up.
    crate::harness::eventually("a free instance", || match host.client().get("/version").status {
        200 => Ok(()),
        status => Err(status.to_string()),
    });
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
    let host = Host::start(&config("instances = 1, queue = 100, queue-wait = \"30s\", deadline = \"3s\""));
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let mut client = host.client();
            std::thread::spawn(move || client.get("/version/slow?ms=700").status)
        })
        .collect();
    for client in clients {
        assert_eq!(client.join().unwrap(), 200);
    }
}

#[test]
fn a_call_that_waited_too_long_is_503() {
    // The queue has room: only the wait can end it.
    let host = Host::start(&config("instances = 1, queue = 100, queue-wait = \"50ms\", deadline = \"60s\""));
    let _busy = host.occupy(SLOW, "/version");
    host.client().get("/version").problem(503);
}

#[test]
fn a_plugin_that_is_full_does_not_stop_another() {
    let host = Host::start(&format!(
        "{}\n[plugins.faults]\nsource = \"faults.wasm\"\ngrants = {{ passwords = true }}\n",
        config("instances = 1, queue = 0, deadline = \"60s\"")
    ));
    let _busy = host.occupy(SLOW, "/version");
    host.client().get("/faults/incoming").expect(200);
}

#[test]
fn a_limit_beyond_the_pool_is_refused_at_start() {
    let site =
        crate::harness::Site::new(&format!("[runtime]\nmax-memory = \"64MiB\"\n{}", config("memory = \"65MiB\"")));
    let (code, text) = site.run(&["check"]);
    assert_ne!(code, Some(0));
    assert!(text.contains("max-memory") && text.contains("plugins.version.limits.memory"), "{text}");
}
