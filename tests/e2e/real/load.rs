//! People who use the application while things break, and an account of what they were told.

use super::probes::{Kafka, MongoDb, Record};
use super::{PASSWORD, Stores};
use crate::harness::{Client, Host, eventually};
use bson::doc;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long what was acknowledged may take to its topic, once everything works again.
const ARRIVAL: Duration = Duration::from_secs(45);

/// How many people act at the same time.
const THREADS: usize = 4;

/// The topics that the load writes to.
pub(super) const TOPICS: [&str; 2] = ["user-events", "analytics-events"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    SignUp,
    View,
    Edit,
    /// A look at somebody: a read that publishes an event which belongs to no document.
    Look,
}

/// One request and how it went.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) kind: Kind,
    /// The status, or why there is none.
    pub(super) outcome: Result<u16, String>,
    pub(super) took: Duration,
}

/// What one account was told.
#[derive(Clone, Debug, Default)]
struct Account {
    id: String,
    email: String,
    /// The last text that was acknowledged.
    about: Option<String>,
    /// Texts that may have been stored or not.
    perhaps: BTreeSet<String>,
    edits: usize,
    looks: usize,
    /// Looks that were not acknowledged.
    perhaps_looks: usize,
}

/// What all were told.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) requests: Vec<Request>,
    accounts: Vec<Account>,
}

/// The people at work.
pub(super) struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Told>>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    acknowledged: AtomicUsize,
}

/// What became of it all.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Events that were published more than once.
    pub(super) repeated: usize,
    pub(super) lost: Vec<String>,
}

struct Worker {
    address: SocketAddr,
    domain: String,
    shared: Arc<Shared>,
    told: Told,
}

impl Load {
    pub(super) fn start(host: &Host, stores: &Stores) -> Self {
        let shared = Arc::<Shared>::default();
        let threads = (0..THREADS)
            .map(|_| {
                let worker = Worker {
                    address: host.address,
                    domain: stores.domain.clone(),
                    shared: Arc::clone(&shared),
                    told: Told::default(),
                };
                std::thread::spawn(move || worker.run())
            })
            .collect();
        Self { shared, threads }
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until so many more writes were acknowledged.
    #[track_caller]
    pub(super) fn go_on(&self, writes: usize) {
        let wanted = self.acknowledged() + writes;
        eventually("more writes", || match self.acknowledged() {
            found if found >= wanted => Ok(()),
            found => Err(format!("{found} of {wanted}")),
        });
    }

    pub(super) fn stop(self) -> Told {
        self.shared.over.store(true, Ordering::Relaxed);
        let mut all = Told::default();
        for thread in self.threads {
            all.add(thread.join().unwrap());
        }
        all
    }
}

impl Worker {
    /// Ends when it is told to, or when the host is gone.
    fn run(mut self) -> Told {
        let mut person: Option<Client> = None;
        for turn in 0_u32.. {
            let mut client = Client::new(self.address);
            if self.sign_up(&mut client) {
                person = Some(client);
            }
            let Some(client) = &mut person else {
                if self.is_over() {
                    break;
                }
                continue;
            };
            for round in 0..4 {
                if self.is_over() {
                    return self.told;
                }
                self.ask(Kind::View, client, "GET", "/profile/view", "");
                match round {
                    1 => self.edit(client, &format!("turn {turn}")),
                    3 => self.look(client),
                    _ => {}
                }
            }
        }
        self.told
    }

    fn is_over(&self) -> bool {
        // A host that ends a connection without an answer has died.
        let died = self.told.requests.last().is_some_and(|last| last.outcome.is_err());
        died || self.shared.over.load(Ordering::Relaxed)
    }

    fn ask(&mut self, kind: Kind, client: &mut Client, method: &str, target: &str, body: &str) -> Option<String> {
        let started = Instant::now();
        let answer = client.request(method, target).header("Content-Type", "application/json").body(body).try_send();
        let took = started.elapsed();
        let (outcome, text) = match answer {
            Ok(answer) => (Ok(answer.status), (answer.status == 200).then(|| answer.text())),
            Err(error) => (Err(error.to_string()), None),
        };
        self.told.requests.push(Request { kind, outcome, took });
        if text.is_some() && kind != Kind::View {
            self.shared.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        text
    }

    fn sign_up(&mut self, client: &mut Client) -> bool {
        let email = format!("{}@{}", uuid::Uuid::new_v4().simple(), self.domain);
        let body = json!({ "firstName": "Ann", "lastName": "Load", "emailId": email, "password": PASSWORD });
        let answer = self.ask(Kind::SignUp, client, "POST", "/signup", &body.to_string());
        let Some(answer) = answer else { return false };
        let user: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let id = user["data"]["_id"].as_str().unwrap().to_owned();
        self.told.accounts.push(Account { id, email, ..Account::default() });
        true
    }

    fn edit(&mut self, client: &mut Client, text: &str) {
        let body = json!({ "about": text }).to_string();
        let done = self.ask(Kind::Edit, client, "PATCH", "/profile/edit", &body).is_some();
        let account = self.told.accounts.last_mut().unwrap();
        if done {
            account.about = Some(text.to_owned());
            account.edits += 1;
        } else {
            account.perhaps.insert(text.to_owned());
        }
    }

    fn look(&mut self, client: &mut Client) {
        let whom = self.told.accounts.first().unwrap().id.clone();
        let done = self.ask(Kind::Look, client, "GET", &format!("/user/{whom}"), "").is_some();
        let account = self.told.accounts.last_mut().unwrap();
        if done {
            account.looks += 1;
        } else {
            account.perhaps_looks += 1;
        }
    }
}

impl Told {
    pub(super) fn add(&mut self, mut other: Self) {
        self.requests.append(&mut other.requests);
        self.accounts.append(&mut other.accounts);
    }

