//! Filters, identities, and what routes demand.

use crate::harness::{Answer, Host, Site, refusal, says_nothing_of_the_inside};

const CONFIG: &str = r#"
[plugins.filter]
source = "filter.wasm"

[plugins.guarded]
source = "guarded.wasm"
filters = ["filter"]
"#;

fn get(host: &Host, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut client = host.client();
    headers.iter().fold(client.request("GET", path), |request, (name, value)| request.header(name, value)).send()
}

#[test]
fn the_filter_says_who_is_calling() {
    let host = Host::start(CONFIG);
    let answer = get(&host, "/guarded/session/7", &[("X-User", "ann:editor")]).expect(200);
    assert_eq!(answer.text(), r#"ann session-of-ann {"role":"editor"}"#);
    let saw = answer.header("x-filter-saw").unwrap();
    let id = answer.header("x-request-id").unwrap();
    assert_eq!(saw, format!("Method::Get /guarded/session/7 /guarded/session/{{id}} 127.0.0.1 {id}"));
}

#[test]
fn what_a_route_demands_is_enforced() {
    let host = Host::start(CONFIG);
    get(&host, "/guarded/session/7", &[]).problem(401);
    get(&host, "/guarded/admin", &[]).problem(401);
    get(&host, "/guarded/admin", &[("X-User", "ann:editor")]).problem(403);
    get(&host, "/guarded/admin", &[("X-User", "ann:admin")]).expect(200);
    assert_eq!(get(&host, "/guarded/optional", &[]).expect(200).text(), "nobody");
    assert!(get(&host, "/guarded/optional", &[("X-User", "ann")]).expect(200).text().starts_with("ann "));
}

#[test]
fn public_routes_ask_no_filter() {
    let host = Host::start(CONFIG);
    let answer = get(&host, "/guarded/public", &[("X-User", "ann"), ("X-Refuse", "403")]).expect(200);
    assert_eq!(answer.text(), "nobody");
    assert_eq!(answer.header("x-filter-saw"), None);
}

#[test]
fn a_filter_may_answer_in_place_of_the_route() {
    let host = Host::start(CONFIG);
    let answer = get(&host, "/guarded/session/7", &[("X-Refuse", "429")]).expect(429);
    assert_eq!(answer.text(), "refused by the filter");
}

#[test]
fn a_filter_that_breaks_lets_nobody_through() {
    let host = Host::start(CONFIG);
    let problem = get(&host, "/guarded/session/7", &[("X-Refuse", "panic"), ("X-User", "ann")]).problem(500);
    says_nothing_of_the_inside(&problem);
    get(&host, "/guarded/session/7", &[("X-User", "ann")]).expect(200);
}

#[test]
fn routes_that_demand_a_session_without_a_filter_are_refused_at_load() {
    let text = refusal("[plugins.guarded]\nsource = \"guarded.wasm\"\n");
    assert!(text.contains("guarded") && text.contains("filters"), "{text}");
}

#[test]
fn a_filter_that_is_no_filter_is_refused_at_load() {
    let text = refusal(
        "[plugins.version]\nsource = \"version.wasm\"\n\n[plugins.guarded]\nsource = \"guarded.wasm\"\nfilters = [\"version\"]\n",
    );
    assert!(text.contains("version") && text.contains("http-filter"), "{text}");

    let site = Site::new("[plugins.guarded]\nsource = \"guarded.wasm\"\nfilters = [\"nobody\"]\n");
    for command in ["check", "serve"] {
        let (code, text) = site.run(&[command]);
        assert!(code == Some(1) && text.contains("nobody"), "{command}: {text}");
    }
}
