//! Several commands in one trip.
//!
//! To a single server all go in one pipeline. On a cluster there is a pipeline for each slot, all at the same time;
//! commands on one key keep their order, because one key has one slot. A `delete` of keys of several slots is one of
//! each, and their numbers are added.
//!
//! A batch of many reads is weighed: each brings a value of its share or the length of a longer one, and those long ones that fit
//! are fetched in a second trip ([`Reads`]).

use futures_util::future::join_all;
use redis::{Cmd, Pipeline, Value};

use super::commands::{delete, expire, get, increment, life, millis, set, set_if_absent};
use super::link::Link;
use super::{cluster, reply, scripts};
use crate::capabilities::cache::backend::reads::Reads;
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

/// What an item was answered.
enum Answer {
    Reply(Reply),
    /// The value is longer than was asked for: so many bytes.
    Long(usize),
}

/// Runs a batch; the outer error means that none was answered.
pub(super) async fn run(link: &Link, items: &[Item]) -> Result<Vec<Result<Reply>>> {
    let guest = items.iter().enumerate().filter_map(|(place, item)| match item {
        Item::Guest(command) => Some((place, command)),
        Item::Life(_) => None,
    });
    let reads = Reads::of(guest);
    let mut answers: Vec<Option<Result<Answer>>> = items.iter().map(empty).collect();
    let commands = commands(items, link.is_cluster(), reads.as_ref().map(Reads::share));
    send(link, items, &mut answers, commands).await?;
    if let Some(reads) = reads {
        fetch_long(link, items, &mut answers, &reads).await;
    }
    let replies = answers.into_iter().zip(items).map(|(answer, item)| match answer {
        Some(Ok(Answer::Reply(reply))) => Ok(reply),
        Some(Ok(Answer::Long(_))) => Err(changed(item)),
        Some(Err(error)) => Err(error),
        None => Err(reply::odd("batch")),
    });
    Ok(replies.collect())
}

/// Fetches the long values that fit, and refuses the others.
async fn fetch_long(link: &Link, items: &[Item], answers: &mut [Option<Result<Answer>>], reads: &Reads) {
    let length = |place: usize| match answers.get(place) {
        Some(Some(Ok(Answer::Long(length)))) => *length,
        Some(Some(Ok(Answer::Reply(Reply::Value(Some(value)))))) => value.len(),
        _ => 0,
    };
    let refused = reads.refused(length);
    for (place, error) in refused {
        if let Some(answer) = answers.get_mut(place) {
            *answer = Some(Err(error));
        }
    }
    let long =
        answers.iter().zip(items).enumerate().filter_map(|(place, (answer, item))| match (answer, item.keys()) {
            // Not above what it was: it was found to fit as it was.
            (Some(Ok(Answer::Long(length))), [key]) => Some((place, key.as_str(), get_up_to(key, *length))),
            _ => None,
        });
    let long: Vec<_> = long.collect();
    let places: Vec<usize> = long.iter().map(|(place, ..)| *place).collect();
    for place in &places {
        if let Some(answer) = answers.get_mut(*place) {
            *answer = None;
        }
    }
    // The first trip was answered, so this is no error of the whole.
    if let Err(error) = send(link, items, answers, long).await {
        for place in places {
            if let Some(answer) = answers.get_mut(place) {
                *answer = Some(Err(error.clone()));
            }
        }
    }
}

/// Sends commands, each with the place of its item and its key, and takes their answers. The outer error means that none was
/// answered.
async fn send(
    link: &Link,
    items: &[Item],
    answers: &mut [Option<Result<Answer>>],
    commands: Vec<(usize, &str, Cmd)>,
) -> Result<()> {
    let trips = if link.is_cluster() { by_slot(commands) } else { in_one(commands) };
    for (places, values) in join_all(trips.into_iter().map(|trip| trip.go(link))).await {
        match values {
            Ok(values) => fill(answers, items, &places, values),
            Err(error) if !link.is_cluster() => return Err(error.within("cache.batch")),
            Err(error) => {
                for place in places {
                    if let Some(answer) = answers.get_mut(place) {
                        *answer = Some(Err(error.clone().within("cache.batch")));
                    }
                }
            }
        }
    }
    Ok(())
}

