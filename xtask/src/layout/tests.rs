use std::path::{Path, PathBuf};

use super::paths::{Import, imports, module_of};
use super::rules::Rules;
use super::{Report, check};

const RULES: &str = r#"
    layers = [["app"], ["cli", "deploy", "inbound"], ["runtime"], ["capabilities"], ["access", "config"]]
    shared = ["error", "telemetry"]
    lines = { wanted = 4, most = 6 }
"#;

fn module(path: &str) -> Vec<String> {
    path.split("::").map(str::to_owned).collect()
}

/// The names and lines that a file of `path` imports.
fn found(path: &str, source: &str) -> Vec<(String, usize)> {
    imports(&module(path), source).into_iter().map(|import| (import.to, import.line)).collect()
}

/// What the rules say about modules that import each other.
fn judged(edges: &[(&str, &str)]) -> Vec<String> {
    let imports: Vec<_> = edges
        .iter()
        .zip(1..)
        .map(|((from, to), line)| {
            let file = PathBuf::from(format!("host/src/{from}.rs"));
            (file, Import { from: (*from).to_owned(), to: (*to).to_owned(), line })
        })
        .collect();
    let mut report = Report::default();
    Rules::parse(RULES).unwrap().imports(&imports, &mut report);
    report.failures.iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_has_the_module_of_its_path() {
    assert_eq!(module_of(Path::new("capabilities/cache/memory.rs")), Some(module("capabilities::cache::memory")));
    assert_eq!(module_of(Path::new("app.rs")), Some(module("app")));
    for above in ["main.rs", "lib.rs", "runtime/tests.rs", "runtime/tests/pool.rs"] {
        assert_eq!(module_of(Path::new(above)), None, "{above}");
    }
}

#[test]
fn imports_are_found_in_use_lines_lists_and_code() {
    let source = "use crate::config::Config;\n\
                  use crate::{\n    error,\n    runtime::{Pool, inbound},\n};\n\
                  use std::fmt;\n\
                  fn f() -> crate::access::Grants { crate::telemetry::now() }\n\
                  pub(crate) use crate::capabilities::*;\n";
    let expected = [("config", 1), ("error", 3), ("runtime", 4), ("access", 7), ("telemetry", 7), ("capabilities", 8)];
    assert_eq!(found("app", source), expected.map(|(name, line)| (name.to_owned(), line)));
}

#[test]
fn super_counts_when_it_leaves_the_module() {
    let source = "use super::backend::Cache;\nuse super::super::super::runtime::Pool;\n\
                  mod inner { use super::super::x; use super::super::super::super::inbound::Hub; }\n\
                  use super::super::super::{access, super_thing};\n";
    assert_eq!(
        found("capabilities::cache::memory", source),
        [("runtime", 2), ("inbound", 3), ("access", 4), ("super_thing", 4)].map(|(name, line)| (name.to_owned(), line))
    );
}

#[test]
fn a_path_within_the_module_is_no_import() {
    assert_eq!(
        found("runtime::pool", "use crate::runtime::limits::Limits; use super::engine; pub(super) fn f() {}"),
        []
    );
}

#[test]
fn comments_strings_and_characters_hold_no_imports() {
    let source = r####"
        // use crate::app::A;
        /* use crate::app::B; /* crate::app::C */ crate::app::D */
        /// See [`crate::app`].
        const A: &str = "crate::app::E \" crate::app::F";
        const B: &str = r#"crate::app::G " crate::app::H"#;
        const C: &[u8] = br"crate::app::I\";
        const D: (char, char, char, u8) = ('"', '\'', '\u{1F600}', b'"');
        fn f<'a>(x: &'a str) -> &'a str { crate::config::name(x) }
    "####;
    assert_eq!(found("runtime", source), [("config".to_owned(), 9)]);
}

#[test]
fn test_code_may_import_what_it_likes() {
    let source = "#[cfg(test)]\n#[allow(clippy::panic, reason = \"tests\")]\nmod tests {\n    use crate::app::App;\n    \
                  fn f() { let a = [1; 2]; }\n}\n#[cfg(test)]\nuse crate::app::Fixture;\n#[cfg(test)]\nmod tests;\n\
                  #[cfg(all(test, loom))]\nuse crate::app::Other;\n#[cfg(not(test))]\nuse crate::inbound::Hub;\n";
    assert_eq!(found("capabilities", source), [("inbound".to_owned(), 14)]);
}

#[test]
fn imports_go_down() {
    assert_eq!(judged(&[("app", "runtime"), ("inbound", "capabilities"), ("runtime", "error")]), Vec::<String>::new());
}

