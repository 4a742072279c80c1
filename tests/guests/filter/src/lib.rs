//! A filter that believes a header: `x-user: <subject>[:<role>]` is who is calling, `x-refuse: <status>` is refused.

#[allow(dead_code, reason = "each guest uses a part of it")]
#[path = "../../shared.rs"]
mod shared;

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package tests:filter;
        world guest {
            include devconnect:platform/filter@0.1.0;
        }
    ",
    generate_all,
});

use devconnect::platform::http_types::Identity;
use devconnect::platform::incoming;
use exports::devconnect::platform::http_filter::{self, Head, Passage, Verdict};
use exports::devconnect::platform::lifecycle::{self, Description, InitError};

/// The plugin.
pub struct Filter;

impl lifecycle::Guest for Filter {
    fn describe() -> Description {
        shared::describe("filter", &[])
    }

    fn init() -> Result<(), InitError> {
        Ok(())
    }
}

fn header(name: &str) -> Option<String> {
    incoming::header(name).map(|value| String::from_utf8_lossy(&value).into_owned())
}

impl http_filter::Guest for Filter {
    fn filter(head: Head) -> Verdict {
        if let Some(status) = header("x-refuse") {
            assert!(status != "panic", "the filter panics");
            return Verdict::Respond(shared::text(status.parse().unwrap_or(418), "refused by the filter"));
        }
        let identity = header("x-user").map(|user| {
            let (subject, role) = user.split_once(':').unwrap_or((&user, ""));
            Identity {
                subject: subject.to_owned(),
                session: format!("session-of-{subject}"),
                expires_at_ms: 4_102_444_800_000,
                claims: format!(r#"{{"role":"{role}"}}"#),
            }
        });
        let seen =
            format!("{:?} {} {} {} {}", head.method, head.path, head.route, head.remote_address, head.request_id);
        Verdict::Next(Passage { identity, headers: vec![("x-filter-saw".to_owned(), seen.into_bytes())] })
    }
}

#[cfg(target_arch = "wasm32")]
export!(Filter);
