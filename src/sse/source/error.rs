//! What went wrong with an event source, and whether it goes on.

use std::{error::Error as StdError, fmt, io, sync::Arc, time::Duration};

use crate::{CloseEvent, Error, ErrorKind};

/// Why an attempt to connect failed or a connection ended, and what the event source does about
/// it.
///
/// Every one is an item of the stream, so that a program can tell its user; the reconnecting has
/// been decided on when the item is given. What a [`Connector`](super::Connector) fails with
/// becomes one too: it is made by [`new`](SourceError::new), [`status`](SourceError::status), or
/// from an [`io::Error`] or an [`Error`]. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct SourceError {
    kind: SourceErrorKind,
    message: &'static str,
    http_status: Option<u16>,
    close_event: Option<CloseEvent>,
    retry_after: Option<Duration>,
    sequel: Sequel,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What kind of thing went wrong with an event source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceErrorKind {
    /// The server could not be reached, or the connection broke. In a browser also whatever it
    /// does not tell a page, such as the status that refused a WebSocket.
    Network,
    /// The connection was not open within
    /// [`connect_timeout`](super::SourceBuilder::connect_timeout).
    TimedOut,
    /// Nothing was received for [`idle_timeout`](super::SourceBuilder::idle_timeout).
    Idle,
    /// The server ended the stream in an orderly way.
    Ended,
    /// The server answered with another HTTP status than it should, or closed the WebSocket with
    /// the code that stands for one: [`http_status`](SourceError::http_status).
    Status,
    /// The server's answer is not a `text/event-stream`.
    ContentType,
    /// A redirect leads nowhere, or there were too many of them.
    Redirect,
    /// The server closed the WebSocket with an error code:
    /// [`close_event`](SourceError::close_event).
    Closed,
    /// The server broke the WebSocket protocol, or sent a message that is too big or of a kind
    /// that is refused.
    Protocol,
    /// The address, a header or an option makes no sense, or this build cannot do it.
    Invalid,
    /// What the program does for each attempt, such as fetching a token, failed.
    Prepare,
    /// A line or an event is longer than [allowed](super::SourceBuilder::limits) and was left
    /// out. The connection goes on.
    Malformed,
    /// An event to be sent cannot be written to an event stream. Nothing was sent.
    InvalidEvent,
    /// Sending on an event source that has ended.
    NotOpen,
}

/// What follows an error.
#[derive(Debug, Clone, Copy)]
enum Sequel {
    GoesOn,
    Retry(Duration),
    Final,
}

impl SourceError {
    /// An error of this kind, caused by `source`.
    pub fn new(kind: SourceErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::bare(kind).caused_by(source.into())
    }

    /// The server answered with this HTTP status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let mut error = Self::bare(SourceErrorKind::Status);
        error.http_status = Some(status);
        error
    }

    /// The same error, from a server that says how long to wait before the next attempt
    /// (RFC 9110 § 10.2.3).
    #[must_use]
    pub fn with_retry_after(mut self, delay: impl Into<Option<Duration>>) -> Self {
        self.retry_after = delay.into();
        self
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> SourceErrorKind {
        self.kind
    }

    /// The HTTP status that the server answered with; over a WebSocket, the one that its close
    /// code 4sss stands for, or that refused the handshake, which a browser hides.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.http_status
    }

    /// How the WebSocket connection ended, if there was one.
    #[must_use]
    pub fn close_event(&self) -> Option<&CloseEvent> {
        self.close_event.as_ref()
    }

    /// How long the server asked to wait, if it did.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// In how long the next attempt is made, counted from when this item was given. `None` if
    /// there is none to be made: because the error [is final](SourceError::is_final), or because
    /// the connection goes on ([`SourceErrorKind::Malformed`]).
    #[must_use]
    pub fn retry_in(&self) -> Option<Duration> {
        match self.sequel {
            Sequel::Retry(delay) => Some(delay),
            Sequel::GoesOn | Sequel::Final => None,
        }
    }

    /// Whether this is the last item of the stream.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self.sequel, Sequel::Final)
    }

    pub(super) fn bare(kind: SourceErrorKind) -> Self {
        Self {
            kind,
            message: kind.message(),
            http_status: None,
            close_event: None,
            retry_after: None,
            sequel: Sequel::GoesOn,
            source: None,
        }
    }

    /// Of what the program does before an attempt; an error of this type stays what it is.
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
        self.sequel = Sequel::Retry(delay);
        self
    }

    pub(super) fn made_final(mut self) -> Self {
        self.sequel = Sequel::Final;
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
            Self::Network => "the server could not be reached, or the connection broke",
            Self::TimedOut => "the connection was not open in time",
            Self::Idle => "nothing was received for too long",
            Self::Ended => "the server ended the stream",
            Self::Status => "the server refused",
            Self::ContentType => "the server's answer is not an event stream",
            Self::Redirect => "a redirect could not be followed",
            Self::Closed => "the server closed the connection",
            Self::Protocol => "the server broke the protocol",
            Self::Invalid => "the request makes no sense",
            Self::Prepare => "an attempt could not be prepared",
            Self::Malformed => "a part of the stream was too long",
            Self::InvalidEvent => "the event cannot be sent",
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
        match self.sequel {
            Sequel::Retry(delay) => write!(f, "; trying again in {delay:.1?}"),
            Sequel::GoesOn | Sequel::Final => Ok(()),
        }
    }
}

impl StdError for SourceError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source: &(dyn StdError + 'static) = self.source.as_deref()?;
        Some(source)
    }
}

/// As a failure of the network, unless it holds an [`Error`] or a [`SourceError`].
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

/// A close code 4sss is taken for the HTTP status sss, where that is one (100 to 599).
impl From<Error> for SourceError {
    fn from(error: Error) -> Self {
        let close_event = error.close_event().cloned();
        let closed_as = close_event
            .as_ref()
            .and_then(|event| u16::from(event.code).checked_sub(4000))
            .filter(|status| (100..600).contains(status));
        let http_status = closed_as.or(error.http_status());
        let mut this = Self::bare(match error.kind() {
            // That is what a stream without an error has.
            ErrorKind::Closed if closed_as == Some(200) => SourceErrorKind::Ended,
            _ if http_status.is_some() => SourceErrorKind::Status,
            kind => of_websocket(kind),
        });
        this.http_status = http_status;
        this.close_event = close_event;
        this.retry_after = super::retry_after::of_refusal(&error);
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
