//! How long keys live.

use super::*;

const SHORT: Option<Duration> = Some(Duration::from_millis(40));

/// Waits until the key is gone.
async fn gone(cache: &Cache, key: &str) {
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    while cache.life(key).await.unwrap().is_some() {
        assert!(tokio::time::Instant::now() < end, "{key} lives on");
        tokio::task::yield_now().await;
    }
}

pub(super) async fn a_life_ends(cache: &Cache) {
    let keys: Vec<String> = (0..7).map(|number| cache.key(&number.to_string())).collect();
    cache.set(&keys[0], "v".into(), SHORT).await.unwrap();
    assert_eq!(cache.set_if_absent(&keys[1], "v".into(), SHORT).await, Ok(true));
    assert_eq!(cache.compare_and_set(&keys[2], None, "v".into(), SHORT).await, Ok(true));
    assert_eq!(cache.increment(&keys[3], 1, SHORT).await, Ok(1));
    assert_eq!(cache.list_push(&keys[4], all(&["a", "b"]), Some(1), SHORT).await, Ok(1));
    assert_eq!(cache.set_add(&keys[5], all(&["a", "b"]), SHORT).await, Ok(2));
    cache.set(&keys[6], "v".into(), None).await.unwrap();
    assert_eq!(cache.expire(&keys[6], Duration::from_millis(40)).await, Ok(true));
    for key in &keys {
        gone(cache, key).await;
    }
    assert_eq!(cache.get(&keys[0]).await, Ok(None));
    assert_eq!(cache.delete(&keys).await, Ok(0));
    assert_eq!(cache.expire(&keys[0], Duration::from_secs(1)).await, Ok(false));
    assert_eq!(cache.set_if_absent(&keys[1], "v".into(), HOUR).await, Ok(true));
    assert_eq!(cache.increment(&keys[3], 1, HOUR).await, Ok(1), "a new window begins");
}

pub(super) async fn a_life_is_told(cache: &Cache) {
    let key = cache.key("k");
    assert_eq!(cache.life(&key).await, Ok(None));
    assert_eq!(cache.expire(&key, Duration::from_secs(1)).await, Ok(false));
    cache.set(&key, "v".into(), None).await.unwrap();
    assert_eq!(cache.life(&key).await, Ok(Some(Duration::ZERO)));
    assert_eq!(cache.expire(&key, Duration::from_secs(3_600)).await, Ok(true));
    assert!(an_hour(cache.life(&key).await.unwrap()));
    let century = super::super::backend::check::MAX_LIFE;
    assert_eq!(cache.expire(&key, century).await, Ok(true));
    let left = cache.life(&key).await.unwrap().unwrap();
    assert!(left <= century && left > century - Duration::from_secs(600));
    // Less than a millisecond lasts one, and does not delete at once by being zero.
    cache.set(&key, "v".into(), Some(Duration::from_micros(1))).await.unwrap();
    gone(cache, &key).await;
}

pub(super) async fn an_increment_sets_the_life_of_a_new_key_only(cache: &Cache) {
    let (new, old, endless) = (cache.key("new"), cache.key("old"), cache.key("endless"));
    cache.increment(&new, 1, HOUR).await.unwrap();
    assert!(an_hour(cache.life(&new).await.unwrap()));
    cache.set(&old, "1".into(), HOUR).await.unwrap();
    assert_eq!(cache.increment(&old, 1, Some(Duration::from_secs(9))).await, Ok(2));
    assert!(an_hour(cache.life(&old).await.unwrap()), "the window slid");
    assert_eq!(cache.increment(&old, 1, None).await, Ok(3));
    assert!(an_hour(cache.life(&old).await.unwrap()));
    cache.set(&endless, "1".into(), None).await.unwrap();
    cache.increment(&endless, 1, HOUR).await.unwrap();
    assert_eq!(cache.life(&endless).await, Ok(Some(Duration::ZERO)));
    assert_eq!(cache.increment(&cache.key("without"), 1, None).await, Ok(1));
    assert_eq!(cache.life(&cache.key("without")).await, Ok(Some(Duration::ZERO)));
}

pub(super) async fn collections_renew_their_life_if_one_is_given(cache: &Cache) {
    let (list, set, sorted, hash) = (cache.key("l"), cache.key("s"), cache.key("z"), cache.key("h"));
    for life in [None, Some(Duration::from_secs(9)), HOUR, None] {
        cache.list_push(&list, all(&["v"]), None, life).await.unwrap();
        cache.set_add(&set, all(&["v"]), life).await.unwrap();
        cache.sorted_add(&sorted, vec![(1.0, "v".into())], life).await.unwrap();
        cache.hash_set(&hash, vec![("f".into(), "v".into())], life).await.unwrap();
    }
    for key in [list, set, sorted, hash] {
        assert!(an_hour(cache.life(&key).await.unwrap()), "{key}");
    }
}

pub(super) async fn what_changes_nothing_leaves_the_life(cache: &Cache) {
    let (key, hash) = (cache.key("k"), cache.key("h"));
    cache.set(&key, "v".into(), HOUR).await.unwrap();
    assert_eq!(cache.set_if_absent(&key, "w".into(), None).await, Ok(false));
    assert_eq!(cache.compare_and_set(&key, Some(b"x"), "w".into(), None).await, Ok(false));
    assert_eq!(case(cache.increment(&key, 1, None).await), "invalid");
    assert_eq!(case(cache.set_add(&key, all(&["m"]), SHORT).await), "invalid");
    assert!(an_hour(cache.life(&key).await.unwrap()));
    cache.hash_set(&hash, vec![("f".into(), "1".into())], HOUR).await.unwrap();
    cache.hash_increment(&hash, "f", 1).await.unwrap();
    cache.hash_delete(&hash, &names(&["absent"])).await.unwrap();
    assert!(an_hour(cache.life(&hash).await.unwrap()));
}
