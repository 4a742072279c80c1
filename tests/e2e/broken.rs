//! Plugins that cannot serve: the version before goes on, and the operator is told why.

use crate::harness::{Host, Site, component, refusal};

const CONFIG: &str = r#"
[plugins.subject]
source = "version.wasm"
"#;

/// Replaces the running plugin by these bytes and checks that nothing changes but the log.
fn replace(host: &Host, bytes: &[u8], told: &[&str]) {
    let from = host.log.len();
    host.site.place("version.wasm", bytes);
    let told: Vec<_> = ["subject"].iter().chain(told).copied().collect();
    host.log.wait_until(&told.join(" … "), |lines| {
        let text = lines.get(from..)?.join("\n").to_lowercase();
        told.iter().all(|told| text.contains(&told.to_lowercase())).then_some(())
    });
    assert_eq!(host.client().get("/version").expect(200).text(), "0001");
    host.client().get("/readyz").expect(200);
}

#[test]
fn a_replacement_whose_init_fails_leaves_the_old_version() {
    let host = Host::start(CONFIG);
    replace(&host, &component("broken.wasm"), &["the guest was built to fail"]);
}

#[test]
fn a_replacement_that_is_no_component_leaves_the_old_version() {
    let host = Host::start(CONFIG);
    replace(&host, b"not a component", &["component"]);
    replace(&host, b"", &["component"]);
    let good = component("version.wasm");
    replace(&host, &good[..good.len() / 2], &["component"]);
    let mut flipped = good;
    let middle = flipped.len() / 3;
    for byte in &mut flipped[middle..middle + 64] {
        *byte ^= 0xff;
    }
    replace(&host, &flipped, &["component"]);
}

#[test]
fn a_replacement_that_needs_a_further_grant_leaves_the_old_version() {
    let host = Host::start(CONFIG);
    replace(&host, &component("denied-cache.wasm"), &["plugins.subject.grants", "cache = ["]);
}

#[test]
fn a_replacement_that_clashes_leaves_the_old_version() {
    let host = Host::start(
        "[plugins.faults]\nsource = \"faults.wasm\"\ngrants = { passwords = true }\n\n[plugins.subject]\nsource = \"version.wasm\"\n",
    );
    replace(&host, &component("clash.wasm"), &["faults", "/faults/params/"]);
    host.client().get("/faults/params/a/b").expect(200);
}

#[test]
fn after_a_broken_replacement_a_good_one_is_taken() {
    let host = Host::start(CONFIG);
    replace(&host, &component("broken.wasm"), &["the guest was built to fail"]);
    host.site.place("version.wasm", &crate::swap::version(2));
    crate::harness::eventually("the good version", || {
        let text = host.client().get("/version").expect(200).text();
        if text == "0002" { Ok(()) } else { Err(text) }
    });
}

#[test]
fn every_way_in_which_init_fails_is_told() {
    for (ends, told) in [
        ("settings", "the setting `colour` is missing"),
        ("other", "the guest was built to fail"),
        ("panic", "init panics"),
        ("never", "init"),
    ] {
        let config = format!(
            "[plugins.subject]\nsource = \"broken.wasm\"\nsettings = {{ ends = \"{ends}\" }}\n\n[plugins.guarded]\nsource = \"guarded.wasm\"\nfilters = [\"filter\"]\n\n[plugins.filter]\nsource = \"filter.wasm\"\n"
        );
        let mut host = Host::spawn(std::sync::Arc::new(Site::new(&config)), &[]);
        host.log.wait_for_all(0, &["subject", told]);
        // One plugin that cannot start takes no other along.
        if host.is_alive() {
            crate::harness::eventually("the other plugin", || {
                let answer = host.client().get("/guarded/public");
                if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
            });
        }
    }
    Host::start("[plugins.subject]\nsource = \"broken.wasm\"\nsettings = { ends = \"well\" }\n")
        .client()
        .get("/version")
        .expect(200);
}

#[test]
fn a_clash_at_start_names_both_owners() {
    let text = refusal(
        "[plugins.first]\nsource = \"faults.wasm\"\ngrants = { passwords = true }\n\n[plugins.second]\nsource = \"clash.wasm\"\n",
    );
    for part in ["first", "second", "/faults/params/"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}
