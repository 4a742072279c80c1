//! Who calls, as handlers want to know it.

use devconnect_sdk::prelude::*;

/// The user who calls.
pub(crate) struct Caller(pub(crate) Id);

impl FromRequest for Caller {
    fn from_request(request: &mut Request) -> Result<Self, Problem> {
        let identity = Identity::from_request(request)?;
        let id = identity.subject.parse().map_err(|_| Problem::unauthorized("Please log in"))?;
        Ok(Self(id))
    }
}

/// The user who calls, and whom the path names. Somebody else is refused before the body is looked at.
pub(crate) struct Oneself(pub(crate) Id);

impl FromRequest for Oneself {
    fn from_request(request: &mut Request) -> Result<Self, Problem> {
        let Caller(caller) = Caller::from_request(request)?;
        let Path(named) = Path::<Id>::from_request(request)?;
        if named != caller {
            return Err(Problem::forbidden("You can only change your own profile"));
        }
        Ok(Self(caller))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut devconnect_sdk::openapi::Operation<'_>) {
        Path::<Id>::describe(operation);
    }
}

/// An answer that says what was done and nothing else.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Message {
    pub(crate) message: &'static str,
}
