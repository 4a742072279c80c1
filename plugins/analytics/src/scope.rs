//! Whose numbers somebody may see.

use devconnect_sdk::prelude::*;

/// Who calls, and whether as an admin.
pub(crate) struct Caller {
    pub(crate) id: Id,
    pub(crate) is_admin: bool,
}

impl FromRequest for Caller {
    fn from_request(request: &mut Request) -> Result<Self, Problem> {
        let identity = Identity::from_request(request)?;
        let id = identity.subject.parse().map_err(|_| Problem::unauthorized("Please log in"))?;
        Ok(Self { id, is_admin: identity.role().as_deref() == Some("admin") })
    }
}

/// Whose numbers are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Everybody,
    User(Id),
}

impl Scope {
    /// What a question without a name is about.
    pub(crate) fn of(caller: &Caller) -> Self {
        if caller.is_admin { Self::Everybody } else { Self::User(caller.id) }
    }
}
