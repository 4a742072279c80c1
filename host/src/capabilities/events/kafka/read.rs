//! Reading back, for operator's commands and tests. Everything here blocks: it runs on a thread that may.

use std::time::{Duration, Instant};

use rdkafka::client::{Client, ClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::super::backend::{Position, Record, Topic};
use super::config::Config;
use super::contact::Callbacks;
use crate::capabilities::error::{Error, Result};

/// About how many bytes one read returns.
const MOST_READ_BYTES: usize = 1 << 20;
/// Between two tries while the brokers look for a group's coordinator.
const COORDINATOR_PAUSE: Duration = Duration::from_millis(100);

type Reader = BaseConsumer<Callbacks>;

/// Every topic with what it holds, without Kafka's own.
pub(super) fn topics<C: ClientContext>(client: &Client<C>, deadline: Instant) -> Result<Vec<Topic>> {
    let metadata = client.fetch_metadata(None, left(deadline)).map_err(|error| failed(&error))?;
    let mut topics = Vec::new();
    for topic in metadata.topics().iter().filter(|topic| !topic.name().starts_with("__")) {
        let mut ids: Vec<i32> = topic.partitions().iter().map(|partition| partition.id()).collect();
        ids.sort_unstable();
        let kept = ids.into_iter().map(|id| {
            let marks = client.fetch_watermarks(topic.name(), id, left(deadline)).map_err(|error| failed(&error))?;
            Ok(unsigned(marks.0)..unsigned(marks.1))
        });
        topics.push(Topic { name: topic.name().to_owned(), partitions: kept.collect::<Result<_>>()? });
    }
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(topics)
}

/// Records of a partition from an offset on.
pub(super) fn records(
    config: &Config,
    topic: &str,
    partition: u32,
    offset: u64,
    most: usize,
    deadline: Instant,
) -> Result<Vec<Record>> {
    // A group of this name is never joined and never commits.
    let reader = reader(config, &format!("{}.read", config.client_id))?;
    let id = i32::try_from(partition).map_err(|_| no_partition(topic, partition))?;
    let marks =
        reader.fetch_watermarks(topic, id, left(deadline)).map_err(|error| match error.rdkafka_error_code() {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                no_partition(topic, partition)
            }
            _ => failed(&error),
        })?;
    let start = i64::try_from(offset).unwrap_or(i64::MAX).max(marks.0);
    if start >= marks.1 || most == 0 {
        return Ok(Vec::new());
    }
    let mut assignment = TopicPartitionList::new();
    let assigned = assignment.add_partition_offset(topic, id, Offset::Offset(start));
    assigned.and_then(|()| reader.assign(&assignment)).map_err(|error| failed(&error))?;
    let mut records = Vec::new();
    let mut bytes = 0;
    while records.len() < most && bytes < MOST_READ_BYTES {
        match reader.poll(left(deadline)) {
            Some(Ok(message)) => {
                let record = record(&message);
                bytes += record.value.len();
                records.push(record);
            }
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            Some(Err(error)) => return Err(failed(&error)),
            None if records.is_empty() => {
                return Err(Error::timeout(format!("reading {topic}: Kafka did not answer in time")));
            }
            None => break,
        }
    }
    Ok(records)
}

/// Where a group goes on.
pub(super) fn committed(
    config: &Config,
    group: &str,
    topic: &str,
    partition: u32,
    deadline: Instant,
) -> Result<Option<u64>> {
    let reader = reader(config, group)?;
    let id = i32::try_from(partition).map_err(|_| no_partition(topic, partition))?;
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, id);
    // Not by the admin call ListConsumerGroupOffsets: on a broker without a coordinator it ends the process in librdkafka 2.16.
    let answer = coordinated(deadline, || reader.committed_offsets(asked.clone(), left(deadline)))?;
    let offset = answer.find_partition(topic, id).map(|element| element.offset());
    Ok(match offset {
        Some(Offset::Offset(offset)) => Some(unsigned(offset)),
        _ => None,
    })
}

/// Notes where a group goes on. Kafka refuses it while members of the group are at work.
pub(super) fn commit(config: &Config, group: &str, topic: &str, offsets: &[Position], deadline: Instant) -> Result<()> {
    let reader = reader(config, group)?;
    let metadata = reader.fetch_metadata(Some(topic), left(deadline)).map_err(|error| failed(&error))?;
    let known = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    let known = known.map_or(0, |topic| topic.partitions().len());
    if known == 0 {
        return Err(Error::not_found(format!("there is no topic {topic}")));
    }
    let mut list = TopicPartitionList::new();
    for Position { partition, offset } in offsets.iter().copied() {
        let id = i32::try_from(partition).ok().filter(|_| (partition as usize) < known);
        let id = id.ok_or_else(|| Error::not_found(format!("topic {topic} has no partition {partition}")))?;
        let offset = i64::try_from(offset).map_err(|_| Error::invalid(format!("{offset} is no offset of Kafka")))?;
        list.add_partition_offset(topic, id, Offset::Offset(offset)).map_err(|error| failed(&error))?;
    }
    if offsets.is_empty() {
        return Ok(());
    }
    coordinated(deadline, || reader.commit(&list, CommitMode::Sync))
}

fn reader(config: &Config, group: &str) -> Result<Reader> {
    let mut client = config.reader(group);
    client.set_log_level(RDKafkaLogLevel::Warning);
    client.create_with_context(Callbacks { contact: None }).map_err(|error| failed(&error))
}

/// Asks until the group has a coordinator: a broker that nobody has asked yet has to make the topic of offsets first.
fn coordinated<T>(deadline: Instant, ask: impl Fn() -> Result<T, KafkaError>) -> Result<T> {
    loop {
        let error = match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let passing = matches!(
            error.rdkafka_error_code(),
            Some(
                Code::NotCoordinator
                    | Code::CoordinatorNotAvailable
                    | Code::CoordinatorLoadInProgress
                    | Code::WaitingForCoordinator
                    | Code::BrokerTransportFailure
            )
        );
        if !passing || left(deadline) < COORDINATOR_PAUSE {
            return Err(failed(&error));
        }
        std::thread::sleep(COORDINATOR_PAUSE);
    }
}

pub(super) fn record(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect()
    });
    Record {
        topic: message.topic().to_owned(),
        position: super::position(message.partition(), message.offset()),
        timestamp_ms: message.timestamp().to_millis().map_or(0, unsigned),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().unwrap_or_default().to_vec(),
        headers,
    }
}

pub(super) fn failed(error: &KafkaError) -> Error {
    match error.rdkafka_error_code() {
        Some(Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed | Code::ClusterAuthorizationFailed) => {
            Error::denied("Kafka does not let this host do that; give its user the rights READ and DESCRIBE")
        }
        Some(Code::UnknownMemberId | Code::IllegalGeneration | Code::RebalanceInProgress) => {
            Error::conflict("members of the group are at work; stop them first")
        }
        Some(Code::InvalidGroupId | Code::InvalidTopic) => Error::invalid("Kafka does not accept the name"),
        _ => Error::unavailable("Kafka did not answer; see the host's log").retry_after(Duration::from_secs(1)),
    }
}

fn no_partition(topic: &str, partition: u32) -> Error {
    Error::not_found(format!("there is no partition {partition} of a topic {topic}"))
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
