//! The application's accounts, as CONTRACT promises them to its clients: the shipped plugin on the embedded stores.

mod account;
mod admin;
mod events;
mod former;
mod limits;
mod password;
mod preferences;
mod profile;
mod sessions;
mod validation;

use crate::harness::{Answer, Client, Host, Site};
use crate::process::documents;
use bson::{Document, doc};
use serde_json::{Value, json};

/// Signs tokens in these tests, as it did in the former system.
const SECRET: &str = "only for tests: 0123456789abcdef0123456789abcdef";

const PASSWORD: &str = "Correct-Horse-7";

/// The plugin with limits that no test meets by accident, and the back door of the tests beside it.
fn config(settings: &str) -> String {
    format!(
        r#"
[plugins.auth]
source = "auth.wasm"
grants = {{ cache = ["session:*", "user:*", "ratelimit:*"], documents = ["users", "revocations"], publish = ["user-events", "analytics-events"], consume = ["user-events"], realtime = ["/"], tokens = true, passwords = true }}
settings = {{ {settings} }}

[plugins.store]
source = "store.wasm"
grants = {{ cache = ["*"], documents = ["*"], publish = ["*"] }}

[plugins.guarded]
source = "guarded.wasm"
filters = ["auth"]
"#
    )
}

const WIDE: &str = "requests-per-minute = 100000, sign-ups-per-minute = 100000, log-ins-per-minute = 100000";

fn start() -> Host {
    start_with(WIDE)
}

fn start_with(settings: &str) -> Host {
    Site::new(&config(settings)).start_with(&[("JWT_SECRET", SECRET)])
}

/// Somebody with an account and a session.
struct Person {
    client: Client,
    id: String,
    email: String,
}

fn sign_up(host: &Host, name: &str) -> Person {
    let mut client = host.client();
    let email = format!("{}@example.com", name.to_lowercase());
    let body = json!({ "firstName": name, "lastName": "Tester", "emailId": email, "password": PASSWORD });
    let answer = client.post("/signup", &body).expect(200).json();
    let id = answer["data"]["_id"].as_str().unwrap().to_owned();
    Person { client, id, email }
}

fn log_in(host: &Host, email: &str, password: &str) -> (Client, Answer) {
    let mut client = host.client();
    let answer = client.post("/login", &json!({ "emailId": email, "password": password }));
    (client, answer)
}

/// The stored documents of the user with this id.
fn stored(host: &Host, collection: &str, filter: &Document) -> Vec<Document> {
    let filter = bson::serialize_to_vec(filter).unwrap();
    let answer = host.client().request("POST", &format!("/store/find/{collection}")).body(filter).send();
    documents(&answer.expect(200).body)
}

fn stored_user(host: &Host, id: &str) -> Document {
    let id = bson::oid::ObjectId::parse_str(id).unwrap();
    stored(host, "users", &doc! { "_id": id }).pop().unwrap()
}

fn insert(host: &Host, collection: &str, document: &Document) {
    let document = bson::serialize_to_vec(document).unwrap();
    host.client().request("POST", &format!("/store/insert/{collection}")).body(document).send().expect(200);
}

/// Checks that this is a `User` as the contract has it, and no more.
#[track_caller]
fn check_user(user: &Value) {
    let id = user["_id"].as_str().unwrap();
    assert!(id.len() == 24 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{user}");
    for field in ["firstName", "emailId", "photoUrl", "about", "membershipTier", "createdAt", "updatedAt"] {
        assert!(user[field].is_string(), "`{field}` is missing: {user}");
    }
    assert!(
        user["skills"].is_array() && user["isPremium"].is_boolean() && user["emailPreferences"].is_object(),
        "{user}"
    );
    says_no_secret(user);
}

#[track_caller]
fn says_no_secret(value: &Value) {
    let text = value.to_string();
    for secret in ["$argon2", "$2a$", "$2b$", "password\":\"", "hash", PASSWORD] {
        assert!(!text.contains(secret), "{secret:?} is in an answer: {value}");
    }
}

/// The fields that a problem document complains about.
#[track_caller]
fn faulty_fields(answer: Answer) -> Vec<String> {
    let problem = answer.problem(400);
    let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("no `errors`: {problem}"));
    for error in errors {
        assert!(!error["message"].as_str().unwrap_or_default().is_empty(), "{problem}");
    }
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}
