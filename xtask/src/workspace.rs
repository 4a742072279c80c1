//! Where things are: the repository, its crates, and the places that builds are left in.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::process;

/// The repository and what cargo knows about it.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds: `target` below the root, or what `CARGO_TARGET_DIR` says.
    pub(crate) target: PathBuf,
    members: Vec<Member>,
}

/// A crate of the workspace.
struct Member {
    package: String,
    /// Relative to the root.
    folder: PathBuf,
    /// Its WebAssembly library, if it has one.
    cdylib: Option<Target>,
}

/// A crate that is compiled to a WebAssembly component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guest {
    /// The name of its folder, and of the `.wasm` file.
    pub(crate) name: String,
    pub(crate) package: String,
    /// The name of cargo's library target, by which its artifact is recognised.
    pub(crate) library: String,
    /// Relative to the root.
    pub(crate) folder: PathBuf,
    /// Whether cargo optimises it as a whole. It leaves that out for a library of several kinds, because an `rlib` cannot
    /// be optimised so, and one call of the compiler makes them all.
    pub(crate) optimised: bool,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

impl Workspace {
    /// Asks cargo about the workspace that this program belongs to.
    pub(crate) fn open() -> Result<Self> {
        let root = root()?;
        let mut command = cargo_in(&root);
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        let output = command.output().with_context(|| format!("cannot start `{}`", process::line(&command)))?;
        if !output.status.success() {
            bail!(
                "cargo cannot read the workspace in {}:\n{}",
                root.display(),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let metadata = serde_json::from_slice(&output.stdout).context("cannot read what `cargo metadata` printed")?;
        Ok(Self::from_metadata(root, metadata))
    }

    fn from_metadata(root: PathBuf, metadata: Metadata) -> Self {
        let members = metadata
            .packages
            .into_iter()
            .filter_map(|package| {
                let folder = package.manifest_path.parent()?.strip_prefix(&root).ok()?.to_owned();
                let cdylib =
                    package.targets.into_iter().find(|target| target.crate_types.iter().any(|kind| kind == "cdylib"));
                Some(Member { package: package.name, folder, cdylib })
            })
            .collect();
        Self { root, target: metadata.target_directory, members }
    }

    /// `cargo`, in the root, as a person would start it there.
    pub(crate) fn cargo(&self) -> Command {
        cargo_in(&self.root)
    }

    /// The plugins: every crate in `plugins/`.
    pub(crate) fn plugins(&self) -> Result<Vec<Guest>> {
        self.guests("plugins")
    }

    /// The guests that only the tests load: every crate in `tests/guests/`.
    pub(crate) fn test_guests(&self) -> Result<Vec<Guest>> {
        self.guests("tests/guests")
    }

    /// Whether the workspace has a package of this name.
    pub(crate) fn has(&self, package: &str) -> bool {
        self.members.iter().any(|member| member.package == package)
    }

    /// The crates right below `folder`, sorted. One that cannot become a component is an error, not a silent gap.
    fn guests(&self, folder: &str) -> Result<Vec<Guest>> {
        let mut guests = Vec::new();
        for name in crates_below(&self.root.join(folder))? {
            let path = Path::new(folder).join(&name);
            let Some(member) = self.members.iter().find(|member| member.folder == path) else {
                bail!(
                    "{}/Cargo.toml is not a member of the workspace: add \"{folder}/*\" to `members` in the root \
                     Cargo.toml",
                    path.display()
                );
            };
            let Some(library) = &member.cdylib else {
                bail!(
                    "{}/Cargo.toml does not build a WebAssembly library: add\n\n    [lib]\n    crate-type = \
                     [\"cdylib\"]\n",
                    path.display()
                );
            };
            guests.push(Guest {
                name,
                package: member.package.clone(),
                library: library.name.clone(),
                folder: path,
                optimised: library.crate_types.len() == 1,
            });
        }
        Ok(guests)
    }

    /// Where finished plugins are left. Below the root wherever cargo builds: `devconnect.toml` names these files.
    pub(crate) fn plugin_files(&self) -> PathBuf {
        self.root.join("target/plugins")
    }

    /// Where finished test guests are left.
    pub(crate) fn test_guest_files(&self) -> PathBuf {
        self.root.join("target/guests-test")
    }

    /// What this tool remembers between runs.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.join("target/xtask")
    }

    /// The log of a step that runs silently.
    pub(crate) fn log(&self, step: &str) -> PathBuf {
        self.state().join("logs").join(format!("{step}.log"))
    }
}

/// `--locked` in continuous integration, where a lock file that does not fit is a mistake; a person who has just added a
/// dependency wants it entered.
pub(crate) fn locked() -> Option<&'static str> {
    std::env::var_os("CI").is_some().then_some("--locked")
}

