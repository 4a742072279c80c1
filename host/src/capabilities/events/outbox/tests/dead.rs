//! What is set aside: room of its own, and what an operator does with it.

use tempfile::TempDir;

use super::*;

/// An outbox with these events of one key, and those of the first `dead` set aside.
async fn with_dead(folder: &TempDir, limits: Limits, events: usize, dead: usize) -> (Arc<Store>, Arc<Outbox>) {
    let (store, outbox) = open(folder, limits);
    outbox.accept((0..events).map(|number| event(Some("k"), &number.to_string())).collect()).await.unwrap();
    let settled = (0..dead as u64).map(|sequence| (sequence, Some("denied".to_owned()))).collect();
    assert!(outbox.settle(settled).await.unwrap().is_empty());
    (store, outbox)
}

async fn dead_values(outbox: &Outbox) -> Vec<String> {
    let dead = outbox.dead(None, usize::MAX).await.unwrap();
    dead.into_iter().map(|dead| String::from_utf8(dead.event.unwrap().value).unwrap()).collect()
}

#[tokio::test]
async fn it_takes_no_room_from_what_waits() {
    let folder = TempDir::new().unwrap();
    let limits = Limits { rows: 3, bytes: 2_000, ..Limits::default() };
    let (_store, outbox) = with_dead(&folder, limits, 3, 3).await;
    outbox.accept((3..6).map(|number| event(Some("k"), &number.to_string())).collect()).await.unwrap();
    assert_eq!((outbox.depth(), outbox.dead_count()), (3, 3));
    assert!(matches!(outbox.accept(vec![event(None, "6")]).await, Err(Error::Unavailable(_))));
    assert!(outbox.settle(vec![(3, None), (4, None), (5, Some("denied".to_owned()))]).await.unwrap().is_empty());
    outbox.accept((0..3).map(|_| event(None, &"x".repeat(400))).collect()).await.unwrap();
}

#[tokio::test]
async fn what_does_not_fit_aside_stays_where_it_is() {
    let folder = TempDir::new().unwrap();
    let (store, outbox) = with_dead(&folder, Limits { dead_rows: 2, ..Limits::default() }, 4, 1).await;
    let denied = || Some("denied".to_owned());
    // What was published goes all the same.
    assert_eq!(outbox.settle(vec![(1, denied()), (2, denied()), (3, None)]).await.unwrap(), [2]);
    assert_eq!((outbox.depth(), outbox.dead_count()), (1, 2));
    assert_eq!(values(&waiting(&outbox).await), ["2"]);
    assert_eq!(dead_values(&outbox).await, ["0", "1"]);
    drop((store, outbox));

    let bytes = Limits { dead_bytes: 500, ..Limits::default() };
    let (_store, outbox) = open(&folder, bytes);
    outbox.accept(vec![event(None, &"x".repeat(400))]).await.unwrap();
    assert_eq!(outbox.settle(vec![(3, denied())]).await.unwrap(), [3]);
    assert!(outbox.settle(vec![(2, denied())]).await.unwrap().is_empty());
}

#[tokio::test]
async fn it_is_shown_in_pieces_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = with_dead(&folder, Limits::default(), 5, 4).await;
    let first = outbox.dead(None, 3).await.unwrap();
    assert_eq!(first.iter().map(|dead| dead.sequence).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(first.iter().all(|dead| dead.reason == "denied" && dead.accepted_ms > 0));
    let rest = outbox.dead(Some(2), 3).await.unwrap();
    assert_eq!(rest.iter().map(|dead| dead.sequence).collect::<Vec<_>>(), [3]);
    assert_eq!(outbox.dead(Some(3), 3).await.unwrap(), []);
}

#[tokio::test]
async fn a_piece_is_about_a_mebibyte() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = open(&folder, Limits::default());
    for number in 0..3 {
        outbox.accept(vec![event(None, &"x".repeat(700_000))]).await.unwrap();
        outbox.settle(vec![(number, Some("denied".to_owned()))]).await.unwrap();
    }
    assert_eq!(outbox.dead(None, 10).await.unwrap().len(), 2);
    assert_eq!(outbox.dead(Some(1), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn it_comes_back_in_order_or_in_part_also_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let (store, outbox) = with_dead(&folder, Limits::default(), 5, 4).await;
    let before = outbox.dead(None, 10).await.unwrap();
    drop((store, outbox));

    let (_store, outbox) = open(&folder, Limits::default());
    assert_eq!((outbox.depth(), outbox.dead_count()), (1, 4));
    assert_eq!(outbox.revive(Which::These(vec![2, 9, 2])).await.unwrap(), 1);
    assert_eq!(values(&waiting(&outbox).await), ["4", "2"]);
    assert_eq!(outbox.revive(Which::All).await.unwrap(), 3);
    let back = waiting(&outbox).await;
    assert_eq!(values(&back), ["4", "2", "0", "1", "3"]);
    assert_eq!(Some(&back[2]), before[0].event.as_ref());
    assert_eq!((outbox.depth(), outbox.dead_count()), (5, 0));
    assert_eq!(outbox.revive(Which::All).await.unwrap(), 0);
    let sizes = outbox.bytes();
    outbox.settle((4..9).map(|sequence| (sequence, None)).collect()).await.unwrap();
    assert!(sizes > 0);
    assert_eq!((outbox.depth(), outbox.bytes()), (0, 0));
}

#[tokio::test]
async fn it_comes_back_only_if_there_is_room() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = with_dead(&folder, Limits { rows: 3, ..Limits::default() }, 3, 2).await;
    outbox.accept(vec![event(None, "3")]).await.unwrap();
    let refused = outbox.revive(Which::All).await.unwrap_err();
    assert!(refused.message().contains("the outbox is full"), "{refused}");
    assert_eq!((outbox.depth(), outbox.dead_count()), (2, 2));
    assert_eq!(values(&waiting(&outbox).await), ["2", "3"]);
    assert_eq!(outbox.revive(Which::These(vec![1])).await.unwrap(), 1);
    assert_eq!(values(&waiting(&outbox).await), ["2", "3", "1"]);
}

#[tokio::test]
async fn it_is_discarded_only_if_asked() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = with_dead(&folder, Limits { dead_rows: 3, ..Limits::default() }, 4, 3).await;
    assert_eq!(outbox.discard(Which::These(vec![1, 3])).await.unwrap(), 1);
    assert_eq!(dead_values(&outbox).await, ["0", "2"]);
    assert_eq!(values(&waiting(&outbox).await), ["3"], "what waits is no one's to discard");
    assert!(outbox.settle(vec![(3, Some("denied".to_owned()))]).await.unwrap().is_empty(), "there is room again");
    assert_eq!(outbox.discard(Which::All).await.unwrap(), 3);
    assert_eq!((outbox.depth(), outbox.dead_count(), outbox.bytes()), (0, 0, 0));
}
