//! People who meet: requests, connections, the feed, and what analytics counts of it. On the embedded stores;
//! `real::network` goes the same way on real servers.

use crate::harness::{Client, Host, eventually};
use serde_json::{Value, json};

/// The plugins as shipped, with limits that no test meets by accident.
pub(crate) const CONFIG: &str = r#"
[plugins.auth]
source = "auth.wasm"
grants = { cache = ["session:*", "user:*", "ratelimit:*"], documents = ["users", "revocations"], publish = ["user-events", "analytics-events"], consume = ["user-events"], tokens = true, passwords = true }
limits = { deadline = "5s" }
settings = { requests-per-minute = 1000000, sign-ups-per-minute = 1000000, log-ins-per-minute = 1000000, admins = ["root@example.com"] }

[plugins.connections]
source = "connections.wasm"
filters = ["auth"]
grants = { cache = ["rate_limit:connection_requests:*", "feed:*"], documents = ["users", "connectionrequests", "connection_days", "connections_processed", "digests"], publish = ["connection-events", "notification-events"], consume = ["connection-events"] }

[plugins.analytics]
source = "analytics.wasm"
filters = ["auth"]
grants = { documents = ["analytics_totals", "analytics_users", "analytics_series", "analytics_processed"], publish = ["analytics-events"], consume = ["user-events", "message-events", "connection-events", "analytics-events"] }
"#;

/// Somebody with a session.
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) id: String,
}

impl Person {
    pub(crate) fn sign_up(host: &Host, name: &str, email: &str) -> Self {
        let mut client = host.client();
        let body = json!({ "firstName": name, "lastName": "Tester", "emailId": email, "password": "Correct-Horse-7" });
        // A store that is slow to begin with keeps the plugin away for a moment, not the host.
        let answer = eventually("a sign-up", || match client.post("/signup", &body) {
            answer if answer.status == 200 => Ok(answer.json()),
            answer => Err(format!("{answer:?}")),
        });
        Self { client, id: answer["data"]["_id"].as_str().unwrap().to_owned() }
    }

    fn skilled(host: &Host, name: &str, email: &str, skills: &[&str]) -> Self {
        let mut person = Self::sign_up(host, name, email);
        person.client.patch("/profile/edit", &json!({ "skills": skills, "age": 30 })).expect(200);
        person
    }

    fn ask(&mut self, status: &str, whom: &str) -> crate::harness::Answer {
        self.client.request("POST", &format!("/request/send/{status}/{whom}")).send()
    }

    fn feed(&mut self, query: &str) -> Value {
        self.client.get(&format!("/feed{query}")).expect(200).json()
    }

    fn numbers(&mut self) -> Value {
        let id = self.id.clone();
        self.client.get(&format!("/analytics/users/{id}")).expect(200).json()
    }
}

fn ids(users: &Value) -> Vec<&str> {
    users.as_array().unwrap().iter().map(|user| user["_id"].as_str().unwrap()).collect()
}

#[test]
fn people_meet_and_are_counted() {
    let host = Host::start(CONFIG);
    journey(&host, "example.com");
}

/// From signing up to being connected, with everything in between that is refused.
pub(crate) fn journey(host: &Host, domain: &str) {
    let at = |name: &str| format!("{name}@{domain}");
    let mut ada = Person::skilled(host, "Ada", &at("ada"), &["React", "Node.js", "TypeScript"]);
    let mut ben = Person::skilled(host, "Ben", &at("ben"), &["react", "typescript", "CSS"]);
    let mut cyd = Person::skilled(host, "Cyd", &at("cyd"), &["Python", "TensorFlow"]);
    let dan = Person::sign_up(host, "Dan", &at("dan"));

    // Everybody but oneself; ranked, those whose skills go with one's own.
    let feed = ada.feed("");
    let mut found = ids(&feed["data"]);
    found.sort_unstable();
    let mut others = [ben.id.as_str(), cyd.id.as_str(), dan.id.as_str()];
    others.sort_unstable();
    assert_eq!(found, others);
    assert_eq!(feed["recommendations"]["totalAvailable"], 3);
    assert_eq!(feed["recommendations"]["tier"], "free");
    for hidden in ["password", "emailId", "skillKeys", "lastActiveAt"] {
        assert!(feed["data"][0][hidden].is_null(), "{feed}");
    }
    let ranked = ada.feed("?ml=true");
    assert_eq!(ids(&ranked["data"]), [ben.id.as_str()], "{ranked}");
    let score = ranked["data"][0]["recommendationScore"].as_f64().unwrap();
    assert!((0.05..=1.0).contains(&score), "{ranked}");
    assert_eq!(ranked["recommendations"]["mlEnabled"], true);
    ada.client.get("/feed?limit=none").problem(400);

    // One asks, the other one cannot ask back.
    let sent = ada.ask("interested", &ben.id).expect(200).json();
    assert_eq!(sent["message"], "Ada is interested in Ben");
    assert_eq!(sent["data"]["status"], "interested");
    assert_eq!(ben.ask("interested", &ada.id).problem(400)["message"], "connection request already present");
    ada.ask("likes", &cyd.id).problem(400);
    ada.ask("interested", "nobody").problem(400);
    let own = ada.id.clone();
    ada.ask("interested", &own).problem(400);
    ada.ask("interested", "507f1f77bcf86cd799439011").problem(404);
    host.client().request("POST", &format!("/request/send/interested/{}", ben.id)).send().problem(401);

    let received = ben.client.get("/user/requests/received").expect(200).json();
    assert_eq!(received["data"].as_array().unwrap().len(), 1, "{received}");
    assert_eq!(received["data"][0]["fromUserId"]["firstName"], "Ada");
    let request = received["data"][0]["_id"].as_str().unwrap().to_owned();
    // Only who was asked answers, and once.
    ada.client.request("POST", &format!("/request/review/accepted/{request}")).send().problem(404);
    let respond = format!("/user/requests/{request}/respond");
    ada.client.patch(&respond, &json!({ "action": "accept" })).problem(403);
    ben.client.patch(&respond, &json!({ "action": "later" })).problem(400);
    let answered = ben.client.patch(&respond, &json!({ "action": "accept" })).expect(200).json();
    assert_eq!(answered["data"]["status"], "accepted");
    ben.client.patch(&respond, &json!({ "action": "reject" })).problem(409);
    for (one, other) in [(&mut ada, "Ben"), (&mut ben, "Ada")] {
        let connections = one.client.get("/user/connections").expect(200).json();
        assert_eq!(connections["data"].as_array().unwrap().len(), 1, "{connections}");
        assert_eq!(connections["data"][0]["firstName"], other);
        assert!(connections["data"][0]["emailId"].is_null());
    }
    // Whoever is ignored is not shown again, on either side.
    cyd.ask("ignore", &ada.id).expect(200);
    assert_eq!(ids(&ada.feed("")["data"]), [dan.id.as_str()]);
    assert!(!ids(&cyd.feed("")["data"]).contains(&ada.id.as_str()));

    counted(host, &mut ada, &mut ben, domain);
}

