use devconnect_sdk::bson::{Bson, Document};
use devconnect_sdk::documents::FindAndUpdateOptions;
use devconnect_sdk::prelude::*;
use devconnect_sdk::test::{Platform, Store};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    #[serde(rename = "_id")]
    id: Id,
    email_id: String,
    age: i32,
    #[serde(default)]
    skills: Vec<String>,
    created_at: DateTime,
}

#[derive(Serialize, Event)]
#[event(topic = "user-events", key = user)]
struct SignedUp {
    user: Id,
}

const USERS: Collection<User> = Collection::new("users");

fn user(email: &str, age: i32, skills: &[&str]) -> User {
    User {
        id: Id::new(),
        email_id: email.to_owned(),
        age,
        skills: skills.iter().map(|skill| (*skill).to_owned()).collect(),
        created_at: DateTime::from_millis(1_795_512_600_000),
    }
}

fn emails(filter: Document) -> Vec<String> {
    USERS.find(filter).sort(doc! { "emailId": 1 }).all().unwrap().into_iter().map(|user| user.email_id).collect()
}

fn with_three(test: impl FnOnce(&Platform)) {
    let platform = Platform::new();
    platform.run(|| {
        USERS.ensure_index(&Index::on(doc! { "emailId": 1 }).unique()).unwrap();
        USERS.insert_many(&[user("a", 30, &["rust", "go"]), user("b", 40, &["go"]), user("c", 50, &[])]).unwrap();
        test(&platform);
    });
}

#[test]
fn documents_come_back_as_they_went() {
    with_three(|platform| {
        let dora = user("d", 20, &["c"]);
        assert_eq!(USERS.insert(&dora).unwrap(), Bson::from(dora.id));
        assert_eq!(USERS.get(dora.id).unwrap(), Some(dora.clone()));
        assert_eq!(USERS.find_one(doc! { "emailId": "d" }).unwrap(), Some(dora.clone()));
        assert_eq!(USERS.find_one(doc! { "emailId": "e" }).unwrap(), None);
        let stored = platform.documents("users").pop().unwrap();
        assert_eq!(stored.get("_id"), Some(&Bson::from(dora.id)));
        assert!(matches!(stored.get("createdAt"), Some(Bson::DateTime(_))));
    });
}

#[test]
fn filters_mean_what_mongodb_means() {
    with_three(|_| {
        assert_eq!(emails(doc! { "age": { "$gte": 40 } }), ["b", "c"]);
        assert_eq!(emails(doc! { "age": { "$gt": 30, "$lt": 50.0 } }), ["b"]);
        assert_eq!(emails(doc! { "age": { "$gt": "30" } }), [""; 0]);
        assert_eq!(emails(doc! { "skills": "go" }), ["a", "b"]);
        assert_eq!(emails(doc! { "skills": { "$in": ["rust", "c"] } }), ["a"]);
        assert_eq!(emails(doc! { "skills": { "$ne": "go" } }), ["c"]);
        assert_eq!(emails(doc! { "skills": { "$size": 1 } }), ["b"]);
        assert_eq!(emails(doc! { "skills.0": "rust" }), ["a"]);
        assert_eq!(emails(doc! { "$or": [{ "emailId": "a" }, { "age": 50_i64 }] }), ["a", "c"]);
        assert_eq!(emails(doc! { "$nor": [{ "emailId": "a" }], "age": { "$not": { "$gt": 40 } } }), ["b"]);
        assert_eq!(emails(doc! { "nickname": null, "emailId": { "$exists": true } }), ["a", "b", "c"]);
        let unknown = USERS.count(doc! { "age": { "$near": 1 } }).unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::Invalid);
        assert!(unknown.message().contains("$near"), "{unknown}");
    });
}

#[test]
fn queries_are_sorted_cut_and_projected() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Email {
        email_id: String,
    }
    with_three(|_| {
        let oldest = USERS.find(doc! {}).sort(doc! { "age": -1 }).first().unwrap().unwrap();
        assert_eq!(oldest.email_id, "c");
        let page = USERS.of::<Email>().find(doc! {}).projection(doc! { "emailId": 1, "_id": 0 });
        let page = page.sort(doc! { "age": 1 }).skip(1).limit(1).all().unwrap();
        assert_eq!(page, [Email { email_id: "b".to_owned() }]);
        let rows = USERS.find(doc! {}).rows().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(USERS.count(doc! {}).unwrap(), 3);
        assert!(USERS.exists(doc! { "age": 40 }).unwrap());
    });
}

