//! The file itself, secrets in files, and the files of the repository that repeat the reference.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::super::reference::reference;
use super::super::{FORMER, OTHERS, load};
use super::{problems, read, variables, with_plugin};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn a_file_that_is_not_there_says_how_to_name_one() {
    let folder = tempfile::tempdir().unwrap();
    let found = load(&folder.path().join("devconnect.toml"), &variables(&[])).unwrap_err();
    assert!(found.is_unreadable());
    assert!(found.to_string().contains("--config FILE"), "{found}");
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("devconnect.toml");
    std::fs::write(&path, b"[server]\n\xff\xfe").unwrap();
    let found = load(&path, &variables(&[])).unwrap_err();
    assert!(found.is_unreadable() && found.to_string().contains("byte 9"), "{found}");
}

#[test]
fn paths_start_at_the_files_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("web")).unwrap();
    std::fs::write(folder.path().join("shop.wasm"), "").unwrap();
    std::fs::write(folder.path().join("key"), "a secret from a file\r\n").unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    let path = folder.path().join("devconnect.toml");
    let source = "[stores]\ndata = \"/var/lib/devconnect\"\n[tokens]\nsecret = { file = \"key\" }\n\
                  [[static]]\nmount = \"/\"\ndir = \"web\"\n[plugins.shop]\nsource = \"shop.wasm\"\n";
    std::fs::write(&path, source).unwrap();
    let resolved = load(&path, &variables(&[])).unwrap();
    assert_eq!(resolved.stores.data, Path::new("/var/lib/devconnect"));
    assert_eq!(resolved.statics[0].dir, folder.path().join("web"));
    assert_eq!(resolved.tokens.current.unwrap().secret.expose(), "a secret from a file");

    for (name, why) in [("empty", "is empty"), ("missing", "cannot be read"), ("web", "cannot be read")] {
        std::fs::write(&path, source.replace("\"key\"", &format!("\"{name}\""))).unwrap();
        let found = load(&path, &variables(&[])).unwrap_err();
        assert!(found.iter().all(|problem| problem.key == "tokens.secret" && problem.message.contains(why)), "{found}");
    }
    std::fs::write(folder.path().join("large"), "x".repeat(70_000)).unwrap();
    std::fs::write(&path, source.replace("\"key\"", "\"large\"")).unwrap();
    assert!(load(&path, &variables(&[])).unwrap_err().to_string().contains("64KiB"));
}

#[test]
fn production_needs_a_token_secret_of_some_length() {
    let production = "[server]\nenvironment = \"production\"\n";
    let named = format!("{production}[tokens]\nsecret = {{ env = \"JWT_SECRET\" }}\n");
    let good = ("JWT_SECRET", "0123456789abcdef");
    for source in [production, named.as_str()] {
        assert!(read(source, &[good]).is_ok());
        for list in [&[][..], &[("JWT_SECRET", "0123456789abcde")], &[("JWT_SECRET", "")]] {
            let found = problems(source, list);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with("tokens.secret is") && !found[0].contains("abcde"), "{found:?}");
        }
    }
    let found = problems(production, &[]);
    assert!(found[0].contains("secret = { env = \"JWT_SECRET\" }"), "the line to add: {found:?}");
    assert_eq!(read(&named.replace("production", "development"), &[]).unwrap().tokens.current, None);
}

#[test]
fn a_key_keeps_its_name_when_it_retires() {
    let first = read("[tokens]\nsecret = \"the first secret\"\n", &[]).unwrap().tokens;
    let source = "[tokens]\nsecret = \"the second secret\"\nprevious = [{ secret = \"the first secret\" }]\n";
    let second = read(source, &[]).unwrap().tokens;
    assert_eq!(Some(&second.previous[0]), first.current.as_ref());
    assert_ne!(second.current.unwrap().kid, second.previous[0].kid);
    let twice = problems(&source.replace("second", "first"), &[]);
    assert!(twice[0].contains("two keys with the kid"), "{twice:?}");
}

