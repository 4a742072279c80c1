//! The image is small, runs as nobody, and holds what it needs.

use std::path::Path;

use super::{file, repository};

/// An instruction, and what follows it on its line and on those that continue it.
type Instruction = (String, String);

fn instructions() -> Vec<Instruction> {
    let mut instructions: Vec<Instruction> = Vec::new();
    let mut goes_on = false;
    for line in file("Dockerfile").lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (text, more) = line.strip_suffix('\\').map_or((line, false), |text| (text.trim_end(), true));
        if goes_on {
            let (_, arguments) = instructions.last_mut().unwrap();
            arguments.push(' ');
            arguments.push_str(text);
        } else {
            let (instruction, arguments) = text.split_once(' ').unwrap();
            instructions.push((instruction.to_owned(), arguments.trim().to_owned()));
        }
        goes_on = more;
    }
    instructions
}

/// The instructions of the stage that builds, and of the one that is shipped.
fn stages() -> (Vec<Instruction>, Vec<Instruction>) {
    let all = instructions();
    let starts: Vec<usize> = all.iter().enumerate().filter(|(_, one)| one.0 == "FROM").map(|(at, _)| at).collect();
    assert_eq!(starts.len(), 2, "one stage builds, one is shipped");
    (all[starts[0]..starts[1]].to_vec(), all[starts[1]..].to_vec())
}

fn of<'a>(stage: &'a [Instruction], instruction: &str) -> Vec<&'a str> {
    stage.iter().filter(|one| one.0 == instruction).map(|one| one.1.as_str()).collect()
}

#[test]
fn the_stage_that_builds_has_the_compilers_and_ships_the_ship_profile() {
    let (build, _) = stages();
    let toolchain = file("rust-toolchain.toml");
    let version = toolchain.split("channel = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let minor = version.rsplit_once('.').unwrap().0;
    assert_eq!(of(&build, "FROM"), [format!("rust:{minor}-slim-bookworm AS build")]);
    let run = of(&build, "RUN").join("\n");
    for package in ["gcc", "make", "libssl-dev", "zlib1g-dev"] {
        assert!(run.split_whitespace().any(|word| word == package), "{package} is not installed");
    }
    assert!(run.contains("rustup target add wasm32-wasip2"));
    assert!(run.contains("cargo xtask build --plugins"));
    assert!(run.contains("cargo build --locked --profile ship --package devconnect-host --package devconnect-sdk"));
    assert!(of(&build, "ENV").contains(&"DEVCONNECT_GUEST_TOOLCHAIN=installed"));
}

#[test]
fn the_image_has_only_what_runs() {
    let (_, image) = stages();
    assert_eq!(of(&image, "FROM"), ["debian:bookworm-slim"]);
    let [run] = of(&image, "RUN")[..] else { panic!("one layer installs everything") };
    let packages: Vec<&str> = run
        .split("--no-install-recommends ")
        .nth(1)
        .and_then(|rest| rest.split("&&").next())
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(packages, ["ca-certificates", "libssl3", "zlib1g"]);
    assert!(run.contains("rm -rf /var/lib/apt/lists/*"));
    assert_eq!(
        of(&image, "COPY"),
        [
            "--from=build /out/devconnect /usr/local/bin/devconnect",
            "--from=build /out/target/plugins target/plugins",
            "devconnect.toml ./",
        ]
    );
}

#[test]
fn the_image_does_not_run_as_root() {
    let (_, image) = stages();
    assert_eq!(of(&image, "USER"), ["10001"]);
    assert!(of(&image, "RUN")[0].contains("useradd --system --uid 10001"));
    // The folder that it may write to is its own.
    assert_eq!(of(&image, "VOLUME"), ["/var/lib/devconnect"]);
    assert!(of(&image, "RUN")[0].contains("--home-dir /var/lib/devconnect"));
    let last = |instruction| image.iter().rposition(|one| one.0 == instruction).unwrap();
    assert!(last("RUN") < last("USER"), "what is installed is root's");
}

#[test]
fn the_image_serves_and_is_asked_whether_it_does() {
    let (_, image) = stages();
    let environment = of(&image, "ENV");
    for line in [
        "DEVCONNECT_CONFIG=/opt/devconnect/devconnect.toml",
        "DEVCONNECT_SERVER_LISTEN=0.0.0.0:3000",
        "DEVCONNECT_STORES_DATA=/var/lib/devconnect",
    ] {
        assert!(environment.contains(&line), "{line}");
    }
    assert_eq!(of(&image, "EXPOSE"), ["3000"]);
    assert_eq!(of(&image, "WORKDIR"), ["/opt/devconnect"]);
    assert_eq!(of(&image, "ENTRYPOINT"), [r#"["devconnect"]"#]);
    assert_eq!(of(&image, "CMD"), [r#"["serve"]"#]);
    assert_eq!(of(&image, "STOPSIGNAL"), ["SIGTERM"]);
    let [check] = of(&image, "HEALTHCHECK")[..] else { panic!("one health check") };
    let command: Vec<String> = serde_json::from_str(check.split_once("CMD ").unwrap().1).unwrap();
    assert_eq!(command[..2], ["bash", "-c"]);
    assert!(command[2].contains("GET /readyz HTTP/1.0\\r\\n"), "{}", command[2]);
    assert!(check.contains("--start-period="), "{check}");
}

#[test]
fn every_file_that_is_copied_exists_and_is_not_ignored() {
    let ignored = file(".dockerignore");
    let ignored: Vec<&str> = ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    for must in [".git", "target", "data", ".env", ".env.*"] {
        assert!(ignored.contains(&must), ".dockerignore lacks {must}");
    }
    for (_, arguments) in instructions().iter().filter(|one| one.0 == "COPY") {
        let source = arguments.split(' ').next().unwrap();
        if source.starts_with("--from") || source == "." {
            continue;
        }
        assert!(repository().join(source).exists(), "{source}");
        assert!(!ignored.contains(&source), "{source} is ignored");
    }
    // All that cargo needs to know the workspace.
    for folder in ["host", "sdk", "plugins", "tests", "xtask", "wit", "Cargo.toml", "Cargo.lock"] {
        assert!(Path::new(&repository()).join(folder).exists());
        assert!(!ignored.contains(&folder), "{folder} is ignored");
    }
}

#[test]
fn no_secret_is_built_in() {
    for (instruction, arguments) in instructions() {
        let is_setting = instruction == "ENV" || instruction == "ARG";
        assert!(!(is_setting && arguments.contains("SECRET")), "{instruction} {arguments}");
    }
}
