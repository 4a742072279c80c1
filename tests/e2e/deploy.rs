//! What changes a deployment and what does not, and how often the operator is told.

use crate::harness::{Host, Site, component, eventually};
use crate::swap::version;
use rustix::process::Signal;

const SUBJECT: &str = "[plugins.subject]\nsource = \"version.wasm\"\n";

fn answers(host: &Host, path: &str, wanted: u16) {
    eventually(&format!("{wanted} for {path}"), || match host.client().get(path).status {
        status if status == wanted => Ok(()),
        status => Err(status.to_string()),
    });
}

#[test]
fn a_file_that_is_touched_or_put_in_place_again_swaps_nothing() {
    let host = Host::start("[plugins.faults]\nsource = \"faults.wasm\"\ngrants = { passwords = true }\n");
    let mut client = host.client();
    client.get("/faults/incoming").expect(200);
    let swapped = host.log.count("swapped");
    let from = host.log.len();
    host.site.place("faults.wasm", &component("faults.wasm"));
    host.log.wait_for_all(from, &["faults", "unchanged"]);
    client.get("/faults/incoming").expect(200);
    assert_eq!(host.log.count("swapped"), swapped);
}

#[test]
fn a_filter_goes_together_with_the_last_one_that_names_it() {
    let guarded = "[plugins.guarded]\nsource = \"guarded.wasm\"\n";
    let both = format!("[plugins.filter]\nsource = \"filter.wasm\"\n\n{guarded}filters = [\"filter\"]\n");
    let host = Host::start(&format!("{both}\n[plugins.other]\nsource = \"filter.wasm\"\n"));
    let from = host.log.len();
    host.site.configure(&format!("[plugins.other]\nsource = \"filter.wasm\"\n\n{guarded}filters = [\"other\"]\n"));
    host.log.wait_for_all(from, &["filter", "removed"]);
    host.client().request("GET", "/guarded/session/1").header("X-User", "ann").send().expect(200);
    assert_eq!(host.log.count("cannot be removed yet"), 0, "{}", host.log.text());
    assert_eq!(host.log.count("refused"), 0, "{}", host.log.text());
}

#[test]
fn a_route_moves_from_a_later_plugin_to_an_earlier_one_in_one_edit() {
    let two = |first: &str, last: &str| {
        format!("[plugins.first]\nsource = \"{first}.wasm\"\n\n[plugins.last]\nsource = \"{last}.wasm\"\n")
    };
    let host = Host::start(&two("clash", "version"));
    let from = host.log.len();
    host.site.place("moved.wasm", &component("outgoing.wasm"));
    let moved = two("version", "moved").replace("moved.wasm\"", "moved.wasm\"\nmount = \"/out\"\naccess = \"public\"");
    host.site.configure(&moved);
    host.log.wait_for_all(from, &["first", "swapped"]);
    host.log.wait_for_all(from, &["last", "swapped"]);
    host.client().get("/version").expect(200);
    assert_eq!(host.log.count("refused"), 0, "{}", host.log.text());
}

#[test]
fn a_folder_that_is_made_anew_is_watched_again() {
    let site = Site::new(SUBJECT);
    let folder = site.path().join("plugins");
    let put = |number: u32| {
        std::fs::write(folder.join("fresh"), version(number)).unwrap();
        std::fs::rename(folder.join("fresh"), folder.join("v.wasm")).unwrap();
    };
    std::fs::create_dir(&folder).unwrap();
    put(1);
    site.configure("[plugins.subject]\nsource = \"plugins/v.wasm\"\n");
    let host = site.start();
    let serves = |number: u32| {
        eventually(&format!("version {number}"), || match host.client().get("/version").expect(200).text() {
            text if text == format!("{number:04}") => Ok(()),
            text => Err(text),
        });
    };
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    put(2);
    serves(2);
    put(3);
    serves(3);
}

