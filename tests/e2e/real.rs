//! The application on real servers: Redis, Kafka and MongoDB.
//!
//! Tests that only use servers share those that `REDIS_URL`, `KAFKA_BROKERS` and `MONGODB_URI` name: each has a database
//! of its own there, and its people have e-mail addresses of a domain of its own. Tests that break a server start that one
//! for themselves.

mod events;
mod former;
mod journey;
mod kills;
mod load;
mod log_outs;
mod network;
mod outages;
mod probes;
mod two_hosts;

use crate::harness::{Answer, Client, Host, Site, eventually};
use probes::{Kafka, MongoDb, Redis};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Signs tokens in these tests, as it did in the former system.
const SECRET: &str = "only for tests: 0123456789abcdef0123456789abcdef";

const PASSWORD: &str = "Correct-Horse-7";

/// The plugin as shipped, with limits that no test meets by accident, and the back door of the tests beside it.
const CONFIG: &str = r#"
[plugins.auth]
source = "auth.wasm"
grants = { cache = ["session:*", "user:*", "ratelimit:*"], documents = ["users", "revocations"], publish = ["user-events", "analytics-events"], consume = ["user-events"], realtime = ["/"], tokens = true, passwords = true }
limits = { deadline = "2s" }
settings = { requests-per-minute = 1000000, sign-ups-per-minute = 1000000, log-ins-per-minute = 1000000 }

[plugins.store]
source = "store.wasm"
grants = { cache = ["*"], documents = ["*"], publish = ["*"] }
limits = { deadline = "2s" }
"#;

/// Where the servers are, and what in them is this test's.
struct Stores {
    redis: String,
    kafka: String,
    /// Brokers for the test's own eyes, which see also what the host does not.
    seen: String,
    mongodb: MongoDb,
    /// Of everybody's e-mail address.
    domain: String,
}

impl Stores {
    /// The servers that the environment names, with a database of their own.
    fn shared() -> Self {
        Self::with(named("REDIS_URL"), named("KAFKA_BROKERS"), &named("MONGODB_URI"))
    }

    /// Servers of the test's own among them.
    fn with(redis: String, kafka: String, mongodb: &str) -> Self {
        let domain = format!("{}.example.com", uuid::Uuid::new_v4().simple());
        Self { redis, seen: kafka.clone(), kafka, mongodb: MongoDb::fresh(mongodb), domain }
    }

    /// A host on these servers.
    fn host(&self) -> Host {
        self.host_with(CONFIG)
    }

    fn host_with(&self, config: &str) -> Host {
        self.launch(Arc::new(Site::new(config)))
    }

    fn launch(&self, site: Arc<Site>) -> Host {
        let variables = [
            ("JWT_SECRET", SECRET),
            ("REDIS_URL", &self.redis),
            ("KAFKA_BROKERS", &self.kafka),
            ("MONGODB_URI", self.mongodb.url()),
        ];
        Host::launch(site, &variables)
    }

    fn redis(&self) -> Redis {
        Redis::open(&self.redis)
    }

    /// What enters these topics from now on.
    fn topics(&self, names: &[&str]) -> Kafka {
        Kafka::from_now(&self.seen, names)
    }

    fn sign_up(&self, host: &Host, name: &str) -> Person {
        let mut client = host.client();
        // A server that is slow to begin with keeps the plugin away for a moment, not the host.
        eventually("the plugin serves", || {
            let served = client.get("/openapi.json").json();
            if served["paths"]["/signup"].is_object() { Ok(()) } else { Err(served.to_string()) }
        });
        let email = format!("{}@{}", name.to_lowercase(), self.domain);
        let body = json!({ "firstName": name, "lastName": "Tester", "emailId": email, "password": PASSWORD });
        let answer = client.post("/signup", &body).expect(200).json();
        let id = answer["data"]["_id"].as_str().unwrap().to_owned();
        Person { client, id, email }
    }
}

/// Somebody with an account and a session.
struct Person {
    client: Client,
    id: String,
    email: String,
}

impl Person {
    fn token(&self) -> String {
        self.client.cookies["token"].clone()
    }
}

/// The address of a server that the environment must name.
fn named(variable: &str) -> String {
    std::env::var(variable)
        .ok()
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| panic!("set {variable} or run `cargo xtask test`"))
}

fn log_in(host: &Host, email: &str, password: &str) -> (Client, Answer) {
    let mut client = host.client();
    let answer = client.post("/login", &json!({ "emailId": email, "password": password }));
    (client, answer)
}

fn log_out(host: &Host, token: &str) -> Answer {
    host.client().request("POST", "/logout").header("Cookie", &format!("token={token}")).body("").send()
}

/// One's own profile, as the bearer of this token.
fn view(host: &Host, token: &str) -> Answer {
    host.client().request("GET", "/profile/view").header("Authorization", &format!("Bearer {token}")).send()
}

/// The names of the stores that the host calls away. It is ready all the same.
fn away(host: &Host) -> Vec<String> {
    let answer = host.client().get("/readyz").expect(200).json();
    let away: Vec<String> =
        answer["away"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(answer["status"], if away.is_empty() { "ok" } else { "degraded" }, "{answer}");
    away
}

/// Waits until the host calls exactly these stores away, given in the order of the alphabet. It goes on being used.
#[track_caller]
fn wait_until_away(host: &Host, names: &[&str]) {
    crate::harness::eventually(&format!("{names:?} away"), || {
        use_stores(host);
        let mut found = away(host);
        found.sort();
        if found == names { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

/// A call for each store but Kafka, whatever comes of it.
fn use_stores(host: &Host) {
    drop(host.client().get("/store/cache/nothing"));
    let filter = bson::serialize_to_vec(&bson::doc! { "_id": 0 }).unwrap();
    drop(host.client().request("POST", "/store/find/nothing").body(filter).send());
}

/// Tests that put the whole machine to work take turns: each judges what it sees by the clock.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks an RFC 3339 time in UTC with milliseconds, as the contract has it.
#[track_caller]
fn check_time(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("no time: {value}"));
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{text}");
}
