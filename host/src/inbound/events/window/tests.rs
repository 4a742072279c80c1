use super::*;
use crate::capabilities::events::backend::Position;

fn record(offset: u64, key: Option<&str>) -> Record {
    Record {
        topic: "t".to_owned(),
        position: Position { partition: 0, offset },
        timestamp_ms: 0,
        key: key.map(|key| key.as_bytes().to_vec()),
        value: b"value".to_vec(),
        headers: Vec::new(),
    }
}

fn window(keys: &[&str]) -> Window {
    let mut window = Window::new(0);
    (0..).zip(keys).for_each(|(offset, key)| window.push(record(offset, (!key.is_empty()).then_some(*key))));
    window
}

fn offsets(batch: Option<Batch>) -> Vec<u64> {
    batch.unwrap_or_default().iter().map(|(record, _)| record.position.offset).collect()
}

fn again() -> Tried {
    Tried::Again("away".to_owned())
}

#[test]
fn a_batch_at_a_time_and_in_order() {
    let mut window = window(&["a", "b", "a", ""]);
    let now = Instant::now();
    assert_eq!(offsets(window.take(3, now)), [0, 1, 2]);
    assert_eq!(offsets(window.take(3, now)), [] as [u64; 0]);
    assert!(window.tried(vec![Tried::Done, Tried::Done, Tried::Done], now).is_empty());
    assert_eq!(window.done_to(), 3);
    assert_eq!(offsets(window.take(3, now)), [3]);
}

#[test]
fn a_retry_holds_back_its_key_and_no_other() {
    let mut window = window(&["a", "b", "a", "b"]);
    let now = Instant::now();
    assert_eq!(offsets(window.take(10, now)), [0, 1, 2, 3]);
    window.tried(vec![again(), Tried::Done, again(), Tried::Done], now);
    assert_eq!(window.done_to(), 0);
    window.push(record(4, Some("a")));
    window.push(record(5, Some("b")));
    assert_eq!(offsets(window.take(10, now)), [5]);
    window.tried(vec![Tried::Done], now);
    let later = now + PAUSES[0];
    assert_eq!(window.wake_at(), Some(later));
    let batch = window.take(10, later).unwrap();
    // The one that was held back has not been tried.
    assert_eq!(
        batch.iter().map(|(record, attempt)| (record.position.offset, *attempt)).collect::<Vec<_>>(),
        [(0, 2), (2, 1), (4, 1)]
    );
    window.tried(vec![Tried::Done, Tried::Done, Tried::Done], later);
    assert_eq!(window.done_to(), 6);
    assert_eq!(window.load(), (0, 0));
}

#[test]
fn the_fifth_failure_is_the_last() {
    let mut window = window(&["a", "a"]);
    let mut now = Instant::now();
    for attempt in 1..=5 {
        let batch = window.take(1, now).unwrap();
        assert_eq!((batch[0].0.position.offset, batch[0].1), (0, attempt));
        let dead = window.tried(vec![again()], now);
        assert_eq!(dead.len(), usize::from(attempt == 5));
        now = window.wake_at().unwrap_or(now);
    }
    // Its key waits until it lies in the topic of the dead.
    assert_eq!(offsets(window.take(1, now + Duration::from_secs(60))), [] as [u64; 0]);
    assert_eq!(window.done_to(), 0);
    window.buried(0);
    assert_eq!(window.done_to(), 1);
    assert_eq!(offsets(window.take(1, now)), [1]);
}

#[test]
fn a_rejected_record_is_given_up_at_once() {
    let mut window = window(&["a", "b"]);
    let now = Instant::now();
    window.take(10, now);
    let dead = window.tried(vec![Tried::Never("no JSON".to_owned()), Tried::Done], now);
    assert_eq!((dead[0].record.position.offset, dead[0].reason.as_str(), dead[0].tries), (0, "no JSON", 1));
    assert_eq!(window.done_to(), 0);
    window.buried(0);
    assert_eq!(window.done_to(), 2);
}

#[test]
fn a_failed_batch_is_tried_one_by_one() {
    let mut window = window(&["a", "b", "a"]);
    let now = Instant::now();
    assert_eq!(offsets(window.take(10, now)), [0, 1, 2]);
    window.tried(vec![Tried::Alone; 3], now);
    for offset in 0..3 {
        let batch = window.take(10, now);
        assert_eq!(batch.as_ref().map(|batch| batch[0].1), Some(1));
        assert_eq!(offsets(batch), [offset]);
        window.tried(vec![Tried::Done], now);
    }
    assert_eq!(window.done_to(), 3);
}

#[test]
fn a_try_that_does_not_count_is_no_try() {
    let mut window = window(&["a"]);
    let mut now = Instant::now();
    for _ in 0..20 {
        assert_eq!(window.take(1, now).unwrap()[0].1, 1);
        window.tried(vec![Tried::Later], now);
        now = window.wake_at().unwrap();
    }
}

#[test]
fn gaps_and_repetitions_do_not_matter() {
    let mut window = Window::new(0);
    window.push(record(7, Some("a")));
    window.push(record(9, Some("a")));
    window.push(record(8, Some("a")));
    assert_eq!(window.done_to(), 7);
    let now = Instant::now();
    assert_eq!(offsets(window.take(10, now)), [7, 9]);
    window.tried(vec![Tried::Done, Tried::Done], now);
    assert_eq!(window.done_to(), 10);
    window.push(record(9, Some("a")));
    assert_eq!(offsets(window.take(10, now)), [] as [u64; 0]);
}

#[test]
fn a_batch_has_a_size_in_bytes() {
    let mut window = Window::new(0);
    for offset in 0..3 {
        window.push(Record { value: vec![0; BATCH_BYTES / 2 + 1], ..record(offset, None) });
    }
    assert_eq!(offsets(window.take(10, Instant::now())), [0]);
}

#[test]
fn a_burial_of_another_time_changes_nothing() {
    let mut window = window(&["a", "b"]);
    let now = Instant::now();
    window.take(10, now);
    window.buried(0);
    window.tried(vec![again(), Tried::Done], now);
    assert_eq!(window.done_to(), 0);
    assert_eq!(offsets(window.take(10, now + PAUSES[0])), [0]);
}

#[test]
fn what_is_finished_behind_a_failure_takes_no_room() {
    let mut window = window(&["a", "b", "c"]);
    let now = Instant::now();
    window.take(10, now);
    window.tried(vec![again(), Tried::Done, Tried::Done], now);
    assert_eq!(window.load(), (1, "value".len() + "a".len()));
    assert_eq!(window.done_to(), 0);
}
