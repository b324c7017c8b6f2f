//! A request for a WebSocket as a server sees it, and the answers to it.

use std::fmt;

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri,
    header::{ORIGIN, SEC_WEBSOCKET_PROTOCOL},
};

use crate::{address::redacted, native::backend::connect::is_reserved};

/// A client's request for a WebSocket, before it is answered.
#[derive(Clone)]
pub struct UpgradeRequest {
    request: Request<()>,
}

impl UpgradeRequest {
    pub(super) fn new(request: Request<()>) -> Self {
        Self { request }
    }

    /// Returns the target of the request as it stands in the request line.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        self.request.uri()
    }

    /// Returns the path of the URL.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri().path()
    }

    /// Returns the query of the URL, without the question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.uri().query()
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// Returns the first value of a header, if it is visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// Returns the origin of the page that asks, if a browser asks (RFC 6455 § 10.2). A server that
    /// relies on cookies has to check it: a browser sends them along from every page.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.headers().get(ORIGIN)?.to_str().ok()
    }

    /// Returns the subprotocols that the client offers, its preferred one first.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.headers()
            .get_all(SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|protocol| !protocol.is_empty())
    }

    /// Returns the client's preferred subprotocol among those that the server supports.
    pub(super) fn preferred_of(&self, supported: &[String]) -> Option<String> {
        let mut offered = self.protocols();
        let preferred = offered.find(|offer| supported.iter().any(|it| it == offer));
        preferred.map(str::to_owned)
    }
}

impl fmt::Debug for UpgradeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeRequest")
            .field("uri", &redacted(&self.uri().to_string()))
            // Without their values, which may be secret.
            .field("headers", &self.headers().keys().collect::<Vec<_>>())
            .finish()
    }
}

/// The response that accepts a connection.
#[derive(Debug, Clone, Default)]
pub struct UpgradeResponse {
    protocol: Option<String>,
    headers: AddedHeaders,
}

impl UpgradeResponse {
    /// Accepts the connection, with a subprotocol of
    /// [`Acceptor::protocols`](super::Acceptor::protocols) if the client offers one of them.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Selects a subprotocol, one of [`UpgradeRequest::protocols`]: a client closes the connection
    /// if it did not offer the one that is selected.
    #[must_use]
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocol = Some(protocol.into());
        self
    }

    /// Adds a header, `Set-Cookie` for example. An invalid header, and one that belongs to the
    /// handshake itself, makes the answer a refusal with status 500.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.0.push((name.into(), value.into()));
        self
    }

    /// Completes the response, and returns the selected subprotocol. `default` is selected where
    /// the program has selected none.
    pub(super) fn complete(
        self,
        response: &mut Response<()>,
        default: Option<String>,
    ) -> Result<Option<String>, Refusal> {
        let added = self.headers.parse()?;
        if added.keys().any(is_reserved) {
            return Err(Refusal::internal());
        }
        response.headers_mut().extend(added);
        let protocol = self.protocol.or(default);
        if let Some(protocol) = &protocol {
            let value = HeaderValue::from_str(protocol).map_err(|_| Refusal::internal())?;
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
        }
        Ok(protocol)
    }
}

/// The response that refuses a connection.
#[derive(Debug, Clone)]
pub struct Refusal {
    status: StatusCode,
    headers: AddedHeaders,
    body: String,
}

impl Refusal {
    /// Refuses with `status`, `StatusCode::FORBIDDEN` for example. Only 300 to 599 refuse a
    /// connection: another status is sent as 500.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            headers: AddedHeaders::default(),
            body: String::new(),
        }
    }

    /// Adds a header, `Retry-After` for example. An invalid one makes the status 500.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.0.push((name.into(), value.into()));
        self
    }

    /// Sets the body. Its type is plain text unless a header says otherwise.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(super) fn into_response(self) -> Response<Vec<u8>> {
        let mut response = Response::new(self.body.into_bytes());
        let is_refusal = (300..600).contains(&self.status.as_u16());
        *response.status_mut() = match self.headers.parse() {
            Ok(headers) if is_refusal => {
                *response.headers_mut() = headers;
                self.status
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        response
    }
}

/// Headers as the program gave them.
#[derive(Clone, Default)]
struct AddedHeaders(Vec<(String, String)>);

impl AddedHeaders {
    fn parse(&self) -> Result<HeaderMap, Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.0 {
            let name: HeaderName = name.parse().map_err(|_| Refusal::internal())?;
            let value = HeaderValue::from_str(value).map_err(|_| Refusal::internal())?;
            headers.append(name, value);
        }
        Ok(headers)
    }
}

impl fmt::Debug for AddedHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without their values, which may be secret.
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}
