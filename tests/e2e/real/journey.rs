//! One person's way through the application, and what each step leaves in Redis, MongoDB and Kafka.

use super::probes::{Record, Redis, Reply};
use super::{PASSWORD, Person, Stores, check_time, log_in, log_out, view};
use crate::harness::{Host, eventually};
use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use serde_json::{Value, json};

const MINUTES: i64 = 60;
const HOURS: i64 = 60 * MINUTES;

const SAFE: [&str; 8] = ["_id", "firstName", "lastName", "photoUrl", "about", "skills", "isPremium", "membershipTier"];

fn id(person: &Person) -> ObjectId {
    ObjectId::parse_str(&person.id).unwrap()
}

#[test]
fn a_person_goes_the_whole_way() {
    let stores = Stores::shared();
    let host = stores.host();
    let mut ann = stores.sign_up(&host, "Ann");
    for _ in 0..2 {
        assert_eq!(ann.client.get("/profile/view").expect(200).json()["emailId"], ann.email.as_str());
    }
    let edit = json!({ "about": "writes tests", "skills": ["Rust", "wasm"], "age": 30, "gender": "female" });
    ann.client.patch("/profile/edit", &edit).expect(200);
    let seen = ann.client.get("/profile/view").expect(200).json();
    for (field, value) in edit.as_object().unwrap() {
        assert_eq!(&seen[field], value);
    }
    ann.client.patch("/profile/edit", &json!({ "nonsense": 1 })).problem(400);

    let preferences = ann.client.get("/email-preferences").expect(200).json();
    assert_eq!(preferences["emailPreferences"]["marketingEmails"], false);
    ann.client.patch("/email-preferences", &json!({ "marketingEmails": true })).expect(200);
    let preferences = ann.client.get("/email-preferences").expect(200).json();
    assert_eq!(preferences["emailPreferences"]["marketingEmails"], true);
    let link = preferences["unsubscribePath"].as_str().unwrap();
    host.client().get(link).expect(200);
    assert_eq!(ann.client.get("/email-preferences").expect(200).json()["emailPreferences"]["welcomeEmail"], false);

    let (mut other, answer) = log_in(&host, &ann.email, PASSWORD);
    answer.expect(200);
    other.get("/profile/view").expect(200);
    let fresh = "Fresh-Battery-9";
    ann.client.patch("/profile/password", &json!({ "currentPassword": PASSWORD, "newPassword": fresh })).expect(200);
    other.get("/profile/view").problem(401);
    log_in(&host, &ann.email, PASSWORD).1.problem(401);
    log_in(&host, &ann.email, fresh).1.expect(200);

    let token = ann.token();
    assert_eq!(ann.client.request("POST", "/logout").body("").send().expect(200).text(), "Logout successful");
    view(&host, &token).problem(401);
    ann.client.get("/profile/view").problem(401);
}

#[test]
fn two_sign_ups_at_once_make_one_account() {
    let stores = Stores::shared();
    let host = stores.host();
    let body =
        json!({ "firstName": "Ann", "emailId": format!("ann@{}", stores.domain), "password": PASSWORD }).to_string();
    let threads: Vec<_> = (0..6)
        .map(|_| {
            let (mut client, body) = (host.client(), body.clone());
            std::thread::spawn(move || {
                let request = client.request("POST", "/signup").header("Content-Type", "application/json");
                request.body(body).send().status
            })
        })
        .collect();
    let statuses: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 400)), "{statuses:?}");
    assert_eq!(stores.mongodb.count("users"), 1);
}

#[test]
fn redis_has_the_keys_of_the_contract() {
    let stores = Stores::shared();
    let host = stores.host();
    let mut redis = stores.redis();
    let mut ann = stores.sign_up(&host, "Ann");
    ann.client.get("/profile/view").expect(200);

    let session = format!("session:{}", ann.token());
    let entry: Value = serde_json::from_str(&redis.text(&session)).unwrap();
    for (field, value) in [("userId", ann.id.as_str()), ("emailId", &ann.email), ("firstName", "Ann")] {
        assert_eq!(entry[field], value, "{entry}");
    }
    redis.check_life(&session, 24 * HOURS);

    let user = format!("user:{}", ann.id);
    let cached: Value = serde_json::from_str(&redis.text(&user)).unwrap();
    for field in SAFE.iter().chain(&["emailId", "emailPreferences", "role"]) {
        assert!(!cached[field].is_null(), "no {field}: {cached}");
    }
    assert!(!cached.to_string().contains("argon2"), "{cached}");
    redis.check_life(&user, 30 * MINUTES);

    let by_email = format!("user:email:{}", ann.email);
    assert_eq!(redis.text(&by_email), format!("{:?}", ann.id));
    redis.check_life(&by_email, 30 * MINUTES);

    // A number of requests that ends with its minute. The subject is the session.
    let subject = subject(&ann.token());
    let limit = format!("ratelimit:{subject}:/profile/view");
    assert_eq!(redis.text(&limit), "1");
    redis.check_life(&limit, MINUTES);

    // An edit is seen at once, although the cache had the user.
    ann.client.patch("/profile/edit", &json!({ "firstName": "Anna" })).expect(200);
    assert_eq!(ann.client.get("/profile/view").expect(200).json()["firstName"], "Anna");

    log_out(&host, &ann.token()).expect(200);
    assert_eq!(redis.ask(&["EXISTS", &session]), Reply::Integer(0));
}

