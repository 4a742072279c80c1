//! Changes to a profile: what clients may send, and what becomes of it.

use devconnect_sdk::bson::{Bson, Document};
use devconnect_sdk::cache::Batch;
use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json::Value;
use serde::de::{DeserializeOwned, Deserializer};

use crate::sign_up::taken;
use crate::user::{USERS, User};
use crate::validation::{self, Checked, Checks};
use crate::{accounts, activity, events};

/// A field of a form that may be left alone, emptied or filled.
#[derive(Default)]
pub(crate) enum Change<T> {
    /// It was not sent.
    #[default]
    Absent,
    /// It was sent as null or as an empty text.
    Empty,
    /// It was sent with something in it.
    Value(T),
    /// It was sent with something else in it. No error yet, so that the answer can name the field, and all others.
    Wrong(String),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Null => Self::Empty,
            Value::String(text) if text.trim().is_empty() => Self::Empty,
            value => T::deserialize(value).map_or_else(|error| Self::Wrong(error.to_string()), Self::Value),
        })
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl<T: JsonSchema> schemars::JsonSchema for Change<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Change_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        <Option<T> as schemars::JsonSchema>::json_schema(generator)
    }
}

/// An age, also as the text that a form has.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a number")]
pub(crate) enum Age {
    Number(f64),
    Text(String),
}

impl Age {
    fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.trim().parse().unwrap_or(f64::NAN),
        }
    }
}

/// What `PATCH /user/{userId}` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
pub(crate) struct UserEdit {
    first_name: Change<String>,
    last_name: Change<String>,
    photo_url: Change<String>,
    gender: Change<String>,
    age: Change<Age>,
    about: Change<String>,
    skills: Change<Vec<String>>,
}

/// What `PATCH /profile/edit` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
pub(crate) struct ProfileEdit {
    first_name: Change<String>,
    last_name: Change<String>,
    email_id: Change<String>,
    photo_url: Change<String>,
    gender: Change<String>,
    age: Change<Age>,
    about: Change<String>,
    skills: Change<Vec<String>>,
}

impl From<UserEdit> for ProfileEdit {
    fn from(edit: UserEdit) -> Self {
        Self {
            first_name: edit.first_name,
            last_name: edit.last_name,
            email_id: Change::Absent,
            photo_url: edit.photo_url,
            gender: edit.gender,
            age: edit.age,
            about: edit.about,
            skills: edit.skills,
        }
    }
}

/// What becomes of a field that a client emptied.
enum Emptied {
    /// It must have something in it.
    Refused,
    /// The document has it no more, and readers put the default in.
    Unset,
    /// The document has this.
    Becomes(Bson),
}

/// What an edit does to the document.
#[derive(Default)]
pub(crate) struct Changes {
    set: Document,
    unset: Document,
    fields: Vec<&'static str>,
    checks: Checks,
}

impl Changes {
    /// What a valid edit does.
    pub(crate) fn of(edit: ProfileEdit) -> Result<Self, Problem> {
        use Emptied::{Becomes, Refused, Unset};
        let mut changes = Self::default();
        changes.field("firstName", edit.first_name, Refused, |text| validation::first_name(&text));
        changes.field("lastName", edit.last_name, Becomes("".into()), |text| validation::last_name(&text));
        changes.field("emailId", edit.email_id, Refused, |text| validation::email(&text));
        changes.field("photoUrl", edit.photo_url, Unset, |text| validation::photo_url(&text));
        changes.field("gender", edit.gender, Unset, |text| validation::gender(&text));
        changes.field("age", edit.age, Unset, |age| validation::age(age.number()));
        changes.field("about", edit.about, Becomes("".into()), |text| validation::about(&text));
        changes.field("skills", edit.skills, Becomes(Bson::Array(Vec::new())), |list| validation::skills(&list));
        std::mem::take(&mut changes.checks).finish()?;
        Ok(changes)
    }

    /// Sets what is of no form. `named` is what the event calls it.
    pub(crate) fn set(mut self, field: &'static str, named: &'static str, value: impl Into<Bson>) -> Self {
        self.set.insert(field, value);
        if !self.fields.contains(&named) {
            self.fields.push(named);
        }
        self
    }

    fn field<T, U: Into<Bson>>(
        &mut self,
        name: &'static str,
        change: Change<T>,
        emptied: Emptied,
        check: impl FnOnce(T) -> Checked<U>,
    ) {
        let checked = match (change, emptied) {
            (Change::Absent, _) => return,
            (Change::Value(value), _) => check(value).map(|value| Some(value.into())).map_err(str::to_owned),
            (Change::Wrong(message), _) => Err(message),
            (Change::Empty, Emptied::Refused) => Err("must not be empty".to_owned()),
            (Change::Empty, Emptied::Unset) => Ok(None),
            (Change::Empty, Emptied::Becomes(value)) => Ok(Some(value)),
        };
        let Some(value) = self.checks.take(name, checked) else { return };
        match value {
            Some(value) => self.set.insert(name, value),
            None => self.unset.insert(name, ""),
        };
        self.fields.push(name);
    }

    fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// Changes a user, in one commit with the event that tells of it. The user as it is then; `None` if there is none.
pub(crate) fn apply(id: Id, actor: Id, mut changes: Changes) -> Result<Option<User>, Problem> {
    let Some(before) = USERS.get(id)? else { return Ok(None) };
    if changes.is_empty() {
        return accounts::shown(before.user).map(Some);
    }
    let now = DateTime::now();
    let email = changes.set.get_str("emailId").map(str::to_owned).ok();
    changes.set.insert("updatedAt", now);
    if let Ok(skills) = changes.set.get_array("skills") {
        let keys = activity::skill_keys(skills.iter().filter_map(Bson::as_str));
        changes.set.insert(activity::SKILL_KEYS, keys);
    }
    // What an admin does is no activity of the user.
    if actor == id {
        changes.set.insert(activity::LAST_ACTIVE_AT, now);
    }
    let mut update = doc! { "$set": changes.set };
    if !changes.unset.is_empty() {
        update.insert("$unset", changes.unset);
    }

    let mut transaction = Transaction::new();
    if let Some(email) = &email {
        transaction = transaction.check(&USERS, doc! { "emailId": email, "_id": { "$ne": id } }, Expect::None);
    }
    let outcome = transaction
        .update_one(&USERS, doc! { "_id": id }, update, Expect::One)
        .publish(&events::profile_updated(id, changes.fields, now).by(actor))
        .commit();
    match outcome {
        Ok(Outcome::Committed(_)) => {}
        Ok(Outcome::Unmet(0)) if email.is_some() => return Err(taken()),
        Ok(Outcome::Unmet(_)) => return Ok(None),
        Err(error) if error.is_conflict() && email.is_some() => return Err(taken()),
        Err(error) => return Err(error.into()),
    }

    let mut batch = Batch::new();
    let addresses = [Some(before.user.email_id.as_str()), email.as_deref()];
    accounts::changed(&mut batch, id, addresses.into_iter().flatten());
    accounts::send(batch);
    USERS.get(id)?.map(|account| accounts::shown(account.user)).transpose()
}
