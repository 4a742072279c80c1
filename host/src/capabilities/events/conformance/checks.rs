//! The checks themselves.

use std::collections::HashMap;

use super::super::backend::{EVENT_ID, Event, MOST_VALUE_BYTES, Position};
use super::super::embedded::partition;
use super::{PATIENCE, Subject, until};
use crate::capabilities::error::Error;

const PARTITIONS: u32 = partition::PARTITIONS;

fn event(topic: &str, key: &str, value: impl Into<Vec<u8>>) -> Event {
    Event { topic: topic.to_owned(), key: Some(key.to_owned()), value: value.into(), headers: Vec::new() }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The values of each key, as they stand in the topic, without those that stand there a second time.
async fn by_key(subject: &Subject, topic: &str) -> HashMap<String, Vec<String>> {
    let mut values: HashMap<String, Vec<String>> = HashMap::new();
    for partition in 0..PARTITIONS {
        let mut seen = std::collections::HashSet::new();
        for record in subject.records(topic, partition).await {
            let key = text(record.key.as_deref().unwrap());
            assert_eq!(partition::of_key(key.as_bytes(), PARTITIONS), partition, "{key}");
            if seen.insert(record.event_id()) {
                values.entry(key).or_default().push(text(&record.value));
            }
        }
    }
    values
}

pub(super) async fn a_key_goes_to_the_partition_that_kafkas_clients_choose(subject: &Subject) {
    let topic = subject.ready().await;
    for key in ["", "a", "21", "foobar", "507f1f77bcf86cd799439011", "ключ", "a-little-bit-long-string"] {
        let position = subject.publish(event(&topic, key, "x")).await.unwrap();
        let chosen = partition::of_key(key.as_bytes(), PARTITIONS);
        assert_eq!(position.partition, chosen, "{key:?}");
        let records = subject.records(&topic, chosen).await;
        let found = records.iter().find(|record| record.position == position).unwrap();
        assert_eq!(text(found.key.as_deref().unwrap()), key);
    }
}

pub(super) async fn a_keys_events_keep_their_order(subject: &Subject) {
    let topic = subject.ready().await;
    let numbers: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    for number in &numbers {
        subject.publish(event(&topic, "single", number.as_str())).await.unwrap();
    }
    let batch: Vec<Event> = numbers
        .iter()
        .flat_map(|number| (0..7).map(|key| event(&topic, &format!("batch{key}"), number.as_str())).collect::<Vec<_>>())
        .map(Event::with_id)
        .collect();
    until("a batch that is acknowledged", async || {
        let answers = subject.log.publish_batch(batch.clone()).await.ok()?;
        answers.iter().all(Result::is_ok).then_some(())
    })
    .await;
    let values = by_key(subject, &topic).await;
    assert_eq!(values.len(), 8);
    for (key, values) in values {
        assert_eq!(values, numbers, "{key}");
    }
}

pub(super) async fn a_record_is_read_back_whole(subject: &Subject) {
    let topic = subject.ready().await;
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("twice".to_owned(), "1".to_owned()),
        ("twice".to_owned(), "ä".to_owned()),
        ("empty".to_owned(), String::new()),
    ];
    let sent = Event { headers: headers.clone(), ..event(&topic, "key", vec![0, 159, 146, 150, 255]) };
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let position = subject.publish(sent.clone()).await.unwrap();
    let records = subject.log.read(&topic, position.partition, position.offset, 1).await.unwrap();
    let [record] = records.try_into().unwrap();
    assert_eq!((record.topic.as_str(), record.position), (topic.as_str(), position));
    assert_eq!((record.key.as_deref(), &record.value), (Some(b"key".as_slice()), &sent.value));
    let back: Vec<_> = record.headers[..4].iter().map(|(name, value)| (name.clone(), text(value))).collect();
    assert_eq!(back, headers);
    assert!(u128::from(record.timestamp_ms) >= before, "{} before {before}", record.timestamp_ms);

    // Without a key and with nothing in it.
    let bare = Event { topic: topic.clone(), ..Event::default() };
    let position = subject.publish(bare).await.unwrap();
    let records = subject.log.read(&topic, position.partition, position.offset, 1).await.unwrap();
    let [record] = records.try_into().unwrap();
    assert_eq!((record.key, record.value), (None, Vec::new()));
}