#[test]
fn an_import_that_goes_up_is_named_with_place_rule_and_fix() {
    let failures = judged(&[("app", "runtime"), ("capabilities", "runtime")]);
    assert_eq!(failures.len(), 1);
    let failure = &failures[0];
    assert!(
        failure.starts_with("host/src/capabilities.rs:2: `capabilities` imports `runtime`, which is above it"),
        "{failure}"
    );
    assert!(failure.contains("app → {cli, deploy, inbound} → runtime → capabilities"), "{failure}");
    assert!(failure.contains("hand it in from above"), "{failure}");
}

#[test]
fn shared_modules_are_for_all_and_stand_in_the_lowest_layer() {
    assert_eq!(judged(&[("app", "error"), ("access", "error"), ("error", "config")]), Vec::<String>::new());
    assert_eq!(judged(&[("error", "capabilities")]).len(), 1);
    assert_eq!(judged(&[("error", "config"), ("config", "error")]).len(), 2);
}

#[test]
fn an_exception_allows_one_import_for_a_reason_and_while_it_is_there() {
    let with =
        |reason: &str| format!("{RULES}\n[[upward]]\nfrom = \"access\"\nto = \"runtime\"\nreason = \"{reason}\"\n");
    assert!(Rules::parse(&with("")).unwrap_err().to_string().contains("reason"));
    let rules = Rules::parse(&with("the macro wants it")).unwrap();
    let import = |to: &str| {
        (PathBuf::from("host/src/access.rs"), Import { from: "access".to_owned(), to: to.to_owned(), line: 1 })
    };
    let failures = |imports: &[(PathBuf, Import)]| {
        let mut report = Report::default();
        rules.imports(imports, &mut report);
        rules.unused(Path::new("."), imports, &mut report);
        report.failures.len()
    };
    assert_eq!(failures(&[import("runtime")]), 0);
    assert_eq!(failures(&[import("runtime"), import("app")]), 1);
    assert_eq!(failures(&[]), 1);
}

#[test]
fn sideways_is_allowed_until_it_goes_in_a_circle() {
    assert_eq!(judged(&[("cli", "deploy"), ("deploy", "inbound"), ("cli", "inbound")]), Vec::<String>::new());
    let failures = judged(&[("cli", "deploy"), ("deploy", "inbound"), ("inbound", "cli"), ("access", "config")]);
    assert_eq!(failures.len(), 3, "{failures:?}");
    assert!(failures[0].contains("in a circle"), "{failures:?}");
}

#[test]
fn a_module_without_a_layer_is_named() {
    assert!(judged(&[("utils", "config")])[0].contains("the module `utils` has no layer"));
    assert!(judged(&[("app", "Something")])[0].contains("`crate::Something` has no layer"));
}

#[test]
fn long_files_are_warned_about_and_longer_ones_refused() {
    let rules = Rules::parse(RULES).unwrap();
    let mut report = Report::default();
    for lines in [4, 5, 6, 7] {
        rules.length(Path::new("host/src/app.rs"), lines, &mut report);
    }
    assert_eq!(report.warnings.len(), 2);
    assert_eq!(report.failures.len(), 1);
    assert!(report.failures[0].to_string().starts_with("host/src/app.rs:7: 7 lines"), "{}", report.failures[0]);
}

#[test]
fn an_exception_needs_a_reason_and_a_file_that_needs_it() {
    let with = |reason: &str| format!("{RULES}\n[[longer]]\nfile = \"a.rs\"\nreason = \"{reason}\"\n");
    assert!(Rules::parse(&with(" ")).unwrap_err().to_string().contains("reason"));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.rs");
    let rules = Rules::parse(&with("a table")).unwrap();
    let outcome = |lines: usize| {
        std::fs::write(&file, "//\n".repeat(lines)).unwrap();
        let mut report = Report::default();
        rules.length(Path::new("a.rs"), lines, &mut report);
        rules.unused(folder.path(), &[], &mut report);
        report.failures.len()
    };
    assert_eq!(outcome(7), 0);
    assert_eq!(outcome(3), 1);
    std::fs::remove_file(&file).unwrap();
    let mut report = Report::default();
    rules.unused(folder.path(), &[], &mut report);
    assert_eq!(report.failures.len(), 1);
}

#[test]
fn rules_that_contradict_themselves_are_refused() {
    let twice = "layers = [[\"app\"]]\nshared = [\"app\"]\nlines = { wanted = 1, most = 2 }\n";
    assert!(Rules::parse(twice).unwrap_err().to_string().contains("`app` is listed twice"));
    assert!(Rules::parse("layer = []").is_err());
}

#[test]
fn this_repository_follows_its_layout() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let report = check(root).unwrap();
    let failures: Vec<_> = report.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(report.files > 10, "only {} files were looked at", report.files);
}