/// The session's id in a token.
fn subject(token: &str) -> String {
    let validation = {
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation
    };
    let key = jsonwebtoken::DecodingKey::from_secret(super::SECRET.as_bytes());
    let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims;
    for claim in ["_id", "emailId", "jti"] {
        assert!(claims[claim].is_string(), "{claims}");
    }
    // Whole seconds: the end is rounded up, the beginning down.
    let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert!((7 * 24 * 3600..=7 * 24 * 3600 + 1).contains(&life), "{claims}");
    assert!(claims["aud"].is_null() && claims["iss"].is_null(), "{claims}");
    claims["jti"].as_str().unwrap().to_owned()
}

#[test]
fn an_answer_comes_from_the_cache_after_the_first_time() {
    let stores = Stores::shared();
    let host = stores.host();
    let ann = stores.sign_up(&host, "Ann");
    view(&host, &ann.token()).expect(200);
    // What only Redis knows.
    let key = format!("user:{}", ann.id);
    let mut redis = stores.redis();
    let cached = redis.text(&key).replace("\"Ann\"", "\"From the cache\"");
    redis.ask(&["SET", &key, &cached, "KEEPTTL"]);
    assert_eq!(view(&host, &ann.token()).expect(200).json()["firstName"], "From the cache");
    // And what Redis does not know comes from MongoDB, and is there again.
    redis.ask(&["DEL", &key]);
    redis.ask(&["DEL", &format!("session:{}", ann.token())]);
    assert_eq!(view(&host, &ann.token()).expect(200).json()["firstName"], "Ann");
    redis.check_life(&key, 30 * MINUTES);
    redis.check_life(&format!("session:{}", ann.token()), 24 * HOURS);
}

#[test]
fn mongodb_has_the_documents_of_the_contract() {
    let stores = Stores::shared();
    let host = stores.host();
    let mut ann = stores.sign_up(&host, "Ann");
    let edit = json!({ "age": 30, "skills": ["Rust"], "photoUrl": "https://example.com/a.png" });
    ann.client.patch("/profile/edit", &edit).expect(200);
    let user = stores.mongodb.one("users", doc! { "_id": id(&ann) });
    assert_eq!(user.get("__v"), Some(&Bson::Int32(0)), "{user}");
    assert_eq!(user.get_str("emailId").unwrap(), ann.email.as_str());
    assert!(user.get_str("password").unwrap().starts_with("$argon2id$"));
    assert!(user.get_datetime("createdAt").unwrap() <= user.get_datetime("updatedAt").unwrap());
    assert_eq!(user.get("age"), Some(&Bson::Int32(30)));
    assert_eq!(user.get_array("skills").unwrap(), &vec![Bson::from("Rust")]);
    assert!(!user.get_bool("isPremium").unwrap());
    assert_eq!(user.get_str("membershipTier").unwrap(), "free");
    let preferences = user.get_document("emailPreferences").unwrap();
    assert!(preferences.get_bool("welcomeEmail").unwrap());
    assert!(!preferences.get_bool("marketingEmails").unwrap());

    let token = ann.token();
    log_out(&host, &token).expect(200);
    let revoked: Vec<Document> = stores.mongodb.find("revocations", doc! {});
    assert_eq!(revoked.len(), 1, "{revoked:?}");
    let digest = revoked[0].get_str("_id").unwrap();
    assert!(digest.len() == 64 && digest.bytes().all(|digit| digit.is_ascii_hexdigit()), "{digest}");
    assert!(!revoked[0].to_string().contains(&token));
    let days = (revoked[0].get_datetime("expiresAt").unwrap().timestamp_millis()
        - bson::DateTime::now().timestamp_millis())
        / 86_400_000;
    assert!((6..=7).contains(&days), "{revoked:?}");

    let index = |collection: &str, keys: Document| {
        let all = stores.mongodb.indexes(collection);
        let found = all.iter().find(|index| index.keys == keys);
        found.unwrap_or_else(|| panic!("no index {keys}: {all:?}")).options.clone().unwrap_or_default()
    };
    assert_eq!(index("users", doc! { "emailId": 1 }).unique, Some(true));
    assert_ne!(index("users", doc! { "firstName": 1 }).unique, Some(true));
    assert_eq!(index("revocations", doc! { "expiresAt": 1 }).expire_after, Some(std::time::Duration::ZERO));

    // What is expired goes by itself; the server looks once a second or once a minute.
    eventually("an empty outbox", || match stores.mongodb.count("outbox") {
        0 => Ok(()),
        left => Err(left.to_string()),
    });
}

