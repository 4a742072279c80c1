//! Users, as mongoose stores them and as clients see them.

mod lenient;

use std::fmt;

use devconnect_sdk::prelude::*;

use crate::activity;
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
    #[schemars(extend("enum" = ["male", "female", "others", null]))]
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
    #[schemars(extend("enum" = TIERS))]
    membership_tier: String,
    #[serde(default = "default_role", deserialize_with = "lenient::role")]
    #[schemars(extend("enum" = ROLES))]
    pub(crate) role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    updated_at: Option<DateTime>,
    // What follows is read from documents alone, and seen by `Account` alone.
    #[serde(default, skip_serializing, deserialize_with = "lenient::or_default")]
    #[schemars(skip)]
    password: Hash,
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    sessions_valid_from: Option<DateTime>,
    #[serde(default, skip_serializing, deserialize_with = "lenient::or_default")]
    #[schemars(skip)]
    session_generation: i64,
}

impl User {
    /// A user who just signed up, with mongoose's defaults.
    pub(crate) fn new(first_name: String, last_name: String, email_id: String, now: DateTime) -> Self {
        Self {
            id: Id::new(),
            first_name,
            last_name,
            email_id,
            age: None,
            gender: None,
            photo_url: default_photo(),
            about: default_about(),
            skills: Vec::new(),
            email_preferences: EmailPreferences::default(),
            is_premium: false,
            membership_tier: default_tier(),
            role: default_role(),
            created_at: Some(now),
            updated_at: Some(now),
            password: Hash::default(),
            sessions_valid_from: None,
            session_generation: 0,
        }
    }
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

/// The hash of a password: argon2id's, or the former system's bcrypt. Nothing writes it anywhere: it has no `Serialize`.
#[derive(Clone, Default, Deserialize)]
struct Hash(String);

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hash")
    }
}

/// One document of `users`: the user, and what proves that somebody is it.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Account {
    pub(crate) user: User,
}

impl Account {
    /// A new one.
    pub(crate) fn new(user: User, hash: String) -> Self {
        Self { user: User { password: Hash(hash), ..user } }
    }

    /// The password's hash; empty where the document has none, which no password matches.
    pub(crate) fn hash(&self) -> &str {
        &self.user.password.0
    }

    /// Which sessions are over.
    pub(crate) fn cut_off(&self) -> CutOff {
        CutOff { valid_from: self.user.sessions_valid_from, generation: self.user.session_generation }
    }

    /// The same account after its sessions were ended.
    pub(crate) fn with_cut_off(mut self, cut_off: CutOff) -> Self {
        self.user.sessions_valid_from = cut_off.valid_from;
        self.user.session_generation = cut_off.generation;
        self
    }

    /// The document to insert, as mongoose would make it, and with what [`activity`] keeps there.
    pub(crate) fn row(&self) -> Row<'_> {
        let User { skills, created_at, .. } = &self.user;
        Row {
            user: &self.user,
            password: &self.user.password.0,
            version: 0,
            skill_keys: activity::skill_keys(skills.iter().map(String::as_str)),
            last_active_at: *created_at,
        }
    }
}

/// A document of `users` to insert.
#[derive(Serialize)]
pub(crate) struct Row<'a> {
    #[serde(flatten)]
    user: &'a User,
    password: &'a str,
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "skillKeys")]
    skill_keys: Vec<String>,
    #[serde(rename = "lastActiveAt")]
    last_active_at: Option<DateTime>,
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
