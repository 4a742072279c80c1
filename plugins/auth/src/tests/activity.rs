//! The two fields for the ranking, and who writes them.

use devconnect_sdk::bson::Document;
use devconnect_sdk::test::Store;

use super::*;

fn row(app: &App, id: &str) -> Document {
    let id: Id = id.parse().unwrap();
    let mut rows = app.platform().documents("users").into_iter();
    rows.find(|row| row.get_object_id("_id").unwrap() == id.object_id()).unwrap()
}

fn keys(row: &Document) -> Vec<&str> {
    row.get_array("skillKeys").unwrap().iter().map(|key| key.as_str().unwrap()).collect()
}

fn active(row: &Document) -> String {
    DateTime::from(*row.get_datetime("lastActiveAt").unwrap()).to_string()
}

fn fill_in(app: &App) -> Result<(), Error> {
    app.platform().run(|| crate::schedules().run("skill-keys"))
}

fn consume(app: &App, deliveries: &[Delivery]) -> Vec<Result<(), Failure>> {
    app.platform().run(|| crate::consumer().handle(deliveries))
}

fn log_ins(app: &App) -> Vec<Delivery> {
    let events = app.platform().events_of("user-events");
    events.iter().filter(|event| event.json()["eventType"] == "USER_LOGIN").map(|event| event.delivered()).collect()
}

#[test]
fn both_are_written_at_the_sign_up_and_at_each_edit() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let stored = row(&app, &member.id);
    assert_eq!((keys(&stored), active(&stored)), (vec![], "2026-11-24T09:30:00.250Z".to_owned()));

    app.platform().advance(minutes(1));
    let skills = json!({ "skills": [" Rust", "machine   Learning", "RUST", "Go "] });
    let edited = patch(&app, &member, "/profile/edit", skills);
    assert_eq!(edited.value()["data"]["skills"], json!(["Rust", "machine   Learning", "RUST", "Go"]));
    let stored = row(&app, &member.id);
    assert_eq!(keys(&stored), ["go", "machine learning", "rust"]);
    assert_eq!(active(&stored), "2026-11-24T09:31:00.250Z");

    app.platform().advance(minutes(1));
    patch(&app, &member, &format!("/user/{}", member.id), json!({ "about": "x" }));
    let stored = row(&app, &member.id);
    assert_eq!((keys(&stored).len(), active(&stored)), (3, "2026-11-24T09:32:00.250Z".to_owned()));

    patch(&app, &member, "/profile/edit", json!({ "skills": "" }));
    assert_eq!(keys(&row(&app, &member.id)), [""; 0]);
}

#[test]
fn no_answer_has_them_and_neither_has_the_cache() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let edited = patch(&app, &member, "/profile/edit", json!({ "skills": ["rust"] }));
    let path = format!("/user/{}", member.id);
    for _ in 0..2 {
        let viewed = [view(&app, &member), app.call(member.signs(Request::get(&*path)))];
        for reply in viewed.iter().chain([&edited]) {
            assert_eq!(reply.status(), 200);
            assert!(!reply.text().contains("skillKeys") && !reply.text().contains("lastActiveAt"), "{reply:?}");
        }
        app.platform().advance(minutes(1));
    }
    let cached: Value = app.platform().cached(&format!("user:{}", member.id)).unwrap();
    assert!(cached.get("skillKeys").is_none() && cached.get("lastActiveAt").is_none(), "{cached}");
}

#[test]
fn nobody_sets_them() {
    let app = app();
    let member = sign_up(&app, "Ada");
    for field in ["skillKeys", "lastActiveAt"] {
        assert_eq!(patch(&app, &member, "/profile/edit", json!({ field: ["rust"] })).status(), 400);
    }
}

#[test]
fn what_an_admin_does_is_no_activity() {
    let platform = Platform::new();
    platform.set_setting("admins", ["root@example.com"]);
    platform.set_time("2026-11-24T09:30:00.250Z".parse().unwrap());
    let app = on(&platform);
    let (root, ada) = (sign_up(&app, "Root"), sign_up(&app, "Ada"));
    app.platform().advance(minutes(1));
    let reply = patch(&app, &root, &format!("/admin/users/{}", ada.id), json!({ "membershipTier": "gold" }));
    assert_eq!(reply.status(), 200, "{reply:?}");
    assert_eq!(active(&row(&app, &ada.id)), "2026-11-24T09:30:00.250Z");
}

#[test]
fn a_log_in_is_noted() {
    let app = app();
    let member = sign_up(&app, "Ada");
    app.platform().advance(minutes(5));
    log_in(&app, "ada@example.com", PASSWORD);
    assert_eq!(active(&row(&app, &member.id)), "2026-11-24T09:30:00.250Z");
    app.platform().advance(minutes(5));
    let all: Vec<_> = app.platform().events_of("user-events").iter().map(|event| event.delivered()).collect();
    assert!(consume(&app, &all).iter().all(Result::is_ok));
    assert_eq!(active(&row(&app, &member.id)), "2026-11-24T09:35:00.250Z");
    let key = format!("user:{}:last_login", member.id);
    assert_eq!(app.platform().cached::<String>(&key).as_deref(), Some("2026-11-24T09:35:00.250Z"));
    app.platform().advance(minutes(24 * 60));
    assert_eq!(app.platform().cached::<String>(&key), None);
}