#[test]
fn a_refused_file_is_refused_once_until_somebody_asks_again() {
    let host = Host::start(&format!("{SUBJECT}\n[plugins.broken]\nsource = \"clash.wasm\"\n"));
    host.site.place("clash.wasm", b"no component");
    let refused = || host.log.count("does not compile");
    eventually("the refusal", || if refused() == 1 { Ok(()) } else { Err(refused().to_string()) });
    for number in 2..5 {
        let from = host.log.len();
        host.site.place("version.wasm", &version(number));
        host.log.wait_for_all(from, &["subject", "swapped"]);
    }
    assert_eq!(refused(), 1, "{}", host.log.text());
    host.signal(Signal::HUP);
    eventually("the reason again", || if refused() == 2 { Ok(()) } else { Err(refused().to_string()) });
}

#[test]
fn a_smoke_request_decides_whether_a_version_takes_over() {
    let plain = "[plugins.plain]\nsource = \"proxy.wasm\"\nmount = \"/plain\"\naccess = \"public\"\n";
    let host = Host::start(&format!("{SUBJECT}smoke = \"/version?x=1\"\n\n{plain}smoke = \"/plain/hello\"\n"));
    host.client().get("/version").expect(200);
    answers(&host, "/plain/hello", 200);

    let from = host.log.len();
    host.site.configure(&format!("{SUBJECT}smoke = \"/plain/hello\"\n\n{plain}smoke = \"/plain/unknown\"\n"));
    host.log.wait_for_all(from, &["subject", "refused", "/plain/hello", "leads to no GET route of this plugin"]);
    host.log.wait_for_all(from, &["plain", "refused", "/plain/unknown", "404"]);
    host.client().get("/version").expect(200);
    host.client().get("/plain/hello").expect(200);
}

#[test]
fn an_init_that_cannot_end_yet_is_tried_again_and_delays_nobody() {
    let broken = |ends: &str| {
        format!("{SUBJECT}\n[plugins.broken]\nsource = \"broken.wasm\"\nsettings = {{ ends = \"{ends}\" }}\n")
    };
    // Its route is the other's: it is looked at alone.
    let broken_alone = |ends: &str| {
        broken(ends).replace(SUBJECT, "[plugins.other]\nsource = \"guarded.wasm\"\nfilters = [\"filter\"]\n\n[plugins.filter]\nsource = \"filter.wasm\"\n")
    };
    let host = Host::start(&broken_alone("unavailable"));
    let line = host.log.wait_for_all(0, &["broken", "refused", "`init` could not end"]);
    assert!(line.contains("tried again") && line.contains("not served"), "{line}");
    assert_eq!(host.client().get("/readyz").expect(200).json()["status"], "degraded");

    let from = host.log.len();
    host.site.place("guarded.wasm", &[component("guarded.wasm"), custom_section()].concat());
    host.log.wait_for_all(from, &["other", "swapped"]);
    // The same reason is told once, however often it is tried.
    assert_eq!(host.log.count("`init` could not end"), 1, "{}", host.log.text());

    host.site.configure(&broken_alone("well"));
    answers(&host, "/version", 200);
}

/// An empty custom section: another file, and the same component.
fn custom_section() -> Vec<u8> {
    vec![0, 2, 1, b'x']
}

#[test]
fn what_takes_a_restart_is_told_once_for_each_edit() {
    let server = |limit: &str| format!("[server]\nbody-limit = \"{limit}\"\n\n{SUBJECT}");
    let host = Host::start(&server("1MiB"));
    let told = || host.log.count("restart needed");
    for (edit, limit) in ["2MiB", "3MiB"].iter().enumerate() {
        host.site.configure(&server(limit));
        eventually("a word about the restart", || if told() == edit + 1 { Ok(()) } else { Err(told().to_string()) });
    }
    let from = host.log.len();
    host.site.place("version.wasm", &version(2));
    host.log.wait_for_all(from, &["subject", "swapped"]);
    assert_eq!(told(), 2, "{}", host.log.text());
}
