//! The back door of the tests: puts documents of the former system into the stores, and looks at what is there.

#[allow(dead_code, reason = "each guest uses a part of it")]
#[path = "../../shared.rs"]
mod shared;

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package tests:store;
        world guest {
            include devconnect:platform/http@0.1.0;
            include devconnect:platform/with-documents@0.1.0;
            include devconnect:platform/with-cache@0.1.0;
            include devconnect:platform/with-events@0.1.0;
        }
    ",
    generate_all,
});

use devconnect::platform::http_types::{Access, Media, Method, Response};
use devconnect::platform::{cache, documents, events};
use exports::devconnect::platform::http_handler::{self, Request};
use exports::devconnect::platform::lifecycle::{self, Description, InitError};

/// The plugin.
pub struct Store;

type Outcome = Result<Vec<u8>, devconnect::platform::errors::Error>;

type Handler = fn(&Request, &str) -> Outcome;

const ROUTES: &[(Method, &str, Handler)] = &[
    (Method::Post, "/store/insert/{collection}", insert),
    (Method::Post, "/store/insert-late/{collection}", insert_late),
    (Method::Post, "/store/find/{collection}", find),
    (Method::Post, "/store/unique/{collection}", unique),
    (Method::Post, "/store/update/{collection}", update),
    (Method::Get, "/store/cache/{key}", read),
    (Method::Put, "/store/cache/{key}", write),
    (Method::Delete, "/store/cache/{key}", forget),
    (Method::Post, "/store/publish/{topic}/{key}", publish),
    (Method::Post, "/store/publish-later/{topic}/{key}", publish_later),
    (Method::Post, "/store/again/cache/{key}/{times}", read_again),
    (Method::Post, "/store/again/find-one/{collection}/{times}", find_again),
    (Method::Post, "/store/again/publish/{topic}/{times}", publish_again),
];

/// Inserts the body, a BSON document.
fn insert(request: &Request, collection: &str) -> Outcome {
    documents::insert(collection, std::slice::from_ref(&request.body)).map(|ids| ids.concat())
}

/// The same after half a second, which is time enough for a client to go away.
fn insert_late(request: &Request, collection: &str) -> Outcome {
    std::thread::sleep(std::time::Duration::from_millis(500));
    insert(request, collection)
}

/// All documents that match the body, a BSON filter, one behind the other.
fn find(request: &Request, collection: &str) -> Outcome {
    let options = documents::FindOptions { sort: None, projection: None, skip: 0, limit: 0 };
    documents::find(collection, &request.body, &options).map(|found| found.concat())
}

/// The body is two BSON documents: a filter, and an update for all that match. How many did.
fn update(request: &Request, collection: &str) -> Outcome {
    let length = request.body.first_chunk::<4>().map_or(0, |head| u32::from_le_bytes(*head) as usize);
    let (filter, update) = request.body.split_at(length.min(request.body.len()));
    let options = documents::UpdateOptions { many: true, upsert: false };
    documents::update(collection, filter, update, options).map(|found| found.matched.to_string().into_bytes())
}

/// Makes a unique index of the body, a BSON document of keys.
fn unique(request: &Request, collection: &str) -> Outcome {
    let options = documents::IndexOptions { name: None, unique: true, expire_after_seconds: None, partial: None };
    documents::ensure_index(collection, &request.body, &options).map(|()| Vec::new())
}

fn read(_: &Request, key: &str) -> Outcome {
    cache::get(key).map(|value| value.unwrap_or_else(|| b"(none)".to_vec()))
}

fn write(request: &Request, key: &str) -> Outcome {
    cache::set(key, &request.body, None).map(|()| Vec::new())
}

fn forget(_: &Request, key: &str) -> Outcome {
    cache::delete(&[key.to_owned()]).map(|number| number.to_string().into_bytes())
}

fn event(request: &Request, topic: &str) -> events::Event {
    events::Event {
        topic: topic.to_owned(),
        key: Some(shared::param(&request.target, request.params.1).to_owned()),
        value: request.body.clone(),
        headers: Vec::new(),
    }
}

fn publish(request: &Request, topic: &str) -> Outcome {
    events::publish(&event(request, topic))
        .map(|position| format!("{} {}", position.partition, position.offset).into_bytes())
}

fn publish_later(request: &Request, topic: &str) -> Outcome {
    events::publish_later(&[event(request, topic)]).map(|()| Vec::new())
}

/// The same call again and again, for benchmarks: what stands around it counts once.
fn again(request: &Request, call: impl Fn() -> Result<(), devconnect::platform::errors::Error>) -> Outcome {
    let times: u32 = shared::param(&request.target, request.params.1).parse().unwrap_or(0);
    for _ in 0..times {
        call()?;
    }
    Ok(Vec::new())
}

fn read_again(request: &Request, key: &str) -> Outcome {
    again(request, || cache::get(key).map(drop))
}

/// The body is the `_id`, a text.
fn find_again(request: &Request, collection: &str) -> Outcome {
    let filter = by_id(&request.body);
    again(request, || documents::find_one(collection, &filter, None).map(drop))
}

/// `{_id: <text>}` in BSON.
fn by_id(text: &[u8]) -> Vec<u8> {
    let integer = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut filter = integer(15 + text.len()).to_vec();
    filter.extend(b"\x02_id\0");
    filter.extend(integer(text.len() + 1));
    filter.extend(text);
    filter.extend([0, 0]);
    filter
}

fn publish_again(request: &Request, topic: &str) -> Outcome {
    let event = events::Event { key: None, ..event(request, topic) };
    again(request, || events::publish(&event).map(drop))
}

impl lifecycle::Guest for Store {
    fn describe() -> Description {
        let routes: Vec<_> = ROUTES.iter().map(|(method, pattern, _)| (*method, *pattern, Access::Public)).collect();
        shared::describe("store", &routes)
    }

    fn init() -> Result<(), InitError> {
        Ok(())
    }
}

impl http_handler::Guest for Store {
    fn handle(request: Request) -> Response {
        let Some((_, _, handler)) = ROUTES.get(request.route as usize) else {
            return shared::text(500, "no such route");
        };
        let target = shared::param(&request.target, request.params.0);
        match handler(&request, target) {
            Ok(body) => Response { status: 200, media: Media::OctetStream, headers: Vec::new(), body },
            Err(error) => shared::text(422, format!("{error:?}")),
        }
    }
}

#[cfg(target_arch = "wasm32")]
export!(Store);
