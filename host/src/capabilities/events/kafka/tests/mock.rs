//! Errors and delays on demand, from librdkafka's mock brokers. They make topics by themselves and have no admin calls.

use std::time::Duration;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::super::super::backend::{Backend as _, Refusal};
use super::{Host, event, soon, until};
use crate::capabilities::error::Error;

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn start() -> (Cluster, Host) {
    let cluster = Cluster::new(1).unwrap();
    cluster.create_topic("t", 3, 1).unwrap();
    cluster.create_topic("u", 3, 1).unwrap();
    let host = Host::start(&cluster.bootstrap_servers());
    (cluster, host)
}

/// Publishes until it is acknowledged: the first time the client has to connect.
async fn publish(host: &Host, value: &str) {
    let event = event("t", "k", value);
    until("an acknowledgement", async || {
        host.kafka.topics.know("t");
        host.kafka.publish(event.clone()).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_passing_error_is_not_seen() {
    let (cluster, host) = start();
    publish(&host, "1").await;
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION]);
    publish(&host, "2").await;
    assert!(!host.kafka.is_away());
    host.end().await;
}

#[tokio::test]
async fn what_can_never_be_written_says_why() {
    let (cluster, host) = start();
    publish(&host, "1").await;
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
    let refused = soon(host.kafka.publish(event("t", "k", "2"))).await.unwrap_err();
    assert!(matches!(refused, Error::Denied(_)), "{refused}");
    assert!(refused.message().starts_with("publish to t: "), "{refused}");
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    // librdkafka has noted against the topic that it is denied; another one.
    host.kafka.topics.know("u");
    let refused = soon(host.kafka.publish(event("u", "k", "3"))).await.unwrap_err();
    assert!(matches!(refused, Error::TooLarge(_)), "{refused}");
    host.end().await;
}

#[tokio::test]
async fn what_can_never_be_written_leaves_the_outbox_for_the_dead() {
    let (cluster, host) = start();
    publish(&host, "1").await;
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    host.kafka.publish_later(vec![event("t", "k", "large"), event("t", "k", "next")]).await.unwrap();
    until("an empty outbox", async || host.outbox.depth() == 0).await;
    let [dead] = host.outbox.dead(None, 10).await.unwrap().try_into().unwrap();
    assert_eq!(dead.event.unwrap().value, b"large");
    assert!(dead.reason.contains("max.message.bytes"), "{}", dead.reason);
    host.end().await;
}

#[tokio::test]
async fn brokers_that_are_down_are_known_to_be_and_found_again() {
    let (cluster, host) = start();
    publish(&host, "1").await;
    cluster.broker_down(1).unwrap();
    until("an away Kafka", async || {
        let refused = soon(host.kafka.publish(event("t", "k", "2"))).await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable(_) | Error::Timeout(_)), "{refused}");
        host.kafka.is_away()
    })
    .await;
    assert!(matches!(soon(host.kafka.publish(event("t", "k", "2"))).await, Err(Error::Unavailable(_))));
    assert!(matches!(soon(host.kafka.publish_batch(vec![event("t", "k", "3")])).await, Err(Error::Unavailable(_))));
    assert!(matches!(soon(host.kafka.topics()).await, Err(Error::Unavailable(_))));
    // What is for later is taken all the same, and waits.
    soon(host.kafka.publish_later(vec![event("t", "k", "4")])).await.unwrap();
    assert_eq!(host.outbox.depth(), 1);
    cluster.broker_up(1).unwrap();
    publish(&host, "5").await;
    until("an empty outbox", async || host.outbox.depth() == 0).await;
    assert!(!host.kafka.is_away());
    host.end().await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_a_timeout_for_each_record() {
    let (cluster, host) = start();
    publish(&host, "1").await;
    cluster.broker_round_trip_time(1, Duration::from_secs(3)).unwrap();
    let late = soon(host.kafka.publish(event("t", "k", "2"))).await.unwrap_err();
    assert!(matches!(late, Error::Timeout(_)), "{late}");
    cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    publish(&host, "3").await;
    host.end().await;
}

/// What an outbox hands over is waited for until it is known what became of it.
#[tokio::test]
async fn brokers_that_acknowledge_slowly_are_waited_for_by_an_outbox() {
    let (cluster, host) = start();
    publish(&host, "1").await;
    cluster.broker_round_trip_time(1, Duration::from_millis(1_500)).unwrap();
    let late = soon(host.kafka.publish_batch(vec![event("t", "k", "2")])).await.unwrap().remove(0);
    assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
    let delivered = soon(host.kafka.deliver(vec![event("t", "k", "3"), event("t", "l", "4")])).await.unwrap();
    assert!(delivered.iter().all(Result::is_ok), "{delivered:?}");
    cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    host.end().await;
}

#[tokio::test]
async fn an_outbox_is_told_what_can_never_be_written() {
    let (cluster, host) = start();
    publish(&host, "1").await;
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    let refused = soon(host.kafka.deliver(vec![event("t", "k", "2")])).await.unwrap().remove(0).unwrap_err();
    assert!(matches!(&refused, Refusal::Never(reason) if reason.contains("max.message.bytes")), "{refused:?}");
    // What an operator has to mend for the whole host is no event's fault.
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED]);
    let refused = soon(host.kafka.deliver(vec![event("t", "k", "3")])).await.unwrap().remove(0).unwrap_err();
    assert!(matches!(&refused, Refusal::Later(_)), "{refused:?}");
    host.end().await;
}

#[tokio::test]
async fn closing_refuses_what_comes_after() {
    let (_cluster, host) = start();
    publish(&host, "1").await;
    soon(host.kafka.close(Duration::from_secs(1))).await;
    assert!(matches!(soon(host.kafka.publish(event("t", "k", "2"))).await, Err(Error::Unavailable(_))));
    assert!(matches!(soon(host.kafka.publish_batch(vec![event("t", "k", "2")])).await, Err(Error::Unavailable(_))));
    host.end().await;
}
