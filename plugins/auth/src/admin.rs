//! What admins may change of others.

use devconnect_sdk::prelude::*;

use crate::caller::Caller;
use crate::edit::{self, Changes};
use crate::user::{ROLES, TIERS};
use crate::users::{self, EditedUser};
use crate::validation::{self, Checks};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UserGrant {
    #[serde(default)]
    membership_tier: Option<String>,
    #[serde(default)]
    role: Option<String>,
}

pub(crate) fn change(
    Caller(admin): Caller,
    Path(id): Path<Id>,
    Json(grant): Json<UserGrant>,
) -> Result<Json<EditedUser>, Problem> {
    let mut checks = Checks::default();
    let mut changes = Changes::default();
    if let Some(tier) = grant.membership_tier {
        let tier = validation::one_of(&tier, &TIERS).ok_or("must be free, silver or gold");
        if let Some(tier) = checks.take("membershipTier", tier) {
            changes = changes.set("isPremium", "membershipTier", tier != "free");
            changes = changes.set("membershipTier", "membershipTier", tier);
        }
    }
    if let Some(role) = grant.role {
        let role = validation::one_of(&role, &ROLES).ok_or("must be user or admin");
        if let Some(role) = checks.take("role", role) {
            changes = changes.set("role", "role", role);
        }
    }
    checks.finish()?;
    let user = edit::apply(id, admin, changes)?.ok_or_else(users::unknown)?;
    Ok(Json(EditedUser { message: "User updated successfully", user }))
}
