//! What the host answers by itself.

use crate::harness::{Host, Site};
use std::sync::Arc;

#[test]
fn healthz_is_ok_and_readyz_says_what_serves() {
    let host = Host::start("[plugins.version]\nsource = \"version.wasm\"\n");
    let answer = host.client().get("/healthz").expect(200);
    assert_eq!(answer.text().trim(), "ok");
    host.client().get("/readyz").expect(200);
    host.client().request("HEAD", "/healthz").send().expect(200);
    host.client().request("POST", "/healthz").body("").send().problem(405);
}

#[test]
fn readyz_is_503_before_the_first_plugin_serves() {
    // The plugin's preparation never ends by itself: the host listens, lives, and is not ready.
    let site = Site::new(
        "[plugins.broken]\nsource = \"broken.wasm\"\nsettings = { ends = \"never\" }\nlimits = { cpu = \"60s\", deadline = \"60s\" }\n",
    );
    let host = Host::spawn(Arc::new(site), &[]);
    let mut client = host.client();
    assert_eq!(client.get("/healthz").expect(200).text().trim(), "ok");
    assert_eq!(client.get("/readyz").status, 503);
}

#[test]
fn openapi_is_merged_of_what_is_served() {
    let host =
        Host::start("[plugins.version]\nsource = \"version.wasm\"\n\n[plugins.hello]\nsource = \"hello.wasm\"\n");
    let answer = host.client().get("/openapi.json").expect(200);
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."), "{document}");
    let hello = &document["paths"]["/hello"]["get"];
    assert!(hello.is_object(), "{document}");
    // Every reference leads somewhere.
    let text = answer.text();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
    }
}

#[test]
fn static_files_are_served_and_nothing_beside_them() {
    let site =
        Site::new("[[static]]\nmount = \"/\"\ndir = \"pages\"\n\n[plugins.version]\nsource = \"version.wasm\"\n");
    let pages = site.path().join("pages");
    std::fs::create_dir_all(pages.join("sub")).unwrap();
    std::fs::write(pages.join("index.html"), "<h1>front</h1>").unwrap();
    std::fs::write(pages.join("sub/a b.txt"), "text").unwrap();
    std::fs::write(pages.join("version"), "never seen: routes of plugins come first").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", pages.join("outside")).unwrap();
    let host = site.start();
    let mut client = host.client();
    let front = client.get("/").expect(200);
    assert_eq!(front.text(), "<h1>front</h1>");
    assert!(front.header("content-type").unwrap().starts_with("text/html"));
    assert_eq!(client.get("/sub/a%20b.txt").expect(200).text(), "text");
    assert_eq!(client.get("/version").expect(200).text(), "0001");
    for path in
        ["/../devconnect.toml", "/%2e%2e/devconnect.toml", "/sub/..%2f..%2fdevconnect.toml", "/data/", "/sub/%00"]
    {
        let answer = client.get(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
    }
    client.get("/missing.txt").problem(404);
    let posted = client.request("POST", "/index.html").body("").send();
    assert_eq!(posted.header("allow"), Some("GET, HEAD"), "{posted:?}");
    posted.problem(405);
    client.request("POST", "/missing.txt").body("").send().problem(404);
    // A file that has not changed is not sent again.
    if let Some(tag) = front.header("etag").or(front.header("last-modified")) {
        let name = if front.header("etag").is_some() { "If-None-Match" } else { "If-Modified-Since" };
        let again = client.request("GET", "/").header(name, tag).send().expect(304);
        assert!(again.body.is_empty());
    }
}

#[test]
fn the_metrics_page_counts_by_route_and_not_by_path() {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = probe.local_addr().unwrap();
    drop(probe);
    let host = Host::start(&format!(
        "[server]\nmetrics-listen = \"{address}\"\n\n[plugins.faults]\nsource = \"faults.wasm\"\ngrants = {{ passwords = true }}\n"
    ));
    let mut client = host.client();
    for turn in 0..5 {
        client.get(&format!("/faults/params/{turn}/secret-name")).expect(200);
    }
    let page = crate::harness::Client::new(address).get("/metrics").expect(200).text();
    assert!(page.contains("/faults/params/{first}/{second}"), "{page}");
    assert!(!page.contains("secret-name"), "{page}");
    client.get("/metrics").expect(404);
}
