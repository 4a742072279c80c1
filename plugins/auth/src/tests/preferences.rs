use super::*;

const DEFAULTS: [(&str, bool); 4] =
    [("welcomeEmail", true), ("connectionRequests", true), ("loginSuggestions", true), ("marketingEmails", false)];

fn get(app: &App, member: &Member) -> Value {
    let reply = app.call(member.signs(Request::get("/email-preferences")));
    assert_eq!(reply.status(), 200, "{reply:?}");
    reply.value()
}

#[test]
fn defaults_are_shown_and_each_can_be_changed() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let shown = get(&app, &member);
    assert_eq!((&shown["success"], shown.get("message")), (&json!(true), None));
    for (name, wanted) in DEFAULTS {
        assert_eq!(shown["emailPreferences"][name], wanted);
        let reply = patch(&app, &member, "/email-preferences", json!({ name: !wanted })).value();
        assert_eq!((&reply["success"], &reply["emailPreferences"][name]), (&json!(true), &json!(!wanted)));
        assert!(reply["message"].is_string());
    }
    for (name, wanted) in DEFAULTS {
        assert_eq!(get(&app, &member)["emailPreferences"][name], !wanted);
    }
    let events = events_of(&app, "user-events", "PROFILE_UPDATED");
    assert_eq!(events[0]["data"]["fieldsChanged"], json!(["emailPreferences"]));
    assert_eq!(events.len(), 4);
}

#[test]
fn nonsense_is_refused() {
    let app = app();
    let member = sign_up(&app, "Ada");
    for (body, field) in
        [(json!({ "welcomeEmail": "yes" }), "welcomeEmail"), (json!({ "weeklyDigest": true }), "weeklyDigest")]
    {
        let reply = patch(&app, &member, "/email-preferences", body);
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), [field]);
    }
}

#[test]
fn a_signed_link_turns_all_off() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let link = text(&get(&app, &member)["unsubscribePath"]);
    assert!(link.starts_with(&format!("/unsubscribe/{}?token=", member.id)));
    for _ in 0..2 {
        let page = app.call(Request::get(&link));
        assert_eq!((page.status(), page.media()), (200, &Media::Html));
        for part in ["<!doctype html>", "<html lang=\"en\">", "<title>", "<main>", "<h1>You are unsubscribed</h1>"] {
            assert!(page.text().contains(part), "{part}");
        }
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert!(!page.text().contains("token"));
    }
    for (name, _) in DEFAULTS {
        assert_eq!(get(&app, &member)["emailPreferences"][name], false);
    }
}

#[test]
fn no_other_link_does() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let bob = sign_up(&app, "Bob");
    let link = text(&get(&app, &member)["unsubscribePath"]);
    let token = link.split_once("token=").unwrap().1;
    for wrong in [
        format!("/unsubscribe/{}", member.id),
        format!("/unsubscribe/{}?token=", member.id),
        format!("/unsubscribe/{}?token=nonsense", member.id),
        format!("/unsubscribe/{}?token={}", member.id, member.token),
        format!("/unsubscribe/{}?token={token}", bob.id),
        format!("/unsubscribe/{}?token={token}", Id::new()),
    ] {
        assert_problem(&app.call(Request::get(&wrong)), 400);
        let page = app.call(Request::get(&wrong).header("accept", "text/html,*/*"));
        assert_eq!((page.status(), page.media()), (400, &Media::Html));
    }
    assert_problem(&app.call(Request::get(format!("/unsubscribe/42?token={token}"))), 400);
    assert_eq!(app.call(Request::get("/profile/view").bearer(token)).status(), 401, "and the link is no session");
    assert_eq!(get(&app, &member)["emailPreferences"]["welcomeEmail"], true);
    app.platform().advance(minutes(181 * 24 * 60));
    assert_problem(&app.call(Request::get(&link)), 400);
}