pub(super) async fn an_event_id_is_given_once_and_kept(subject: &Subject) {
    let topic = subject.ready().await;
    let given = subject.publish(event(&topic, "k", "new")).await.unwrap();
    let own = Event { headers: vec![(EVENT_ID.to_owned(), "mine".to_owned())], ..event(&topic, "k", "own") };
    let kept = subject.publish(own).await.unwrap();
    let id = async |position: Position| {
        let [record] =
            subject.log.read(&topic, position.partition, position.offset, 1).await.unwrap().try_into().unwrap();
        let ids = record.headers.iter().filter(|(name, _)| name == EVENT_ID).count();
        assert_eq!(ids, 1);
        record.event_id()
    };
    assert_eq!(uuid::Uuid::parse_str(&id(given).await).unwrap().get_version_num(), 7);
    assert_eq!(id(kept).await, "mine");
}

pub(super) async fn a_batch_answers_each_record(subject: &Subject) {
    let topic = subject.ready().await;
    let large = event(&topic, "k", vec![0; MOST_VALUE_BYTES + 1]);
    let nameless = Event { topic: "no topic".to_owned(), ..event("", "k", "x") };
    let batch = vec![event(&topic, "k", "1"), large, nameless, event(&topic, "k", "2"), event(&topic, "other", "3")];
    let batch: Vec<Event> = batch.into_iter().map(Event::with_id).collect();
    let answers = until("a batch that is acknowledged", async || {
        let answers = subject.log.publish_batch(batch.clone()).await.ok()?;
        answers.iter().all(|answer| !matches!(answer, Err(Error::Timeout(_)))).then_some(answers)
    })
    .await;
    let [Ok(first), Err(Error::TooLarge(large)), Err(Error::Invalid(name)), Ok(second), Ok(other)] = answers.as_slice()
    else {
        panic!("{answers:?}")
    };
    assert!(large.message.contains(&topic), "{}", large.message);
    assert!(name.message.contains("no topic"), "{}", name.message);
    assert_eq!((first.partition, second.partition), (partition::of_key(b"k", 3), partition::of_key(b"k", 3)));
    assert!(first < second);
    assert_eq!(other.partition, partition::of_key(b"other", 3));
}

pub(super) async fn an_empty_batch_is_answered(subject: &Subject) {
    assert!(subject.log.publish_batch(Vec::new()).await.unwrap().is_empty());
    subject.log.publish_later(Vec::new()).await.unwrap();
}

pub(super) async fn the_largest_event_is_taken_and_a_larger_one_is_not(subject: &Subject) {
    let topic = subject.ready().await;
    let headers = vec![("h".to_owned(), "x".repeat(16_000))];
    let largest = Event { headers, ..event(&topic, &"k".repeat(1_024), vec![7; MOST_VALUE_BYTES]) };
    let position = subject.publish(largest).await.unwrap();
    let records = subject.log.read(&topic, position.partition, position.offset, 1).await.unwrap();
    assert!(records[0].value == vec![7; MOST_VALUE_BYTES]);
    let larger = event(&topic, "k", vec![7; MOST_VALUE_BYTES + 1]);
    let refused = subject.log.publish(larger.clone()).await.unwrap_err();
    assert!(matches!(refused, Error::TooLarge(_)), "{refused}");
    assert!(refused.message().starts_with(&format!("publish to {topic}: ")), "{refused}");
    assert!(matches!(subject.log.publish_later(vec![larger]).await, Err(Error::TooLarge(_))));
    let nameless = Event { topic: "../etc".to_owned(), ..event("", "k", "x") };
    assert!(matches!(subject.log.publish(nameless).await, Err(Error::Invalid(_))));
}

