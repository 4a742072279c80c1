//! Members of consumer groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::backend::{Arrival, Event, Partition, Subscription};
use super::{PATIENCE, Subject};

fn event(topic: &str, key: &str, value: usize) -> Event {
    let (topic, key, value) = (topic.to_owned(), Some(key.to_owned()), value.to_string().into_bytes());
    Event { topic, key, value, headers: Vec::new() }.with_id()
}

/// A member of a group, and how far it is with what it has seen.
struct Member {
    subscription: Box<dyn Subscription>,
    seen: Vec<(String, String)>,
    next: BTreeMap<Partition, u64>,
}

impl Member {
    async fn of(subject: &Subject, group: &str, topic: &str) -> Self {
        let subscription = subject.log.subscribe(group, &[Arc::from(topic)]).await.unwrap();
        Self { subscription, seen: Vec::new(), next: BTreeMap::new() }
    }

    /// Takes in what arrives until that many records were seen.
    async fn until(&mut self, count: usize) {
        let seen = tokio::time::timeout(PATIENCE * 2, async {
            while self.seen.len() < count {
                self.arrival().await;
            }
        });
        assert!(seen.await.is_ok(), "{} of {count} records", self.seen.len());
    }

    async fn arrival(&mut self) {
        match self.subscription.next().await {
            Arrival::Records(records) => {
                for record in records {
                    let text = |bytes: Option<&Vec<u8>>| String::from_utf8(bytes.cloned().unwrap_or_default()).unwrap();
                    let partition =
                        Partition { topic: record.topic.as_str().into(), number: record.position.partition };
                    let expected = self.next.insert(partition, record.position.offset + 1);
                    assert!(expected.is_none_or(|expected| expected == record.position.offset), "{expected:?}");
                    if record.key.as_deref() != Some(b"ready") {
                        self.seen.push((text(record.key.as_ref()), text(Some(&record.value))));
                    }
                }
            }
            Arrival::Revoked { partitions, done } => {
                let far =
                    partitions.iter().filter_map(|partition| Some((partition.clone(), *self.next.get(partition)?)));
                done.send(far.collect()).unwrap();
            }
            Arrival::Ended => panic!("the membership ended"),
            Arrival::Assigned(_) | Arrival::Lost(_) | Arrival::Trouble(_) => {}
        }
    }

    fn of_key(&self, key: &str) -> Vec<&str> {
        self.seen.iter().filter(|(known, _)| known == key).map(|(_, value)| value.as_str()).collect()
    }

    async fn leave(self) {
        self.subscription.close(self.next.into_iter().collect()).await;
    }
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

pub(super) async fn a_new_group_reads_from_the_beginning_and_then_what_comes(subject: &Subject) {
    let topic = subject.ready().await;
    let group = format!("group-{topic}");
    for number in 0..10 {
        subject.publish(event(&topic, "a", number)).await.unwrap();
    }
    let mut member = Member::of(subject, &group, &topic).await;
    member.until(10).await;
    subject.publish(event(&topic, "b", 10)).await.unwrap();
    member.until(11).await;
    assert_eq!(member.of_key("a"), numbers(0..10));
    assert_eq!(member.of_key("b"), ["10"]);
    member.leave().await;
}

pub(super) async fn a_group_goes_on_where_it_has_committed(subject: &Subject) {
    let topic = subject.ready().await;
    let group = format!("group-{topic}");
    for number in 0..5 {
        subject.publish(event(&topic, "a", number)).await.unwrap();
    }
    let mut member = Member::of(subject, &group, &topic).await;
    member.until(5).await;
    let done = member.next.iter().map(|(partition, offset)| (partition.clone(), *offset)).collect();
    member.subscription.commit(done).await.unwrap();
    subject.publish(event(&topic, "a", 5)).await.unwrap();
    // Seen, and not committed: it comes again.
    member.until(6).await;
    drop(member);
    let mut member = Member::of(subject, &group, &topic).await;
    member.until(1).await;
    assert_eq!(member.of_key("a"), ["5"]);
    member.leave().await;
    let ends = subject.log.topics().await.unwrap();
    let topic = ends.iter().find(|known| known.name == topic).unwrap();
    for (number, kept) in (0..).zip(&topic.partitions) {
        let committed = subject.log.committed(&group, &topic.name, number).await.unwrap();
        assert!(committed.is_none_or(|committed| committed == kept.end), "{committed:?} of {kept:?}");
    }
}

pub(super) async fn a_paused_partition_waits_and_loses_nothing(subject: &Subject) {
    let topic = subject.ready().await;
    let group = format!("group-{topic}");
    let first = subject.publish(event(&topic, "a", 0)).await.unwrap();
    let partition = Partition { topic: topic.as_str().into(), number: first.partition };
    let other = ["b", "c", "d", "e", "f"]
        .into_iter()
        .find(|key| super::super::embedded::partition::of_key(key.as_bytes(), 3) != first.partition)
        .unwrap();
    let mut member = Member::of(subject, &group, &topic).await;
    member.until(1).await;
    member.subscription.pause(&partition);
    for number in 1..20 {
        subject.publish(event(&topic, "a", number)).await.unwrap();
    }
    subject.publish(event(&topic, other, 0)).await.unwrap();
    member.until(2).await;
    assert_eq!((member.of_key("a").len(), member.of_key(other).len()), (1, 1));
    member.subscription.resume(&partition);
    member.until(21).await;
    assert_eq!(member.of_key("a"), numbers(0..20));
    let ends = member.subscription.ends(vec![partition.clone()]).await.unwrap();
    assert_eq!(ends, [(partition.clone(), *member.next.get(&partition).unwrap())]);
    member.leave().await;
}
