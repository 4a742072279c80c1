//! Routes by example, and against a matcher that is too simple to be wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use http::Method;
use proptest::prelude::*;

use super::*;

mod naive;

fn table(routes: &[(Verb, &'static str)]) -> Table<&'static str> {
    let mut builder = Builder::default();
    for (verb, pattern) in routes {
        builder.route(*verb, pattern, "plugin `a`", *pattern).unwrap();
    }
    builder.build()
}

fn gets(patterns: &[&'static str]) -> Table<&'static str> {
    table(&patterns.iter().map(|pattern| (Verb::Get, *pattern)).collect::<Vec<_>>())
}

/// The pattern that answers, and its parameters' values.
fn get<'p>(table: &Table<&'static str>, path: &'p str) -> Option<(&'static str, Vec<&'p str>)> {
    match table.lookup(&Method::GET, path) {
        Lookup::Found(pattern, spans) => Some((*pattern, values(path, spans))),
        _ => None,
    }
}

fn values(path: &str, spans: Spans) -> Vec<&str> {
    spans.into_iter().take_while(|span| *span != 0).map(|span| value(path, span)).collect()
}

fn value(path: &str, span: u32) -> &str {
    let (start, length) = (span as usize >> 16, span as usize & 0xffff);
    &path[start..start + length]
}

#[test]
fn literals_parameters_and_rests_match_what_they_say() {
    let table = gets(&["/", "/feed", "/user/{id}", "/chat/{id}/history", "/files/{*rest}", "/docs/"]);
    assert_eq!(get(&table, "/"), Some(("/", vec![])));
    assert_eq!(get(&table, "/feed"), Some(("/feed", vec![])));
    assert_eq!(get(&table, "/user/42"), Some(("/user/{id}", vec!["42"])));
    assert_eq!(get(&table, "/chat/a%2Fb/history"), Some(("/chat/{id}/history", vec!["a%2Fb"])));
    assert_eq!(get(&table, "/files/a/b.txt"), Some(("/files/{*rest}", vec!["a/b.txt"])));
    assert_eq!(get(&table, "/files//x"), Some(("/files/{*rest}", vec!["/x"])));
    assert_eq!(get(&table, "/docs/"), Some(("/docs/", vec![])));
    for nothing in
        ["", "*", "feed", "/Feed", "/feed/", "/user", "/user/", "/user/1/2", "/files", "/files/", "/docs", "//"]
    {
        assert_eq!(get(&table, nothing), None, "{nothing}");
    }
}

#[test]
fn the_most_specific_route_wins_whatever_the_order() {
    let mut patterns = vec!["/{*all}", "/user/{id}", "/user/{*rest}", "/user/me", "/{a}/me"];
    for _ in 0..patterns.len() {
        patterns.rotate_left(1);
        let table = gets(&patterns);
        assert_eq!(get(&table, "/user/me"), Some(("/user/me", vec![])));
        assert_eq!(get(&table, "/user/you"), Some(("/user/{id}", vec!["you"])));
        assert_eq!(get(&table, "/user/you/all"), Some(("/user/{*rest}", vec!["you/all"])));
        assert_eq!(get(&table, "/other/me"), Some(("/{a}/me", vec!["other"])));
        assert_eq!(get(&table, "/other/you"), Some(("/{*all}", vec!["other/you"])));
    }
}

#[test]
fn a_specific_route_that_leads_nowhere_is_given_up() {
    let table = gets(&["/a/b/c", "/a/{x}/d", "/{y}/{z}/{w}/e", "/a/{*rest}"]);
    assert_eq!(get(&table, "/a/b/c"), Some(("/a/b/c", vec![])));
    assert_eq!(get(&table, "/a/b/d"), Some(("/a/{x}/d", vec!["b"])));
    assert_eq!(get(&table, "/a/b/x"), Some(("/a/{*rest}", vec!["b/x"])));
    assert_eq!(get(&table, "/q/b/c/e"), Some(("/{y}/{z}/{w}/e", vec!["q", "b", "c"])));
    // No spans are left over from the routes that were tried.
    assert_eq!(table.lookup(&Method::GET, "/a/b/c"), Lookup::Found(&"/a/b/c", [0; 6]));
    let table = gets(&["/{a}/{b}/{c}/x", "/{*rest}"]);
    assert_eq!(table.lookup(&Method::GET, "/1/2/3/y"), Lookup::Found(&"/{*rest}", [1 << 16 | 7, 0, 0, 0, 0, 0]));
}

#[test]
fn a_method_without_a_route_there_falls_back_as_a_path_does() {
    let table = table(&[(Verb::Get, "/user/{id}"), (Verb::Post, "/user/search"), (Verb::Patch, "/user/{id}")]);
    assert_eq!(get(&table, "/user/search"), Some(("/user/{id}", vec!["search"])));
    assert!(matches!(table.lookup(&Method::POST, "/user/search"), Lookup::Found(..)));
    let Lookup::MethodNotAllowed(allow) = table.lookup(&Method::PUT, "/user/search") else { panic!() };
    assert_eq!(allow.header_value(), "GET, HEAD, POST, OPTIONS, PATCH");
    let Lookup::MethodNotAllowed(allow) = table.lookup(&Method::POST, "/user/1") else { panic!() };
    assert_eq!(allow.header_value(), "GET, HEAD, OPTIONS, PATCH");
}

#[test]
fn head_is_answered_by_get_unless_it_has_its_own_route() {
    let table = table(&[(Verb::Get, "/a"), (Verb::Get, "/{x}"), (Verb::Get, "/b"), (Verb::Head, "/{y}")]);
    let head = |path| match table.lookup(&Method::HEAD, path) {
        Lookup::Found(pattern, _) => Some(*pattern),
        _ => None,
    };
    assert_eq!(head("/a"), Some("/a"));
    assert_eq!(head("/other"), Some("/{y}"));
    assert_eq!(head("/no/where"), None);
}

#[test]
fn options_and_unknown_methods_are_the_hosts() {
    let routes = [(Verb::Post, "/a"), (Verb::Options, "/b")];
    let table = table(&routes);
    let Lookup::Options(allow) = table.lookup(&Method::OPTIONS, "/a") else { panic!() };
    assert_eq!(allow.to_string(), "POST, OPTIONS");
    assert_eq!(table.lookup(&Method::OPTIONS, "/b"), Lookup::Found(&"/b", [0; 6]));
    assert_eq!(table.lookup(&Method::OPTIONS, "/c"), Lookup::NotFound);
    let unknown = Method::from_bytes(b"PROPFIND").unwrap();
    assert_eq!(table.lookup(&unknown, "/a"), Lookup::UnknownMethod);
    for verb in Verb::ALL {
        assert_eq!(Verb::of(&Method::from_bytes(verb.as_str().as_bytes()).unwrap()), Some(verb));
        assert_eq!(Verb::ALL[verb as usize], verb);
    }
}

#[test]
fn a_span_reaches_to_the_longest_path_and_no_further() {
    let table = gets(&["/{*rest}"]);
    let longest = format!("/{}", "x".repeat(65_534));
    let Lookup::Found(_, spans) = table.lookup(&Method::GET, &longest) else { panic!() };
    assert_eq!(value(&longest, spans[0]), &longest[1..]);
    assert_eq!(table.lookup(&Method::GET, &format!("{longest}x")), Lookup::TooLong);
    let table = gets(&["/{*rest}", "/{a}/{b}"]);
    let late = format!("/{}/x", "x".repeat(65_532));
    let Lookup::Found(_, spans) = table.lookup(&Method::GET, &late) else { panic!() };
    assert_eq!(value(&late, spans[1]), "x");
}

#[test]
fn six_parameters_fit() {
    let table = gets(&["/{a}/{b}/{c}/{d}/{e}/{*f}"]);
    let expected = vec!["1", "22", "333", "4444", "55555", "6/7"];
    assert_eq!(get(&table, "/1/22/333/4444/55555/6/7").unwrap().1, expected);
}

#[test]
fn clashes_name_both_owners_and_the_pattern() {
    let mut builder = Builder::default();
    builder.route(Verb::Get, "/user/{id}", "plugin `auth`", 1).unwrap();
    builder.route(Verb::Post, "/user/{name}", "plugin `chat`", 2).unwrap();
    builder.route(Verb::Get, "/user/{*rest}", "plugin `chat`", 3).unwrap();
    let error = builder.route(Verb::Get, "/user/{name}", "plugin `chat`", 4).unwrap_err();
    assert_eq!(
        error.to_string(),
        "route `GET /user/{name}` of plugin `chat` clashes with `GET /user/{id}` of plugin `auth`: change or remove one of them"
    );
    assert!(builder.route(Verb::Get, "/user/{*all}", "plugin `auth`", 5).is_err());
    assert_eq!(builder.build().routes.len(), 3);
}

#[test]
fn malformed_patterns_are_refused() {
    for bad in [
        "",
        "user",
        "/user/{id",
        "/user/id}",
        "/user/{}",
        "/{*}",
        "/user/x{id}",
        "/user/{id}.json",
        "/a/{*rest}/b",
        "/a//b",
        "/a/{x}/{x}",
        "/a/../b",
        "/a/.",
        "/a/:id",
        "/a?b",
        "/a#b",
        "/a b",
        "/ü",
        "/{a b}",
        "/{a}/{b}/{c}/{d}/{e}/{f}/{g}",
        "/{{a}}",
        "/a\n",
    ] {
        let mut builder = Builder::default();
        let error = builder.route(Verb::Get, bad, "plugin `a`", ()).unwrap_err();
        assert!(matches!(error, Error::Pattern { .. }), "{bad}");
        assert!(error.to_string().starts_with(&format!("route `GET {bad}` of plugin `a`: ")), "{error}");
    }
    assert!(Builder::default().route(Verb::Get, &format!("/{}", "x".repeat(1024)), "a", ()).is_err());
}

/// Patterns and paths of few letters, so that they meet.
fn segment() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "ab"]).prop_map(str::to_owned)
}

fn pattern() -> impl Strategy<Value = String> {
    let part = prop_oneof![3 => segment(), 2 => Just("{}".to_owned())];
    (prop::collection::vec(part, 0..5), 0..4_u8).prop_map(|(parts, end)| {
        let mut pattern = String::new();
        for (index, part) in parts.iter().enumerate() {
            pattern.push('/');
            pattern.push_str(&part.replace("{}", &format!("{{p{index}}}")));
        }
        match end {
            0 => pattern.push_str("/{*rest}"),
            1 => pattern.push('/'),
            _ if pattern.is_empty() => pattern.push('/'),
            _ => {}
        }
        pattern
    })
}

fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![6 => segment(), 1 => Just(String::new()), 1 => Just("c".to_owned())];
    prop::collection::vec(part, 1..7).prop_map(|parts| format!("/{}", parts.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_table_finds_what_the_naive_matcher_finds(
        patterns in prop::collection::vec((prop::bool::ANY, pattern()), 0..12),
        paths in prop::collection::vec(path(), 1..12),
    ) {
        let mut builder = Builder::default();
        let mut accepted = Vec::new();
        for (post, pattern) in &patterns {
            let verb = if *post { Verb::Post } else { Verb::Get };
            if builder.route(verb, pattern, "a", pattern.clone()).is_ok() {
                accepted.push((verb, pattern.as_str()));
            }
        }
        let table = builder.build();
        for path in &paths {
            for (verb, method) in [(Verb::Get, Method::GET), (Verb::Post, Method::POST)] {
                let expected = naive::best(accepted.iter().filter(|(other, _)| *other == verb).map(|(_, p)| *p), path);
                match (table.lookup(&method, path), expected) {
                    (Lookup::Found(found, spans), Some((pattern, parameters))) => {
                        prop_assert_eq!(found, pattern);
                        prop_assert_eq!(values(path, spans), parameters);
                    }
                    (Lookup::NotFound | Lookup::MethodNotAllowed(_), None) => {}
                    (found, expected) => prop_assert!(false, "{} {}: {:?} is not {:?}", verb, path, found, expected),
                }
            }
        }
    }
}
