//! What the reads of a batch may bring together.
//!
//! A batch of a few reads cannot pass the limit. In a larger one each read has an equal share of it, and a value within its share
//! is always answered; longer ones are, in their order, while there is room. A long value whose key the same batch changes
//! afterwards is not: a store that first has to learn how long it is comes too late for it.

use super::check::{FEW, MAX_ANSWER};
use super::{Command, Reply};
use crate::capabilities::error::{Error, Result};

/// The reads of a batch that has enough of them to pass the limit.
pub struct Reads {
    reads: Vec<Read>,
}

struct Read {
    /// Which command of the batch it is.
    place: usize,
    key: String,
    /// A later command of the batch changes the key.
    changed: bool,
}

impl Reads {
    /// The reads among these commands, each with its place; `None` where they are too few to be weighed.
    pub fn of<'a>(commands: impl Iterator<Item = (usize, &'a Command)> + Clone) -> Option<Self> {
        let reads = commands.clone().filter(|(_, command)| matches!(command, Command::Get(_))).count();
        if reads <= FEW {
            return None;
        }
        let later = commands.clone();
        let reads = commands.filter_map(|(place, command)| {
            let Command::Get(key) = command else { return None };
            let mut after = later.clone().skip_while(|(other, _)| *other <= place);
            let changed = after.any(|(_, other)| !matches!(other, Command::Get(_)) && other.keys().contains(key));
            Some(Read { place, key: key.clone(), changed })
        });
        Some(Self { reads: reads.collect() })
    }

    /// The longest value that is answered in any case.
    #[must_use]
    pub fn share(&self) -> usize {
        MAX_ANSWER / self.reads.len().max(1)
    }

    /// The places of those that are not answered, with the error, given the length of the value at each place.
    pub fn refused(&self, length: impl Fn(usize) -> usize) -> Vec<(usize, Error)> {
        let share = self.share();
        let lengths: Vec<usize> = self.reads.iter().map(|read| length(read.place)).collect();
        let short: usize = lengths.iter().filter(|length| **length <= share).sum();
        let mut room = MAX_ANSWER.saturating_sub(short);
        let long = self.reads.iter().zip(lengths).filter(|(_, length)| *length > share);
        long.filter_map(|(read, length)| {
            if read.changed {
                return Some((read.place, read.error("is changed by the same batch, and too long to be read in it")));
            }
            match room.checked_sub(length) {
                Some(left) => {
                    room = left;
                    None
                }
                None => Some((read.place, read.error("does not fit beside the others"))),
            }
        })
        .collect()
    }

    /// Takes back what is too much.
    pub fn cap(&self, replies: &mut [Result<Reply>]) {
        let length = |place: usize| match replies.get(place) {
            Some(Ok(Reply::Value(Some(value)))) => value.len(),
            _ => 0,
        };
        for (place, error) in self.refused(length) {
            if let Some(reply) = replies.get_mut(place) {
                *reply = Err(error);
            }
        }
    }
}

impl Read {
    fn error(&self, why: &str) -> Error {
        Error::too_large(format!(
            "the value of \"{}\" {why}: what a cache.batch reads has at most {MAX_ANSWER} bytes together; read it in a call of \
             its own",
            self.key
        ))
    }
}
