//! Profiles by the user's id.

use devconnect_sdk::prelude::*;

use crate::caller::{Caller, Oneself};
use crate::edit::{self, Changes, UserEdit};
use crate::user::{SafeUser, User};
use crate::{accounts, events, profile};

#[derive(Serialize, JsonSchema)]
pub(crate) struct EditedUser {
    pub(crate) message: &'static str,
    pub(crate) user: User,
}

pub(crate) fn view(Caller(viewer): Caller, Path(id): Path<Id>) -> Result<Json<SafeUser>, Problem> {
    let user = accounts::view(id)?.ok_or_else(unknown)?;
    events::tell(&events::profile_viewed(id, viewer));
    Ok(Json(user.into()))
}

pub(crate) fn edit(Oneself(id): Oneself, Json(form): Json<UserEdit>) -> Result<Json<EditedUser>, Problem> {
    let user = edit::apply(id, id, Changes::of(form.into())?)?.ok_or_else(profile::gone)?;
    Ok(Json(EditedUser { message: "User updated successfully", user }))
}

pub(crate) fn unknown() -> Problem {
    Problem::not_found("There is no such user")
}
