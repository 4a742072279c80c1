//! Counts events.
//!
//! A batch is as few transactions as it fits into, each with the notes that its events are counted. Which ones are counted already is
//! asked before. Where two consumers have the same event all the same, as they may after a rebalance, one of the two transactions
//! fails, and its events are counted one at a time.

use std::collections::{HashMap, HashSet};

use devconnect_sdk::bson::Bson;
use devconnect_sdk::documents::Processed;
use devconnect_sdk::prelude::*;

use crate::effect::Effect;
use crate::tally::Tally;

pub(crate) const PROCESSED: Collection<Processed> = Collection::new("analytics_processed");

type Counted = Result<(), Failure>;

/// The most writes of a transaction.
const MOST: usize = 100;

/// An event to be counted.
struct Pending<'a> {
    delivery: &'a Delivery,
    effect: Effect,
}

pub(crate) fn count(deliveries: &[Delivery]) -> Vec<Counted> {
    let mut pending: Vec<Pending<'_>> = Vec::new();
    let mut rejected: HashMap<usize, Failure> = HashMap::new();
    let mut seen: HashSet<&str> = HashSet::new();
    for (index, delivery) in deliveries.iter().enumerate() {
        match Effect::of(delivery) {
            // The second of two in one batch has the result of the first.
            Ok(effect) if !effect.changes.is_empty() && seen.insert(&delivery.event_id) => {
                pending.push(Pending { delivery, effect });
            }
            Ok(_) => {}
            Err(failure) => drop(rejected.insert(index, failure)),
        }
    }
    let failed = store(pending);
    let result = |(index, delivery): (usize, &Delivery)| match rejected.remove(&index) {
        Some(failure) => Err(failure),
        None => failed.get(delivery.event_id.as_str()).map_or(Ok(()), |failure| Err(failure.clone())),
    };
    deliveries.iter().enumerate().map(result).collect()
}

/// Counts what is not counted yet; what failed, by the event's id. Once an event has to wait those behind it do, too: somebody who
/// went and came back is online.
fn store<'a>(mut pending: Vec<Pending<'a>>) -> HashMap<&'a str, Failure> {
    let counted = match counted(&pending) {
        Ok(counted) => counted,
        Err(failure) => return waiting(&pending, &failure).collect(),
    };
    pending.retain(|event| !counted.contains(event.id()));
    let mut failed = HashMap::new();
    let mut left = pending.as_slice();
    while let Some((together, rest)) = left.split_at_checked(fitting(left)).filter(|(together, _)| !together.is_empty())
    {
        let results = commit(together);
        failed.extend(together.iter().zip(results).filter_map(|(event, result)| Some((event.id(), result.err()?))));
        if let Some(failure) = failed.values().find(|failure| matches!(failure, Failure::Retry(_))).cloned() {
            failed.extend(waiting(rest, &failure));
            break;
        }
        left = rest;
    }
    failed
}

fn waiting<'a>(pending: &[Pending<'a>], failure: &Failure) -> impl Iterator<Item = (&'a str, Failure)> {
    pending.iter().map(|event| (event.id(), failure.clone()))
}

impl<'a> Pending<'a> {
    fn id(&self) -> &'a str {
        &self.delivery.event_id
    }
}

/// Which of these are counted already.
fn counted(pending: &[Pending<'_>]) -> Result<HashSet<String>, Failure> {
    /// As many as one query may answer.
    const AT_ONCE: usize = 1_000;

    let mut counted = HashSet::new();
    for some in pending.chunks(AT_ONCE) {
        let ids: Vec<Bson> = some.iter().map(|event| event.id().into()).collect();
        let found = PROCESSED.find(doc! { "_id": { "$in": ids } }).all()?;
        counted.extend(found.into_iter().map(|processed| processed.id));
    }
    Ok(counted)
}

/// How many of these a transaction holds: a note for each, and what they change together.
fn fitting(pending: &[Pending<'_>]) -> usize {
    let mut tally = Tally::default();
    for (notes, event) in pending.iter().enumerate() {
        if notes + 1 + tally.writes() + Tally::most(&event.effect) > MOST {
            return notes;
        }
        tally.add(&event.effect);
    }
    pending.len()
}

/// Counts these in one transaction, or one at a time where somebody else counts one of them.
fn commit(pending: &[Pending<'_>]) -> Vec<Counted> {
    let now = DateTime::now();
    let mut tally = Tally::default();
    let mut transaction = Transaction::new();
    for event in pending {
        tally.add(&event.effect);
        transaction = transaction.insert(&PROCESSED, &Processed { id: event.id().to_owned(), at: now });
    }
    match tally.write(transaction).commit() {
        Ok(_) => vec![Ok(()); pending.len()],
        Err(error) if error.is_away() => vec![Err(error.into()); pending.len()],
        Err(error) => {
            log::debug!("a batch is counted one by one", events = pending.len(), cause = error);
            one_by_one(pending)
        }
    }
}

fn one_by_one(pending: &[Pending<'_>]) -> Vec<Counted> {
    let mut waiting: Option<Failure> = None;
    let count = |event: &Pending<'_>| {
        if let Some(failure) = &waiting {
            return Err(failure.clone());
        }
        let mut tally = Tally::default();
        tally.add(&event.effect);
        // Unmet: somebody else counted it.
        let counted = tally.write(Transaction::new().once(&PROCESSED, event.delivery)).commit();
        counted.map(drop).map_err(Failure::from).inspect_err(|failure| {
            if matches!(failure, Failure::Retry(_)) {
                waiting = Some(failure.clone());
            }
        })
    };
    pending.iter().map(count).collect()
}

#[cfg(test)]
mod tests {
    use devconnect_sdk::serde_json::json;
    use devconnect_sdk::test::Platform;

    use super::*;
    use crate::tally::{ALL, TOTALS};

    /// The other one noted an event after this one had asked which ones are counted.
    #[test]
    fn what_another_consumer_counts_meanwhile_counts_once() {
        let platform = Platform::new();
        platform.run(|| {
            let log_ins: Vec<Delivery> = (0..5)
                .map(|index| Delivery {
                    topic: "user-events".to_owned(),
                    partition: 0,
                    offset: index,
                    key: None,
                    value: json!({ "eventType": "USER_LOGIN", "userId": Id::new(), "data": {} })
                        .to_string()
                        .into_bytes(),
                    headers: Vec::new(),
                    timestamp: DateTime::now(),
                    event_id: format!("user-events-0-{index}"),
                    attempt: 1,
                })
                .collect();
            assert_eq!(count(&log_ins[3..4]), [Ok(())]);
            let pending: Vec<_> =
                log_ins.iter().map(|delivery| Pending { delivery, effect: Effect::of(delivery).unwrap() }).collect();
            assert_eq!(commit(&pending), vec![Ok(()); 5]);
            assert_eq!(TOTALS.get(ALL).unwrap().unwrap().logins, 5);
        });
    }
}
