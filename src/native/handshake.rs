//! What a server sees of a handshake, and what it answers.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header::ORIGIN};
use tokio_tungstenite::tungstenite::handshake::server;

/// A client's request for a WebSocket, before it is answered.
#[derive(Debug)]
pub struct Request<'a>(&'a server::Request);

impl<'a> Request<'a> {
    pub(super) fn new(request: &'a server::Request) -> Self {
        Self(request)
    }

    /// What was asked for, as it stands in the request line.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        self.0.uri()
    }

    /// The path of the URL.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.uri().path()
    }

    /// The query of the URL, without the question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.0.uri().query()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The first value of a header, if it is visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// Where the page comes from that asks, if a browser asks (RFC 6455 § 10.2). A server that
    /// relies on cookies has to check it: a browser sends them along from every page.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.headers().get(ORIGIN)?.to_str().ok()
    }

    /// The subprotocols on offer, the client's preferred one first.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.headers()
            .get_all(http::header::SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|protocol| !protocol.is_empty())
    }
}

/// The answer that opens a connection.
#[derive(Debug, Clone, Default)]
pub struct Response {
    pub(super) protocol: Option<String>,
    pub(super) headers: Vec<(String, String)>,
}

impl Response {
    /// Accepts, with no subprotocol.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses a subprotocol, one of [`Request::protocols`]: a client breaks off when it is told
    /// another.
    #[must_use]
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocol = Some(protocol.into());
        self
    }

    /// Adds a header, `Set-Cookie` for example.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Writes this into tungstenite's response; what is not a header is refused with 500.
    pub(super) fn apply(self, response: &mut server::Response) -> Result<String, Refusal> {
        if let Some(protocol) = &self.protocol {
            let value = HeaderValue::from_str(protocol).map_err(|_| Refusal::internal())?;
            let name = http::header::SEC_WEBSOCKET_PROTOCOL;
            response.headers_mut().insert(name, value);
        }
        extend(response.headers_mut(), &self.headers)?;
        Ok(self.protocol.unwrap_or_default())
    }
}

/// The answer that refuses a connection, with an HTTP status.
#[derive(Debug, Clone)]
pub struct Refusal {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Refusal {
    /// Refuses with `status`, 401 or 403 or 503 for example. What is not the status of an error
    /// or a redirection, 300 to 599, is answered as 500.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// Adds a header, `Retry-After` for example.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The body, as plain text.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    fn internal() -> Self {
        Self::new(500)
    }

    pub(super) fn into_response(self) -> server::ErrorResponse {
        let mut response = server::ErrorResponse::new(Some(self.body.clone()));
        *response.status_mut() = StatusCode::from_u16(self.status)
            .ok()
            .filter(|status| (300..600).contains(&status.as_u16()))
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if extend(response.headers_mut(), &self.headers).is_err() {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        let headers = response.headers_mut();
        headers.insert(
            http::header::CONTENT_LENGTH,
            HeaderValue::from(self.body.len()),
        );
        headers.insert(http::header::CONNECTION, HeaderValue::from_static("close"));
        headers
            .entry(http::header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }
}

fn extend(headers: &mut HeaderMap, added: &[(String, String)]) -> Result<(), Refusal> {
    for (name, value) in added {
        let name: HeaderName = name.parse().map_err(|_| Refusal::internal())?;
        let value = HeaderValue::from_str(value).map_err(|_| Refusal::internal())?;
        headers.append(name, value);
    }
    Ok(())
}
