//! Every field of every form, at its bounds.

use super::{PASSWORD, faulty_fields, sign_up, start};
use serde_json::{Value, json};

#[test]
fn sign_up_names_each_field_that_is_wrong() {
    let host = start();
    let good = json!({ "firstName": "Ann", "lastName": "Lee", "emailId": "ann@example.com", "password": PASSWORD });
    let cases: &[(&str, Value)] = &[
        ("firstName", json!("A")),
        ("firstName", json!("A".repeat(51))),
        ("firstName", json!("")),
        ("firstName", json!(null)),
        ("firstName", json!(7)),
        ("lastName", json!("L".repeat(51))),
        ("emailId", json!("ann")),
        ("emailId", json!("ann@")),
        ("emailId", json!("@example.com")),
        ("emailId", json!("ann@example.com, eve@example.com")),
        ("emailId", json!("ann lee@example.com")),
        ("emailId", json!({ "$ne": null })),
        ("emailId", json!(format!("{}@example.com", "a".repeat(300)))),
        ("password", json!("Aa1-567")),
        ("password", json!("nouppercase-7")),
        ("password", json!("NOLOWERCASE-7")),
        ("password", json!("NoDigits-here")),
        ("password", json!("NoSymbols7here")),
        ("password", json!(format!("Aa1-{}", "x".repeat(125)))),
        ("password", json!(["Correct-Horse-7"])),
    ];
    for (field, value) in cases {
        let mut body = good.clone();
        body[*field] = value.clone();
        let fields = faulty_fields(host.client().post("/signup", &body));
        assert_eq!(fields, [*field], "{field} = {value}");
    }
    let missing = faulty_fields(host.client().post("/signup", &json!({})));
    assert!(missing.iter().any(|field| ["firstName", "emailId", "password"].contains(&field.as_str())), "{missing:?}");
    // Bounds themselves are inside.
    for (index, (first, last, password)) in [
        ("Al".to_owned(), "L".repeat(50), "Aa1-5678".to_owned()),
        ("A".repeat(50), String::new(), format!("Aa1-{}", "x".repeat(124))),
    ]
    .iter()
    .enumerate()
    {
        let body = json!({ "firstName": first, "lastName": last, "emailId": format!("b{index}@example.com"), "password": password });
        host.client().post("/signup", &body).expect(200);
    }
}

#[test]
fn the_profile_names_each_field_that_is_wrong() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let before = ann.client.get("/profile/view").expect(200).json();
    let cases: &[(&str, Value)] = &[
        ("firstName", json!("A")),
        ("lastName", json!("L".repeat(51))),
        ("emailId", json!("nonsense")),
        ("photoUrl", json!("javascript:alert(1)")),
        ("photoUrl", json!("ftp://example.com/x")),
        ("photoUrl", json!(format!("https://example.com/{}", "x".repeat(2048)))),
        ("gender", json!("other")),
        ("age", json!(12)),
        ("age", json!(121)),
        ("age", json!(20.5)),
        ("age", json!("old")),
        ("about", json!("a".repeat(1001))),
        ("skills", json!("rust")),
        ("skills", json!((0..11).map(|index| format!("skill {index}")).collect::<Vec<_>>())),
        ("skills", json!(["s".repeat(51)])),
    ];
    for (field, value) in cases {
        let mut body = json!({});
        body[*field] = value.clone();
        let fields = faulty_fields(ann.client.patch("/profile/edit", &body));
        assert!(
            fields.iter().all(|found| found.starts_with(field)) && !fields.is_empty(),
            "{field} = {value}: {fields:?}"
        );
    }
    for unknown in [
        "password",
        "role",
        "isPremium",
        "membershipTier",
        "_id",
        "__proto__",
        "createdAt",
        "nonsense",
        "$set",
        "skills.0",
    ] {
        let mut body = json!({ "about": "changed" });
        body[unknown] = json!("x");
        ann.client.patch("/profile/edit", &body).problem(400);
    }
    let after = ann.client.get("/profile/view").expect(200).json();
    assert_eq!(before, after, "something was changed by a form that was refused");
}