/// The repository's root. Cargo tells where this package is at run time; the path of compile time would be wrong in a
/// second clone that shares its target directory with the first.
fn root() -> Result<PathBuf> {
    let manifest = match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")),
    };
    let root = manifest.parent().context("the package xtask has no folder above it")?;
    if !root.join("Cargo.toml").is_file() {
        bail!("{} has no Cargo.toml: start this tool as `cargo xtask`, inside the repository", root.display());
    }
    Ok(root.to_owned())
}

fn cargo_in(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    process::clean(&mut command).current_dir(root);
    command
}

/// Names of the folders right below `folder` that have a `Cargo.toml`, sorted.
fn crates_below(folder: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read the folder {}", folder.display())),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read the folder {}", folder.display()))?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with the crates `folders`, of which cargo lists those in `members` (folder, is a cdylib).
    fn repository(folders: &[&str], members: &[(&str, bool)]) -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        for path in folders {
            std::fs::create_dir_all(root.join(path)).unwrap();
            std::fs::write(root.join(path).join("Cargo.toml"), "").unwrap();
        }
        let packages: Vec<_> = members
            .iter()
            .map(|(path, cdylib)| {
                let name = path.replace('/', "-");
                let kinds = if *cdylib { vec!["cdylib"] } else { vec!["lib"] };
                serde_json::json!({
                    "name": name,
                    "manifest_path": root.join(path).join("Cargo.toml"),
                    "targets": [{ "name": name.replace('-', "_"), "crate_types": kinds }],
                })
            })
            .collect();
        let metadata = serde_json::json!({ "packages": packages, "target_directory": "/elsewhere" });
        let workspace = Workspace::from_metadata(root, serde_json::from_value(metadata).unwrap());
        (folder, workspace)
    }

    #[test]
    fn plugins_are_the_crates_in_their_folder_sorted() {
        let (folder, workspace) = repository(
            &["plugins/hello", "plugins/auth", "tests/guests/trap"],
            &[("plugins/hello", true), ("plugins/auth", true), ("tests/guests/trap", true)],
        );
        std::fs::create_dir_all(folder.path().join("plugins/web")).unwrap();
        let names: Vec<_> = workspace.plugins().unwrap().into_iter().map(|guest| guest.name).collect();
        assert_eq!(names, ["auth", "hello"]);
        assert_eq!(
            workspace.test_guests().unwrap(),
            [Guest {
                name: "trap".into(),
                package: "tests-guests-trap".into(),
                library: "tests_guests_trap".into(),
                folder: "tests/guests/trap".into(),
                optimised: true,
            }]
        );
    }

    #[test]
    fn a_repository_without_plugins_has_none() {
        let (_folder, workspace) = repository(&[], &[]);
        assert!(workspace.plugins().unwrap().is_empty());
    }

    #[test]
    fn a_plugin_outside_the_workspace_is_named_with_the_fix() {
        let (_folder, workspace) = repository(&["plugins/lost"], &[]);
        let error = workspace.plugins().unwrap_err().to_string();
        assert!(error.contains("plugins/lost/Cargo.toml is not a member"), "{error}");
        assert!(error.contains("\"plugins/*\""), "{error}");
    }

    #[test]
    fn a_library_of_several_kinds_is_known_to_be_less_optimised() {
        let (_folder, mut workspace) = repository(&["plugins/both"], &[("plugins/both", true)]);
        assert!(workspace.plugins().unwrap()[0].optimised);
        let library = workspace.members[0].cdylib.as_mut().unwrap();
        library.crate_types.push("rlib".to_owned());
        assert!(!workspace.plugins().unwrap()[0].optimised);
    }

    #[test]
    fn a_plugin_that_is_no_cdylib_is_named_with_the_fix() {
        let (_folder, workspace) = repository(&["plugins/plain"], &[("plugins/plain", false)]);
        let error = workspace.plugins().unwrap_err().to_string();
        assert!(error.contains("crate-type"), "{error}");
    }
}
