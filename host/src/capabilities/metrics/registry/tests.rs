use std::sync::Arc;

use super::series::Labels;
use super::{MOST_SERIES, Registry};

fn labels(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What Prometheus would read, without the comments.
fn samples(metrics: &Arc<Registry>) -> Vec<String> {
    lines(metrics).into_iter().filter(|line| !line.starts_with('#')).collect()
}

fn lines(metrics: &Arc<Registry>) -> Vec<String> {
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register_collector(Box::new(Arc::clone(metrics)));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn registry() -> Arc<Registry> {
    Arc::new(Registry::new(["plugin_faults", "plugin_queued"]))
}

fn case(result: crate::capabilities::error::Result<()>) -> &'static str {
    result.unwrap_err().case()
}

#[test]
fn every_kind_is_shown_with_its_plugin_and_labels() {
    let metrics = registry();
    metrics.count("shop", "orders", 2, &labels(&[("country", "at"), ("channel", "web")])).unwrap();
    metrics.count("shop", "orders", 3, &labels(&[("channel", "web"), ("country", "at")])).unwrap();
    metrics.count("shop", "orders_total", 1, &[]).unwrap();
    metrics.set("shop", "depth", 1.0, &[]).unwrap();
    metrics.set("shop", "depth", -2.5, &[]).unwrap();
    metrics.observe("shop", "page_bytes", 300.0, &[]).unwrap();
    metrics.observe("shop", "wait_seconds", 0.2, &[]).unwrap();
    let lines = lines(&metrics);
    for line in [
        "# TYPE plugin_orders counter",
        r#"plugin_orders_total{plugin="shop",channel="web",country="at"} 5"#,
        r#"plugin_orders_total{plugin="shop"} 1"#,
        "# TYPE plugin_depth gauge",
        r#"plugin_depth{plugin="shop"} -2.5"#,
        "# TYPE plugin_page_bytes histogram",
        r#"plugin_page_bytes_bucket{le="256.0",plugin="shop"} 0"#,
        r#"plugin_page_bytes_bucket{le="1024.0",plugin="shop"} 1"#,
        r#"plugin_page_bytes_sum{plugin="shop"} 300.0"#,
        r#"plugin_wait_seconds_bucket{le="0.25",plugin="shop"} 1"#,
        r#"plugin_wait_seconds_count{plugin="shop"} 1"#,
        "# EOF",
    ] {
        assert!(lines.iter().any(|shown| shown == line), "{line} is not among {lines:#?}");
    }
}

#[test]
fn plugins_share_a_family_and_not_its_series() {
    let metrics = registry();
    metrics.count("a", "orders", 1, &[]).unwrap();
    metrics.count("b", "orders", 5, &[]).unwrap();
    assert_eq!(samples(&metrics), [r#"plugin_orders_total{plugin="a"} 1"#, r#"plugin_orders_total{plugin="b"} 5"#,]);
    assert_eq!(lines(&metrics).iter().filter(|line| line.starts_with("# TYPE")).count(), 1);
}

#[test]
fn a_name_has_one_kind() {
    let metrics = registry();
    metrics.count("a", "x", 1, &[]).unwrap();
    assert_eq!(case(metrics.set("a", "x", 1.0, &[])), "invalid");
    let error = metrics.observe("b", "x", 1.0, &[]).unwrap_err();
    assert!(error.message().contains("\"a\"") && error.message().contains("a counter"), "{error}");
    metrics.observe("a", "h", 1.0, &[]).unwrap();
    assert_eq!(case(metrics.count("a", "h", 1, &[])), "invalid");
    assert_eq!(samples(&metrics).first().unwrap(), r#"plugin_h_sum{plugin="a"} 1.0"#);
}

#[test]
fn no_two_families_have_samples_of_the_same_name() {
    let metrics = registry();
    metrics.count("a", "x", 1, &[]).unwrap();
    assert_eq!(case(metrics.set("a", "x_total", 1.0, &[])), "invalid");
    metrics.set("a", "y_total", 1.0, &[]).unwrap();
    assert_eq!(case(metrics.count("a", "y", 1, &[])), "invalid");
    metrics.observe("a", "h", 1.0, &[]).unwrap();
    assert_eq!(case(metrics.set("a", "h_sum", 1.0, &[])), "invalid");
    assert_eq!(case(metrics.set("a", "h_bucket", 1.0, &[])), "invalid");
    metrics.set("a", "members_count", 1.0, &[]).unwrap();
    assert_eq!(case(metrics.observe("a", "members", 1.0, &[])), "invalid");
    // The host's own.
    assert_eq!(case(metrics.count("a", "faults", 1, &[])), "invalid");
    assert_eq!(case(metrics.set("a", "faults_total", 1.0, &[])), "invalid");
    assert_eq!(case(metrics.set("a", "queued", 1.0, &[])), "invalid");
    assert_eq!(case(metrics.count("a", "metrics_dropped", 1, &[])), "invalid");
}

#[test]
fn malformed_names_labels_and_values_are_invalid_and_leave_nothing() {
    let metrics = registry();
    let long = "n".repeat(65);
    for name in ["", "A", "1a", "a-b", "a b", "a.b", "ключ", "a\n", "a{", "é", &long, &"a".repeat(100_000)] {
        assert_eq!(case(metrics.count("p", name, 1, &[])), "invalid", "{name:?}");
        assert_eq!(case(metrics.count("p", "ok", 1, &labels(&[(name, "v")]))), "invalid", "{name:?}");
    }
    for name in ["plugin", "le", "quantile", "__name__", "__x"] {
        assert_eq!(case(metrics.count("p", "ok", 1, &labels(&[(name, "v")]))), "invalid", "{name:?}");
    }
    assert_eq!(case(metrics.count("p", "ok", 1, &labels(&[("a", "1"), ("a", "2")]))), "invalid");
    assert_eq!(case(metrics.count("p", "ok", 1, &labels(&[("a", &"v".repeat(129))]))), "invalid");
    let many: Vec<_> = (0..17).map(|number| (format!("l{number}"), String::new())).collect();
    assert_eq!(case(metrics.count("p", "ok", 1, &many)), "invalid");
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(case(metrics.set("p", "ok", value, &[])), "invalid");
        assert_eq!(case(metrics.observe("p", "ok", value, &[])), "invalid");
    }
    assert!(samples(&metrics).is_empty());
    // The limits themselves.
    metrics.count("p", &"n".repeat(64), 1, &labels(&[("_", &"v".repeat(128))])).unwrap();
    metrics.count("p", "_", 1, &many[..16]).unwrap();
    metrics.count("p", "_total", 1, &[]).unwrap();
    assert_eq!(samples(&metrics).len(), 3);
}

#[test]
fn values_cannot_write_lines_of_their_own() {
    let metrics = registry();
    let evil = "x\"} 1\nplugin_orders_total{plugin=\"other\\";
    metrics.count("p", "orders", 7, &labels(&[("v", evil)])).unwrap();
    assert_eq!(
        samples(&metrics),
        ["plugin_orders_total{plugin=\"p\",v=\"x\\\"} 1\\nplugin_orders_total{plugin=\\\"other\\\\\"} 7"]
    );
}

#[test]
fn labels_that_read_alike_together_are_kept_apart() {
    let metrics = registry();
    metrics.count("p", "x", 1, &labels(&[("a", "1b"), ("b", "")])).unwrap();
    metrics.count("p", "x", 1, &labels(&[("a", "1"), ("b", "b")])).unwrap();
    metrics.count("p", "x", 1, &labels(&[("a", "")])).unwrap();
    metrics.count("p", "x", 1, &[]).unwrap();
    assert_eq!(samples(&metrics).len(), 4);
}

#[test]
fn what_is_over_the_limit_is_dropped_and_counted() {
    let metrics = registry();
    for number in 0..MOST_SERIES + 500 {
        metrics.count("p", "x", 1, &labels(&[("n", &number.to_string())])).unwrap();
        metrics.set("p", &format!("g{number}"), 1.0, &[]).unwrap();
    }
    let shown = samples(&metrics);
    assert_eq!(shown.iter().filter(|line| line.contains("plugin=\"p\"")).count(), MOST_SERIES + 1);
    assert!(shown.contains(&r#"plugin_metrics_dropped_total{plugin="p"} 2000"#.to_owned()), "{:?}", shown.last());
    // What is there goes on, another plugin has its own limit, and a wrong kind is still an error.
    metrics.count("p", "x", 1, &labels(&[("n", "0")])).unwrap();
    assert!(samples(&metrics).contains(&r#"plugin_x_total{plugin="p",n="0"} 2"#.to_owned()));
    metrics.count("q", "x", 1, &labels(&[("n", "1499")])).unwrap();
    assert!(samples(&metrics).contains(&r#"plugin_x_total{plugin="q",n="1499"} 1"#.to_owned()));
    assert_eq!(case(metrics.set("p", "x", 1.0, &[])), "invalid");
}

#[test]
fn a_plugin_that_is_forgotten_leaves_its_names_and_places_free() {
    let metrics = registry();
    for number in 0..MOST_SERIES + 1 {
        metrics.count("p", "x", 1, &labels(&[("n", &number.to_string())])).unwrap();
    }
    metrics.count("q", "shared", 1, &[]).unwrap();
    metrics.forget("p");
    assert_eq!(samples(&metrics), [r#"plugin_shared_total{plugin="q"} 1"#]);
    metrics.set("p", "x", 4.0, &[]).unwrap();
    metrics.set("p", "x_total", 4.0, &[]).unwrap();
    assert_eq!(case(metrics.set("p", "shared", 1.0, &[])), "invalid");
    assert_eq!(samples(&metrics).len(), 3);
}

#[test]
fn threads_lose_nothing_and_pass_no_limit() {
    let metrics = registry();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for number in 0..1_200 {
                    metrics.count("p", "x", 1, &labels(&[("n", &(number % 1_100).to_string())])).unwrap();
                }
            });
        }
    });
    let (mut shown, mut sum, mut dropped) = (0, 0, 0);
    for line in samples(&metrics) {
        let value: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        if line.starts_with("plugin_x_total") {
            shown += 1;
            sum += value;
        } else {
            dropped = value;
        }
    }
    assert_eq!(shown, MOST_SERIES);
    assert_eq!(sum + dropped, 8 * 1_200);
}

#[test]
fn whoever_comes_second_to_make_a_series_takes_no_place() {
    let metrics = registry();
    metrics.count("p", "x", 1, &[]).unwrap();
    {
        // As a thread does that did not find the series a moment ago.
        let families = metrics.families.read();
        let family = families.get("x").unwrap();
        let none = Labels::new("p", "x", &[]).unwrap();
        metrics.begin("p", family, none, |series| series.count(1));
    }
    assert_eq!(samples(&metrics), [r#"plugin_x_total{plugin="p"} 2"#]);
    for number in 1..MOST_SERIES {
        metrics.count("p", "x", 1, &labels(&[("n", &number.to_string())])).unwrap();
    }
    let shown = samples(&metrics);
    assert_eq!(shown.len(), MOST_SERIES);
    assert!(shown.iter().all(|line| line.starts_with("plugin_x_total")), "{:?}", shown.last());
}

#[test]
fn forgetting_amid_updates_keeps_limit_and_series_in_step() {
    let metrics = registry();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..3_000 {
                    metrics
                        .count("p", &format!("x{}", number % 10), 1, &labels(&[("n", &(number % 90).to_string())]))
                        .unwrap();
                }
            });
        }
        for _ in 0..200 {
            metrics.forget("p");
        }
    });
    // Each series that is shown has its place, and no place is taken by one that is gone.
    let shown = samples(&metrics).len();
    for number in 0..MOST_SERIES {
        metrics.count("p", "fresh", 1, &labels(&[("n", &number.to_string())])).unwrap();
    }
    let all = samples(&metrics);
    assert_eq!(all.iter().filter(|line| !line.starts_with("plugin_metrics_dropped")).count(), MOST_SERIES);
    assert_eq!(all.iter().filter(|line| line.starts_with("plugin_fresh")).count(), MOST_SERIES - shown);
}