#[test]
fn updates_change_what_matches() {
    with_three(|_| {
        let result =
            USERS.update_one(doc! { "emailId": "a" }, doc! { "$inc": { "age": 1 }, "$push": { "skills": "c" } });
        assert_eq!(result.unwrap().modified, 1);
        let a = USERS.find_one(doc! { "emailId": "a" }).unwrap().unwrap();
        assert_eq!((a.age, a.skills.len()), (31, 3));
        let result = USERS.update_many(doc! {}, doc! { "$set": { "age": 31 }, "$pull": { "skills": "go" } }).unwrap();
        assert_eq!((result.matched, result.modified), (3, 2 + 1));
        assert_eq!(USERS.update_one(doc! { "emailId": "x" }, doc! { "$unset": { "age": "" } }).unwrap().matched, 0);

        let new = USERS.find_one_and_update(doc! { "emailId": "b" }, doc! { "$max": { "age": 60 } }).unwrap().unwrap();
        assert_eq!(new.age, 60);
        let change = (doc! { "emailId": "b" }, doc! { "$min": { "age": 1 } });
        let old = USERS.find_one_and_update_with(change.0, change.1, FindAndUpdateOptions::default()).unwrap().unwrap();
        assert_eq!(old.age, 60);
        assert!(USERS.delete_one(doc! { "emailId": "b" }).unwrap());
        assert_eq!(USERS.delete_many(doc! {}).unwrap(), 2);
    });
}

#[test]
fn an_upsert_takes_the_equalities_of_its_filter() {
    with_three(|platform| {
        let insert = doc! { "$setOnInsert": { "age": 1, "createdAt": DateTime::from_millis(0), "_id": Id::new() } };
        let result = USERS.upsert_one(doc! { "emailId": "new", "age": { "$gt": 0 } }, insert.clone()).unwrap();
        assert!(result.upserted.is_some());
        assert_eq!(USERS.find_one(doc! { "emailId": "new" }).unwrap().unwrap().age, 1);
        assert_eq!(USERS.upsert_one(doc! { "emailId": "new" }, insert).unwrap().matched, 1);
        assert_eq!(platform.documents("users").len(), 4);
    });
}

#[test]
fn a_unique_index_holds() {
    with_three(|platform| {
        assert!(USERS.insert(&user("a", 1, &[])).unwrap_err().is_conflict());
        let many = [user("x", 1, &[]), user("b", 1, &[])];
        assert!(USERS.insert_many(&many).unwrap_err().is_conflict());
        assert!(
            USERS.update_one(doc! { "emailId": "a" }, doc! { "$set": { "emailId": "b" } }).unwrap_err().is_conflict()
        );
        assert_eq!(emails(doc! {}), ["a", "b", "c"]);
        platform.put_documents("pairs", [doc! { "pair": "x" }, doc! { "pair": 1 }, doc! { "pair": 1 }]);
        let pairs = Collection::<Document>::new("pairs");
        assert!(pairs.ensure_index(&Index::on(doc! { "pair": 1 }).unique()).unwrap_err().is_conflict());
        let strings = Index::on(doc! { "pair": 1 }).unique().partial(doc! { "pair": { "$type": "string" } });
        pairs.ensure_index(&strings).unwrap();
        assert!(pairs.insert(&doc! { "pair": "x" }).unwrap_err().is_conflict());
        pairs.insert(&doc! { "pair": 1 }).unwrap();
    });
}

#[test]
fn a_transaction_is_all_or_nothing() {
    with_three(|platform| {
        let new = user("new", 1, &[]);
        let signed_up = SignedUp { user: new.id };
        let outcome = Transaction::new()
            .check(&USERS, doc! { "emailId": "new" }, Expect::None)
            .insert(&USERS, &new)
            .update_one(&USERS, doc! { "emailId": "a" }, doc! { "$set": { "age": 99 } }, Expect::One)
            .publish(&signed_up)
            .commit()
            .unwrap();
        assert!(outcome.is_committed());
        assert_eq!(platform.events_of("user-events")[0].key, Some(new.id.to_string()));

        let outcome = Transaction::new()
            .delete_many(&USERS, doc! {}, Expect::Anything)
            .check(&USERS, doc! { "emailId": "a" }, Expect::One)
            .publish(&signed_up)
            .commit();
        assert_eq!(outcome.unwrap(), Outcome::Unmet(1));
        let conflict = Transaction::new()
            .delete_one(&USERS, doc! { "emailId": "c" }, Expect::One)
            .insert(&USERS, &user("a", 1, &[]))
            .publish(&signed_up)
            .commit();
        assert!(conflict.unwrap_err().is_conflict());
        assert_eq!(emails(doc! {}), ["a", "b", "c", "new"]);
        assert_eq!(platform.events().len(), 1);
    });
}

#[test]
fn a_store_that_is_away_says_so() {
    with_three(|platform| {
        platform.take_away(Store::Documents);
        assert!(USERS.find_one(doc! {}).unwrap_err().is_away());
        assert!(Transaction::new().insert(&USERS, &user("z", 1, &[])).commit().unwrap_err().is_away());
        platform.bring_back(Store::Documents);
        assert_eq!(USERS.count(doc! {}).unwrap(), 3);
    });
}

#[test]
fn a_document_of_another_shape_is_the_plugins_fault() {
    with_three(|platform| {
        platform.put_documents("users", [doc! { "emailId": "odd", "age": "old" }]);
        let error = USERS.find_one(doc! { "emailId": "odd" }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains("users"), "{error}");
    });
}