#[test]
fn an_old_one_that_comes_again_changes_nothing() {
    let app = app();
    let member = sign_up(&app, "Ada");
    for _ in 0..2 {
        app.platform().advance(minutes(5));
        log_in(&app, "ada@example.com", PASSWORD);
    }
    let all = log_ins(&app);
    assert_eq!(consume(&app, &all), [Ok(()), Ok(())]);
    assert_eq!(consume(&app, &all[..1]), [Ok(())]);
    assert_eq!(active(&row(&app, &member.id)), "2026-11-24T09:40:00.250Z");
    let key = format!("user:{}:last_login", member.id);
    assert_eq!(app.platform().cached::<String>(&key).as_deref(), Some("2026-11-24T09:40:00.250Z"));
}

#[test]
fn it_waits_for_the_stores() {
    let app = app();
    let member = sign_up(&app, "Ada");
    log_in(&app, "ada@example.com", PASSWORD);
    let all = log_ins(&app);
    for store in [Store::Documents, Store::Cache] {
        app.platform().take_away(store);
        assert!(matches!(consume(&app, &all)[..], [Err(Failure::Retry(_))]), "{store:?}");
        app.platform().bring_back(store);
    }
    assert_eq!(consume(&app, &all), [Ok(())]);
    assert!(app.platform().cached::<String>(&format!("user:{}:last_login", member.id)).is_some());
}

#[test]
fn what_is_malformed_is_rejected_and_what_is_not_known_is_not() {
    let app = app();
    let member = sign_up(&app, "Ada");
    log_in(&app, "ada@example.com", PASSWORD);
    let [log_in] = &log_ins(&app)[..] else { panic!("one log-in") };
    let with = |value: &str| Delivery { value: value.as_bytes().to_vec(), ..log_in.clone() };
    for broken in ["", "null", "{}", r#"{"eventType":"USER_LOGIN"}"#, r#"{"eventType":"USER_LOGIN","userId":"1"}"#] {
        assert!(matches!(consume(&app, &[with(broken)])[..], [Err(Failure::Reject(_))]), "{broken}");
    }
    assert_eq!(consume(&app, &[with(r#"{"eventType":"USER_BLESSED","userId":7}"#)]), [Ok(())]);
    // The former system's are without a moment; the record's counts.
    let old = Delivery { timestamp: "2026-11-24T10:00:00Z".parse().unwrap(), ..log_in.clone() };
    let old = Delivery { value: json!({ "eventType": "USER_LOGIN", "userId": member.id }).to_string().into(), ..old };
    assert_eq!(consume(&app, &[old]), [Ok(())]);
    assert_eq!(active(&row(&app, &member.id)), "2026-11-24T10:00:00.000Z");
}

#[test]
fn rows_of_the_former_system_are_filled_in() {
    let app = app();
    let new = sign_up(&app, "Ada");
    patch(&app, &new, "/profile/edit", json!({ "skills": ["Rust"] }));
    let updated: DateTime = "2024-02-29T12:00:00Z".parse().unwrap();
    let later: DateTime = "2026-11-24T09:00:00Z".parse().unwrap();
    let old = |more: Document| {
        let id = Id::new();
        let mut row = doc! { "_id": id, "firstName": "Old", "emailId": format!("{id}@example.com") };
        row.extend(more);
        app.platform().put_documents("users", [row]);
        id
    };
    let usual = old(doc! { "skills": [" React", "NODE.js"], "updatedAt": updated });
    let mistyped = old(doc! { "skills": ["Go", 7, null, { "name": "rust" }], "updatedAt": updated });
    let no_list = old(doc! { "skills": "Go", "updatedAt": "yesterday" });
    let bare = old(doc! {});
    let nulls = old(doc! { "skills": null, "updatedAt": null });
    let logged_in = old(doc! { "skills": ["Go"], "updatedAt": updated, "lastActiveAt": later });
    let many: Vec<Id> = (0..250).map(|_| old(doc! { "skills": ["Go"], "updatedAt": updated })).collect();
    fill_in(&app).unwrap();

    let read = |id: Id| row(&app, &id.to_string());
    assert_eq!((keys(&read(usual)), active(&read(usual))), (vec!["node.js", "react"], updated.to_string()));
    for id in [no_list, bare, nulls] {
        assert_eq!((keys(&read(id)), active(&read(id))), (vec![], id.made_at().to_string()));
    }
    assert_eq!((keys(&read(mistyped)), active(&read(mistyped))), (vec!["go"], updated.to_string()));
    assert_eq!((keys(&read(logged_in)), active(&read(logged_in))), (vec!["go"], later.to_string()));
    assert!(many.iter().all(|id| keys(&read(*id)) == ["go"]));
    assert_eq!(keys(&row(&app, &new.id)), ["rust"]);

    let before = app.platform().trips(Store::Documents);
    fill_in(&app).unwrap();
    assert_eq!(app.platform().trips(Store::Documents) - before, 1, "with nothing to do it asks once");
    app.platform().take_away(Store::Documents);
    assert!(fill_in(&app).unwrap_err().is_away());
}
