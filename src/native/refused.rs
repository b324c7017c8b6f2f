//! The HTTP response that refused a handshake.

use std::{error, fmt};

use http::{HeaderMap, Response};

use crate::Error;

/// The HTTP response with which a server refused the opening handshake: the
/// [`source`](std::error::Error::source) of an [`Error`] that has an
/// [`http_status`](Error::http_status).
#[derive(Debug)]
pub struct RefusedHandshake {
    response: Response<Option<Vec<u8>>>,
}

impl RefusedHandshake {
    pub(crate) fn new(response: Response<Option<Vec<u8>>>) -> Self {
        Self { response }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The beginning of the body: what came in one piece with the headers.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.response.body().as_deref().unwrap_or_default()
    }
}

impl fmt::Display for RefusedHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.response.status())
    }
}

impl error::Error for RefusedHandshake {}

impl Error {
    /// The headers of the HTTP response that refused the handshake. Native only: a browser hides
    /// them.
    #[must_use]
    pub fn http_headers(&self) -> Option<&HeaderMap> {
        let source = error::Error::source(self)?;
        Some(source.downcast_ref::<RefusedHandshake>()?.headers())
    }
}
