use super::*;

fn row(topic: &str, key: Option<&str>, value: u8) -> (ObjectId, Event) {
    let key = key.map(ToOwned::to_owned);
    (ObjectId::new(), Event { topic: topic.to_owned(), key, value: vec![value], headers: Vec::new() })
}

#[test]
fn a_wave_has_one_event_of_a_key_and_the_order_stays() {
    let rows = vec![
        row("t", Some("a"), 1),
        row("t", Some("b"), 2),
        row("t", Some("a"), 3),
        row("u", Some("a"), 4),
        row("t", None, 5),
        row("t", Some("a"), 6),
        row("t", None, 7),
    ];
    let values: Vec<Vec<u8>> =
        waves(rows).into_iter().map(|wave| wave.iter().map(|(_, event)| event.value[0]).collect()).collect();
    assert_eq!(values, [vec![1, 2, 4, 5, 7], vec![3], vec![6]]);
}
