//! Events that plugins consume, and what runs on a schedule, on the embedded log; `real::events` has the same on Kafka.

use crate::harness::{Host, PATIENCE, Site, component, eventually, eventually_within, refusal};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::sync::Arc;

/// A plugin that does what its events ask for.
pub(crate) const CONFIG: &str = r#"
[plugins.consumer]
source = "consumer.wasm"
grants = { documents = ["jobs", "jobs_processed"], publish = ["jobs"], consume = ["jobs"] }
limits = { publish-rate = 1000000 }
"#;

/// Publishes jobs: a key, a name, what is to happen.
pub(crate) fn publish(host: &Host, jobs: &[(&str, String, &str)]) {
    let jobs: Vec<Value> =
        jobs.iter().map(|(key, name, how)| json!({ "key": key, "name": name, "how": how })).collect();
    host.client().post("/jobs", &Value::from(jobs)).expect(204);
}

/// The names of a key's jobs, in the order in which they were done; none while the store does not answer.
pub(crate) fn done(host: &Host, key: &str) -> Vec<String> {
    let answer = host.client().get(&format!("/jobs/{key}")).json();
    let jobs = answer["jobs"].as_array().cloned().unwrap_or_default();
    jobs.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Waits until exactly these jobs of a key were done, in this order.
#[track_caller]
pub(crate) fn wait_for(host: &Host, key: &str, names: &[String]) {
    // The transaction of a host that was killed stays open in MongoDB for a minute, and keeps others from its documents.
    eventually_within(3 * PATIENCE, &format!("the jobs of {key}"), || {
        let found = done(host, key);
        if found == names { Ok(()) } else { Err(format!("{} of {}: {found:?}", found.len(), names.len())) }
    });
}

pub(crate) fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number}")).collect()
}

#[test]
fn each_event_is_handled_once_and_a_key_in_its_order() {
    let host = Host::start(CONFIG);
    handles_in_order(&host, "");
}

/// Events of three keys, among them some that fail, in every way in which they can.
pub(crate) fn handles_in_order(host: &Host, prefix: &str) {
    let [good, bad, odd] = ["good", "bad", "odd"].map(|key| format!("{prefix}{key}"));
    for number in 0..20 {
        let name = |part: &str| format!("{number}{part}");
        let how = match number {
            5 => "reject",
            10 => "trap",
            _ => "",
        };
        publish(host, &[(&good, number.to_string(), ""), (&odd, name(""), how), (&good, name("'"), "")]);
    }
    let retried = json!([
        { "key": bad, "name": "first", "how": "fail", "from_try": 3 },
        { "key": bad, "name": "second" },
    ]);
    host.client().post("/jobs", &retried).expect(204);

    let expected: Vec<String> = (0..20).flat_map(|number| [number.to_string(), format!("{number}'")]).collect();
    wait_for(host, &good, &expected);
    wait_for(host, &bad, &["first".to_owned(), "second".to_owned()]);
    let expected: Vec<String> = names(20).into_iter().filter(|name| name != "5" && name != "10").collect();
    wait_for(host, &odd, &expected);
    // The third try was the one that did it.
    let tries = host.client().get(&format!("/jobs/{bad}")).expect(200).json()["tries"].clone();
    assert_eq!(tries, json!([3, 1]));
    host.log.wait_for_all(0, &["given up and put into jobs.dead.consumer", "5 was to be rejected", "tries=1"]);
    host.log.wait_for_all(0, &["given up and put into jobs.dead.consumer", "trap", "tries=5"]);
}

#[test]
fn a_host_that_dies_loses_no_event_and_does_none_twice() {
    let mut host = Host::start(CONFIG);
    for round in 0..5 {
        let key = format!("round-{round}");
        let jobs: Vec<_> = names(100).into_iter().map(|name| (key.as_str(), name, "")).collect();
        publish(&host, &jobs);
        // In the middle, as a rule: the key's jobs take longer than this.
        eventually("the first jobs", || if done(&host, &key).is_empty() { Err(String::new()) } else { Ok(()) });
        host = host.crash_and_restart();
        wait_for(&host, &key, &names(100));
    }
}

#[test]
fn a_new_version_takes_over_without_losing_or_repeating_an_event() {
    let host = Host::start(CONFIG);
    let component = component("consumer.wasm");
    for round in 0..10 {
        let key = format!("round-{round}");
        let jobs: Vec<_> = names(50).into_iter().map(|name| (key.as_str(), name, "")).collect();
        publish(&host, &jobs);
        // Another file that does the same: a custom section with another name.
        let mut next = component.clone();
        next.extend([0, 2, 1, b'a' + round]);
        host.site.place("consumer.wasm", &next);
    }
    for round in 0..10 {
        wait_for(&host, &format!("round-{round}"), &names(50));
    }
    host.log.wait_for("swapped");
}

