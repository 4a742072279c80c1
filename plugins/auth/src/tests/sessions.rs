use devconnect_sdk::bson::{Bson, DateTime as BsonDateTime};
use devconnect_sdk::cache::Batch;

use super::*;
use crate::session::{self, CutOff};

/// A token as the former system issued them.
fn former_token(app: &App, id: &str, life: Duration) -> String {
    let claims = json!({ "_id": id, "emailId": "ada@example.com" });
    app.platform().run(|| devconnect_sdk::tokens::sign(&claims, life)).unwrap()
}

#[test]
fn the_cookie_and_the_header_carry_a_session() {
    let app = app();
    let member = sign_up(&app, "Ada");
    assert_eq!(app.call(Request::get("/profile/view").bearer(&member.token)).status(), 200);
    assert_eq!(app.call(Request::get("/profile/view").cookie("token", &member.token)).status(), 200);
    let with_old_cookie = Request::get("/profile/view").cookie("token", "old").bearer(&member.token);
    assert_eq!(app.call(with_old_cookie).status(), 200);
}

#[test]
fn without_a_session_there_is_401() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let tampered = member.token.replace("test.7b", "test.7c");
    for request in [
        Request::get("/profile/view"),
        Request::get("/profile/view").cookie("token", ""),
        Request::get("/profile/view").cookie("token", &tampered),
        Request::get("/profile/view").bearer("nonsense"),
        Request::patch("/profile/edit").json(&json!({})),
        Request::patch("/profile/password").json(&json!({})),
        Request::get(format!("/user/{}", member.id)),
        Request::patch(format!("/user/{}", member.id)).json(&json!({})),
        Request::get("/email-preferences"),
        Request::patch("/email-preferences").json(&json!({})),
        Request::patch(format!("/admin/users/{}", member.id)).json(&json!({})),
    ] {
        assert_problem(&app.call(request), 401);
    }
}

#[test]
fn a_token_for_another_purpose_is_no_session() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let claims = json!({ "_id": member.id, "emailId": "ada@example.com" });
    let token = app.platform().run(|| devconnect_sdk::tokens::sign_for("unsubscribe", &claims, minutes(9))).unwrap();
    assert_eq!(app.call(Request::get("/profile/view").bearer(&token)).status(), 401);
}

#[test]
fn others_see_who_calls() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let token = member.token.clone();
    let id = member.id.clone();
    let other = App::on(
        app.platform(),
        Router::new().get("/who", |who: Identity| format!("{} {} {}", who.subject, who.expires_at_ms, who.claims)),
    )
    .with_filter(crate::filter::filter);
    let week_later = app.platform().now().millis() / 1_000 * 1_000 + 7 * 24 * 60 * 60 * 1_000;
    let expected = format!(r#"{id} {week_later} {{"emailId":"ada@example.com","firstName":"Ada","role":"user"}}"#);
    assert_eq!(other.call(Request::get("/who").bearer(&token)).text(), expected);
    app.platform().clear_cache();
    assert_eq!(other.call(Request::get("/who").bearer(&token)).text(), expected, "from documents");
    assert_eq!(other.call(Request::get("/who").bearer(&token)).text(), expected, "and from the cache again");
}

#[test]
fn a_session_has_an_id_that_stays() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let former = former_token(&app, &member.id, minutes(60));
    let other = App::on(app.platform(), Router::new().get("/which", |who: Identity| who.session))
        .with_filter(crate::filter::filter);
    let which = |token: &str| other.call(Request::get("/which").bearer(token)).text().to_owned();
    let second = again(&app, &member, "ada@example.com");
    assert_eq!(which(&member.token), which(&member.token));
    assert_ne!(which(&member.token), which(&second.token));
    assert_eq!(which(&former).len(), 64, "the digest of a token without jti");
}

#[test]
fn the_cache_has_the_entry_that_the_former_system_reads() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let entry: Value = app.platform().cached(&session_key(&member)).unwrap();
    assert_eq!((&entry["userId"], &entry["emailId"]), (&json!(member.id), &json!("ada@example.com")));
    assert_eq!(entry["firstName"], "Ada");
    app.platform().advance(minutes(24 * 60 - 1));
    assert!(app.platform().cached::<Value>(&session_key(&member)).is_some());
    app.platform().advance(minutes(2));
    assert!(app.platform().cached::<Value>(&session_key(&member)).is_none());
    assert_eq!(view(&app, &member).status(), 200, "the token lives longer");
    assert!(app.platform().cached::<Value>(&session_key(&member)).is_some(), "and is remembered again");
}

#[test]
fn a_token_ends_after_a_week() {
    let app = app();
    let member = sign_up(&app, "Ada");
    app.platform().advance(minutes(7 * 24 * 60 - 1));
    assert_eq!(view(&app, &member).status(), 200);
    app.platform().advance(minutes(1));
    assert_eq!(view(&app, &member).status(), 401);
}

#[test]
fn a_log_out_ends_that_session_alone() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let second = again(&app, &member, "ada@example.com");
    let reply = log_out(&app, &member);
    assert_eq!((reply.status(), reply.text(), reply.media()), (200, "Logout successful", &Media::Text));
    assert_eq!(reply.header("set-cookie"), Some("token=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"));
    assert_problem(&view(&app, &member), 401);
    assert_eq!(view(&app, &second).status(), 200);

    let rows = app.platform().documents("revocations");
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(row.get_str("_id").unwrap().len(), 64);
    let end = app.platform().now().plus(minutes(7 * 24 * 60)).millis() / 1_000 * 1_000;
    assert_eq!(row.get_datetime("expiresAt").unwrap(), &BsonDateTime::from_millis(end));
    let logged_out = events_of(&app, "user-events", "USER_LOGOUT");
    let expected = json!([{
        "eventType": "USER_LOGOUT", "userId": member.id, "timestamp": "2026-11-24T09:30:00.250Z", "data": {},
    }]);
    assert_eq!(json!(logged_out), expected);
}

