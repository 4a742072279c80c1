//! Write DevConnect plugins that read like an axum application.
//!
//! A plugin is a set of plain functions and a router that names them. This is a whole one:
//!
//! ```
//! # mod notes {
//! use devconnect_sdk::prelude::*;
//!
//! devconnect_sdk::plugin! { router: routes, init: init }
//!
//! fn routes() -> Router {
//!     Router::new().post("/notes", add).get("/notes/{id}", read)
//! }
//!
//! const NOTES: Collection<Note> = Collection::new("notes");
//!
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct Note {
//!     #[serde(rename = "_id")]
//!     id: Id,
//!     owner: String,
//!     text: String,
//! }
//!
//! #[derive(Deserialize, JsonSchema, Validate)]
//! struct NewNote {
//!     #[garde(length(chars, min = 1, max = 1000))]
//!     text: String,
//! }
//!
//! fn init() -> Result<(), InitError> {
//!     Ok(NOTES.ensure_index(&Index::on(doc! { "owner": 1 }))?)
//! }
//!
//! fn add(who: Identity, Valid(Json(new)): Valid<Json<NewNote>>) -> Result<Created<Json<Note>>, Problem> {
//!     let note = Note { id: Id::new(), owner: who.subject, text: new.text };
//!     NOTES.insert(&note)?;
//!     Ok(Created(Json(note)))
//! }
//!
//! fn read(who: Identity, Path(id): Path<Id>) -> Result<Json<Note>, Problem> {
//!     let note = NOTES.find_one(doc! { "_id": id, "owner": who.subject })?;
//!     note.map(Json).ok_or_else(|| Problem::not_found("There is no such note"))
//! }
//! # pub(crate) fn app() -> devconnect_sdk::test::App { devconnect_sdk::test::App::new(routes()) }
//! # }
//! # use devconnect_sdk::test::Request;
//! # let app = notes::app();
//! # let made = app.call(Request::post("/notes").identity("ada").json(&serde_json::json!({ "text": "hi" })));
//! # assert_eq!(made.status(), 201, "{made:?}");
//! # let id = made.value()["_id"].as_str().unwrap().to_owned();
//! # assert_eq!(app.call(Request::get(format!("/notes/{id}")).identity("ada")).status(), 200);
//! # assert_eq!(app.call(Request::get(format!("/notes/{id}")).identity("bob")).status(), 404);
//! # assert_eq!(app.call(Request::get("/notes/1").identity("ada")).status(), 400);
//! # assert_eq!(app.call(Request::get("/notes/1")).status(), 401);
//! ```
//!
//! # The parts
//!
//! - [`Router`] says which function answers which request, and who may call it ([`public`], [`optional`], [`session`],
//!   [`role`]); the host's description of the plugin and the OpenAPI document are made from it.
//! - Handlers take [extractors](FromRequest): [`Json`], [`Path`], [`Query`], [`Valid`], [`Identity`], [`Headers`],
//!   [`Body`], [`RemoteAddress`], [`Context`]. What a handler does not take is not read.
//! - Handlers return [answers](IntoResponse), as a rule `Result<Json<T>, Problem>`. [`Problem`] is an RFC 9457 document,
//!   and `?` turns every capability's [`Error`] into the one that fits.
//! - A [`Consumer`] handles events of topics, and [`Schedules`] run at set times.
//! - Capabilities are called directly, from anywhere: [`cache`], [`documents`], [`events`], [`tokens`], [`passwords`],
//!   [`settings`], [`log`], [`metrics`]. A component imports those that its code calls and no others, and the operator
//!   grants each by name.
//! - [`test`](mod@test) has all of them in memory: handlers run, and are tested, without WebAssembly.
//!
//! # What to know about instances
//!
//! Functions are not `async`: a call that waits suspends the guest, and holds no thread of the host. An instance serves
//! one call at a time and many after another, for different users: keep nothing in a `static` that belongs to one of them.

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[path = "glue.rs"]
pub mod __private;
mod bindings;
pub mod cache;
pub mod consumer;
pub mod documents;
mod error;
pub mod events;
mod extract;
pub mod filter;
mod id;
mod init;
pub mod log;
pub mod metrics;
#[cfg(not(target_arch = "wasm32"))]
pub mod openapi;
pub mod passwords;
mod platform;
mod plugin;
mod problem;
mod request;
mod response;
mod router;
mod schedules;
mod schema;
pub mod settings;
#[cfg(not(target_arch = "wasm32"))]
pub mod test;
pub mod time;
pub mod tokens;
mod trace;
pub mod validate;

// The derives name this crate by its name, also within its own tests.
extern crate self as devconnect_sdk;

pub use ::bson::doc;
#[cfg(not(target_arch = "wasm32"))]
pub use schemars;
pub use serde_json;

/// The types of BSON. What the crate of this name has for serde is left out, or done by this crate's own codec: the crate's
/// writes [`Id`] and [`DateTime`](crate::DateTime) as texts, and would make most of a component.
pub mod bson {
    pub use ::bson::oid::ObjectId;
    pub use ::bson::spec::BinarySubtype;
    pub use ::bson::{Array, Binary, Bson, DateTime, Decimal128, Document, Regex, Timestamp, Uuid, doc, oid};

    /// A document as a value; [`from_document`](crate::documents::from_document) does the same with a borrowed one.
    ///
    /// # Errors
    /// It does not fit the type.
    pub fn deserialize_from_document<T: serde::de::DeserializeOwned>(document: Document) -> Result<T, crate::Error> {
        crate::documents::from_document(&document)
    }
}

pub use crate::consumer::Consumer;
pub use crate::error::{Error, ErrorKind};
pub use crate::extract::{
    Body, Context, FromRequest, Headers, Identity, Inner, Json, Path, Query, RemoteAddress, Valid, Validate,
};
pub use crate::filter::{Head, Next};
pub use crate::id::{Id, NotAnId};
pub use crate::init::InitError;
pub use crate::problem::{FieldError, Problem};
pub use crate::request::{Method, Request};
pub use crate::response::{Accepted, Cookie, Created, Html, IntoResponse, Media, NoContent, Response, SameSite};
pub use crate::router::{
    Access, Bare, Endpoint, Handler, IntoEndpoint, Router, endpoint, optional, public, role, session,
};
pub use crate::schedules::Schedules;
pub use crate::schema::JsonSchema;
pub use crate::time::{DateTime, NotADateTime};

/// Everything that most plugins use: `use devconnect_sdk::prelude::*`.
pub mod prelude {
    pub use serde::{Deserialize, Serialize};

    pub use crate::cache::{Counter, Key, RateLimit, Standing};
    pub use crate::consumer::{Consumer, Delivery, Failure};
    pub use crate::documents::{Collection, Expect, Index, Outcome, Transaction};
    pub use crate::events::Event;
    pub use crate::settings::Settings;
    pub use crate::{
        Accepted, Access, Body, Context, Cookie, Created, DateTime, Endpoint, Error, ErrorKind, FromRequest, Head,
        Headers, Html, Id, Identity, InitError, IntoResponse, Json, JsonSchema, Media, Method, Next, NoContent, Path,
        Problem, Query, RemoteAddress, Request, Response, Router, SameSite, Schedules, Valid, Validate, cache, doc,
        endpoint, events, log, metrics, optional, passwords, public, role, session, settings, tokens, validate,
    };
    // What the code that `JsonSchema`'s derive makes looks for.
    #[cfg(not(target_arch = "wasm32"))]
    pub use schemars;
}