/// Waits for the one record of this type and key.
#[track_caller]
fn record(records: &mut super::Kafka, topic: &str, event_type: &str, key: &str) -> Record {
    let record = records.wait_until(event_type, |records| {
        let mut found = records.iter().filter(|one| one.is(topic, event_type) && one.key == key);
        found.next().cloned().ok_or_else(|| format!("{records:?}"))
    });
    check_time(&record.value["timestamp"]);
    assert_eq!(record.value["userId"], key);
    assert!(record.value["data"].is_object());
    let id = uuid::Uuid::parse_str(&record.event_id).unwrap();
    assert_eq!(id.get_version_num(), 7, "{record:?}");
    assert_eq!(record.headers, ["traceparent", "event-id"]);
    record
}

#[test]
fn kafka_has_the_records_of_the_contract() {
    let stores = Stores::shared();
    let host = stores.host();
    let mut records = stores.topics(&["user-events", "analytics-events"]);
    let mut ann = stores.sign_up(&host, "Ann");
    let ben = stores.sign_up(&host, "Ben");

    let data = record(&mut records, "user-events", "USER_SIGNUP", &ann.id).value["data"].take();
    assert_eq!(data["firstName"], "Ann");
    assert_eq!(data["lastName"], "Tester");
    assert_eq!(data["emailId"], ann.email.as_str());
    check_time(&data["signupTime"]);

    let (client, answer) = log_in(&host, &ann.email, PASSWORD);
    answer.expect(200);
    let data = record(&mut records, "user-events", "USER_LOGIN", &ann.id).value["data"].take();
    assert_eq!(data["emailId"], ann.email.as_str());
    assert_eq!(data["ipAddress"], "127.0.0.1");
    assert_eq!(data["ip"], "127.0.0.1");
    check_time(&data["loginTime"]);
    check_time(&data["timestamp"]);

    ann.client.patch("/profile/edit", &json!({ "about": "changed", "age": 30 })).expect(200);
    let data = record(&mut records, "user-events", "PROFILE_UPDATED", &ann.id).value["data"].take();
    let mut fields: Vec<_> = data["fieldsChanged"].as_array().unwrap().iter().map(Value::to_string).collect();
    fields.sort();
    assert_eq!(fields, ["\"about\"", "\"age\""]);
    check_time(&data["updateTime"]);

    ann.client.get(&format!("/user/{}", ben.id)).expect(200);
    let data = record(&mut records, "analytics-events", "PROFILE_VIEW", &ann.id).value["data"].take();
    assert_eq!(data["userId"], ben.id.as_str());
    assert_eq!(data["viewerId"], ann.id.as_str());
    check_time(&data["timestamp"]);

    log_out(&host, &client.cookies["token"]).expect(200);
    let data = record(&mut records, "user-events", "USER_LOGOUT", &ann.id).value["data"].take();
    assert_eq!(data, json!({}));

    // One of each, in the order in which she did it, although two outboxes carried them.
    let kinds: Vec<_> = records.read().iter().filter(|one| one.key == ann.id && one.topic == "user-events").collect();
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    assert_eq!(records.partitions("user-events"), 3);
    assert_eq!(records.partitions("analytics-events"), 3);
}

#[test]
fn a_key_that_redis_expires_is_no_more_than_a_missing_one() {
    let stores = Stores::shared();
    let host = stores.host();
    let ann = stores.sign_up(&host, "Ann");
    let mut redis: Redis = stores.redis();
    for key in [format!("user:{}", ann.id), format!("session:{}", ann.token())] {
        redis.ask(&["PEXPIRE", &key, "1"]);
    }
    eventually("expired keys", || match redis.ask(&["EXISTS", &format!("session:{}", ann.token())]) {
        Reply::Integer(0) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    view(&host, &ann.token()).expect(200);
}

/// A host says what it cannot reach, and starts all the same.
#[test]
fn a_host_whose_stores_are_away_starts_and_says_so() {
    let nowhere = || xtask::services::free_port().unwrap();
    let site = crate::harness::Site::new(super::CONFIG);
    let redis = format!("redis://127.0.0.1:{}", nowhere());
    let brokers = format!("127.0.0.1:{}", nowhere());
    let mongodb = format!("mongodb://127.0.0.1:{}/devconnect", nowhere());
    let variables =
        [("JWT_SECRET", super::SECRET), ("REDIS_URL", &redis), ("KAFKA_BROKERS", &brokers), ("MONGODB_URI", &mongodb)];
    let host = Host::spawn(std::sync::Arc::new(site), &variables);
    eventually("word of what is away", || {
        let answer = host.client().get("/readyz");
        let text = answer.text();
        let named = ["redis", "mongodb"].iter().all(|store| text.contains(store));
        if named || answer.status == 503 { Ok(()) } else { Err(text) }
    });
    host.client().get("/healthz").expect(200);
    let answer = host.client().post("/login", &json!({ "emailId": "a@example.com", "password": PASSWORD }));
    assert!(matches!(answer.status, 404 | 503), "{answer:?}");
    // No address of a server in what clients see.
    assert!(!answer.text().contains("127.0.0.1"), "{answer:?}");
}
