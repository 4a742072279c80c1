//! Handing records over to librdkafka, and what became of them.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureRecord};
use tokio::time::{Instant, timeout_at};

use super::super::backend::{Event, Position};
use super::super::embedded::record;
use super::answer::Failure;
use super::contact::Callbacks;
use super::{Clients, Kafka, position, retire};
use crate::capabilities::error::{Error, Result};

impl Kafka {
    /// Sends one event, once more if its topic was deleted meanwhile.
    pub(super) async fn send(&self, event: Event, deadline: Instant) -> Result<Position, Failure> {
        record::check(&event).map_err(Failure::for_good)?;
        let clients = self.clients().map_err(Failure::for_now)?;
        for again in [true, false] {
            self.ensure(&clients, &event.topic, deadline).await.map_err(Failure::of_topic)?;
            let handed = self.hand_over(&clients, &event);
            match self.delivered(handed, &event.topic, clients.generation, deadline).await {
                Err(Failure::NoTopic) if again => {}
                outcome => return outcome,
            }
        }
        Err(Failure::NoTopic)
    }

    /// Sends many, each with its topic and its own answer; the outer error means that none was sent.
    pub(super) async fn send_batch(
        &self,
        events: Vec<Event>,
        deadline: Instant,
    ) -> Result<Vec<(String, Result<Position, Failure>)>> {
        self.contact.admit()?;
        let clients = self.clients()?;
        let events: Vec<Event> = events.into_iter().map(Event::with_id).collect();
        let mut answers = self.send_all(&clients, events.iter().collect(), deadline).await;
        // A topic that was deleted meanwhile has taken none of them: they are sent once more, in their order.
        let missing: Vec<usize> =
            (0..).zip(&answers).filter(|(_, answer)| is_missing(answer)).map(|(at, _)| at).collect();
        let again = missing.iter().filter_map(|at| events.get(*at)).collect();
        for (at, answer) in missing.into_iter().zip(self.send_all(&clients, again, deadline).await) {
            if let Some(slot) = answers.get_mut(at) {
                *slot = answer;
            }
        }
        Ok(events.into_iter().map(|event| event.topic).zip(answers).collect())
    }

    /// Sends many and waits for all of them.
    async fn send_all(
        &self,
        clients: &Clients,
        events: Vec<&Event>,
        deadline: Instant,
    ) -> Vec<Result<Position, Failure>> {
        // Handed over in order and without waiting for answers: a key's records follow each other into the same queue. What
        // could not be handed over ends it for its topic, or a later record of the same key would pass it.
        let mut refused: HashMap<&str, Failure> = HashMap::new();
        let mut deliveries = Vec::with_capacity(events.len());
        for event in events {
            let handed = match (refused.get(event.topic.as_str()), record::check(event)) {
                (Some(failure), _) => Err(failure.clone()),
                // This one alone: the topic takes others.
                (None, Err(error)) => Err(Failure::for_good(error)),
                (None, Ok(())) => match self.ensure(clients, &event.topic, deadline).await {
                    Ok(()) => self.hand_over(clients, event),
                    Err(error) => {
                        // Not asked again for each of its events.
                        let failure = Failure::of_topic(error);
                        refused.insert(&event.topic, failure.clone());
                        Err(failure)
                    }
                },
            };
            if let Err(failure @ Failure::Other { lasting: false, .. }) = &handed {
                refused.entry(&event.topic).or_insert_with(|| failure.clone());
            }
            deliveries.push(self.delivered(handed, &event.topic, clients.generation, deadline));
        }
        join_all(deliveries).await
    }

    /// The topic is there, or nothing was sent.
    pub(super) async fn ensure(&self, clients: &Clients, topic: &str, deadline: Instant) -> Result<()> {
        if self.topics.knows(topic) {
            return Ok(());
        }
        let within = deadline.saturating_duration_since(Instant::now());
        let ensured = timeout_at(deadline, self.topics.ensure(&clients.admin, topic, within)).await;
        let outcome =
            ensured.unwrap_or_else(|_| Err(Error::unavailable("Kafka did not answer in time; nothing was sent")));
        if matches!(outcome, Err(Error::Unavailable(_))) {
            self.contact.suspect();
        }
        outcome
    }

    /// Gives a record to librdkafka, which keeps a copy of it.
    fn hand_over(&self, clients: &Clients, event: &Event) -> Result<DeliveryFuture, Failure> {
        let headers = OwnedHeaders::new_with_capacity(event.headers.len());
        let headers = event
            .headers
            .iter()
            .fold(headers, |headers, (name, value)| headers.insert(Header { key: name, value: Some(value) }));
        let record = FutureRecord::<str, [u8]>::to(&event.topic).payload(&event.value).headers(headers);
        let record = match &event.key {
            Some(key) => record.key(key.as_str()),
            None => record,
        };
        clients.producer.send_result(record).map_err(|(error, _)| Failure::of(&error))
    }

    /// Waits for the acknowledgement, and learns from what comes instead.
    async fn delivered(
        &self,
        handed: Result<DeliveryFuture, Failure>,
        topic: &str,
        generation: u64,
        deadline: Instant,
    ) -> Result<Position, Failure> {
        let failure = match handed {
            Err(failure) => failure,
            Ok(delivery) => match timeout_at(deadline, delivery).await {
                Ok(Ok(Ok(delivery))) => return Ok(position(delivery.partition, delivery.offset)),
                Ok(Ok(Err((error, _)))) => Failure::of(&error),
                // The producer is gone, or the time.
                Ok(Err(_)) | Err(_) => Failure::late(),
            },
        };
        match &failure {
            Failure::NoTopic => self.topics.forget(topic),
            Failure::Fatal => self.renew(generation),
            Failure::Other { error: Error::Timeout(_), .. } => {
                // The brokers may be away, and a deleted topic looks the same for a while.
                self.topics.doubt(topic);
                self.contact.suspect();
            }
            Failure::Other { .. } => {}
        }
        Err(failure)
    }

    /// Makes the producer of that generation anew, after an error from which librdkafka does not recover.
    fn renew(&self, generation: u64) {
        let callbacks = Callbacks { contact: Some(Arc::clone(&self.contact)) };
        let mut slot = self.clients.write();
        let Some(clients) = slot.as_mut().filter(|clients| clients.generation == generation) else { return };
        match self.config.producer().create_with_context(callbacks) {
            Ok(producer) => {
                tracing::error!(target: "kafka", "the producer failed for good and was made anew");
                retire(std::mem::replace(&mut clients.producer, producer));
                clients.generation += 1;
            }
            Err(error) => tracing::error!(target: "kafka", %error, "the producer cannot be made anew"),
        }
    }
}

const fn is_missing(answer: &Result<Position, Failure>) -> bool {
    matches!(answer, Err(Failure::NoTopic))
}
