//! `devconnect check`: all that is wrong at once, with line and fix.

mod components;

use crate::harness::{Site, repository};

const GOOD: &str = r#"
[server]
listen = "127.0.0.1:3000"

[plugins.faults]
source = "faults.wasm"
grants = { passwords = true }
"#;

#[test]
fn what_is_right_is_said_to_be() {
    let site = Site::new(GOOD);
    let (code, text) = site.run(&["check"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.to_lowercase().contains("error"), "{text}");
}

#[test]
fn the_configuration_of_the_repository_is_right() {
    let root = repository();
    let output = std::process::Command::new(crate::harness::binary())
        .args(["check", "--config"])
        .arg(root.join("devconnect.toml"))
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_line_and_a_fix() {
    let site = Site::new(GOOD);
    site.place(
        "devconnect.toml",
        br#"[server]
listn = "127.0.0.1:3000"
body-limit = "1 banana"
shutdown-grace = 10

[plugins.faults]
source = "faults.wasm"
filters = ["nobody"]
grants = { passwords = "yes", cash = ["a"] }
limits = { deadline = "5 parsecs" }
"#,
    );
    let (code, text) = site.run(&["check"]);
    assert_ne!(code, Some(0));
    for part in ["listn", "listen", "body-limit", "shutdown-grace", "nobody", "passwords", "cash", "cache", "deadline"]
    {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    for line in ["2", "3", "4", "8", "9", "10"] {
        assert!(text.contains(&format!("devconnect.toml:{line}:")), "line {line} is not named: {text}");
    }
}

#[test]
fn a_file_that_is_missing_is_named_and_what_to_do() {
    let site = Site::new(GOOD);
    let (code, text) = site.run(&["check"]);
    assert_eq!(code, Some(0), "{text}");
    std::fs::remove_file(site.path().join("faults.wasm")).unwrap();
    let (code, text) = site.run(&["check"]);
    assert_ne!(code, Some(0));
    assert!(text.contains("faults.wasm") && text.contains("faults"), "{text}");
    std::fs::remove_file(site.config()).unwrap();
    let (code, text) = site.run(&["check"]);
    assert_ne!(code, Some(0));
    assert!(text.contains("devconnect.toml"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn toml_that_is_not_toml_is_told_with_its_line() {
    let site = Site::new(GOOD);
    site.place("devconnect.toml", b"[server]\nlisten = \n");
    let (code, text) = site.run(&["check"]);
    assert_ne!(code, Some(0));
    assert!(text.contains("devconnect.toml:2:"), "{text}");
}

#[test]
fn a_variable_that_sets_nothing_is_told() {
    let site = Site::new(GOOD);
    let output = site.command(&["check"]).env("DEVCONNECT_SERVER_LISTN", "x").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("DEVCONNECT_SERVER_LISTN") && text.contains("DEVCONNECT_SERVER_LISTEN"), "{text}");
}

#[test]
fn production_without_a_secret_does_not_start() {
    let site = Site::new(&GOOD.replace("[server]", "[server]\nenvironment = \"production\""));
    for arguments in [["check"], ["serve"]] {
        let (code, text) = site.run(&arguments);
        assert_ne!(code, Some(0), "{text}");
        assert!(text.contains("JWT_SECRET"), "{text}");
    }
    let output = site.command(&["check"]).env("JWT_SECRET", "a secret of more than 16 bytes").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn secrets_are_never_shown() {
    let secret = "correct-horse-battery-staple";
    let site = Site::new(&format!(
        "{GOOD}secrets = {{ key = \"{secret}\" }}\nmistake = 1\n\n[tokens]\nsecret = \"{secret}\"\nmistake = 2\n"
    ));
    let (code, text) = site.run(&["check"]);
    assert_ne!(code, Some(0), "{text}");
    assert!(!text.contains(secret), "{text}");
}

#[test]
fn help_and_version_are_there() {
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(crate::harness::binary()).args(arguments).env_clear().output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (good, text) = run(&["--help"]);
    assert!(good && text.contains("serve") && text.contains("check"), "{text}");
    let (good, text) = run(&["--version"]);
    assert!(good && text.contains(env!("CARGO_PKG_VERSION")), "{text}");
}