#[test]
fn a_secret_cannot_be_printed() {
    let source = with_plugin("secrets = { smtp = \"hunter2\" }\n[tokens]\nsecret = \"hunter2\"\n");
    let resolved = read(&source, &[]).unwrap();
    assert!(!format!("{resolved:?}").contains("hunter2"));
    assert_eq!(resolved.plugins[0].secrets["smtp"].expose(), "hunter2");
}

#[test]
fn the_repositorys_own_configuration_is_fine() {
    let path = repository().join("devconnect.toml");
    if let Err(found) = load(&path, &variables(&[])) {
        // The plugins need not be built for this test.
        assert!(found.iter().all(|problem| problem.message.starts_with("is not there: ")), "{found}");
    }
    let source = std::fs::read_to_string(&path).unwrap();
    let resolved = read(&source, &[]).err();
    let keys: Vec<String> = resolved.iter().flatten().map(|problem| problem.key.clone()).collect();
    let expected = ["auth", "connections", "analytics"].map(|plugin| format!("plugins.{plugin}.source"));
    assert_eq!(keys, expected, "nothing but the files that are not in this folder");
}

/// Compares a part of a file with what the code makes; with `UPDATE_GOLDEN=1` it is written instead.
fn repeats(path: &str, begin: &str, end: &str, expected: &str) {
    let path = repository().join(path);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(begin).expect("the file has the line that begins the part");
    let (part, after) = rest.split_once(end).expect("the file has the line that ends the part");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{before}{begin}{expected}{end}{after}")).unwrap();
    } else {
        assert_eq!(part, expected, "{}: run the tests once with UPDATE_GOLDEN=1", path.display());
    }
}

#[test]
fn the_documentation_lists_every_key_and_variable() {
    let mut expected = String::from("\n");
    let mut section = String::new();
    for row in reference() {
        let table = match row.key.strip_prefix("plugins.<name>.") {
            Some(rest) => match rest.split_once('.') {
                Some((table @ ("grants" | "limits"), _)) => format!("[plugins.<name>.{table}]"),
                _ => "[plugins.<name>]".to_owned(),
            },
            None => match row.key.split_once(['.', '[']) {
                Some(("static", _)) => "[[static]]".to_owned(),
                Some((table, _)) => format!("[{table}]"),
                None => unreachable!("every key is in a table"),
            },
        };
        if table != section {
            let _ =
                write!(expected, "\n## `{table}`\n\n| key | holds | default | meaning |\n| --- | --- | --- | --- |\n");
            section = table;
        }
        let prefix = section.trim_matches(['[', ']']);
        let key = row.key.strip_prefix(prefix).unwrap_or(row.key).trim_start_matches("[]").trim_start_matches('.');
        let _ = writeln!(expected, "| `{key}` | {} | {} | {} |", row.kind, row.default, row.meaning);
    }
    expected.push('\n');
    repeats("docs/configuration.md", "<!-- keys -->", "<!-- end of keys -->", &expected);
    let mut expected = String::from("\n| variable | meaning |\n| --- | --- |\n");
    for (name, meaning) in FORMER.iter().chain(OTHERS) {
        let _ = writeln!(expected, "| `{name}` | {meaning} |");
    }
    repeats("docs/configuration.md", "<!-- variables -->", "<!-- end of variables -->", &expected);
}

#[test]
fn the_example_lists_every_variable() {
    let mut expected = String::from("\n");
    for (name, meaning) in FORMER.iter().chain(OTHERS) {
        let _ = writeln!(expected, "\n# {meaning}\n# {name}=");
    }
    expected.push_str("\n# One for each key of devconnect.toml; lists with commas. Here for the plugin `auth`.\n");
    for row in reference() {
        let Some(variable) = row.variable() else { continue };
        let variable = variable.replace("<NAME>", "AUTH");
        let _ = writeln!(expected, "\n# {} ({}; default: {})\n# {variable}=", row.meaning, row.kind, row.default);
    }
    expected.push('\n');
    repeats("env.example", "# --- variables ---", "# --- end of variables ---", &expected);
}
