//! The host as a process: start, stop, and what a crash leaves.

use crate::harness::{Host, PATIENCE, Site, eventually};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::time::{Duration, Instant};

const VERSION: &str = r#"
[server]
shutdown-grace = "10s"

[plugins.version]
source = "version.wasm"
limits = { instances = 1, queue = 0, deadline = "60s" }
"#;

const STORE: &str = r#"
[plugins.store]
source = "store.wasm"
grants = { cache = ["*"], documents = ["*"], publish = ["*"] }
"#;

#[test]
fn a_second_host_on_the_same_folder_is_refused_with_clear_words() {
    let mut host = Host::start(VERSION);
    let output = host.site.command(&["serve"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains("data"), "{text}");
    assert!(text.to_lowercase().contains("another") || text.contains("in use") || text.contains("already"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    assert!(host.is_alive());
    host.client().get("/version").expect(200);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let site = Site::new(VERSION);
    let output = site.command(&["serve"]).env("PORT", port.to_string()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains(&port.to_string()), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn sigterm_finishes_what_is_under_way() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut host = Host::start(VERSION);
        // Idle connections must not keep the host.
        let mut idle = host.client();
        idle.get("/version").expect(200);
        let mut connection = host.occupy("/version/slow?ms=2000", "/version");
        host.signal(signal);
        let answer = connection.answer("GET").unwrap().expect(200);
        assert_eq!(answer.text(), "0001");
        let status = host.wait();
        assert!(status.success(), "{status}");
    }
}

#[test]
fn while_draining_the_host_is_not_ready_and_takes_no_new_connections_at_the_end() {
    let mut host = Host::start(VERSION);
    let mut watcher = host.client();
    watcher.get("/readyz").expect(200);
    let mut connection = host.occupy("/version/slow?ms=2000", "/version");
    host.signal(Signal::TERM);
    // Either the balancer is told by 503, or the door is closed already.
    eventually("the end of readiness", || match watcher.request("GET", "/readyz").try_send() {
        Ok(answer) if answer.status == 503 => Ok(()),
        Ok(answer) => Err(format!("{}", answer.status)),
        Err(_) => Ok(()),
    });
    connection.answer("GET").unwrap().expect(200);
    assert!(host.wait().success());
}

#[test]
fn the_grace_ends_what_never_ends() {
    let mut host = Host::start(&VERSION.replace("10s", "300ms"));
    let mut connection = host.occupy("/version/slow?ms=50000", "/version");
    host.signal(Signal::TERM);
    host.wait();
    let cut = connection.answer("GET");
    assert!(cut.is_err() || cut.is_ok_and(|answer| answer.status == 503));
}

#[test]
fn a_log_that_nobody_reads_any_more_does_not_keep_the_host() {
    let site = Site::new(VERSION);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = site.command(&["serve"]);
    let mut child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    // The command holds the pipe's other ends until it is gone.
    drop(command);
    let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("listening on")));
    // As when the program that collects the log has died: each further line is an error for the host.
    drop(lines);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let ended = loop {
        match child.try_wait().unwrap() {
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            ended => break ended,
        }
    };
    drop(child.kill());
    drop(child.wait());
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
}

#[test]
fn a_crash_loses_nothing_that_was_acknowledged() {
    let mut host = Host::start(STORE);
    let mut acknowledged = 0;
    for round in 0..3 {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let mut client = host.client();
                std::thread::spawn(move || {
                    let mut written = Vec::new();
                    for turn in 0..10_000 {
                        let name = format!("{round}-{writer}-{turn}");
                        let document = bson::serialize_to_vec(&bson::doc! { "_id": &name, "n": turn }).unwrap();
                        let target = "/store/insert/things";
                        let Ok(answer) = client.request("POST", target).body(document).try_send() else { break };
                        assert_eq!(answer.status, 200, "{answer:?}");
                        written.push(name);
                    }
                    written
                })
            })
            .collect();
        // Enough for the crash to fall into the middle of the writing.
        eventually("some writes", || {
            let found = count(&host);
            if found > acknowledged + 40 { Ok(()) } else { Err(found.to_string()) }
        });
        host.signal(Signal::KILL);
        host.wait();
        let written: Vec<_> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        assert!(!written.is_empty());
        host = host.crash_and_restart();
        let found = names(&host);
        for name in &written {
            assert!(found.contains(name), "{name} was acknowledged and is gone");
        }
        acknowledged = found.len();
    }
}

fn count(host: &Host) -> usize {
    names(host).len()
}

