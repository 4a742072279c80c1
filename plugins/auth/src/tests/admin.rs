use super::*;

/// Somebody whose address the operator made an admin's.
fn admin(app: &App) -> Member {
    app.platform().set_setting("admins", [" Root@Example.com"]);
    sign_up(app, "Root")
}

#[test]
fn the_setting_makes_admins() {
    let app = app();
    let root = admin(&app);
    let ada = sign_up(&app, "Ada");
    assert_eq!(view(&app, &root).value()["role"], "admin");
    assert_eq!(view(&app, &ada).value()["role"], "user");
    assert_eq!(log_in(&app, "root@example.com", PASSWORD).value()["role"], "admin");
    let refused = patch(&app, &ada, &format!("/admin/users/{}", ada.id), json!({ "role": "admin" }));
    assert_problem(&refused, 403);
    assert_eq!(view(&app, &ada).value()["role"], "user");
}

#[test]
fn an_admin_sets_tier_and_role() {
    let app = app();
    let root = admin(&app);
    let ada = sign_up(&app, "Ada");
    let path = format!("/admin/users/{}", ada.id);
    let reply = patch(&app, &root, &path, json!({ "membershipTier": "gold" }));
    assert_eq!(reply.status(), 200, "{reply:?}");
    let answer = reply.value();
    assert_eq!(answer["message"], "User updated successfully");
    assert_eq!((&answer["user"]["membershipTier"], &answer["user"]["isPremium"]), (&json!("gold"), &json!(true)));
    assert_eq!(view(&app, &ada).value()["membershipTier"], "gold");

    let events = events_of(&app, "user-events", "PROFILE_UPDATED");
    assert_eq!(
        (&events[0]["userId"], &events[0]["data"]["fieldsChanged"]),
        (&json!(ada.id), &json!(["membershipTier"]))
    );
    let last = app.platform().events().pop().unwrap();
    assert_eq!(last.key, Some(root.id.clone()), "the acting user's");

    let both = patch(&app, &root, &path, json!({ "membershipTier": "free", "role": "admin" })).value();
    assert_eq!((&both["user"]["isPremium"], &both["user"]["role"]), (&json!(false), &json!("admin")));
    let other = patch(&app, &ada, &format!("/admin/users/{}", root.id), json!({ "membershipTier": "silver" }));
    assert_eq!(other.status(), 200, "the new role counts in the session that was there");
}

#[test]
fn a_role_that_was_taken_away_opens_no_admin_route_even_with_an_old_cache() {
    let app = app();
    let root = admin(&app);
    let ada = sign_up(&app, "Ada");
    let path = format!("/admin/users/{}", ada.id);
    patch(&app, &root, &path, json!({ "role": "admin" }));
    app.platform().advance(minutes(1));
    assert_eq!(view(&app, &ada).value()["role"], "admin");
    app.platform().take_away(devconnect_sdk::test::Store::Cache);
    patch(&app, &root, &path, json!({ "role": "user" }));
    app.platform().bring_back(devconnect_sdk::test::Store::Cache);
    let cached: Value = app.platform().cached(&format!("user:{}", ada.id)).unwrap();
    assert_eq!(cached["role"], "admin", "the cache has the old role");
    assert_problem(&patch(&app, &ada, &path, json!({ "role": "admin" })), 403);
}

#[test]
fn nonsense_is_refused() {
    let app = app();
    let root = admin(&app);
    let path = format!("/admin/users/{}", root.id);
    for (body, field) in [
        (json!({ "membershipTier": "platinum" }), "membershipTier"),
        (json!({ "membershipTier": 1 }), "membershipTier"),
        (json!({ "role": "root" }), "role"),
        (json!({ "isPremium": true }), "isPremium"),
    ] {
        let reply = patch(&app, &root, &path, body);
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), [field]);
    }
    assert_problem(&patch(&app, &root, &format!("/admin/users/{}", Id::new()), json!({ "role": "user" })), 404);
    assert_problem(&patch(&app, &root, &format!("/admin/users/{}", Id::new()), json!({})), 404);
    assert_problem(&patch(&app, &root, "/admin/users/42", json!({ "role": "user" })), 400);
    assert!(events_of(&app, "user-events", "PROFILE_UPDATED").is_empty());
}