#[test]
fn a_log_out_is_always_200() {
    let app = app();
    let member = sign_up(&app, "Ada");
    log_out(&app, &member);
    for request in [
        Request::post("/logout"),
        Request::post("/logout").cookie("token", "nonsense"),
        Request::post("/logout").bearer(&member.token),
        member.signs(Request::post("/logout")),
    ] {
        let reply = app.call(request);
        assert_eq!((reply.status(), reply.text(), reply.cookie("token")), (200, "Logout successful", Some("")));
    }
    app.platform().advance(minutes(8 * 24 * 60));
    assert_eq!(log_out(&app, &member).status(), 200, "with an expired token");
    assert_eq!(events_of(&app, "user-events", "USER_LOGOUT").len(), 1, "it ended once");
}

#[test]
fn tokens_of_the_former_system_count() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let former = Member { id: member.id, token: former_token(&app, &member.token.clone(), minutes(60)) };
    assert_eq!(view(&app, &former).status(), 401, "an id that is none");
    let former = Member { token: former_token(&app, &former.id, minutes(60)), ..former };
    assert_eq!(view(&app, &former).status(), 200);
    log_out(&app, &former);
    assert_eq!(view(&app, &former).status(), 401, "until they are revoked");

    app.platform().advance(minutes(1));
    let later = Member { token: former_token(&app, &former.id, minutes(60)), ..former };
    assert_eq!(view(&app, &later).status(), 200);
    app.platform().advance(minutes(60));
    assert_eq!(view(&app, &later).status(), 401, "or expire");
}

#[test]
fn a_session_whose_user_is_gone_does_not_count() {
    let app = app();
    let member = sign_up(&app, "Ada");
    app.platform().clear_cache();
    app.platform().run(|| crate::user::USERS.delete_many(doc! {})).unwrap();
    assert_eq!(view(&app, &member).status(), 401);
}

#[test]
fn an_operator_can_end_sessions_by_hand() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let set = |moment: DateTime| {
        let update = doc! { "$set": { "sessionsValidFrom": moment } };
        app.platform().run(|| crate::user::USERS.update_one(doc! {}, update)).unwrap();
        app.platform().clear_cache();
    };
    set(app.platform().now().minus(minutes(1)));
    assert_eq!(view(&app, &member).status(), 200);
    set(app.platform().now().plus(minutes(1)));
    assert_eq!(view(&app, &member).status(), 401);
}

#[test]
fn a_socket_may_bring_its_token_in_its_payload() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let found = |auth_payload: Option<Value>| {
        let head = Head {
            method: Method::Get,
            path: "/socket.io/".to_owned(),
            route: "/".to_owned(),
            access: Access::Optional,
            kind: devconnect_sdk::filter::Kind::Socket,
            auth_payload: auth_payload.map(|payload| payload.to_string()),
            remote_address: "192.0.2.1".to_owned(),
            request_id: "1".to_owned(),
        };
        let next = app.platform().run(|| crate::filter::filter(&head)).unwrap();
        format!("{next:?}").contains(&format!("subject: {:?}", member.id))
    };
    assert!(found(Some(json!({ "token": member.token }))));
    for nobody in [None, Some(json!({})), Some(json!({ "token": 1 })), Some(json!("x")), Some(json!({ "token": "x" }))]
    {
        assert!(!found(nobody));
    }
}

/// Two changes of a password, each on a host of its own: the one that is committed first tells of it last, and its clock is ahead.
#[test]
fn a_cut_off_never_goes_back() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let id: Id = member.id.parse().unwrap();
    let now = app.platform().now();
    let first = CutOff { valid_from: Some(now.plus(minutes(1))), generation: 1 };
    let second = CutOff { valid_from: Some(now), generation: 2 };
    let both = json!({ "validFrom": now.plus(minutes(1)), "generation": 2 });

    app.platform().run(|| {
        for cut_off in [first, second, first] {
            assert!(session::end_all(Transaction::new(), id, cut_off).commit().unwrap().is_committed());
        }
        session::tell_cut_off(Batch::new(), id, second).unwrap();
        session::tell_cut_off(Batch::new(), id, first).unwrap();
    });
    let mark = app.platform().documents("revocations").remove(0);
    assert_eq!(mark.get_i64("generation").unwrap(), 2);
    assert_eq!(mark.get("validFrom"), Some(&Bson::from(now.plus(minutes(1)))));
    assert_eq!(app.platform().cached::<Value>(&format!("user:{id}:sessions")), Some(both));
    assert_eq!(view(&app, &member).status(), 401);
}

/// An older version's mark cannot be compared with: then documents are asked about everything of before.
#[test]
fn a_cut_off_that_cannot_be_told_begins_an_era() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let id: Id = member.id.parse().unwrap();
    let before = app.platform().documents("revocations").len();
    let cut_off = CutOff { valid_from: Some(app.platform().now()), generation: 1 };
    app.platform().run(|| {
        const OLDER: Key<Value> = Key::new("user:{}:sessions", crate::token::LIFE);
        OLDER.set(id, &json!({ "generation": 0 })).unwrap();
        session::tell_cut_off(Batch::new(), id, cut_off).unwrap();
    });
    let marks = app.platform().documents("revocations");
    assert_eq!(marks.len(), before + 1);
    assert_eq!(marks[0].get_i64("era").unwrap(), 1);
}
