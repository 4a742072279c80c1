//! What e-mail somebody wants.

use super::{sign_up, start};
use serde_json::json;

#[test]
fn preferences_have_defaults_and_change_one_by_one() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let found = ann.client.get("/email-preferences").expect(200).json();
    assert_eq!(found["success"], true);
    let defaults =
        json!({ "welcomeEmail": true, "connectionRequests": true, "loginSuggestions": true, "marketingEmails": false });
    assert_eq!(found["emailPreferences"], defaults);
    let changed = ann
        .client
        .patch("/email-preferences", &json!({ "marketingEmails": true, "welcomeEmail": false }))
        .expect(200)
        .json();
    assert_eq!(changed["success"], true);
    assert!(changed["message"].is_string());
    let expected =
        json!({ "welcomeEmail": false, "connectionRequests": true, "loginSuggestions": true, "marketingEmails": true });
    assert_eq!(changed["emailPreferences"], expected);
    assert_eq!(ann.client.get("/email-preferences").expect(200).json()["emailPreferences"], expected);
    ann.client.patch("/email-preferences", &json!({ "marketingEmails": "yes" })).problem(400);
    ann.client.patch("/email-preferences", &json!({ "nonsense": true })).problem(400);
    host.client().get("/email-preferences").problem(401);
}

#[test]
fn an_unsubscribe_link_needs_its_own_signature() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let session = ann.client.cookies["token"].clone();
    // Not even the user's own session may stand in for the token of the link.
    for token in ["", "nonsense", &session] {
        let answer = host.client().get(&format!("/unsubscribe/{}?token={token}", ann.id));
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    let answer = host.client().get(&format!("/unsubscribe/{}", ann.id));
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert_eq!(ann.client.get("/email-preferences").expect(200).json()["emailPreferences"]["welcomeEmail"], true);
}

#[test]
fn the_link_of_an_e_mail_turns_all_off_without_a_session() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let ben = sign_up(&host, "Ben");
    let found = ann.client.get("/email-preferences").expect(200).json();
    let path = found["unsubscribePath"].as_str().unwrap();
    // Another's link does not open with this one's token.
    let stolen = host.client().get(&path.replace(&ann.id, &ben.id));
    assert!((400..500).contains(&stolen.status), "{stolen:?}");
    for _ in 0..2 {
        let page = host.client().get(path).expect(200);
        assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page:?}");
    }
    let off = json!({ "welcomeEmail": false, "connectionRequests": false, "loginSuggestions": false, "marketingEmails": false });
    assert_eq!(ann.client.get("/email-preferences").expect(200).json()["emailPreferences"], off);
    // And the token of the link is no session.
    let token = path.split_once("token=").unwrap().1;
    super::sessions::view(&host, token).problem(401);
}
