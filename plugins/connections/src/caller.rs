//! Who calls.

use devconnect_sdk::prelude::*;

/// The user who calls, as the filter found out.
pub(crate) struct Caller(pub(crate) Id);

impl FromRequest for Caller {
    fn from_request(request: &mut Request) -> Result<Self, Problem> {
        let identity = Identity::from_request(request)?;
        identity.subject.parse().map(Self).map_err(|_| gone())
    }
}

/// A session whose user was deleted meanwhile.
pub(crate) fn gone() -> Problem {
    Problem::unauthorized("Please log in")
}