pub(super) async fn reading_is_bounded_and_names_what_is_not_there(subject: &Subject) {
    let topic = subject.ready().await;
    let home = partition::of_key(b"k", PARTITIONS);
    let first = subject.publish(event(&topic, "k", vec![0; 400_000])).await.unwrap().offset;
    for _ in 0..4 {
        subject.publish(event(&topic, "k", vec![0; 400_000])).await.unwrap();
    }
    let end = subject.publish(event(&topic, "k", "end")).await.unwrap().offset + 1;
    assert_eq!(subject.log.read(&topic, home, first, 10).await.unwrap().len(), 3);
    assert_eq!(subject.log.read(&topic, home, first + 1, 2).await.unwrap().len(), 2);
    assert_eq!(subject.log.read(&topic, home, end, 2).await.unwrap(), []);
    assert_eq!(subject.log.read(&topic, home, end + 1_000, 2).await.unwrap(), []);
    let missing = subject.log.read(&topic, PARTITIONS, 0, 1).await.unwrap_err();
    assert!(matches!(missing, Error::NotFound(_)), "{missing}");
    let missing = subject.log.read(&subject.topic(), 0, 0, 1).await.unwrap_err();
    assert!(matches!(missing, Error::NotFound(_)), "{missing}");
}

pub(super) async fn topics_say_what_they_hold(subject: &Subject) {
    let topic = subject.ready().await;
    let home = partition::of_key(b"k", PARTITIONS) as usize;
    let mut end = 0;
    for _ in 0..5 {
        end = subject.publish(event(&topic, "k", "x")).await.unwrap().offset + 1;
    }
    let topics = subject.log.topics().await.unwrap();
    let found = topics.iter().find(|found| found.name == topic).unwrap();
    assert_eq!(found.partitions.len(), PARTITIONS as usize);
    assert_eq!(found.partitions[home], 0..end);
    assert!(topics.is_sorted_by(|a, b| a.name < b.name));
}

pub(super) async fn groups_go_on_where_they_committed(subject: &Subject) {
    let topic = subject.ready().await;
    let group = format!("group-{}", uuid::Uuid::new_v4());
    assert_eq!(subject.log.committed(&group, &topic, 0).await.unwrap(), None);
    let done = vec![Position { partition: 0, offset: 2 }, Position { partition: 2, offset: 1 }];
    subject.log.commit(&group, &topic, done).await.unwrap();
    assert_eq!(subject.log.committed(&group, &topic, 0).await.unwrap(), Some(2));
    assert_eq!(subject.log.committed(&group, &topic, 1).await.unwrap(), None);
    assert_eq!(subject.log.committed(&group, &topic, 2).await.unwrap(), Some(1));
    assert_eq!(subject.log.committed(&format!("{group}x"), &topic, 0).await.unwrap(), None);
    let beyond = vec![Position { partition: 0, offset: 5 }, Position { partition: 7, offset: 1 }];
    assert!(matches!(subject.log.commit(&group, &topic, beyond).await, Err(Error::NotFound(_))));
    assert_eq!(subject.log.committed(&group, &topic, 0).await.unwrap(), Some(2));
    let missing = subject.log.commit(&group, &subject.topic(), Vec::new()).await.unwrap_err();
    assert!(matches!(missing, Error::NotFound(_)), "{missing}");
}

pub(super) async fn what_is_published_later_arrives_in_order_or_not_at_all(subject: &Subject) {
    let topic = subject.ready().await;
    let large = event(&topic, "k0", vec![0; MOST_VALUE_BYTES + 1]);
    let refused = subject.log.publish_later(vec![event(&topic, "k0", "no"), large]).await.unwrap_err();
    assert!(refused.message().starts_with("publish-later: "), "{refused}");
    let numbers: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    for number in &numbers {
        let events = (0..5).map(|key| event(&topic, &format!("k{key}"), number.as_str())).collect();
        subject.log.publish_later(events).await.unwrap();
    }
    let values = until("all events", async || {
        let values = by_key(subject, &topic).await;
        (values.values().map(Vec::len).sum::<usize>() >= 100).then_some(values)
    })
    .await;
    assert_eq!(values.len(), 5);
    for (key, values) in values {
        assert_eq!(values, numbers, "{key}");
    }
}

pub(super) async fn an_append_wakes_those_who_wait(subject: &Subject) {
    let topic = subject.ready().await;
    let seen = tokio::time::timeout(PATIENCE, subject.log.appended(0)).await.unwrap();
    subject.publish(event(&topic, "k", "x")).await.unwrap();
    let after = tokio::time::timeout(PATIENCE, subject.log.appended(seen)).await.unwrap();
    assert!(after > seen);
}
