//! The queries of a feed among many users: how much is read for them. `DEVCONNECT_TEST_FEED_USERS=100000` asks among so many, and `--nocapture`
//! shows plans and times.

use std::fmt::Write as _;

use bson::oid::ObjectId;
use bson::raw::RawArrayBuf;
use bson::{DateTime, RawBson};

use super::super::Explained;
use super::*;

/// Filling takes the time.
const USERS: u32 = 20_000;
const SKILLS: u32 = 300;

/// Different for each user, the same in each run; in no order of time.
fn id(user: u32) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&user.wrapping_mul(2_654_435_761).to_be_bytes());
    bytes[8..].copy_from_slice(&user.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

/// Five skills, low numbers more often.
fn skills(user: u32) -> RawArrayBuf {
    let mut skills = RawArrayBuf::new();
    for place in 0..5 {
        let number = (user * 31 + place * 977) % SKILLS;
        skills.push(format!("skill-{}", number * number / SKILLS));
    }
    skills
}

fn user(user: u32) -> RawDocumentBuf {
    let at = DateTime::from_millis(1_700_000_000_000 + i64::from(user.wrapping_mul(48_271) % 100_003) * 1_000);
    rawdoc! {
        "_id": id(user), "firstName": "Ada", "lastName": "Lovelace", "emailId": format!("user-{user}@example.com"),
        "age": i32::try_from(20 + user % 50).unwrap(), "about": "x".repeat(200), "skillKeys": skills(user), "lastActiveAt": at,
    }
}

async fn filled(users: u32) -> Bench {
    let bench = Bench::new();
    for keys in [rawdoc! { "skillKeys": 1, "lastActiveAt": -1 }, rawdoc! { "emailId": 1 }] {
        let keys = keys.into_bytes();
        bench.documents.ensure_index("users", keys, IndexOptions::default()).await.unwrap();
    }
    for keys in [rawdoc! { "fromUserId": 1, "toUserId": 1 }, rawdoc! { "toUserId": 1, "status": 1 }] {
        let keys = keys.into_bytes();
        bench.documents.ensure_index("connectionrequests", keys, IndexOptions::default()).await.unwrap();
    }
    for first in (0..users).step_by(1_000) {
        let users = (first..first + 1_000).map(|number| user(number).into_bytes()).collect();
        bench.documents.insert("users", users).await.unwrap();
        let requests = (first / 2..first / 2 + 500).map(|number| {
            let status = if number % 3 == 0 { "accepted" } else { "interested" };
            let to = id((number * 7 + 1) % 2_000);
            rawdoc! { "fromUserId": id(number % 1_000), "toUserId": to, "status": status }.into_bytes()
        });
        bench.documents.insert("connectionrequests", requests.collect()).await.unwrap();
    }
    bench
}

fn some_skills() -> RawBson {
    let mut skills = RawArrayBuf::new();
    for number in [0, 1, 3, 7, 12, 20, 33, 48, 75, 96, 120, 147, 192, 231] {
        skills.push(format!("skill-{number}"));
    }
    RawBson::Array(skills)
}

#[tokio::test]
async fn no_query_of_a_feed_reads_all_users() {
    let users = std::env::var("DEVCONNECT_TEST_FEED_USERS").map_or(USERS, |users| users.parse().unwrap());
    let bench = filled(users).await;
    let mut told = String::new();
    let mut explain = |collection: &str, filter: RawDocumentBuf, options: &FindOptions| -> Explained {
        let explained = bench.documents.explain(collection, filter.as_bytes(), options).unwrap();
        writeln!(told, "{:?}: {explained:?}", explained.spent).unwrap();
        explained
    };

    // Ranked: those with one of the skills, the most recently active.
    let projection = rawdoc! { "skillKeys": 1, "age": 1, "firstName": 1 }.into_bytes();
    let ranked = FindOptions { projection: Some(projection), limit: 1_000, ..sort(rawdoc! { "lastActiveAt": -1 }) };
    let filter = rawdoc! { "skillKeys": { "$in": some_skills() } };
    let all = bench.documents.count("users", filter.clone().into_bytes(), 0).await.unwrap();
    assert!(all > u64::from(users / 10), "{all} users have one of the skills");
    let explained = explain("users", filter.clone(), &ranked);
    assert_eq!((explained.indexes.join(" "), explained.sorted), ("skillKeys_1_lastActiveAt_-1".to_owned(), true));
    assert_eq!((explained.returned, explained.documents), (1_000, 1_000));
    assert!(explained.rows < 2_000, "{explained:?}");
    let found = bench.documents.find("users", filter.into_bytes(), ranked.clone()).await.unwrap();
    assert_eq!(found.len(), 1_000);
    // And not oneself, nor those with a request.
    let mut known = RawArrayBuf::new();
    (0..500).for_each(|user| known.push(id(user * 3)));
    let filter = rawdoc! { "skillKeys": { "$in": some_skills() }, "_id": { "$nin": known.clone() } };
    let explained = explain("users", filter, &ranked);
    assert!(explained.sorted && explained.rows < 2_500, "{explained:?}");

    // Unranked, a page far behind.
    let page = FindOptions { skip: 2_000, limit: 100, ..sort(rawdoc! { "_id": 1 }) };
    let explained = explain("users", rawdoc! { "_id": { "$nin": known } }, &page);
    assert_eq!((explained.sorted, explained.returned), (true, 100));
    assert!(explained.rows < 2_700, "{explained:?}");

    // Who is known: requests in both directions.
    let either = rawdoc! { "$or": [{ "fromUserId": id(7) }, { "toUserId": id(7) }] };
    let explained = explain("connectionrequests", either.clone(), &FindOptions::default());
    assert_eq!(explained.indexes, ["fromUserId_1_toUserId_1", "toUserId_1_status_1"]);
    assert!(explained.returned >= 10 && explained.rows <= explained.returned + 1, "{explained:?}");
    let mut accepted = either.clone();
    accepted.append(bson::raw::cstr!("status"), "accepted");
    let newest = FindOptions { limit: 20, ..sort(rawdoc! { "_id": -1 }) };
    let explained = explain("connectionrequests", accepted, &newest);
    assert!(explained.returned > 0 && explained.rows < 100, "{explained:?}");
    println!("{told}");
}