/// What analytics has counted of the journey, and who may see it.
fn counted(host: &Host, ada: &mut Person, ben: &mut Person, domain: &str) {
    ada.client.get(&format!("/user/{}", ben.id)).expect(200);
    eventually("the numbers", || {
        let (sender, receiver) = (ada.numbers(), ben.numbers());
        let found = [&sender["requestsSent"], &receiver["requestsReceived"], &receiver["profileViews"]];
        if found.iter().all(|number| **number == 1) { Ok(()) } else { Err(format!("{sender} {receiver}")) }
    });
    // Each topic is read for itself.
    eventually("a summary", || {
        let summary = ada.client.get("/analytics/summary").expect(200).json();
        let counted = (&summary["signups"], &summary["requests"], &summary["accepted"]);
        if counted == (&json!(1), &json!(1), &json!(1)) { Ok(()) } else { Err(summary.to_string()) }
    });
    ada.client.get(&format!("/analytics/users/{}", ben.id)).problem(403);
    let series = ada.client.get("/analytics/timeseries?metric=requests&step=day").expect(200).json();
    let points = series["points"].as_array().unwrap();
    assert_eq!(points.iter().map(|point| point["value"].as_u64().unwrap()).sum::<u64>(), 1, "{series}");
    ada.client.get("/analytics/timeseries?metric=secrets").problem(400);

    // What a client posts is told, and counts for nobody.
    let posted = json!({ "eventType": "BUTTON_PRESSED", "data": { "button": "like" } });
    assert!(ada.client.post("/analytics/events", &posted).expect(202).json()["eventId"].is_string());
    ada.client.post("/analytics/events", &json!({ "eventType": "PROFILE_VIEW" })).problem(400);

    if domain == "example.com" {
        let mut root = Person::sign_up(host, "Root", "root@example.com");
        eventually("everybody's summary", || {
            let summary = root.client.get("/analytics/summary").expect(200).json();
            if summary["signups"] == 5 { Ok(()) } else { Err(summary.to_string()) }
        });
        root.client.get(&format!("/analytics/users/{}", ada.id)).expect(200);
    }
}

#[test]
fn a_free_user_asks_ten_a_day() {
    let host = Host::start(CONFIG);
    let mut ada = Person::sign_up(&host, "Ada", "ada@example.com");
    let others: Vec<_> =
        (0..11).map(|number| Person::sign_up(&host, "Other", &format!("o{number}@example.com"))).collect();
    // Two at a time must not pass the limit either: eleven at once.
    let token = ada.client.cookies["token"].clone();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking: Vec<_> = others
            .iter()
            .map(|other| {
                let (host, token) = (&host, &token);
                scope.spawn(move || {
                    let target = format!("/request/send/interested/{}", other.id);
                    // Who meets another one's write is told to try again.
                    eventually("an answer", || {
                        let mut client = host.client();
                        let answer = client.request("POST", &target).header("Cookie", &format!("token={token}")).send();
                        if answer.status == 409 { Err(answer.text()) } else { Ok(answer.status) }
                    })
                })
            })
            .collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 1, "{statuses:?}");
    let left = others.iter().zip(&statuses).find(|(_, status)| **status == 429).unwrap().0;
    let refused = ada.ask("interested", &left.id);
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    let problem = refused.problem(429);
    assert_eq!((&problem["tier"], &problem["limit"], &problem["used"]), (&json!("free"), &json!(10), &json!(10)));
    // To ignore somebody is no request.
    ada.ask("ignore", &left.id).expect(200);
}

#[test]
fn two_who_ask_each_other_at_once_have_one_request() {
    let host = Host::start(CONFIG);
    for round in 0..10 {
        let pair =
            ["a", "b"].map(|one| Person::sign_up(&host, one.repeat(2).as_str(), &format!("{one}{round}@example.com")));
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let asking = [(0, 1), (1, 0)].map(|(from, to)| {
                let (host, token, to) = (&host, pair[from].client.cookies["token"].clone(), pair[to].id.clone());
                scope.spawn(move || {
                    let mut client = host.client();
                    let target = format!("/request/send/interested/{to}");
                    client.request("POST", &target).header("Cookie", &format!("token={token}")).send().status
                })
            });
            asking.map(|asked| asked.join().unwrap()).to_vec()
        });
        let mut sorted = statuses.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [200, 400], "{statuses:?}");
    }
}
