//! A MongoDB that the former system filled: used as it is.

use super::{SECRET, Stores, log_in, log_out, view};
use crate::harness::Host;
use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use jsonwebtoken::{EncodingKey, Header, encode};
use mongodb::options::IndexOptions;
use serde_json::json;

const PASSWORD: &str = "Former#Pass1";

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// As `jsonwebtoken` of npm signed it: neither `jti` nor `kid`.
fn former_token(id: ObjectId, email: &str, from: u64, to: u64) -> String {
    let claims = json!({ "_id": id.to_hex(), "emailId": email, "iat": from, "exp": to });
    let mut header = Header::new(jsonwebtoken::Algorithm::HS256);
    header.typ = Some("JWT".to_owned());
    encode(&header, &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

struct Database {
    stores: Stores,
    users: Vec<Document>,
    requests: Vec<Document>,
}

impl Database {
    /// Two users, requests between them, a message, and mongoose's indexes: one of them with other options than ours.
    fn filled() -> Self {
        let stores = Stores::shared();
        let hash = bcrypt::hash(PASSWORD, 5).unwrap();
        assert!(hash.starts_with("$2b$"));
        let moment = DateTime::from_millis(1_600_000_000_123);
        let user = |name: &str, version: i32| {
            doc! {
                "_id": ObjectId::new(), "firstName": name, "lastName": "Hand",
                "emailId": format!("{}@{}", name.to_lowercase(), stores.domain), "password": &hash,
                "age": 44, "gender": "male", "skills": ["node.js", "react"], "isPremium": true,
                "photoUrl": "https://geographyandyou.com/images/user-profile.png", "about": "of old",
                "emailPreferences": { "welcomeEmail": true, "connectionRequests": false },
                "createdAt": moment, "updatedAt": moment, "__v": version, "aFieldOfTheirOwn": { "kept": true },
            }
        };
        // mongoose writes numbers as doubles where somebody typed 44.5 once, and leaves out what nobody filled in.
        let users = vec![
            user("Old", 3),
            doc! { "_id": ObjectId::new(), "firstName": "Bare", "emailId": format!("bare@{}", stores.domain),
            "password": &hash, "age": 44.0, "__v": 0 },
        ];
        let [old, bare] = [0, 1].map(|index: usize| users[index].get_object_id("_id").unwrap());
        // Rows of before have no `pair`.
        let requests = vec![doc! {
            "_id": ObjectId::new(), "fromUserId": old, "toUserId": bare, "status": "interested",
            "createdAt": moment, "updatedAt": moment, "__v": 0,
        }];
        stores.mongodb.insert("users", &users);
        stores.mongodb.insert("connectionrequests", &requests);
        stores.mongodb.insert(
            "messages",
            &[doc! { "_id": ObjectId::new(), "fromUserId": old, "toUserId": bare, "text": "hi", "ts": moment, "__v": 0 }],
        );
        let unique = IndexOptions::builder().unique(true).build();
        stores.mongodb.index("users", doc! { "emailId": 1 }, unique);
        // The same keys as ours, another kind of index.
        stores.mongodb.index("users", doc! { "firstName": 1 }, IndexOptions::builder().sparse(true).build());
        stores.mongodb.index("connectionrequests", doc! { "fromUserId": 1, "toUserId": 1 }, IndexOptions::default());
        Self { stores, users, requests }
    }

    fn host(&self) -> Host {
        self.stores.host()
    }

    fn user(&self, index: usize) -> (ObjectId, String) {
        let user = &self.users[index];
        (user.get_object_id("_id").unwrap(), user.get_str("emailId").unwrap().to_owned())
    }
}

#[test]
fn its_users_log_in_and_get_a_better_hash() {
    let database = Database::filled();
    let host = database.host();
    for (index, before) in database.users.iter().enumerate() {
        let (id, email) = database.user(index);
        log_in(&host, &email, "Wrong#Pass1").1.problem(401);
        let stored = || database.stores.mongodb.one("users", doc! { "_id": id });
        assert_eq!(&stored(), before);
        let (mut client, answer) = log_in(&host, &email, PASSWORD);
        let user = answer.expect(200).json();
        assert_eq!(user["_id"], id.to_hex());
        assert_eq!(user["age"], 44.min(user["age"].as_i64().unwrap()));
        assert_eq!(user["membershipTier"], "free");
        client.get("/profile/view").expect(200);
        let mut after = stored();
        assert!(after.get_str("password").unwrap().starts_with("$argon2id$"), "{after}");
        // Nothing else changed, and nothing changed its type.
        after.insert("password", before.get_str("password").unwrap());
        assert_eq!(&after, before);
        log_in(&host, &email, PASSWORD).1.expect(200);

        client.patch("/profile/edit", &json!({ "about": "still here" })).expect(200);
        let edited = stored();
        assert_eq!(edited.get_str("about").unwrap(), "still here");
        assert_eq!(edited.get("__v"), before.get("__v"));
        assert_eq!(edited.get("aFieldOfTheirOwn"), before.get("aFieldOfTheirOwn"));
        assert_eq!(edited.get("createdAt"), before.get("createdAt"));
        assert!(matches!(edited.get("updatedAt"), Some(Bson::DateTime(_))));
    }
}

#[test]
fn its_tokens_count_until_they_expire() {
    let database = Database::filled();
    let host = database.host();
    let (id, email) = database.user(0);
    let token = former_token(id, &email, now() - 3600, now() + 3600);
    for _ in 0..2 {
        let user = view(&host, &token).expect(200).json();
        assert_eq!(user["_id"], id.to_hex());
        assert_eq!(user["emailPreferences"]["connectionRequests"], false);
    }
    view(&host, &former_token(id, &email, now() - 7200, now() - 3600)).problem(401);
    view(&host, &former_token(ObjectId::new(), &email, now() - 60, now() + 3600)).problem(401);

    let (second_id, second_email) = database.user(1);
    let other = former_token(second_id, &second_email, now() - 3600, now() + 3600);
    view(&host, &other).expect(200);
    log_out(&host, &token).expect(200);
    view(&host, &token).problem(401);
    view(&host, &other).expect(200);
}

#[test]
fn an_entry_of_its_cache_is_believed_like_one_of_ours() {
    let database = Database::filled();
    let host = database.host();
    let (id, email) = database.user(0);
    let token = former_token(id, &email, now() - 3600, now() + 3600);
    // As node-redis wrote it at the log-in.
    let entry = json!({ "userId": id.to_hex(), "emailId": email, "firstName": "Old" }).to_string();
    let key = format!("session:{token}");
    let mut redis = database.stores.redis();
    redis.ask(&["SETEX", &key, "86400", &entry]);
    view(&host, &token).expect(200);
    log_out(&host, &token).expect(200);
    view(&host, &token).problem(401);
    // A stale copy of it changes nothing.
    redis.ask(&["SETEX", &key, "86400", &entry]);
    view(&host, &token).problem(401);
}

#[test]
fn an_index_with_other_options_stays_and_is_logged() {
    let database = Database::filled();
    let host = database.host();
    let line = host.log.wait_for("an index exists with other options");
    assert!(line.contains("WARN") && line.contains("users"), "{line}");
    let indexes = database.stores.mongodb.indexes("users");
    let first: Vec<_> = indexes.iter().filter(|index| index.keys == doc! { "firstName": 1 }).collect();
    assert_eq!(first.len(), 1, "{indexes:?}");
    assert_eq!(first[0].options.as_ref().unwrap().sparse, Some(true));
    database.stores.sign_up(&host, "New");
}

#[test]
fn what_is_not_touched_stays_byte_for_byte() {
    let database = Database::filled();
    let messages = database.stores.mongodb.find("messages", doc! {});
    let host = database.host();
    let (_, email) = database.user(0);
    log_in(&host, &email, PASSWORD).1.expect(200);
    database.stores.sign_up(&host, "New");
    assert_eq!(database.stores.mongodb.find("connectionrequests", doc! {}), database.requests);
    assert_eq!(database.stores.mongodb.find("messages", doc! {}), messages);
    assert_eq!(database.stores.mongodb.count("users"), 3);
}
