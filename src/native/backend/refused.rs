//! The HTTP response that refused a handshake.

use std::{error, fmt};

use http::{HeaderMap, Response, StatusCode};

use crate::{Error, ErrorKind};

/// The HTTP response that refused an opening handshake.
///
/// Returned by [`source`](std::error::Error::source) of an [`Error`] that has an
/// [`http_status`](Error::http_status), on either side of the connection.
pub struct RefusedHandshake {
    response: Response<Vec<u8>>,
}

impl RefusedHandshake {
    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Returns the beginning of the body: on the client's side, the part that arrived in one piece
    /// with the headers.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.response.body()
    }
}

impl fmt::Display for RefusedHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.response.status())
    }
}

impl fmt::Debug for RefusedHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedHandshake")
            .field("status", &self.status())
            // Without their values, which may be secret.
            .field("headers", &self.headers().keys().collect::<Vec<_>>())
            .field("body", &format_args!("{} bytes", self.body().len()))
            .finish()
    }
}

impl error::Error for RefusedHandshake {}

/// Returns the error for a handshake that `response` refused.
pub(super) fn refused_with(response: Response<Vec<u8>>) -> Error {
    let status = response.status();
    Error::new(
        ErrorKind::HandshakeRefused,
        format!("the handshake was refused with HTTP status {status}"),
    )
    .with_http_status(status.as_u16())
    .caused_by(RefusedHandshake { response })
}

impl Error {
    /// Returns the headers of the HTTP response that refused the handshake. Native only: a browser
    /// hides them.
    #[must_use]
    pub fn http_headers(&self) -> Option<&HeaderMap> {
        let source = error::Error::source(self)?;
        Some(source.downcast_ref::<RefusedHandshake>()?.headers())
    }
}
