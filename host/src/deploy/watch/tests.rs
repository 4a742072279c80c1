use std::collections::BTreeMap;
use std::fs;

use notify::event::{DataChange, Flag, RenameMode};

use super::*;

#[test]
fn finished_writes_of_known_files_count() {
    let paths = HashSet::from([PathBuf::from("/a/x.wasm"), PathBuf::from("/a")]);
    let event = |kind, path: &str| notify::Event::new(kind).add_path(path.into());
    let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::To));
    let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
    assert!(counts(&event(renamed, "/a/x.wasm"), &paths));
    assert!(counts(&event(closed, "/a/x.wasm"), &paths));
    assert!(counts(&event(renamed, "/a/..data"), &paths));
    assert!(!counts(&event(closed, "/a/y.wasm"), &paths), "another file");
    assert!(!counts(&event(EventKind::Modify(ModifyKind::Data(DataChange::Any)), "/a/x.wasm"), &paths), "half written");
    assert!(counts(&event(EventKind::Modify(ModifyKind::Name(RenameMode::From)), "/a"), &paths), "the folder is moved");
}

#[test]
fn a_lost_event_counts() {
    assert!(counts(&notify::Event::new(EventKind::Other).set_flag(Flag::Rescan), &HashSet::new()));
}

#[tokio::test]
async fn a_folder_that_was_removed_is_watched_again() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    let component = plugins.join("a.wasm");
    let place = || {
        fs::create_dir_all(&plugins).unwrap();
        fs::write(&component, "a").unwrap();
    };
    place();
    let text = "[plugins.a]\nsource = \"plugins/a.wasm\"\n";
    let config = crate::config::parse(&folder.path().join("devconnect.toml"), text, &BTreeMap::new()).unwrap();
    let mut watcher = Watcher::new().unwrap();
    watcher.follow(&config);
    fs::write(&component, "b").unwrap();
    watcher.changed().await;
    watcher.settle().await;

    fs::remove_dir_all(&plugins).unwrap();
    watcher.changed().await;
    watcher.follow(&config);
    assert!(watcher.unwatched.contains(&plugins) && !watcher.folders.contains(&plugins));

    place();
    watcher.follow(&config);
    assert!(watcher.folders.contains(&plugins) && watcher.unwatched.is_empty());
    watcher.settle().await;
    fs::write(&component, "c").unwrap();
    watcher.changed().await;
}
