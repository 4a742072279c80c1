use devconnect_sdk::test::Store;

use super::*;

#[test]
fn it_has_everybody_else() {
    let app = app();
    let ada = user(&app, "Ada");
    let bob = user_with(&app, "Bob", doc! { "age": 30, "gender": "male", "skills": ["rust"], "skillKeys": ["rust"] });
    let reply = get(&app, ada, "/feed");
    assert_eq!(reply.status(), 200, "{reply:?}");
    let expected = json!({
        "data": [{
            "_id": bob, "firstName": "Bob", "lastName": "Example", "age": 30, "gender": "male", "skills": ["rust"],
            "photoUrl": "https://www.gravatar.com/avatar/?d=mp&s=200", "about": "This is a default about of the user",
            "isPremium": false, "membershipTier": "free",
        }],
        "recommendations": {
            "totalAvailable": 1, "returned": 1, "page": 1, "hasMore": false, "tier": "free", "limit": 10, "mlEnabled": false,
        },
    });
    assert_eq!(reply.value(), expected);
}

#[test]
fn nobody_with_a_request_is_there() {
    let app = app();
    let ada = user(&app, "Ada");
    let others = ["B", "C", "D", "E", "F", "G"].map(|name| user(&app, name));
    ask(&app, ada, others[0]);
    ask(&app, others[1], ada);
    connect(&app, ada, others[2]);
    let rejected = ask(&app, others[3], ada);
    review(&app, ada, "rejected", rejected);
    send(&app, ada, "ignore", others[4]);
    // As the former system left it.
    app.platform().put_documents(
        "connectionrequests",
        [doc! { "_id": Id::new(), "fromUserId": others[5], "toUserId": ada, "status": "ignore" }],
    );
    let stranger = user(&app, "Stranger");
    let feed = get(&app, ada, "/feed").value();
    assert_eq!(each(&feed["data"], "_id"), [json!(stranger)]);
    assert_eq!(feed["recommendations"]["totalAvailable"], 1);
    // The others still see each other.
    let feed = get(&app, others[0], "/feed").value();
    assert_eq!(feed["data"].as_array().unwrap().len(), 6);
}

#[test]
fn pages_follow_each_other() {
    let app = app();
    let ada = user(&app, "Ada");
    let others: Vec<Id> = (0..25).map(|index| user(&app, &format!("User{index}"))).collect();
    let page = |query: &str| {
        let feed = get(&app, ada, &format!("/feed{query}")).value();
        let ids: Vec<Id> = each(&feed["data"], "_id").iter().map(id).collect();
        assert_eq!(feed["recommendations"]["returned"], ids.len());
        assert_eq!(feed["recommendations"]["totalAvailable"], 25);
        (ids, feed["recommendations"]["hasMore"] == true)
    };
    assert_eq!(page(""), (others[..10].to_vec(), true));
    assert_eq!(page("?page=2"), (others[10..20].to_vec(), true));
    assert_eq!(page("?page=3"), (others[20..].to_vec(), false));
    assert_eq!(page("?page=4"), (vec![], false));
    assert_eq!(page("?page=5&limit=5"), (others[20..].to_vec(), false));
    assert_eq!(page("?page=4294967295&limit=10"), (vec![], false));
}

#[test]
fn a_page_is_as_large_as_the_tier_allows() {
    let app = app();
    for (tier, most) in [("free", 10), ("silver", 100), ("gold", 200)] {
        let ada = user_with(&app, "Ada", doc! { "membershipTier": tier });
        let limit = |query: &str| {
            let feed = get(&app, ada, &format!("/feed{query}")).value();
            assert_eq!(feed["recommendations"]["tier"], tier);
            feed["recommendations"]["limit"].as_u64().unwrap()
        };
        assert_eq!((limit(""), limit("?limit=3"), limit("?limit=100000")), (10, 3, most));
    }
}

#[test]
fn nonsense_is_refused() {
    let app = app();
    let ada = user(&app, "Ada");
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=-5", "limit"),
        ("limit=ten", "limit"),
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=1.5", "page"),
        ("ml=perhaps", "ml"),
    ] {
        let reply = get(&app, ada, &format!("/feed?{query}"));
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), [field], "{query}");
    }
}

#[test]
fn a_row_that_is_not_as_it_should_be_spoils_no_page() {
    let app = app();
    let ada = skilled(&app, "Ada", &["rust"], NOW);
    let bob = user_with(&app, "Bob", doc! { "skills": ["rust", 7, null, { "name": "go" }], "age": 30.5 });
    let eve = user_with(&app, "Eve", doc! { "skills": "rust", "membershipTier": "", "photoUrl": "", "about": "" });
    let feed = get(&app, ada, "/feed").value();
    assert_eq!(each(&feed["data"], "_id"), [json!(bob), json!(eve)]);
    assert_eq!(each(&feed["data"], "skills"), [json!(["rust"]), json!([])]);
    assert_eq!(each(&feed["data"], "about"), [json!("This is a default about of the user"), json!("")]);
    for who in [bob, eve] {
        assert_eq!(get(&app, who, "/feed?ml=true").status(), 200);
    }
}

#[test]
fn no_secret_is_shown() {
    let app = app();
    let ada = skilled(&app, "Ada", &["rust"], NOW);
    skilled(&app, "Bob", &["rust"], NOW);
    for query in ["", "?ml=true"] {
        let feed = get(&app, ada, &format!("/feed{query}"));
        assert_eq!(feed.value()["data"].as_array().unwrap().len(), 1);
        for hidden in ["password", "a hash", "emailId", "example.com\"", "skillKeys", "lastActiveAt"] {
            assert!(!feed.text().contains(hidden), "{hidden} in {feed:?}");
        }
    }
}

/// A large number of users is counted once a minute, and who is left out is left out at once.
#[test]
fn many_users_are_not_counted_each_time() {
    let app = app();
    let ada = user(&app, "Ada");
    let rows = (0..1_500).map(|_| doc! { "_id": Id::new(), "firstName": "User", "emailId": "x" });
    app.platform().put_documents("users", rows);
    let total = || get(&app, ada, "/feed").value()["recommendations"]["totalAvailable"].clone();
    let trips = || {
        let before = app.platform().trips(Store::Documents);
        total();
        app.platform().trips(Store::Documents) - before
    };
    assert_eq!(total(), 1_500);
    let counted = trips();
    app.platform().clear_cache();
    assert_eq!(trips(), counted + 1);
    let bob = user(&app, "Bob");
    ask(&app, ada, bob);
    assert_eq!(total(), 1_499, "Bob is not counted yet, and left out");
    app.platform().advance(std::time::Duration::from_secs(60));
    assert_eq!(total(), 1_500);
    app.platform().take_away(Store::Cache);
    assert_eq!(total(), 1_500);
}
