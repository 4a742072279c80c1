//! Making an index, and what to say where one stands in the way.

use std::time::Duration;

use bson::{Bson, Document, RawDocumentBuf};
use futures_util::TryStreamExt as _;
use mongodb::error::Error as DriverError;
use mongodb::{Collection, IndexModel};

use super::fault::{self, Fault};

/// The most bytes of an option's value in the log.
const MOST_SHOWN: usize = 200;

/// What a server adds to an index by itself.
const SERVERS_OWN: [&str; 4] = ["v", "ns", "background", "name"];

/// An index that stands in the way of another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    pub(super) name: String,
    /// Its fields, as in "fromUserId 1, ts -1".
    pub(super) keys: String,
    /// What is not as it is asked for.
    pub(super) differs: Vec<String>,
}

/// Makes the index. One by its name or over its keys that has other options stays as it is, which the log tells the operator:
/// it may be the former system's, and queries work all the same.
pub(super) async fn ensure(
    collection: &Collection<RawDocumentBuf>,
    asked: IndexModel,
    time: Duration,
) -> Result<(), Fault> {
    let error = match collection.create_index(asked.clone()).max_time(time).await {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    if !fault::index_exists(&error) {
        return Err(error.into());
    }
    let keys = spelled(&asked.keys);
    let obstacles = obstacles(collection, &asked, time).await.unwrap_or_else(|error| {
        tracing::debug!(%error, "the indexes cannot be listed");
        Vec::new()
    });
    for Obstacle { name, keys: found, differs } in &obstacles {
        tracing::warn!(
            collection = collection.name(),
            index = name,
            keys = found,
            differs = differs.join("; "),
            "an index exists with other options than are asked for now, and stays as it is; drop it to have it made anew"
        );
    }
    if obstacles.is_empty() {
        tracing::warn!(
            collection = collection.name(),
            keys,
            "an index exists with other options than are asked for now, and stays as it is"
        );
    }
    Ok(())
}

/// The indexes by its name or over its keys.
pub(super) async fn obstacles(
    collection: &Collection<RawDocumentBuf>,
    asked: &IndexModel,
    time: Duration,
) -> Result<Vec<Obstacle>, DriverError> {
    let there: Vec<IndexModel> = collection.list_indexes().max_time(time).await?.try_collect().await?;
    Ok(there.iter().filter_map(|there| obstacle(there, asked)).collect())
}

/// What makes the one index stand in the way of the other; `None` if it does not.
fn obstacle(there: &IndexModel, asked: &IndexModel) -> Option<Obstacle> {
    let (keys, wanted) = (spelled(&there.keys), spelled(&asked.keys));
    let name = |index: &IndexModel| index.options.as_ref().and_then(|options| options.name.clone());
    let (name, asked_name) = (name(there).unwrap_or_default(), name(asked));
    if keys != wanted && asked_name.as_ref() != Some(&name) {
        return None;
    }
    let mut differs = Vec::new();
    if keys != wanted {
        differs.push(format!("keys: {keys} instead of {wanted}"));
    }
    if let Some(asked) = asked_name.filter(|asked| *asked != name) {
        differs.push(format!("name: {name} instead of {asked}"));
    }
    let (held, wanted) = (options(there), options(asked));
    let all = held.keys().chain(wanted.keys().filter(|option| !held.contains_key(option)));
    for option in all.filter(|option| !SERVERS_OWN.contains(&option.as_str())) {
        let (held, wanted) = (shown(held.get(option)), shown(wanted.get(option)));
        if held != wanted {
            differs.push(format!("{option}: {held} instead of {wanted}"));
        }
    }
    Some(Obstacle { name, keys, differs })
}

/// The options by the server's names for them.
fn options(index: &IndexModel) -> Document {
    let options = index.options.as_ref().map(bson::serialize_to_document);
    options.and_then(Result::ok).unwrap_or_default()
}

/// An option's value; one that is false is one that is missing.
fn shown(value: Option<&Bson>) -> String {
    let mut text = match value {
        None | Some(Bson::Null | Bson::Boolean(false)) => return "none".to_owned(),
        Some(value) => number(value).map_or_else(|| value.to_string(), |number| number.to_string()),
    };
    if text.len() > MOST_SHOWN {
        text.truncate(text.floor_char_boundary(MOST_SHOWN));
        text.push('…');
    }
    text
}

/// Fields and directions. A direction is 1 whichever of BSON's numbers it is.
fn spelled(keys: &Document) -> String {
    let spelled = keys.iter().map(|(field, direction)| format!("{field} {}", shown(Some(direction))));
    spelled.collect::<Vec<_>>().join(", ")
}

fn number(value: &Bson) -> Option<f64> {
    match value {
        Bson::Int32(number) => Some((*number).into()),
        #[expect(clippy::cast_precision_loss, reason = "to be shown and compared: times in seconds, directions")]
        Bson::Int64(number) => Some(*number as f64),
        Bson::Double(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use bson::doc;
    use mongodb::options::IndexOptions;

    use super::*;

    fn index(keys: Document, options: Document) -> IndexModel {
        let options: IndexOptions = bson::deserialize_from_document(options).unwrap();
        IndexModel::builder().keys(keys).options(options).build()
    }

    #[test]
    fn what_differs_is_named() {
        let there = index(
            doc! { "emailId": 1.0 },
            doc! { "v": 2, "name": "emailId_1", "background": true, "expireAfterSeconds": 60 },
        );
        let options = doc! {
            "unique": true, "expireAfterSeconds": 60_i64, "partialFilterExpression": { "emailId": { "$gt": "" } },
        };
        let Obstacle { name, keys, differs } = obstacle(&there, &index(doc! { "emailId": 1 }, options)).unwrap();
        assert_eq!((name.as_str(), keys.as_str()), ("emailId_1", "emailId 1"));
        let [unique, partial] = differs.try_into().unwrap();
        assert_eq!(unique, "unique: none instead of true");
        assert!(partial.starts_with("partialFilterExpression: none instead of {"), "{partial}");
    }

    #[test]
    fn an_index_of_that_name_over_other_keys_stands_in_the_way_too() {
        let there = index(doc! { "a": 1, "b": -1 }, doc! { "name": "mine" });
        let Obstacle { differs, .. } =
            obstacle(&there, &index(doc! { "b": -1, "a": 1 }, doc! { "name": "mine" })).unwrap();
        assert_eq!(differs, ["keys: a 1, b -1 instead of b -1, a 1"]);
        let Obstacle { differs, .. } =
            obstacle(&there, &index(doc! { "a": 1, "b": -1 }, doc! { "name": "x" })).unwrap();
        assert_eq!(differs, ["name: mine instead of x"]);
        assert_eq!(obstacle(&there, &index(doc! { "a": 1 }, doc! { "name": "x" })), None);
        assert_eq!(obstacle(&there, &index(doc! { "a": 1 }, doc! {})), None);
    }
}
