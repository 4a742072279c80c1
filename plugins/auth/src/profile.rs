//! One's own profile.

use devconnect_sdk::prelude::*;

use crate::accounts::{self, Profile};
use crate::caller::Caller;
use crate::edit::{self, Changes, ProfileEdit};
use crate::user::User;

#[derive(Serialize, JsonSchema)]
pub(crate) struct EditedProfile {
    message: &'static str,
    data: User,
}

pub(crate) fn view(Caller(id): Caller) -> Result<Json<Profile>, Problem> {
    accounts::profile(id)?.map(Json).ok_or_else(gone)
}

pub(crate) fn edit(Caller(id): Caller, Json(form): Json<ProfileEdit>) -> Result<Json<EditedProfile>, Problem> {
    let data = edit::apply(id, id, Changes::of(form)?)?.ok_or_else(gone)?;
    Ok(Json(EditedProfile { message: "Profile updated successfully", data }))
}

/// A session whose user was deleted meanwhile.
pub(crate) fn gone() -> Problem {
    Problem::unauthorized("Please log in")
}
