use devconnect_sdk::bson::Bson;

use super::*;

const NEW: &str = "Better-Horse-2";

fn change(app: &App, member: &Member, current: &str, new: &str) -> Reply {
    patch(app, member, "/profile/password", json!({ "currentPassword": current, "newPassword": new }))
}

#[test]
fn the_other_sessions_end_and_this_one_goes_on() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let other = again(&app, &member, "ada@example.com");
    let bob = sign_up(&app, "Bob");
    assert_eq!((view(&app, &other).status(), view(&app, &bob).status()), (200, 200));

    // All of it within one second, and even one millisecond.
    let reply = change(&app, &member, PASSWORD, NEW);
    assert_eq!(reply.status(), 200, "{reply:?}");
    assert_eq!(reply.value(), json!({ "message": "Password changed successfully" }));
    let goes_on = Member { token: reply.cookie("token").unwrap().to_owned(), id: member.id.clone() };
    assert_eq!(view(&app, &goes_on).status(), 200);
    assert_eq!((view(&app, &other).status(), view(&app, &member).status()), (401, 401));
    assert_eq!(view(&app, &bob).status(), 200, "another user's is not touched");

    assert_eq!(log_in(&app, "ada@example.com", PASSWORD).status(), 401);
    let later = log_in(&app, "ada@example.com", NEW);
    let later = Member { token: later.cookie("token").unwrap().to_owned(), ..goes_on };
    assert_eq!(view(&app, &later).status(), 200);
    app.platform().clear_cache();
    assert_eq!((view(&app, &later).status(), view(&app, &other).status()), (200, 401), "documents say the same");
}

#[test]
fn tokens_of_the_former_system_end_too() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let claims = json!({ "_id": member.id, "emailId": "ada@example.com" });
    let token = app.platform().run(|| devconnect_sdk::tokens::sign(&claims, minutes(60))).unwrap();
    let former = Member { id: member.id.clone(), token };
    assert_eq!(view(&app, &former).status(), 200);
    change(&app, &member, PASSWORD, NEW);
    assert_eq!(view(&app, &former).status(), 401);
}

#[test]
fn it_is_one_commit() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let before = app.platform().documents("users").remove(0);
    app.platform().advance(minutes(1));
    change(&app, &member, PASSWORD, NEW);
    let after = app.platform().documents("users").remove(0);
    assert_ne!(before.get("password"), after.get("password"));
    let now = Bson::from(app.platform().now());
    assert_eq!((after.get("sessionsValidFrom"), after.get("updatedAt")), (Some(&now), Some(&now)));
    let mark = app.platform().documents("revocations").remove(0);
    assert_eq!(mark.get_str("_id").unwrap(), format!("user:{}", member.id));
    assert_eq!(mark.get("expiresAt"), Some(&Bson::from(app.platform().now().plus(minutes(7 * 24 * 60)))));
    let events = events_of(&app, "user-events", "PROFILE_UPDATED");
    assert_eq!(events[0]["data"]["fieldsChanged"], json!(["password"]));
    assert!(!events[0].to_string().contains(NEW));
}

#[test]
fn changes_follow_each_other() {
    let app = app();
    let mut member = sign_up(&app, "Ada");
    let mut old = Vec::new();
    let words = [PASSWORD, "Second-Horse-2", "Third-Horse-3", "Fourth-Horse-4"];
    for pair in words.windows(2) {
        let reply = change(&app, &member, pair[0], pair[1]);
        old.push(std::mem::replace(&mut member.token, reply.cookie("token").unwrap().to_owned()));
    }
    assert_eq!(view(&app, &member).status(), 200);
    for token in old {
        assert_eq!(app.call(Request::get("/profile/view").bearer(&token)).status(), 401);
    }
    assert_eq!(app.platform().documents("revocations").len(), 1);
}

#[test]
fn what_is_wrong_is_named() {
    let app = app();
    let member = sign_up(&app, "Ada");
    for (current, new, field) in [
        ("Wrong-Horse-1", NEW, "currentPassword"),
        ("", NEW, "currentPassword"),
        (&*"x".repeat(1_025), NEW, "currentPassword"),
        (PASSWORD, "weak", "newPassword"),
    ] {
        let reply = change(&app, &member, current, new);
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), [field]);
        assert_eq!(reply.cookie("token"), None);
    }
    assert_eq!(view(&app, &member).status(), 200);
    assert_eq!(log_in(&app, "ada@example.com", PASSWORD).status(), 200);
}

#[test]
fn guesses_are_limited_like_log_ins() {
    let app = app();
    let member = sign_up(&app, "Ada");
    for _ in 0..20 {
        assert_eq!(change(&app, &member, "Wrong-Horse-1", NEW).status(), 400);
    }
    assert_problem(&change(&app, &member, PASSWORD, NEW), 429);
}
