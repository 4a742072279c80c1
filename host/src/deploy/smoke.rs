//! The one request that a new version answers before anybody else may ask it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::uri::PathAndQuery;

use super::failure::Failure;
use crate::bindings::devconnect::platform::http_types::Method;
use crate::bindings::exports::devconnect::platform::http_handler::Request;
use crate::capabilities::Call;
use crate::inbound::router::Spans;
use crate::inbound::routes::{Prepared, Route};
use crate::runtime::Version;
use crate::telemetry::RequestId;

/// A GET of the path that the operator chose.
pub(super) struct Smoke {
    route: Arc<Route>,
    spans: Spans,
    target: PathAndQuery,
}

impl Smoke {
    /// Looks the path up in the table that is to be served: it must be a route of this very version, or its answer would
    /// say nothing about it.
    pub(super) fn find(prepared: &Prepared, version: &Arc<Version>, path: &str) -> Result<Self, Failure> {
        let nowhere = || Failure::SmokePath(path.to_owned());
        let target: PathAndQuery = path.parse().map_err(|_| nowhere())?;
        let (route, spans) = prepared.find(target.path()).ok_or_else(nowhere)?;
        if !Arc::ptr_eq(&route.version, version) {
            return Err(nowhere());
        }
        Ok(Self { route, spans, target })
    }

    /// Asks. No filter is called, so the request has no identity.
    pub(super) async fn ask(self) -> Result<(), Failure> {
        let version = &self.route.version;
        let call = Call::new(&version.plugin.limits, Instant::now(), RequestId::next());
        let status = if version.is_proxy() {
            let request = http::Request::builder()
                .uri(self.target.clone())
                .header(http::header::HOST, "localhost")
                .body(http_body_util::Empty::<Bytes>::new());
            let request = request.map_err(|error| self.failed(error.to_string()))?;
            version.proxy(call, request).await.map(|answer| answer.status().as_u16())
        } else {
            let [a, b, c, d, e, f] = self.spans;
            let request = Request {
                route: self.route.index,
                method: Method::Get,
                target: self.target.as_str(),
                path_length: u32::try_from(self.target.path().len()).unwrap_or(u32::MAX),
                params: (a, b, c, d, e, f),
                body: &[],
            };
            version.handle(call, &request).await.answer.map(|answer| answer.status)
        };
        match status {
            Ok(status) if status < 400 => Ok(()),
            Ok(status) => Err(self.failed(status.to_string())),
            Err(fault) => Err(self.failed(fault.to_string())),
        }
    }

    fn failed(&self, answer: String) -> Failure {
        Failure::Smoke { path: self.target.to_string(), answer }
    }
}