/// The answer of an item that has nothing to send.
fn empty(item: &Item) -> Option<Result<Answer>> {
    item.keys().is_empty().then_some(Ok(Answer::Reply(Reply::Number(0))))
}

/// The commands of items that have something to send. On a cluster a `delete` is one for each of its keys.
fn commands(items: &[Item], cluster: bool, share: Option<usize>) -> Vec<(usize, &str, Cmd)> {
    let mut commands = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        match (item, item.keys()) {
            (_, []) => {}
            (Item::Guest(Command::Delete(_)), keys) if cluster => {
                commands.extend(keys.iter().map(|key| (place, key.as_str(), delete(std::slice::from_ref(key)))));
            }
            (item, [key, ..]) => commands.push((place, key.as_str(), whole(item, share))),
        }
    }
    commands
}

/// A script goes by its text here: a digest that the server does not know would need a second trip, with the other
/// commands done already.
fn whole(item: &Item, share: Option<usize>) -> Cmd {
    let command = match item {
        Item::Guest(command) => command,
        Item::Life(key) => return life(key),
    };
    match command {
        Command::Get(key) => share.map_or_else(|| get(key), |share| get_up_to(key, share)),
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

fn get_up_to(key: &str, most: usize) -> Cmd {
    let mut command = scripts::GET_UP_TO.by_text(key);
    command.arg(most);
    command
}

fn in_one(commands: Vec<(usize, &str, Cmd)>) -> Vec<Trip> {
    let mut trip = Trip::default();
    for (place, _, command) in commands {
        trip.add(place, command);
    }
    if trip.commands.is_empty() { Vec::new() } else { vec![trip] }
}

fn by_slot(commands: Vec<(usize, &str, Cmd)>) -> Vec<Trip> {
    let mut trips: Vec<(redis::cluster_routing::Slot, Trip)> = Vec::new();
    for (place, key, command) in commands {
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
    }
    trips.into_iter().map(|(_, trip)| trip).collect()
}

fn fill(answers: &mut [Option<Result<Answer>>], items: &[Item], places: &[usize], values: Vec<Value>) {
    for (place, value) in places.iter().zip(values) {
        let (Some(answer), Some(item)) = (answers.get_mut(*place), items.get(*place)) else { continue };
        let new = answered(item, value);
        *answer = Some(match (answer.take(), new) {
            (None, new) => new,
            // Parts of one `delete`: the first error stands, numbers are added.
            (Some(Ok(Answer::Reply(Reply::Number(sum)))), Ok(Answer::Reply(Reply::Number(number)))) => {
                Ok(Answer::Reply(Reply::Number(sum + number)))
            }
            (Some(Err(error)), _) | (Some(_), Err(error)) => Err(error),
            (Some(Ok(_)), Ok(_)) => Err(reply::odd("batch")),
        });
    }
}

fn answered(item: &Item, value: Value) -> Result<Answer> {
    let key = item.keys().first().map_or("", String::as_str);
    let function = name(item);
    let value = reply::checked(function, key, Ok::<_, Error>(value))?;
    let reply = match (item, value) {
        // The script's: a stored number comes as text.
        (Item::Guest(Command::Get(_)), Value::Int(length)) => {
            return Ok(Answer::Long(usize::try_from(length).unwrap_or(usize::MAX)));
        }
        (Item::Guest(Command::Get(_)), value) => reply::bytes(function, value).map(Reply::Value),
        (Item::Guest(Command::Set(..)), _) => Ok(Reply::Done),
        (Item::Guest(Command::SetIfAbsent(..) | Command::Expire(..)), value) => {
            reply::flag(function, &value).map(Reply::Changed)
        }
        (Item::Guest(Command::Delete(_) | Command::Increment(..)) | Item::Life(_), value) => {
            reply::number(function, &value).map(Reply::Number)
        }
    };
    reply.map(Answer::Reply)
}

/// A long value became longer before it was fetched.
fn changed(item: &Item) -> Error {
    let key = item.keys().first().map_or("", String::as_str);
    Error::unavailable(format!("cache.batch: the value of \"{key}\" was changed while it was read; try again"))
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