/// The ids of the documents of `things`.
fn names(host: &Host) -> std::collections::BTreeSet<String> {
    let mut found = std::collections::BTreeSet::new();
    // In pieces: one answer of the store holds at most 1,000 documents.
    for round in 0..3 {
        for writer in 0..8 {
            let (low, high) = (format!("{round}-{writer}-"), format!("{round}-{writer}."));
            let filter = bson::doc! { "_id": { "$gte": low, "$lt": high } };
            let answer = host
                .client()
                .request("POST", "/store/find/things")
                .body(bson::serialize_to_vec(&filter).unwrap())
                .send()
                .expect(200);
            found.extend(
                documents(&answer.body).into_iter().map(|document| document.get_str("_id").unwrap().to_owned()),
            );
        }
    }
    found
}

/// Documents that follow one another.
pub(crate) fn documents(mut bytes: &[u8]) -> Vec<bson::Document> {
    let mut all = Vec::new();
    while let Some(head) = bytes.first_chunk::<4>() {
        let (document, rest) = bytes.split_at(u32::from_le_bytes(*head) as usize);
        all.push(bson::deserialize_from_slice(document).unwrap());
        bytes = rest;
    }
    all
}

#[test]
fn a_crash_in_the_middle_of_transactions_leaves_unique_indexes_whole() {
    let host = Host::start(STORE);
    let keys = bson::serialize_to_vec(&bson::doc! { "name": 1 }).unwrap();
    host.client().request("POST", "/store/unique/things").body(keys).send().expect(200);
    let insert = |host: &Host, name: &str| {
        let document = bson::serialize_to_vec(&bson::doc! { "name": name }).unwrap();
        host.client().request("POST", "/store/insert/things").body(document).send()
    };
    insert(&host, "ann").expect(200);
    let host = host.crash_and_restart();
    let refused = insert(&host, "ann").expect(422).text();
    assert!(refused.contains("Conflict"), "{refused}");
    insert(&host, "ben").expect(200);
}

#[test]
fn events_that_were_acknowledged_survive_a_crash() {
    let host = Host::start(STORE);
    let publish =
        |host: &Host| host.client().request("POST", "/store/publish/facts/one").body("{}").send().expect(200).text();
    let first = publish(&host);
    host.client().request("POST", "/store/publish-later/facts/one").body("{}").send().expect(200);
    let (partition, offset) = first.split_once(' ').unwrap();
    let host = host.crash_and_restart();
    // The outbox is drained in order of the key, so the next direct publish of the same key comes behind it.
    eventually("the event of the outbox", || {
        let next = publish(&host);
        let (next_partition, next_offset) = next.split_once(' ').unwrap();
        assert_eq!(next_partition, partition, "one key, one partition");
        let (offset, next_offset): (u64, u64) = (offset.parse().unwrap(), next_offset.parse().unwrap());
        if next_offset >= offset + 2 { Ok(()) } else { Err(next) }
    });
}

#[test]
fn the_cache_is_kept_over_a_clean_stop() {
    let mut host = Host::start(STORE);
    host.client().request("PUT", "/store/cache/greeting").body("hello").send().expect(200);
    host.signal(Signal::TERM);
    assert!(host.wait().success());
    let site = Arc::clone(&host.site);
    drop(host);
    let host = Host::launch(site, &[]);
    assert_eq!(host.client().get("/store/cache/greeting").expect(200).text(), "hello");
}

/// The compiled components, with the time of their last change.
fn compiled(folder: &std::path::Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let entries = std::fs::read_dir(folder.join("data/compiled")).unwrap().map(Result::unwrap);
    let mut files: Vec<_> =
        entries.map(|entry| (entry.path(), entry.metadata().unwrap().modified().unwrap())).collect();
    files.sort();
    files
}

#[test]
fn what_was_compiled_once_is_not_compiled_again() {
    let host = Site::cold(VERSION).start();
    let before = compiled(host.site.path());
    assert!(!before.is_empty());
    let host = host.crash_and_restart();
    host.client().get("/version").expect(200);
    assert_eq!(compiled(host.site.path()), before);
}

#[test]
fn a_damaged_compiled_file_is_made_again() {
    let host = Site::cold(VERSION).start();
    let site = Arc::clone(&host.site);
    drop(host);
    for (path, _) in compiled(site.path()) {
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    }
    let host = Host::launch(Arc::clone(&site), &[]);
    host.client().get("/version").expect(200);
    drop(host);
    for (path, _) in compiled(site.path()) {
        std::fs::write(&path, b"").unwrap();
    }
    Host::launch(site, &[]).client().get("/version").expect(200);
}
