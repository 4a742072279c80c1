use std::time::Duration;

use devconnect_sdk::passwords::Verdict;
use devconnect_sdk::prelude::*;
use devconnect_sdk::test::Platform;
use devconnect_sdk::tokens::Verification;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Claims {
    sub: String,
}

#[test]
fn a_token_holds_for_its_purpose_and_its_time() {
    let platform = Platform::new();
    platform.set_time(DateTime::from_millis(1_000_000_000));
    platform.run(|| {
        let claims = Claims { sub: "ada".to_owned() };
        let session = tokens::sign(&claims, Duration::from_secs(60)).unwrap();
        let link = tokens::sign_for("unsubscribe", &claims, Duration::from_secs(60)).unwrap();
        assert_eq!(tokens::verify::<Claims>(&session).unwrap().valid(), Some(claims));
        assert_eq!(tokens::verify::<Claims>(&link).unwrap(), Verification::Refused);
        assert_eq!(tokens::verify_for::<Claims>("unsubscribe", &session).unwrap(), Verification::Refused);
        assert!(tokens::verify_for::<Claims>("unsubscribe", &link).unwrap().valid().is_some());
        assert_eq!(tokens::verify::<Claims>("nonsense").unwrap(), Verification::Refused);
        #[derive(Debug, PartialEq, Deserialize)]
        struct Others {
            _other: u8,
        }
        assert_eq!(tokens::verify::<Others>(&session).unwrap(), Verification::Refused);
        platform.advance(Duration::from_secs(60));
        assert_eq!(tokens::verify::<Claims>(&session).unwrap(), Verification::Expired);
        assert_eq!(tokens::sign(&7, Duration::from_secs(1)).unwrap_err().kind(), ErrorKind::Invalid);
    });
}

#[test]
fn passwords_match_differ_or_are_outdated() {
    Platform::new().run(|| {
        let hash = passwords::hash("secret").unwrap();
        assert_eq!(passwords::verify("secret", Some(&hash)).unwrap(), Verdict::Matches);
        assert_eq!(passwords::verify("Secret", Some(&hash)).unwrap(), Verdict::Differs);
        assert_eq!(passwords::verify("secret", None).unwrap(), Verdict::Differs);
        let old = Platform::outdated_hash("secret");
        assert_eq!(passwords::verify("secret", Some(&old)).unwrap(), Verdict::MatchesOutdated);
        assert_eq!(passwords::hash("").unwrap_err().kind(), ErrorKind::Invalid);
    });
}
