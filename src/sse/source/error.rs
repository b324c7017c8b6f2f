//! The errors of an event source, and whether it reconnects after one.

use std::{error::Error as StdError, fmt, io, sync::Arc, time::Duration};

use super::retry_after;
use crate::{CloseEvent, Error, ErrorKind};

/// An error of an attempt to connect or of a connection, and the reaction of the event source to it.
///
/// Each error is yielded as an item, so that a program can report it. By then the source has decided
/// whether and when it retries. The errors of a [`Connector`](super::Connector) are converted to
/// this type: create one by [`new`](SourceError::new) or [`status`](SourceError::status), or from
/// an [`io::Error`] or an [`Error`]. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct SourceError {
    kind: SourceErrorKind,
    message: &'static str,
    http_status: Option<u16>,
    close_event: Option<CloseEvent>,
    retry_after: Option<Duration>,
    recovery: Recovery,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The kinds of [`SourceError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceErrorKind {
    /// The server could not be reached, or the connection was lost. In a browser also every
    /// failure that it hides from a page, such as the status of a refused WebSocket.
    Network,
    /// The connection was not established within
    /// [`connect_timeout`](super::SourceBuilder::connect_timeout).
    TimedOut,
    /// Nothing was received for [`idle_timeout`](super::SourceBuilder::idle_timeout).
    Idle,
    /// The server ended the stream without an error.
    Ended,
    /// The server refused with an HTTP status, or closed the WebSocket with a code that stands for
    /// one: [`http_status`](SourceError::http_status).
    Status,
    /// The response is not a `text/event-stream`.
    ContentType,
    /// A redirect has no valid target, or there were too many of them.
    Redirect,
    /// The server closed the WebSocket with an error code:
    /// [`close_event`](SourceError::close_event).
    Closed,
    /// The server broke the WebSocket protocol, or sent a message that is too big or of a kind
    /// that is refused.
    Protocol,
    /// The URL, a header or an option is invalid, or this build does not support it.
    Invalid,
    /// The program's preparation of an attempt, such as fetching a token, failed.
    Prepare,
    /// A line or an event exceeds its [limit](super::SourceBuilder::limits) and was skipped. The
    /// connection stays open.
    Malformed,
    /// An event cannot be encoded for an event stream. Nothing was sent.
    InvalidEvent,
    /// The event source has ended and cannot send.
    NotOpen,
}

/// The reaction of the event source to an error.
#[derive(Debug, Clone, Copy)]
enum Recovery {
    Continue,
    Retry(Duration),
    Final,
}

impl SourceError {
    /// Creates an error of this kind, caused by `source`.
    pub fn new(kind: SourceErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::bare(kind).caused_by(source.into())
    }

    /// Creates an error for a server that refused with this HTTP status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let mut error = Self::bare(SourceErrorKind::Status);
        error.http_status = Some(status);
        error
    }

    /// Sets how long the server asks to wait before the next attempt (RFC 9110 § 10.2.3).
    #[must_use]
    pub fn with_retry_after(mut self, delay: impl Into<Option<Duration>>) -> Self {
        self.retry_after = delay.into();
        self
    }

    /// Returns the kind of this error.
    #[must_use]
    pub fn kind(&self) -> SourceErrorKind {
        self.kind
    }

    /// Returns the HTTP status of the response. Over a WebSocket, returns the one that the close
    /// code stands for ([`CloseCode::http_status`](crate::CloseCode::http_status)), or the one
    /// that refused the handshake, which a browser hides.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.http_status
    }

    /// Returns how the WebSocket connection ended, if there was one.
    #[must_use]
    pub fn close_event(&self) -> Option<&CloseEvent> {
        self.close_event.as_ref()
    }

    /// Returns how long the server asked to wait before the next attempt: by the header
    /// `Retry-After`, or in the reason with which it [closed](super::WsConnector#refusals) a
    /// WebSocket.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the delay until the next attempt, counted from when this item was yielded. `None`
    /// if none follows, because the error [is final](SourceError::is_final) or the connection
    /// stays open ([`SourceErrorKind::Malformed`]).
    #[must_use]
    pub fn retry_in(&self) -> Option<Duration> {
        match self.recovery {
            Recovery::Retry(delay) => Some(delay),
            Recovery::Continue | Recovery::Final => None,
        }
    }

    /// Returns whether this is the last item of the stream.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self.recovery, Recovery::Final)
    }

    pub(super) fn bare(kind: SourceErrorKind) -> Self {
        Self {
            kind,
            message: kind.message(),
            http_status: None,
            close_event: None,
            retry_after: None,
            recovery: Recovery::Continue,
            source: None,
        }
    }

    /// Converts an error of the program's preparation. A [`SourceError`] stays what it is.
    pub(super) fn preparing(source: Box<dyn StdError + Send + Sync>) -> Self {
        match source.downcast::<Self>() {
            Ok(error) => *error,
            Err(source) => Self::bare(SourceErrorKind::Prepare).caused_by(source),
        }
    }

    #[cfg(feature = "http")]
    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.http_status = Some(status);
        self
    }

    pub(super) fn retried_in(mut self, delay: Duration) -> Self {
        self.recovery = Recovery::Retry(delay);
        self
    }

    pub(super) fn made_final(mut self) -> Self {
        self.recovery = Recovery::Final;
        self
    }

    fn caused_by(mut self, source: Box<dyn StdError + Send + Sync>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl SourceErrorKind {
    fn message(self) -> &'static str {
        match self {
            Self::Network => "the server could not be reached, or the connection was lost",
            Self::TimedOut => "the connection was not established in time",
            Self::Idle => "nothing was received for too long",
            Self::Ended => "the server ended the stream",
            Self::Status => "the server refused",
            Self::ContentType => "the response is not an event stream",
            Self::Redirect => "a redirect could not be followed",
            Self::Closed => "the server closed the connection",
            Self::Protocol => "the server violated the WebSocket protocol",
            Self::Invalid => "the request is invalid or not supported",
            Self::Prepare => "the attempt could not be prepared",
            Self::Malformed => "a line or an event exceeds its limit",
            Self::InvalidEvent => "the event cannot be encoded",
            Self::NotOpen => "the event source has ended",
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)?;
        if let Some(status) = self.http_status {
            write!(f, " (HTTP status {status})")?;
        } else if let Some(event) = &self.close_event {
            write!(f, " ({event})")?;
        }
        match self.recovery {
            Recovery::Retry(delay) => write!(f, "; retrying in {delay:.1?}"),
            Recovery::Continue | Recovery::Final => Ok(()),
        }
    }
}

impl StdError for SourceError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source: &(dyn StdError + 'static) = self.source.as_deref()?;
        Some(source)
    }
}

/// Returns the inner [`Error`] or [`SourceError`], if any, or else an error of kind
/// [`Network`](SourceErrorKind::Network).
impl From<io::Error> for SourceError {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(error) => return error,
            Err(error) => error,
        };
        match error.downcast::<Error>() {
            Ok(error) => error.into(),
            Err(error) => Self::new(SourceErrorKind::Network, error),
        }
    }
}

/// A close code that stands for an HTTP status becomes that status.
impl From<Error> for SourceError {
    fn from(error: Error) -> Self {
        let close_event = error.close_event().cloned();
        let closed_as = close_event
            .as_ref()
            .and_then(|event| event.code.http_status());
        let http_status = closed_as.or(error.http_status());
        let mut this = Self::bare(match error.kind() {
            // The status of a stream without an error.
            ErrorKind::Closed if closed_as == Some(200) => SourceErrorKind::Ended,
            _ if http_status.is_some() => SourceErrorKind::Status,
            kind => of_websocket(kind),
        });
        this.http_status = http_status;
        this.close_event = close_event;
        this.retry_after = retry_after::of_refusal(&error);
        this.source = Some(Arc::new(error));
        this
    }
}

fn of_websocket(kind: ErrorKind) -> SourceErrorKind {
    match kind {
        ErrorKind::InvalidUrl
        | ErrorKind::InvalidProtocol
        | ErrorKind::InvalidOption
        | ErrorKind::InvalidCloseCode
        | ErrorKind::ReasonTooLong
        | ErrorKind::Unsupported => SourceErrorKind::Invalid,
        ErrorKind::TimedOut => SourceErrorKind::TimedOut,
        ErrorKind::Closed => SourceErrorKind::Closed,
        ErrorKind::Protocol | ErrorKind::MessageTooBig | ErrorKind::TextRefused => {
            SourceErrorKind::Protocol
        }
        ErrorKind::ProtocolRefused
        | ErrorKind::HandshakeRefused
        | ErrorKind::Network
        | ErrorKind::NotOpen
        | ErrorKind::Lost
        | ErrorKind::Truncated
        | ErrorKind::QueueFull => SourceErrorKind::Network,
    }
}