#[test]
fn a_plugin_that_is_removed_consumes_no_more_and_goes_on_where_it_was() {
    let host = Host::start(CONFIG);
    publish(&host, &[("a", "before".to_owned(), "")]);
    wait_for(&host, "a", &["before".to_owned()]);
    host.site.configure("");
    host.log.wait_for_all(0, &["left", "consumer"]);
    let lines = host.log.len();
    host.site.configure(CONFIG);
    host.log.wait_for_all(lines, &["joining", "consumer"]);
    publish(&host, &[("a", "after".to_owned(), "")]);
    wait_for(&host, "a", &["before".to_owned(), "after".to_owned()]);
}

#[test]
fn shutting_down_lets_a_batch_end() {
    let mut host = Host::start(CONFIG);
    publish(&host, &[("a", "slow".to_owned(), "wait")]);
    host.signal(Signal::TERM);
    assert!(host.wait().success());
    let lines = host.log.text();
    assert!(lines.contains("left"), "{lines}");
    let host = Host::launch(Arc::clone(&host.site), &[]);
    wait_for(&host, "a", &["slow".to_owned()]);
}

#[test]
fn a_topic_that_is_not_granted_is_refused_with_the_line_to_add() {
    let text = refusal(&CONFIG.replace(r#", consume = ["jobs"]"#, ""));
    assert!(text.contains(r#"add "jobs" to plugins.consumer.grants.consume"#), "{text}");
}

#[test]
fn a_request_and_what_its_events_cause_have_one_trace() {
    let host = Host::start(CONFIG);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let job = json!([{ "key": "a", "name": "traced" }]);
    host.client().request("POST", "/jobs").header("traceparent", &parent).json(&job).send().expect(204);
    host.log.wait_for_all(0, &["did a job", "traced", trace]);
    // Without one, the trace's id ends with the request's.
    let answer = host.client().post("/jobs", &json!([{ "key": "a", "name": "untraced" }])).expect(204);
    let id = answer.header("x-request-id").unwrap().to_owned();
    host.log.wait_for_all(0, &["did a job", "untraced", &id]);
}

#[test]
fn metrics_tell_of_the_lag_and_of_what_became_of_events() {
    let host = Host::start(&format!("[server]\nmetrics-listen = \"127.0.0.1:0\"\n{CONFIG}"));
    publish(&host, &[("a", "1".to_owned(), ""), ("a", "2".to_owned(), "reject")]);
    eventually("the metrics", || {
        let text = crate::harness::metrics(&host);
        let wanted = [
            ("devconnect_consumer_lag{plugin=\"consumer\",topic=\"jobs\"", " 0"),
            ("devconnect_consumer_events_total{plugin=\"consumer\",topic=\"jobs\",outcome=\"done\"", " 1"),
            ("devconnect_consumer_events_total{plugin=\"consumer\",topic=\"jobs\",outcome=\"dead\"", " 1"),
        ];
        let there =
            |(name, value): &(&str, &str)| text.lines().any(|line| line.starts_with(name) && line.ends_with(value));
        if wanted.iter().all(there) { Ok(()) } else { Err(text) }
    });
}

#[test]
fn a_schedule_runs_when_the_operator_says() {
    let config = format!("{CONFIG}\n[plugins.consumer.schedules]\ntick = \"* * * * * *\"\n");
    let host = Host::start(&config);
    let ticks = |host: &Host| host.client().get("/ticks").expect(200).json().as_u64().unwrap();
    eventually("two ticks", || if ticks(&host) >= 2 { Ok(()) } else { Err(ticks(&host).to_string()) });
    host.site.configure(&config.replace("\"* * * * * *\"", "\"off\""));
    host.log.wait_for("swapped");
}

#[test]
fn a_schedule_that_is_none_is_told_with_its_fix() {
    let wrong = format!("{CONFIG}\n[plugins.consumer.schedules]\ntick = \"every day\"\n");
    let (_, text) = Site::new(&wrong).run(&["check"]);
    assert!(text.contains("plugins.consumer.schedules.tick") && text.contains("0 9 * * MON"), "{text}");
    let unknown = format!("{CONFIG}\n[plugins.consumer.schedules]\ntock = \"0 9 * * MON\"\n");
    let text = refusal(&unknown);
    assert!(text.contains("plugins.consumer.schedules.tock") && text.contains("it has tick"), "{text}");
}
