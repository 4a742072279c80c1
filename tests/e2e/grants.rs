//! What a plugin may use is what the operator granted, by name: for each capability that a guest imports it alone.

use crate::harness::{Host, Site, refusal};

struct Capability {
    name: &'static str,
    /// The line to add, as the refusal must say it.
    line: &'static str,
    grants: &'static str,
    /// A call that the grants cover, and what is in its answer.
    works: (&'static str, &'static str),
    /// A call that they do not cover, where targets are granted one by one.
    denied: Option<(&'static str, &'static str)>,
    /// Calls that are wrong in themselves.
    hostile: &'static [&'static str],
}

const CAPABILITIES: &[Capability] = &[
    Capability {
        name: "cache",
        line: "cache = [",
        grants: r#"cache = ["mine:*", "exact"]"#,
        works: ("key=mine:1", "None"),
        denied: Some(("key=theirs:1", "theirs:1")),
        hostile: &["key=", "key=mine", "key=exactly", "key=mine%00:1", "key=%2A"],
    },
    Capability {
        name: "documents",
        line: "documents = [",
        grants: r#"documents = ["mine"]"#,
        works: ("collection=mine", "0"),
        denied: Some(("collection=theirs", "theirs")),
        hostile: &[
            "collection=",
            "collection=mine2",
            "collection=../mine",
            "collection=mine%00",
            "collection=system.users",
        ],
    },
    Capability {
        name: "events",
        line: "publish = [",
        grants: r#"publish = ["mine"]"#,
        works: ("topic=mine", "kept"),
        denied: Some(("topic=theirs", "theirs")),
        hostile: &["topic=", "topic=mine2", "topic=mi%2Fne", "topic=mine%00"],
    },
    Capability {
        name: "tokens",
        line: "tokens = true",
        grants: "tokens = true",
        works: ("claims=%7B%7D", "."),
        denied: None,
        hostile: &["claims=", "claims=%5B%5D", "claims=nonsense"],
    },
    Capability {
        name: "passwords",
        line: "passwords = true",
        grants: "passwords = true",
        works: ("password=x", "Differs"),
        denied: None,
        hostile: &[],
    },
    Capability {
        name: "metrics",
        line: "metrics = true",
        grants: "metrics = true",
        works: ("name=calls", "counted"),
        denied: None,
        hostile: &["name=", "name=With%20Space", "name=1abc"],
    },
];

impl Capability {
    fn config(&self, grants: &str) -> String {
        let name = self.name;
        format!("[plugins.subject]\nsource = \"denied-{name}.wasm\"\ngrants = {{ {grants} }}\n")
    }

    fn path(&self, query: &str) -> String {
        format!("/denied/{}?{query}", self.name)
    }
}

#[test]
fn a_capability_that_is_not_granted_is_refused_at_load_with_the_line_to_add() {
    for capability in CAPABILITIES {
        let text = refusal(&capability.config(""));
        for part in ["subject", capability.name, capability.line, "plugins.subject.grants"] {
            assert!(text.contains(part), "{}: no {part:?} in {text}", capability.name);
        }
    }
}

#[test]
fn the_line_that_a_refusal_names_lifts_it() {
    for capability in CAPABILITIES {
        let host = Host::start(&capability.config(capability.grants));
        host.client().get(&capability.path(capability.works.0)).expect(200);
    }
}

#[test]
fn a_plugin_that_was_refused_serves_nothing_and_stops_nobody() {
    let refused = CAPABILITIES[0].config("");
    let mut host = Host::spawn(
        std::sync::Arc::new(Site::new(&format!("{refused}\n[plugins.version]\nsource = \"version.wasm\"\n"))),
        &[],
    );
    // Whether the host goes on without the plugin or refuses to start is the operator's to see: never half a grant.
    host.log.wait_for("plugins.subject.grants");
    if host.is_alive() {
        let status = host.client().get("/denied/cache?key=a").status;
        assert!(matches!(status, 404 | 503), "{status}");
    }
}

#[test]
fn each_capability_works_where_it_is_granted_and_only_there() {
    for capability in CAPABILITIES {
        let host = Host::start(&capability.config(capability.grants));
        let mut client = host.client();
        let (query, wanted) = capability.works;
        let text = client.get(&capability.path(query)).expect(200).text();
        assert!(text.contains(wanted) && !text.contains("Error"), "{}: {text}", capability.name);
        if let Some((query, target)) = capability.denied {
            let text = client.get(&capability.path(query)).expect(200).text();
            assert!(text.contains("Denied") && text.contains(target), "{}: {text}", capability.name);
            assert!(text.contains("grants"), "{}: the author is not told what to ask for: {text}", capability.name);
        }
        for query in capability.hostile {
            let text = client.get(&capability.path(query)).expect(200).text();
            let refused = text.contains("Denied") || text.contains("Invalid");
            assert!(refused, "{} {query}: {text}", capability.name);
        }
    }
}

#[test]
fn settings_and_secrets_are_the_plugins_own() {
    let host = Host::start(
        r#"
[plugins.faults]
source = "faults.wasm"
grants = { passwords = true }
settings = { colour = "blue", limits = { most = 3 } }
secrets = { key = "open sesame" }

[plugins.version]
source = "version.wasm"
settings = { other = 1 }
secrets = { theirs = "not yours" }
"#,
    );
    let mut client = host.client();
    let mut ask = |path: &str| client.get(path).expect(200).text();
    assert_eq!(ask("/faults/setting?name=colour"), "\"blue\"");
    assert_eq!(ask("/faults/setting?name=limits"), r#"{"most":3}"#);
    assert_eq!(ask("/faults/setting?name=other"), "(none)");
    assert_eq!(ask("/faults/setting?name=key"), "(none)");
    assert_eq!(ask("/faults/secret-setting?name=key"), "open sesame");
    assert_eq!(ask("/faults/secret-setting?name=theirs"), "(none)");
    assert_eq!(ask("/faults/secret-setting?name=colour"), "(none)");
    assert!(!host.log.text().contains("open sesame"));
}
