//! Several commands in one trip.
//!
//! To a single server all go in one pipeline. On a cluster there is a pipeline for each slot, all at the same time;
//! commands on one key keep their order, because one key has one slot. A `delete` of keys of several slots is one of
//! each, and their numbers are added.

use futures_util::future::join_all;
use redis::{Cmd, Pipeline, Value};

use super::commands::{delete, expire, get, increment, life, millis, set, set_if_absent};
use super::link::Link;
use super::{cluster, reply, scripts};
use crate::capabilities::cache::backend::{Command, Reply};
use crate::capabilities::error::{Error, Result};

/// One step of a batch.
pub(in crate::capabilities::cache) enum Item {
    /// What the guest asked for.
    Guest(Command),
    /// The life of a key in milliseconds, as Redis tells it: -1 without end, -2 for no key.
    Life(String),
}

impl Item {
    fn keys(&self) -> &[String] {
        match self {
            Self::Guest(command) => command.keys(),
            Self::Life(key) => std::slice::from_ref(key),
        }
    }
}

/// Commands of one trip, and for each the place of the item that it belongs to.
#[derive(Default)]
struct Trip {
    places: Vec<usize>,
    commands: Vec<Cmd>,
}

impl Trip {
    fn add(&mut self, place: usize, command: Cmd) {
        self.places.push(place);
        self.commands.push(command);
    }

    async fn go(self, link: &Link) -> (Vec<usize>, Result<Vec<Value>>) {
        let mut pipeline = Pipeline::with_capacity(self.commands.len());
        for command in self.commands {
            pipeline.add_command(command);
        }
        (self.places, link.pipeline(pipeline).await)
    }
}

/// Runs a batch; the outer error means that none was answered.
pub(super) async fn run(link: &Link, commands: &[Item]) -> Result<Vec<Result<Reply>>> {
    let mut answers: Vec<Option<Result<Reply>>> = commands.iter().map(empty).collect();
    if link.is_cluster() {
        for (places, values) in join_all(by_slot(commands).into_iter().map(|trip| trip.go(link))).await {
            match values {
                Ok(values) => fill(&mut answers, commands, &places, values),
                Err(error) => {
                    for place in places {
                        if let Some(answer) = answers.get_mut(place) {
                            *answer = Some(Err(error.clone().within("cache.batch")));
                        }
                    }
                }
            }
        }
    } else {
        let mut trip = Trip::default();
        for (place, command) in commands.iter().enumerate() {
            if command.keys().is_empty() {
                continue;
            }
            trip.add(place, whole(command));
        }
        if !trip.commands.is_empty() {
            let (places, values) = trip.go(link).await;
            fill(&mut answers, commands, &places, values.map_err(|error| error.within("cache.batch"))?);
        }
    }
    answers.into_iter().map(|answer| answer.ok_or_else(|| reply::odd("batch"))).collect()
}

/// The answer of an item that has nothing to send.
fn empty(command: &Item) -> Option<Result<Reply>> {
    command.keys().is_empty().then_some(Ok(Reply::Number(0)))
}

/// A script goes by its text here: a digest that the server does not know would need a second trip, with the other
/// commands done already.
fn whole(item: &Item) -> Cmd {
    let command = match item {
        Item::Guest(command) => command,
        Item::Life(key) => return life(key),
    };
    match command {
        Command::Get(key) => get(key),
        Command::Set(key, value, life) => set(key, value, *life),
        Command::SetIfAbsent(key, value, life) => set_if_absent(key, value, *life),
        Command::Delete(keys) => delete(keys),
        Command::Increment(key, by, None) => increment(key, *by),
        Command::Increment(key, by, Some(life)) => {
            let mut command = scripts::INCREMENT.by_text(key);
            command.arg(*by).arg(millis(*life));
            command
        }
        Command::Expire(key, life) => expire(key, *life),
    }
}

fn by_slot(commands: &[Item]) -> Vec<Trip> {
    let mut trips: Vec<(redis::cluster_routing::Slot, Trip)> = Vec::new();
    let mut add = |key: &str, place: usize, command: Cmd| {
        let slot = cluster::slot(key);
        // A batch has few slots, and a list is searched faster than a map is built.
        match trips.iter_mut().find(|(held, _)| *held == slot) {
            Some((_, trip)) => trip.add(place, command),
            None => {
                let mut trip = Trip::default();
                trip.add(place, command);
                trips.push((slot, trip));
            }
        }
    };
    for (place, command) in commands.iter().enumerate() {
        match command {
            Item::Guest(Command::Delete(keys)) => {
                for key in keys {
                    add(key, place, delete(std::slice::from_ref(key)));
                }
            }
            one => {
                if let [key] = one.keys() {
                    add(key, place, whole(one));
                }
            }
        }
    }
    trips.into_iter().map(|(_, trip)| trip).collect()
}

fn fill(answers: &mut [Option<Result<Reply>>], commands: &[Item], places: &[usize], values: Vec<Value>) {
    for (place, value) in places.iter().zip(values) {
        let (Some(answer), Some(command)) = (answers.get_mut(*place), commands.get(*place)) else { continue };
        let new = answered(command, value);
        *answer = Some(match (answer.take(), new) {
            (None, new) => new,
            // Parts of one `delete`: the first error stands, numbers are added.
            (Some(Ok(Reply::Number(sum))), Ok(Reply::Number(number))) => Ok(Reply::Number(sum + number)),
            (Some(Err(error)), _) | (Some(_), Err(error)) => Err(error),
            (Some(Ok(_)), Ok(_)) => Err(reply::odd("batch")),
        });
    }
}

fn answered(item: &Item, value: Value) -> Result<Reply> {
    let key = item.keys().first().map_or("", String::as_str);
    let function = name(item);
    let value = reply::checked(function, key, Ok::<_, Error>(value))?;
    match item {
        Item::Guest(Command::Get(_)) => reply::bytes(function, value).map(Reply::Value),
        Item::Guest(Command::Set(..)) => Ok(Reply::Done),
        Item::Guest(Command::SetIfAbsent(..) | Command::Expire(..)) => {
            reply::flag(function, &value).map(Reply::Changed)
        }
        Item::Guest(Command::Delete(_) | Command::Increment(..)) | Item::Life(_) => {
            reply::number(function, &value).map(Reply::Number)
        }
    }
}

fn name(item: &Item) -> &'static str {
    match item {
        Item::Guest(Command::Get(_)) => "get",
        Item::Guest(Command::Set(..)) => "set",
        Item::Guest(Command::SetIfAbsent(..)) => "set-if-absent",
        Item::Guest(Command::Delete(_)) => "delete",
        Item::Guest(Command::Increment(..)) => "increment",
        Item::Guest(Command::Expire(..)) => "expire",
        Item::Life(_) => "ttl-ms",
    }
}
