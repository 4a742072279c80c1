//! Users, as mongoose stores them and as clients see them.

mod lenient;

use devconnect_sdk::bson::Document;
use devconnect_sdk::prelude::*;

use crate::session::CutOff;

pub(crate) const USERS: Collection<Account> = Collection::new("users");

pub(crate) const DEFAULT_PHOTO: &str = "https://www.gravatar.com/avatar/?d=mp&s=200";
pub(crate) const DEFAULT_ABOUT: &str = "This is a default about of the user";
pub(crate) const ROLES: [&str; 2] = ["user", "admin"];
pub(crate) const TIERS: [&str; 3] = ["free", "silver", "gold"];
pub(crate) const GENDERS: [&str; 3] = ["male", "female", "others"];

/// A user as the user sees it. Rows of the former system may lack what was added to it over time; they are read with
/// the defaults that mongoose would have put in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    #[serde(rename = "_id")]
    pub(crate) id: Id,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub(crate) first_name: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub(crate) last_name: String,
    pub(crate) email_id: String,
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    age: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gender: Option<String>,
    #[serde(default = "default_photo", deserialize_with = "lenient::photo")]
    photo_url: String,
    #[serde(default = "default_about", deserialize_with = "lenient::about")]
    about: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    skills: Vec<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub(crate) email_preferences: EmailPreferences,
    #[serde(default, deserialize_with = "lenient::or_default")]
    is_premium: bool,
    #[serde(default = "default_tier", deserialize_with = "lenient::tier")]
    membership_tier: String,
    #[serde(default = "default_role", deserialize_with = "lenient::role")]
    pub(crate) role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    updated_at: Option<DateTime>,
}

/// A user as everybody sees it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SafeUser {
    #[serde(rename = "_id")]
    id: Id,
    first_name: String,
    last_name: String,
    photo_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gender: Option<String>,
    about: String,
    skills: Vec<String>,
    is_premium: bool,
    membership_tier: String,
}

impl From<User> for SafeUser {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            first_name: user.first_name,
            last_name: user.last_name,
            photo_url: user.photo_url,
            age: user.age,
            gender: user.gender,
            about: user.about,
            skills: user.skills,
            is_premium: user.is_premium,
            membership_tier: user.membership_tier,
        }
    }
}

/// Which e-mails somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EmailPreferences {
    pub(crate) welcome_email: bool,
    pub(crate) connection_requests: bool,
    pub(crate) login_suggestions: bool,
    pub(crate) marketing_emails: bool,
}

impl Default for EmailPreferences {
    fn default() -> Self {
        Self { welcome_email: true, connection_requests: true, login_suggestions: true, marketing_emails: false }
    }
}

/// What proves that somebody is the user, and since when. Nothing writes it anywhere: it has no `Serialize`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credentials {
    /// The password's hash: argon2id's, or the former system's bcrypt.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub(crate) password: String,
    #[serde(default)]
    sessions_valid_from: Option<DateTime>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    session_generation: i64,
}

impl Credentials {
    /// Which sessions are over.
    pub(crate) fn cut_off(&self) -> CutOff {
        CutOff { valid_from: self.sessions_valid_from, generation: self.session_generation }
    }

    /// The same, after a change.
    pub(crate) fn set_cut_off(&mut self, cut_off: CutOff) {
        self.sessions_valid_from = cut_off.valid_from;
        self.session_generation = cut_off.generation;
    }
}

/// One document of `users`.
#[derive(Deserialize)]
pub(crate) struct Account {
    #[serde(flatten)]
    pub(crate) user: User,
    #[serde(flatten)]
    pub(crate) credentials: Credentials,
}

/// What a sign-up makes of a user, with mongoose's defaults and its version key.
pub(crate) fn new_document(
    id: Id,
    first_name: &str,
    last_name: &str,
    email: &str,
    hash: &str,
    now: DateTime,
) -> Document {
    let preferences = EmailPreferences::default();
    doc! {
        "_id": id,
        "firstName": first_name,
        "lastName": last_name,
        "emailId": email,
        "password": hash,
        "photoUrl": DEFAULT_PHOTO,
        "about": DEFAULT_ABOUT,
        "skills": [],
        "emailPreferences": {
            "welcomeEmail": preferences.welcome_email,
            "connectionRequests": preferences.connection_requests,
            "loginSuggestions": preferences.login_suggestions,
            "marketingEmails": preferences.marketing_emails,
        },
        "isPremium": false,
        "membershipTier": default_tier(),
        "role": default_role(),
        "createdAt": now,
        "updatedAt": now,
        "__v": 0,
    }
}

fn default_photo() -> String {
    DEFAULT_PHOTO.to_owned()
}

fn default_about() -> String {
    DEFAULT_ABOUT.to_owned()
}

fn default_tier() -> String {
    "free".to_owned()
}

pub(crate) fn default_role() -> String {
    "user".to_owned()
}
