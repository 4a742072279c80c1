//! Users, as far as this plugin reads them: fields by name, so that a password's hash never comes here.

mod lenient;

use std::collections::HashMap;

use devconnect_sdk::bson::{Bson, Document};
use devconnect_sdk::prelude::*;
use serde::de::DeserializeOwned;

/// The collection, read through projections alone.
pub(crate) const USERS: Collection<()> = Collection::new("users");

const DEFAULT_PHOTO: &str = "https://www.gravatar.com/avatar/?d=mp&s=200";
const DEFAULT_ABOUT: &str = "This is a default about of the user";

/// A user as everybody sees it. Rows of the former system may lack some of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SafeUser {
    #[serde(rename = "_id")]
    pub(crate) id: Id,
    #[serde(default, deserialize_with = "lenient::or_default")]
    first_name: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    last_name: String,
    #[serde(default = "lenient::default_photo", deserialize_with = "lenient::photo")]
    photo_url: String,
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub(crate) age: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gender: Option<String>,
    #[serde(default = "lenient::default_about", deserialize_with = "lenient::about")]
    about: String,
    #[serde(default, deserialize_with = "lenient::texts")]
    pub(crate) skills: Vec<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    is_premium: bool,
    #[serde(default, deserialize_with = "lenient::or_default")]
    membership_tier: Tier,
}

/// Who asks, in the list of requests received.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sender {
    #[serde(rename = "_id")]
    id: Id,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub(crate) first_name: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    last_name: String,
    #[serde(default = "lenient::default_photo", deserialize_with = "lenient::photo")]
    photo_url: String,
}

/// A party to a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Party {
    #[serde(rename = "_id")]
    id: Id,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub(crate) first_name: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub(crate) membership_tier: Tier,
}

/// What somebody is, for whom the feed is made.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seeker {
    #[serde(rename = "_id")]
    id: Id,
    #[serde(default, deserialize_with = "lenient::texts")]
    pub(crate) skills: Vec<String>,
    #[serde(default, deserialize_with = "lenient::whole")]
    pub(crate) age: Option<i32>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub(crate) membership_tier: Tier,
}

/// What the ranking looks at.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Candidate {
    #[serde(rename = "_id")]
    pub(crate) id: Id,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub(crate) skill_keys: Vec<String>,
    #[serde(default, deserialize_with = "lenient::whole")]
    pub(crate) age: Option<i32>,
}

/// How much somebody may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tier {
    #[default]
    Free,
    Silver,
    Gold,
}

impl Tier {
    /// How many requests of a day may be `interested`; gold has no limit.
    pub(crate) const fn requests_a_day(self) -> Option<u32> {
        match self {
            Self::Free => Some(10),
            Self::Silver => Some(100),
            Self::Gold => None,
        }
    }

    /// How many users a page of the feed has at most.
    pub(crate) const fn users_a_page(self) -> u32 {
        match self {
            Self::Free => 10,
            Self::Silver => 100,
            Self::Gold => 200,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Silver => "silver",
            Self::Gold => "gold",
        }
    }
}

/// A type that says which fields it reads.
pub(crate) trait Fields: DeserializeOwned {
    /// Their names; `_id` comes along.
    const NAMES: &'static [&'static str];

    /// Whose they are.
    fn id(&self) -> Id;

    /// The projection for a query.
    fn projection() -> Document {
        Self::NAMES.iter().map(|name| ((*name).to_owned(), Bson::Int32(1))).collect()
    }
}

macro_rules! fields {
    ($($name:ident: $($field:literal)*;)*) => {$(
        impl Fields for $name {
            const NAMES: &'static [&'static str] = &[$($field),*];

            fn id(&self) -> Id {
                self.id
            }
        }
    )*};
}
fields! {
    SafeUser: "firstName" "lastName" "photoUrl" "age" "gender" "about" "skills" "isPremium" "membershipTier";
    Sender: "firstName" "lastName" "photoUrl";
    Party: "firstName" "membershipTier";
    Seeker: "skills" "age" "membershipTier";
    Candidate: "skillKeys" "age";
}

/// A user.
pub(crate) fn get<T: Fields>(id: Id) -> Result<Option<T>, Error> {
    USERS.of::<T>().find(doc! { "_id": id }).projection(T::projection()).first()
}

/// The users with these ids, as far as they exist; at most 1,000.
pub(crate) fn by_id<T: Fields>(ids: &[Id]) -> Result<HashMap<Id, T>, Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Bson> = ids.iter().map(|id| (*id).into()).collect();
    let found = USERS.of::<T>().find(doc! { "_id": { "$in": ids } }).projection(T::projection()).all()?;
    Ok(found.into_iter().map(|user| (user.id(), user)).collect())
}
