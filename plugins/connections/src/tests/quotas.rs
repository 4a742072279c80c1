use std::time::Duration;

use devconnect_sdk::test::Store;

use super::*;

const DAY: &str = "2026-11-24";

fn tier(app: &App, name: &str, tier: &str) -> Id {
    user_with(app, name, doc! { "membershipTier": tier })
}

/// Users who are asked one after another.
fn others(app: &App, count: usize) -> Vec<Id> {
    (0..count).map(|index| user(app, &format!("User{index}"))).collect()
}

fn used(app: &App, who: Id) -> Option<i64> {
    let id = format!("{who}:{DAY}");
    let day = app.platform().documents("connection_days").into_iter().find(|day| day.get_str("_id").unwrap() == id)?;
    day.get("count").and_then(|count| count.as_i64().or_else(|| count.as_i32().map(i64::from)))
}

#[test]
fn a_day_has_a_limit_by_tier() {
    for (name, limit) in [("free", 10), ("silver", 100)] {
        let app = app();
        let ada = tier(&app, "Ada", name);
        let others = others(&app, limit + 1);
        for other in &others[..limit] {
            ask(&app, ada, *other);
        }
        let reply = send(&app, ada, "interested", others[limit]);
        assert_problem(&reply, 429);
        let problem = reply.value();
        assert_eq!(
            (&problem["tier"], &problem["limit"], &problem["used"]),
            (&json!(name), &json!(limit), &json!(limit))
        );
        // From 09:30:00.250 to midnight.
        assert_eq!(reply.header("retry-after"), Some("52200"));
        assert_eq!(app.platform().documents("connectionrequests").len(), limit);
        assert_eq!(events(&app, "connection-events").len(), limit);
        assert_eq!(send(&app, ada, "ignore", others[limit]).status(), 200, "to ignore somebody is free");
    }
}

#[test]
fn gold_has_none() {
    let app = app();
    let ada = tier(&app, "Ada", "gold");
    for other in others(&app, 101) {
        ask(&app, ada, other);
    }
    assert!(app.platform().documents("connection_days").is_empty());
}

#[test]
fn what_is_no_tier_is_free() {
    let app = app();
    let ada = tier(&app, "Ada", "platinum");
    let others = others(&app, 11);
    for other in &others[..10] {
        ask(&app, ada, *other);
    }
    assert_eq!(send(&app, ada, "interested", others[10]).value()["tier"], "free");
}

#[test]
fn the_next_day_starts_again() {
    let app = app();
    let ada = user(&app, "Ada");
    let others = others(&app, 12);
    for other in &others[..10] {
        ask(&app, ada, *other);
    }
    assert_eq!(send(&app, ada, "interested", others[10]).status(), 429);
    app.platform().set_time("2026-11-24T23:59:59.500Z".parse().unwrap());
    let late = send(&app, ada, "interested", others[10]);
    assert_eq!((late.status(), late.header("retry-after")), (429, Some("1")));
    app.platform().set_time("2026-11-25T00:00:00Z".parse().unwrap());
    ask(&app, ada, others[10]);
    ask(&app, ada, others[11]);
}

#[test]
fn a_higher_tier_counts_at_once() {
    let app = app();
    let ada = user(&app, "Ada");
    let others = others(&app, 11);
    for other in &others[..10] {
        ask(&app, ada, *other);
    }
    assert_eq!(send(&app, ada, "interested", others[10]).status(), 429);
    app.platform().run(|| {
        let users: Collection<()> = Collection::new("users");
        users.update_one(doc! { "_id": ada }, doc! { "$set": { "membershipTier": "silver" } }).unwrap();
    });
    ask(&app, ada, others[10]);
}

#[test]
fn documents_decide_whatever_the_cache_says() {
    let app = app();
    let ada = user(&app, "Ada");
    let others = others(&app, 12);
    let key = format!("rate_limit:connection_requests:{ada}:{DAY}");
    for other in &others[..5] {
        ask(&app, ada, *other);
    }
    assert_eq!(app.platform().cached::<u32>(&key), Some(5));
    // Too high: the former system counted attempts.
    const USED: Key<u32> = Key::new("rate_limit:connection_requests:{}:{}", Duration::from_secs(60));
    app.platform().run(|| USED.set((ada, DAY), &99)).unwrap();
    ask(&app, ada, others[5]);
    // Too low: evicted.
    app.platform().clear_cache();
    for other in &others[6..10] {
        ask(&app, ada, *other);
    }
    app.platform().clear_cache();
    assert_eq!(send(&app, ada, "interested", others[10]).status(), 429);
    assert_eq!(app.platform().cached::<u32>(&key), Some(10), "the refusal is remembered");
    app.platform().take_away(Store::Cache);
    assert_eq!(send(&app, ada, "interested", others[10]).status(), 429);
    assert_eq!(used(&app, ada), Some(10));
}

#[test]
fn over_the_limit_nothing_is_written() {
    let app = app();
    let ada = user(&app, "Ada");
    let others = others(&app, 11);
    for other in &others[..10] {
        ask(&app, ada, *other);
    }
    assert_eq!(send(&app, ada, "interested", others[10]).status(), 429);
    let before = app.platform().trips(Store::Documents);
    assert_eq!(send(&app, ada, "interested", others[10]).status(), 429);
    assert_eq!(app.platform().trips(Store::Documents) - before, 3, "the users, the number of the day, the request");
    let again = send(&app, ada, "interested", others[0]);
    assert_eq!((again.status(), &again.value()["message"]), (400, &json!("connection request already present")));
}

#[test]
fn what_the_former_system_stored_today_counts() {
    let app = app();
    let ada = user(&app, "Ada");
    let row = |status: &str, at: &str| {
        let at: DateTime = at.parse().unwrap();
        doc! { "_id": Id::new(), "fromUserId": ada, "toUserId": Id::new(), "status": status, "createdAt": at }
    };
    let mut rows: Vec<_> = (0..7).map(|_| row("interested", "2026-11-24T00:00:00Z")).collect();
    rows.push(row("accepted", "2026-11-24T08:00:00Z"));
    rows.push(row("rejected", "2026-11-24T08:00:00Z"));
    rows.push(row("ignore", "2026-11-24T08:00:00Z"));
    rows.push(row("interested", "2026-11-23T23:59:59.999Z"));
    app.platform().put_documents("connectionrequests", rows);
    let others = others(&app, 2);
    ask(&app, ada, others[0]);
    let reply = send(&app, ada, "interested", others[1]);
    assert_eq!((reply.status(), &reply.value()["used"]), (429, &json!(10)));
    assert_eq!(used(&app, ada), Some(10));
}

#[test]
fn what_is_refused_does_not_count() {
    let app = app();
    let ada = user(&app, "Ada");
    let others = others(&app, 3);
    ask(&app, ada, others[0]);
    for _ in 0..20 {
        assert_eq!(send(&app, ada, "interested", others[0]).status(), 400);
        assert_eq!(send(&app, ada, "interested", Id::new()).status(), 404);
    }
    ask(&app, ada, others[1]);
    assert_eq!(used(&app, ada), Some(2));
    let day = app.platform().documents("connection_days").pop().unwrap();
    let expires = DateTime::from_millis(day.get_datetime("expiresAt").unwrap().timestamp_millis());
    assert_eq!(expires.to_string(), "2026-11-26T00:00:00.000Z", "not before its day is over");
}
