use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::capabilities::cache::memory::snapshot::{Damage, Error, Loaded, MAGIC};

fn filled() -> (Memory, Arc<ManualClock>) {
    let (cache, clock) = cache();
    set(&cache, "endless", "e", None);
    set(&cache, "short", "s", ms(100));
    set(&cache, "long", "l", ms(10_000));
    set(&cache, "bin", vec![0, 255], None);
    set(&cache, "empty", "", None);
    now(cache.list_push("list", vec!["1".into(), "2".into(), "3".into()], None, ms(10_000))).unwrap();
    now(cache.set_add("set", vec!["a".into(), "b".into()], None)).unwrap();
    now(cache.sorted_add("sorted", vec![(2.5, "x".into()), (f64::NEG_INFINITY, "y".into())], None)).unwrap();
    now(cache.hash_set("hash", vec![("f".into(), "v".into()), ("g".into(), "".into())], None)).unwrap();
    (cache, clock)
}

#[test]
fn everything_comes_back_and_lives_went_on_meanwhile() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data/cache.snapshot");
    let (old, clock) = filled();
    clock.pass(40);
    assert_eq!(old.save(&path).unwrap(), 9);

    let (new, clock) = cache();
    // The new host's monotonic clock starts anywhere; the wall clock says that a second has passed.
    clock.pass(1_040);
    assert_eq!(new.load(&path).unwrap(), Loaded { entries: 8, expired: 1 });
    assert_eq!(get(&new, "short"), None);
    assert_eq!(get(&new, "endless").unwrap(), "e");
    assert_eq!(now(new.life("endless")), Ok(Some(Duration::ZERO)));
    assert_eq!(get(&new, "long").unwrap(), "l");
    assert_eq!(now(new.life("long")), Ok(ms(10_000 - 1_040)));
    assert_eq!(now(new.life("list")), Ok(ms(10_000 - 1_040)));
    assert_eq!(get(&new, "bin").unwrap(), [0, 255].as_slice());
    assert_eq!(get(&new, "empty").unwrap(), "");
    assert_eq!(now(new.list_range("list", 0, -1)).unwrap(), ["3", "2", "1"]);
    assert_eq!(now(new.set_size("set")), Ok(2));
    let sorted = now(new.sorted_range("sorted", f64::NEG_INFINITY, 9.0, 9, false)).unwrap();
    assert_eq!(sorted, [(f64::NEG_INFINITY, Bytes::from("y")), (2.5, Bytes::from("x"))]);
    assert_eq!(now(new.hash_get("hash", &keys(&["f", "g"]))).unwrap(), [Some("v".into()), Some("".into())]);
    check(&new);
}

#[test]
fn a_snapshot_is_used_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cache.snapshot");
    filled().0.save(&path).unwrap();
    let (new, _) = cache();
    assert_eq!(new.load(&path).unwrap().entries, 9);
    assert!(!path.exists());
    let (next, _) = cache();
    assert_eq!(next.load(&path).unwrap(), Loaded::default());
}

#[test]
fn a_wall_clock_that_went_back_lengthens_no_life() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cache.snapshot");
    let (old, clock) = filled();
    clock.pass(50);
    old.save(&path).unwrap();
    let (new, clock) = cache();
    clock.wall_ahead.store(0, Ordering::Relaxed);
    new.load(&path).unwrap();
    assert_eq!(now(new.life("short")), Ok(ms(50)));
}

#[test]
fn saving_replaces_atomically_and_for_the_owner_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cache.snapshot");
    fs::write(&path, "older").unwrap();
    filled().0.save(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["cache.snapshot"]);
    assert_eq!(cache().0.load(&path).unwrap().entries, 9);
}

#[test]
fn a_smaller_cache_takes_in_what_it_has_room_for() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cache.snapshot");
    let (old, _) = cache();
    for number in 0..1_000 {
        set(&old, &format!("k:{number}"), vec![0; 500], None);
    }
    old.save(&path).unwrap();
    let config = Config { budget: 100 << 10, shards: 4 };
    let (new, _) = cache_of(config);
    new.load(&path).unwrap();
    assert!(new.stats().bytes <= config.budget);
    assert!(new.stats().entries > 50);
    check(&new);
}

#[test]
fn every_kind_of_damage_is_named_and_nothing_is_taken_in() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cache.snapshot");
    filled().0.save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    let damage = |file: &[u8]| {
        fs::write(&path, file).unwrap();
        let (cache, _) = cache();
        let error = cache.load(&path).unwrap_err();
        assert_eq!(cache.stats().entries, 0);
        match error {
            Error::Damaged { damage, .. } => damage,
            other => panic!("{other}"),
        }
    };
    assert_eq!(damage(b""), Damage::Magic);
    assert_eq!(damage(b"something else entirely, and long enough to be read"), Damage::Magic);
    assert_eq!(damage(MAGIC), Damage::Checksum);
    assert_eq!(damage(&whole[..whole.len() - 1]), Damage::Checksum);
    assert_eq!(damage(&[&whole[..], b"x"].concat()), Damage::Checksum);
    for place in (MAGIC.len() + 4..whole.len()).step_by(7) {
        let mut bent = whole.clone();
        bent[place] ^= 1;
        assert_eq!(damage(&bent), Damage::Checksum, "at {place}");
    }
    let mut newer = whole.clone();
    newer[MAGIC.len()] = 2;
    assert_eq!(damage(&newer), Damage::Version(2));
}

#[test]
fn a_path_that_cannot_be_used_is_an_error_that_names_it() {
    let folder = TempDir::new().unwrap();
    let error = cache().0.load(folder.path()).unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error}");
    let blocked = folder.path().join("file");
    fs::write(&blocked, "").unwrap();
    let error = cache().0.save(&blocked.join("cache.snapshot")).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
    assert!(error.to_string().contains("cache.snapshot"), "{error}");
}

proptest! {
    /// Contents with a checksum that holds, written by somebody who knows the format: refused or read, never a panic or
    /// an absurd allocation.
    #[test]
    fn contents_that_lie_do_not_panic(body in prop::collection::vec(prop_oneof![any::<u8>(), 0..6_u8], 0..200)) {
        use sha2::{Digest, Sha256};
        let mut file = [&MAGIC[..], &1_u32.to_le_bytes(), &body].concat();
        let checksum = Sha256::digest(&file);
        file.extend_from_slice(&checksum);
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("cache.snapshot");
        fs::write(&path, &file).unwrap();
        let (cache, _) = cache();
        drop(cache.load(&path));
        check(&cache);
    }
}
