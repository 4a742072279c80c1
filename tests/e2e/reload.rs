//! The configuration changes while the host runs.

use crate::harness::{Host, eventually};
use rustix::process::Signal;

const ONE: &str = r#"
[plugins.faults]
source = "faults.wasm"
grants = { passwords = true }
settings = { colour = "blue" }
"#;

fn status(host: &Host, path: &str, wanted: u16) {
    eventually(&format!("{wanted} for {path}"), || {
        let answer = host.client().get(path);
        if answer.status == wanted { Ok(()) } else { Err(format!("{answer:?}")) }
    });
}

fn colour(host: &Host, wanted: &str) {
    eventually(&format!("the colour {wanted}"), || {
        let text = host.client().get("/faults/setting?name=colour").expect(200).text();
        if text == wanted { Ok(()) } else { Err(text) }
    });
}

#[test]
fn plugins_come_and_go() {
    let host = Host::start(ONE);
    host.client().get("/version").problem(404);
    host.site.configure(&format!("{ONE}\n[plugins.version]\nsource = \"version.wasm\"\n"));
    status(&host, "/version", 200);
    host.client().get("/faults/incoming").expect(200);
    host.site.configure(ONE);
    status(&host, "/version", 404);
    host.client().get("/faults/incoming").expect(200);
}

#[test]
fn settings_and_secrets_change() {
    let host = Host::start(ONE);
    colour(&host, "\"blue\"");
    host.site.configure(&ONE.replace("blue", "red"));
    colour(&host, "\"red\"");
    host.site.configure(&format!("{ONE}secrets = {{ key = \"fresh\" }}\n"));
    eventually("the secret", || {
        let text = host.client().get("/faults/secret-setting?name=key").expect(200).text();
        if text == "fresh" { Ok(()) } else { Err(text) }
    });
}

#[test]
fn limits_change() {
    let host = Host::start(ONE);
    host.client().get("/faults/large?bytes=200000").expect(200);
    host.site.configure(&format!("{ONE}limits = {{ response = \"100KiB\" }}\n"));
    status(&host, "/faults/large?bytes=200000", 500);
    host.site.configure(ONE);
    status(&host, "/faults/large?bytes=200000", 200);
}

#[test]
fn a_broken_configuration_changes_nothing_and_is_told() {
    let host = Host::start(ONE);
    for (broken, told) in [
        (ONE.replace("settings", "setings"), "settings"),
        ("[plugins.faults\n".to_owned(), "devconnect.toml"),
        (ONE.replace("faults.wasm\"", "nowhere-to-be-found.wasm\" "), "nowhere-to-be-found.wasm"),
    ] {
        let from = host.log.len();
        host.site.place("devconnect.toml", broken.as_bytes());
        host.log.wait_until(told, |lines| lines.get(from..)?.iter().any(|line| line.contains(told)).then_some(()));
        host.client().get("/faults/incoming").expect(200);
    }
    host.site.configure(&ONE.replace("blue", "green"));
    colour(&host, "\"green\"");
}

#[test]
fn a_change_that_needs_a_restart_says_so() {
    let host = Host::start(ONE);
    host.site.configure(&format!("[runtime]\nmax-instances = 77\n{ONE}"));
    host.log.wait_for("restart");
    host.client().get("/faults/incoming").expect(200);
}

#[test]
fn sighup_reloads() {
    let mut host = Host::start(ONE);
    host.site.configure(&ONE.replace("blue", "violet"));
    host.signal(Signal::HUP);
    colour(&host, "\"violet\"");
    assert!(host.is_alive());
}
