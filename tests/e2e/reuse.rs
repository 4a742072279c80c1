//! Instances that serve many calls, and those that serve one.

use crate::harness::{Client, Host};

fn config(limits: &str) -> String {
    format!(
        r#"
[server]
workers = 1

[plugins.faults]
source = "faults.wasm"
grants = {{ passwords = true }}
limits = {{ {limits} }}
"#
    )
}

fn count(client: &mut Client) -> u64 {
    client.get("/faults/count").expect(200).text().parse().unwrap()
}

#[test]
fn a_secret_cannot_cross_calls_with_fresh_instances() {
    let host = Host::start(&config("reuse = 1"));
    let mut client = host.client();
    for turn in 0..50 {
        let secret = format!("planted-{turn}-0a1b2c3d4e");
        client.request("POST", "/faults/memory").body(secret).send().expect(200);
        // In two halves, so that the request that asks does not bring along what it looks for.
        let found = client.get(&format!("/faults/memory?head=planted-{turn}-&tail=0a1b2c3d4e")).expect(200).text();
        assert_eq!(found, "static=false memory=false");
        assert_eq!(count(&mut client), 1);
    }
}

#[test]
fn the_same_secret_is_found_where_instances_are_reused() {
    // The test above could not fail if the guest looked in the wrong place.
    let host = Host::start(&config("reuse = 1000, instances = 1"));
    let mut client = host.client();
    client.request("POST", "/faults/memory").body("planted-0-0a1b2c3d4e").send().expect(200);
    let found = client.get("/faults/memory?head=planted-0-&tail=0a1b2c3d4e").expect(200).text();
    assert_eq!(found, "static=true memory=true");
}

#[test]
fn an_instance_serves_as_many_calls_as_reuse_says() {
    let mut random = [0; 4];
    getrandom::fill(&mut random).unwrap();
    let seed = u32::from_le_bytes(random);
    // Between 2 and 41: shown when the test fails.
    let reuse = u64::from(seed % 40) + 2;
    let host = Host::start(&config(&format!("reuse = {reuse}, instances = 1")));
    let mut client = host.client();
    let counts: Vec<_> = (0..reuse * 4).map(|_| count(&mut client)).collect();
    let shown = format!("seed {seed}, reuse {reuse}: {counts:?}");
    // Each instance counts from 1 without a gap; where the next one begins, the one before has served its calls.
    let ends: Vec<_> = counts.windows(2).filter(|pair| pair[1] == 1).map(|pair| pair[0]).collect();
    assert!(counts.windows(2).all(|pair| pair[1] == 1 || pair[1] == pair[0] + 1), "{shown}");
    assert!(ends.len() >= 3, "{shown}");
    // The first instance may have served `init` too.
    assert!(ends[0] == reuse || ends[0] == reuse - 1, "{shown}");
    assert!(ends[1..].iter().all(|end| *end == reuse), "{shown}");
}

#[test]
fn an_instance_that_broke_is_not_used_again() {
    let host =
        Host::start(&config("reuse = 1000, instances = 1, cpu = \"100ms\", memory = \"8MiB\", deadline = \"500ms\""));
    let mut client = host.client();
    for fault in ["trap", "panic", "spin", "allocate", "recurse", "sleep?ms=60000", "exit", "calls"] {
        client.request("POST", "/faults/memory").body("planted-0-0a1b2c3d4e").send().expect(200);
        let status = client.get(&format!("/faults/{fault}")).status;
        assert!(status >= 500, "{fault}: {status}");
        let found = client.get("/faults/memory?head=planted-0-&tail=0a1b2c3d4e").expect(200).text();
        assert_eq!(found, "static=false memory=false", "after {fault}");
    }
}
