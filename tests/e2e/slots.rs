//! Slots of the engine's pool, which all plugins share.

use std::sync::Arc;

use crate::harness::{Host, Site, eventually};

const TWO: &str = r#"
[runtime]
max-instances = 1

[plugins.version]
source = "version.wasm"
limits = { deadline = "60s", queue = 0 }
"#;

const OTHER: &str = r#"
[plugins.guarded]
source = "guarded.wasm"
filters = ["filter"]

[plugins.filter]
source = "filter.wasm"
"#;

#[test]
fn an_idle_instance_of_one_plugin_makes_room_for_another() {
    let host = Site::cold(&format!("{TWO}{OTHER}")).start();
    let mut client = host.client();
    eventually("three plugins in one slot", || match client.get("/guarded/public").status {
        200 => Ok(()),
        status => Err(status.to_string()),
    });
    for _ in 0..20 {
        client.get("/version").expect(200);
        client.get("/guarded/public").expect(200);
        // The filter's instance goes before the route's comes.
        client.request("GET", "/guarded/optional").header("X-User", "ann").send().expect(200);
    }
    assert_eq!(host.log.count("refused"), 0, "{}", host.log.text());
}

#[test]
fn a_plugin_that_finds_no_room_is_tried_again() {
    let host = Host::launch(Arc::new(Site::cold(TWO)), &[]);
    let busy = host.occupy("/version/slow?ms=3600000", "/version");
    let from = host.log.len();
    host.site.configure(&format!("{TWO}\n[plugins.guarded]\nsource = \"clash.wasm\"\n"));
    host.log.wait_for_all(from, &["guarded", "runtime.max-instances", "tried again"]);
    drop(busy);
    host.log.wait_for_all(from, &["guarded", "serving"]);
    host.client().get("/faults/params/1/2").expect(200);
}
