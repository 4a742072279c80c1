//! Changes added up, so that many events are few writes.

use std::collections::{BTreeMap, BTreeSet};

use devconnect_sdk::bson::Document;
use devconnect_sdk::documents::UpdateOptions;
use devconnect_sdk::prelude::*;

use crate::effect::{Change, Effect};
use crate::scope::Scope;
use crate::series::{self, DAY, SERIES};

/// The numbers of everybody: one document.
pub(crate) const TOTALS: Collection<Totals> = Collection::new("analytics_totals");
/// Its `_id`.
pub(crate) const ALL: &str = "all";
/// The numbers of each user, by the user's id.
pub(crate) const USERS: Collection<UserNumbers> = Collection::new("analytics_users");

/// A document of `analytics_totals`; what never happened is not there.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Totals {
    pub(crate) signups: i64,
    pub(crate) logins: i64,
    pub(crate) messages: i64,
    pub(crate) requests: i64,
    pub(crate) accepted: i64,
    pub(crate) profile_views: i64,
}

/// A document of `analytics_users`; what never happened is not there.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct UserNumbers {
    pub(crate) signups: i64,
    pub(crate) logins: i64,
    pub(crate) messages_sent: i64,
    pub(crate) messages_received: i64,
    pub(crate) requests_sent: i64,
    pub(crate) requests_received: i64,
    pub(crate) accepted: i64,
    pub(crate) profile_views: i64,
    pub(crate) last_seen: Option<DateTime>,
    /// While the user is online.
    pub(crate) online_since: Option<DateTime>,
}

type Sums<K> = BTreeMap<K, i64>;

/// What some events change together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    totals: Sums<&'static str>,
    users: BTreeMap<Id, Delta>,
    /// By scope and day; the fields are of an hour each.
    series: BTreeMap<(Scope, DateTime), Sums<String>>,
}

#[derive(Debug, Default)]
struct Delta {
    sums: Sums<&'static str>,
    seen: Option<DateTime>,
    /// As the last event of the user left it.
    online: Option<Online>,
}

#[derive(Debug)]
enum Online {
    Since(DateTime),
    No,
}

impl Tally {
    pub(crate) fn add(&mut self, effect: &Effect) {
        let at = effect.at;
        for change in &effect.changes {
            match *change {
                Change::Count(metric) => {
                    *self.totals.entry(metric.name()).or_default() += 1;
                    self.at(Scope::Everybody, at, metric.name());
                }
                Change::CountFor(user, metric) => {
                    *self.user(user).sums.entry(metric.of_user()).or_default() += 1;
                    self.at(Scope::User(user), at, metric.name());
                }
                Change::Add(user, field) => *self.user(user).sums.entry(field).or_default() += 1,
                Change::Seen(user) => self.seen(user, at),
                Change::Online(user) => {
                    self.seen(user, at);
                    self.user(user).online = Some(Online::Since(at));
                }
                Change::Offline(user) => {
                    self.seen(user, at);
                    self.user(user).online = Some(Online::No);
                }
            }
        }
    }

    fn at(&mut self, scope: Scope, at: DateTime, metric: &str) {
        let day = self.series.entry((scope, series::start(at, DAY))).or_default();
        *day.entry(format!("{metric}.{}", series::hour(at))).or_default() += 1;
    }

    fn user(&mut self, user: Id) -> &mut Delta {
        self.users.entry(user).or_default()
    }

    fn seen(&mut self, user: Id, at: DateTime) {
        let seen = &mut self.user(user).seen;
        *seen = (*seen).max(Some(at));
    }

    /// How many writes it is.
    pub(crate) fn writes(&self) -> usize {
        usize::from(!self.totals.is_empty()) + self.users.len() + self.series.len()
    }

    /// The most writes that an effect is.
    pub(crate) fn most(effect: &Effect) -> usize {
        let mut users = BTreeSet::new();
        let mut series = 0;
        for change in &effect.changes {
            match *change {
                Change::Count(_) => series += 2,
                Change::CountFor(user, _) => {
                    users.insert(user);
                    series += 1;
                }
                Change::Add(user, _) | Change::Seen(user) | Change::Online(user) | Change::Offline(user) => {
                    users.insert(user);
                }
            }
        }
        users.len() + series
    }

    /// Adds the writes to a transaction.
    pub(crate) fn write(self, mut transaction: Transaction) -> Transaction {
        if !self.totals.is_empty() {
            transaction = upsert(transaction, &TOTALS, doc! { "_id": ALL }, doc! { "$inc": sums(self.totals) });
        }
        for (user, delta) in self.users {
            transaction = upsert(transaction, &USERS, doc! { "_id": user }, delta.update());
        }
        for ((scope, day), hours) in self.series {
            let update = doc! { "$inc": sums(hours), "$setOnInsert": { "t": day } };
            transaction = upsert(transaction, &SERIES, doc! { "_id": series::id(scope, day) }, update);
        }
        transaction
    }
}

impl Delta {
    fn update(self) -> Document {
        let mut update = Document::new();
        if !self.sums.is_empty() {
            update.insert("$inc", sums(self.sums));
        }
        if let Some(seen) = self.seen {
            update.insert("$max", doc! { "lastSeen": seen });
        }
        match self.online {
            Some(Online::Since(since)) => drop(update.insert("$set", doc! { "onlineSince": since })),
            Some(Online::No) => drop(update.insert("$unset", doc! { "onlineSince": "" })),
            None => {}
        }
        update
    }
}

fn sums<K: Into<String>>(sums: Sums<K>) -> Document {
    sums.into_iter().map(|(field, sum)| (field.into(), sum.into())).collect()
}

fn upsert<T>(transaction: Transaction, to: &Collection<T>, filter: Document, update: Document) -> Transaction {
    transaction.update(to, filter, update, UpdateOptions { many: false, upsert: true }, Expect::Anything)
}
