use devconnect_sdk::cache::Batch;
use devconnect_sdk::test::Store;

use super::*;
use crate::accounts;
use crate::user::USERS;

fn user_key(member: &Member) -> String {
    format!("user:{}", member.id)
}

#[test]
fn a_profile_comes_from_the_cache_after_the_first_time() {
    let app = app();
    let member = sign_up(&app, "Ada");
    app.platform().run(|| {
        accounts::send({
            let mut batch = Batch::new();
            batch.delete(&accounts::FACTS, member.id.as_str());
            batch
        })
    });
    let first = view(&app, &member).value();
    app.platform().take_away(Store::Documents);
    let second = view(&app, &member);
    assert_eq!((second.status(), second.value()), (200, first));
}

#[test]
fn the_cache_has_what_the_former_system_reads() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let cached: Value = app.platform().cached(&user_key(&member)).unwrap();
    for field in ["_id", "firstName", "lastName", "photoUrl", "about", "skills", "isPremium", "membershipTier"] {
        assert!(!cached[field].is_null(), "{field} of {cached}");
    }
    assert_eq!((&cached["emailId"], &cached["role"]), (&json!("ada@example.com"), &json!("user")));
    assert_eq!(cached["emailPreferences"]["marketingEmails"], false);
    assert_eq!(app.platform().cached::<String>("user:email:ada@example.com"), Some(member.id.clone()));
    for key in app.platform().cached_keys() {
        let value: Value = app.platform().cached(&key).unwrap();
        assert!(!value.to_string().contains("password"), "{key}");
    }
    app.platform().advance(minutes(30));
    assert_eq!(app.platform().cached::<Value>(&user_key(&member)), None);
}

#[test]
fn a_change_is_seen_at_once() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let bob = sign_up(&app, "Bob");
    view(&app, &member);
    patch(&app, &member, "/profile/edit", json!({ "about": "first" }));
    assert_eq!(view(&app, &member).value()["about"], "first");
    patch(&app, &member, &format!("/user/{}", member.id), json!({ "about": "second" }));
    let seen = app.call(bob.signs(Request::get(format!("/user/{}", member.id))));
    assert_eq!(seen.value()["about"], "second");
    patch(&app, &member, "/email-preferences", json!({ "welcomeEmail": false }));
    assert_eq!(view(&app, &member).value()["emailPreferences"]["welcomeEmail"], false);
    app.platform().advance(minutes(1));
    view(&app, &member);
    app.platform().take_away(Store::Documents);
    assert_eq!(view(&app, &member).value()["about"], "second", "cached again");
}

#[test]
fn a_slow_reader_does_not_bring_the_old_user_back() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let id: Id = member.id.parse().unwrap();
    app.platform().clear_cache();
    let old = app.platform().run(|| USERS.get(id)).unwrap().unwrap().user;
    patch(&app, &member, "/profile/edit", json!({ "about": "new" }));
    app.platform().run(|| {
        let mut batch = Batch::new();
        accounts::remember(&mut batch, &old);
        accounts::send(batch);
    });
    assert_eq!(view(&app, &member).value()["about"], "new");
}

#[test]
fn a_new_address_is_forgotten_under_both_names() {
    let app = app();
    let member = sign_up(&app, "Ada");
    patch(&app, &member, "/profile/edit", json!({ "emailId": "countess@example.com" }));
    assert_eq!(app.platform().cached::<Value>("user:email:ada@example.com"), None);
    assert_eq!(app.platform().cached::<Value>("user:email:countess@example.com"), None);
    assert_eq!(log_in(&app, "ada@example.com", PASSWORD).status(), 401);
    assert_eq!(log_in(&app, "countess@example.com", PASSWORD).status(), 200);
    let fresh = sign_up(&app, "Ada");
    assert_ne!(fresh.id, member.id, "the old address is free");
}

#[test]
fn what_is_no_user_in_the_cache_counts_as_nothing() {
    let app = app();
    let member = sign_up(&app, "Ada");
    app.platform().run(|| {
        const ANY: Key<Value> = Key::lasting("user:{}");
        ANY.set(&member.id, &json!(["an", "older", "version's"])).unwrap();
    });
    assert_eq!(view(&app, &member).value()["firstName"], "Ada");
}

#[test]
fn an_entry_that_lacks_something_is_shown_with_it() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let mut entry = app.platform().cached::<Value>(&user_key(&member)).unwrap();
    let whole = view(&app, &member).value();
    assert_eq!(whole, entry, "as it is");
    entry.as_object_mut().unwrap().remove("about");
    entry["lastName"] = json!("Changed");
    app.platform().run(|| {
        const ANY: Key<Value> = Key::lasting("user:{}");
        ANY.set(&member.id, &entry).unwrap();
    });
    let shown = view(&app, &member).value();
    assert_eq!((&shown["about"], &shown["lastName"]), (&whole["about"], &json!("Changed")));
}

#[test]
fn the_role_that_counts_is_shown_also_from_the_cache() {
    let app = app();
    let member = sign_up(&app, "Ada");
    assert_eq!(view(&app, &member).value()["role"], "user");
    app.platform().set_setting("admins", ["ada@example.com"]);
    assert_eq!(view(&app, &member).value()["role"], "admin");
}
