//! The texts of errors. Each `golden/<name>.toml` has its report beside it as `<name>.txt`; lines `#$ NAME=value` at its
//! top are variables. `UPDATE_GOLDEN=1` writes the reports anew.

use std::path::{Path, PathBuf};

use super::read;

#[test]
fn reports_are_as_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/golden");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 6, "the cases are in {}", folder.display());
    for case in cases {
        let source = std::fs::read_to_string(&case).unwrap();
        let list: Vec<(&str, &str)> =
            source.lines().filter_map(|line| line.strip_prefix("#$ ")?.split_once('=')).collect();
        let report = match read(&source, &list) {
            Ok(_) => "fine\n".to_owned(),
            Err(problems) => format!("{}\n", problems.render(false)),
        };
        let file = case.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &report).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap();
        assert_eq!(report, expected, "{}: run once with UPDATE_GOLDEN=1 and read what changed", file.display());
    }
}
