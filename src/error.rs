//! The one error type of the crate.

use std::{borrow::Cow, error, fmt, io, sync::Arc};

use crate::event::{CloseCode, CloseEvent};

/// The error of connections.
///
/// It is opaque: the errors of dependencies are not part of this crate's API. It has a
/// [`kind`](Error::kind), the [`CloseEvent`](Error::close_event) of a connection that ended with it,
/// the [HTTP status](Error::http_status) of a refused handshake, and its cause as
/// [`source`](error::Error::source). Cloning is cheap.
#[derive(Clone)]
pub struct Error(Arc<ErrorInner>);

struct ErrorInner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    close_event: Option<CloseEvent>,
    http_status: Option<u16>,
    source: Option<Cause>,
}

/// The cause of an [`Error`].
pub(crate) type Cause = Arc<dyn error::Error + Send + Sync>;

/// The kind of an [`Error`].
///
/// More kinds will be added as the crate learns to distinguish them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The address is not an absolute `ws:` or `wss:` URL without a fragment.
    InvalidUrl,
    /// A subprotocol is not an HTTP token (RFC 6455 § 4.1), or is named twice.
    InvalidProtocol,
    /// An option has an invalid value, such as a message size of zero.
    InvalidOption,
    /// The server selected a subprotocol that was not offered, or none of those that were. Most
    /// browsers hide this: there the kind is `Network`.
    ProtocolRefused,
    /// The server did not answer the handshake with 101. A browser hides this: there the kind is
    /// `Network`.
    HandshakeRefused,
    /// The server could not be reached, or the connection was lost before it was open. A browser
    /// reports every failed handshake as this.
    Network,
    /// The connection was not open within `connect_timeout`.
    TimedOut,
    /// The build or the browser does not support the request: `wss:` without a TLS feature, say.
    Unsupported,
    /// A message was sent on a connection that is closing or closed.
    NotOpen,
    /// The peer closed the connection with an error code.
    Closed,
    /// The connection was lost without a closing handshake.
    Lost,
    /// The stream may lack what the peer sent last. A browser discards messages that arrive after
    /// the page has closed its side, so that reading on after a `shutdown` cannot tell a complete
    /// answer from one cut short.
    Truncated,
    /// The peer violated the WebSocket protocol.
    Protocol,
    /// A message was larger than `max_message_size`.
    MessageTooBig,
    /// A text message arrived although `refuse_text` is set.
    TextRefused,
    /// More than `receive_limit` was received and not read.
    QueueFull,
    /// The close code must not be sent.
    InvalidCloseCode,
    /// The close reason has more than 123 bytes.
    ReasonTooLong,
}

impl Error {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns how the connection ended, if it ended with this error.
    #[must_use]
    pub fn close_event(&self) -> Option<&CloseEvent> {
        self.0.close_event.as_ref()
    }

    /// Returns the status of the HTTP response that refused the handshake. Always `None` in a browser,
    /// which hides it.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(ErrorInner {
            kind,
            message: message.into(),
            close_event: None,
            http_status: None,
            source: None,
        }))
    }

    #[allow(dead_code, reason = "what a browser throws is no Rust error")]
    pub(crate) fn caused_by(self, source: impl error::Error + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.source = Some(Arc::new(source)))
    }

    pub(crate) fn with_cause(self, source: Option<Cause>) -> Self {
        self.with(|inner| inner.source = source)
    }

    pub(crate) fn with_close_event(self, event: CloseEvent) -> Self {
        self.with(|inner| inner.close_event = Some(event))
    }

    pub(crate) fn invalid_close_code(code: CloseCode) -> Self {
        Self::new(
            ErrorKind::InvalidCloseCode,
            format!("close code {code} must not be sent"),
        )
    }

    pub(crate) fn reason_too_long(len: usize) -> Self {
        Self::new(
            ErrorKind::ReasonTooLong,
            format!("the close reason has {len} bytes, more than 123"),
        )
    }

    pub(crate) fn truncated(event: CloseEvent) -> Self {
        let message = "the stream may be truncated: a browser discards messages that arrive after \
                       the page has closed its side, so mark the end of a request inside the stream \
                       and close after the answer";
        Self::new(ErrorKind::Truncated, message).with_close_event(event)
    }

    pub(crate) fn not_open() -> Self {
        Self::new(ErrorKind::NotOpen, "the connection is not open")
    }

    fn with(self, change: impl FnOnce(&mut ErrorInner)) -> Self {
        let mut inner = Arc::try_unwrap(self.0).unwrap_or_else(|shared| shared.duplicate());
        change(&mut inner);
        Self(Arc::new(inner))
    }
}