    /// The same without the events that belong to no document.
    pub(super) fn only_documents(&self) -> Self {
        let mut told = self.clone();
        for account in &mut told.accounts {
            account.perhaps_looks += std::mem::take(&mut account.looks);
        }
        told
    }

    /// Requests that change something and that were acknowledged.
    pub(super) fn acknowledged(&self) -> usize {
        self.requests.iter().filter(|one| one.kind != Kind::View && one.outcome == Ok(200)).count()
    }

    pub(super) fn with_status(&self, status: u16) -> usize {
        self.requests.iter().filter(|one| one.outcome == Ok(status)).count()
    }

    pub(super) fn slowest(&self) -> Duration {
        self.requests.iter().map(|one| one.took).max().unwrap_or_default()
    }

    /// Compares what was told with what is in the stores, once everything has had the time to arrive there.
    pub(super) fn check(&self, mongodb: &MongoDb, records: &mut Kafka, domain: &str) -> Findings {
        let mut findings = Findings::default();
        let users = mongodb.find("users", doc! {});
        let mut by_email: BTreeMap<&str, Vec<&bson::Document>> = BTreeMap::new();
        for user in &users {
            by_email.entry(user.get_str("emailId").unwrap()).or_default().push(user);
        }
        for account in &self.accounts {
            let found = by_email.get(account.email.as_str()).map_or(&[][..], Vec::as_slice);
            let [user] = found else {
                findings.lost.push(format!("{} is stored {} times", account.email, found.len()));
                continue;
            };
            assert_eq!(user.get_object_id("_id").unwrap().to_hex(), account.id);
            let about = user.get_str("about").unwrap();
            let may_be = account.perhaps.contains(about) || account.about.as_ref().is_none_or(|last| last == about);
            if !may_be {
                findings.lost.push(format!("{}: {about:?} is stored, not {:?}", account.email, account.about));
            }
        }
        let ids: BTreeSet<String> = users.iter().map(|user| user.get_object_id("_id").unwrap().to_hex()).collect();
        let deadline = Instant::now() + ARRIVAL;
        findings.lost.extend(loop {
            let events = Events::of(records.read(), &ids);
            findings.repeated = events.repeated;
            let missing = self.missing(&events, &ids);
            if missing.is_empty() || Instant::now() > deadline {
                break missing;
            }
        });
        // Nothing half done: no event tells of somebody who is not there.
        for record in records.read().iter().filter(|one| one.is("user-events", "USER_SIGNUP")) {
            let email = record.value["data"]["emailId"].as_str().unwrap_or_default();
            if email.ends_with(domain) && !by_email.contains_key(email) {
                findings.lost.push(format!("{email} has an event and no document"));
            }
        }
        findings
    }

    /// What is not among the events and must be.
    fn missing(&self, events: &Events, users: &BTreeSet<String>) -> Vec<String> {
        let mut missing = Vec::new();
        // Of everybody who is stored, also where the client was not told: one commit has both.
        for id in users {
            match events.count("USER_SIGNUP", id) {
                1 => {}
                found => missing.push(format!("{found} sign-ups of {id}")),
            }
        }
        for account in &self.accounts {
            let found = events.count("PROFILE_UPDATED", &account.id);
            let most = account.edits + account.perhaps.len();
            if !(account.edits..=most).contains(&found) {
                missing.push(format!("{found} edits of {}, not {}–{most}", account.id, account.edits));
            }
            let found = events.count("PROFILE_VIEW", &account.id);
            let most = account.looks + account.perhaps_looks;
            if !(account.looks..=most).contains(&found) {
                missing.push(format!("{found} looks of {}, not {}–{most}", account.id, account.looks));
            }
        }
        missing
    }
}

/// Events by type and key, each id once.
struct Events {
    ids: BTreeMap<(String, String), BTreeSet<String>>,
    repeated: usize,
}

impl Events {
    /// Those that these users caused.
    fn of(records: &[Record], users: &BTreeSet<String>) -> Self {
        let mut ids: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        let mut repeated = 0;
        for record in records.iter().filter(|one| users.contains(&one.key)) {
            assert!(!record.event_id.is_empty(), "{record:?}");
            let kind = record.value["eventType"].as_str().unwrap_or_default().to_owned();
            if !ids.entry((kind, record.key.clone())).or_default().insert(record.event_id.clone()) {
                repeated += 1;
            }
        }
        Self { ids, repeated }
    }

    fn count(&self, kind: &str, key: &str) -> usize {
        self.ids.get(&(kind.to_owned(), key.to_owned())).map_or(0, BTreeSet::len)
    }
}
