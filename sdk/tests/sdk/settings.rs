use devconnect_sdk::prelude::*;
use devconnect_sdk::test::Platform;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
struct Limits {
    requests_per_minute: u32,
    #[serde(default)]
    admins: Vec<String>,
    greeting: Option<String>,
}

static LIMITS: Settings<Limits> = Settings::new();

#[test]
fn settings_are_a_struct() {
    let platform = Platform::new();
    platform.set_setting("requests-per-minute", 100);
    platform.set_setting("admins", ["ada@example.com"]);
    platform.set_setting("something-else", true);
    platform.run(|| {
        let limits = LIMITS.get().unwrap();
        assert_eq!(limits.requests_per_minute, 100);
        assert_eq!(limits.admins, ["ada@example.com"]);
        assert_eq!(limits.greeting, None);
        assert_eq!(settings::get::<bool>("something-else").unwrap(), Some(true));
        assert_eq!(settings::get::<bool>("nothing").unwrap(), None);
    });
}

#[test]
fn what_is_missing_or_wrong_is_named_for_the_operator() {
    let platform = Platform::new();
    platform.run(|| {
        let missing = LIMITS.get().unwrap_err().to_string();
        assert_eq!(missing, "the setting `requests-per-minute` is not set: add it to `settings`");
        platform.set_setting("requests-per-minute", "many");
        let wrong = LIMITS.get().unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "the setting `requests-per-minute` is wrong: invalid type: string \"many\", expected u32"
        );
        assert!(matches!(InitError::from(wrong), InitError::Settings(_)));
    });
}

#[test]
fn a_secret_is_not_printed() {
    let platform = Platform::new();
    platform.set_secret("api-key", "hunter2");
    platform.run(|| {
        let secret = settings::secret("api-key").unwrap();
        assert_eq!(secret.expose(), "hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert!(settings::secret("other").unwrap_err().to_string().contains("`other`"));
    });
}