impl ErrorInner {
    fn duplicate(&self) -> Self {
        Self {
            kind: self.kind,
            message: self.message.clone(),
            close_event: self.close_event.clone(),
            http_status: self.http_status,
            source: self.source.clone(),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind);
        debug.field("message", &self.0.message);
        if let Some(event) = &self.0.close_event {
            debug.field("close_event", event);
        }
        if let Some(status) = self.0.http_status {
            debug.field("http_status", &status);
        }
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.close_event {
            Some(event) => write!(f, " ({event})"),
            None => Ok(()),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        let source: &(dyn error::Error + 'static) = self.0.source.as_deref()?;
        Some(source)
    }
}

/// The kinds are chosen so that code written for a byte stream does the right thing: a lost
/// connection is `UnexpectedEof` and an error close by the peer `ConnectionAborted`, so that a
/// stream cut short never looks complete; writing after the end is `BrokenPipe`, as on a pipe.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::InvalidUrl
            | ErrorKind::InvalidProtocol
            | ErrorKind::InvalidOption
            | ErrorKind::InvalidCloseCode
            | ErrorKind::ReasonTooLong => io::ErrorKind::InvalidInput,
            ErrorKind::ProtocolRefused | ErrorKind::HandshakeRefused => {
                io::ErrorKind::ConnectionRefused
            }
            ErrorKind::Network => error.io_cause().unwrap_or(io::ErrorKind::NotConnected),
            ErrorKind::TimedOut => io::ErrorKind::TimedOut,
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::NotOpen => io::ErrorKind::BrokenPipe,
            ErrorKind::Closed => io::ErrorKind::ConnectionAborted,
            ErrorKind::Lost | ErrorKind::Truncated => io::ErrorKind::UnexpectedEof,
            ErrorKind::Protocol | ErrorKind::MessageTooBig | ErrorKind::TextRefused => {
                io::ErrorKind::InvalidData
            }
            ErrorKind::QueueFull => io::ErrorKind::OutOfMemory,
        };
        Self::new(kind, error)
    }
}

impl Error {
    /// The kind of the I/O error that caused this one, however deep.
    fn io_cause(&self) -> Option<io::ErrorKind> {
        let mut cause = error::Error::source(self);
        while let Some(error) = cause {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                return Some(io.kind());
            }
            cause = error.source();
        }
        None
    }

    #[allow(dead_code, reason = "a browser hides it")]
    pub(crate) fn with_http_status(self, status: u16) -> Self {
        self.with(|inner| inner.http_status = Some(status))
    }
}

/// A violation by the peer, for which we end a connection.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) kind: ErrorKind,
    pub(crate) message: &'static str,
    pub(crate) cause: Option<Cause>,
    /// The close code to tell the peer.
    pub(crate) code: CloseCode,
}

impl Violation {
    pub(crate) fn message_too_big() -> Self {
        Self::new(
            ErrorKind::MessageTooBig,
            "a message is larger than max_message_size",
            CloseCode::TOO_BIG,
        )
    }

    pub(crate) fn text_refused() -> Self {
        Self::new(
            ErrorKind::TextRefused,
            "a text message came where only binary ones are accepted",
            CloseCode::UNSUPPORTED,
        )
    }

    pub(crate) fn new(kind: ErrorKind, message: &'static str, code: CloseCode) -> Self {
        Self {
            kind,
            message,
            cause: None,
            code,
        }
    }

    #[allow(dead_code, reason = "a browser does not tell the cause")]
    pub(crate) fn caused_by(mut self, cause: impl error::Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }
}
