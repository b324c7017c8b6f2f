//! The state of a connection, its events, and its end.

use std::fmt;

use crate::Error;

/// The state of a connection, as `WebSocket.readyState` counts it (WHATWG WebSockets § 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WsState {
    /// The opening handshake is under way. No [`WsMeta`](crate::WsMeta) is ever in this state.
    Connecting,
    /// Messages can be sent and received.
    Open,
    /// A closing handshake has begun, from either side.
    Closing,
    /// The connection is over.
    Closed,
}

/// An event of a connection, as [observers](crate::WsMeta#observing) get it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WsEvent {
    /// The connection is open.
    Open,
    /// A closing handshake has begun, from either side.
    Closing,
    /// The connection failed; `Closed` follows.
    Error(Error),
    /// The connection is over; the last event.
    Closed(CloseEvent),
}

impl WsEvent {
    /// Returns whether this is [`WsEvent::Open`].
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    /// Returns whether this is [`WsEvent::Closing`].
    #[must_use]
    pub fn is_closing(&self) -> bool {
        matches!(self, Self::Closing)
    }

    /// Returns whether this is [`WsEvent::Error`].
    #[must_use]
    pub fn is_err(&self) -> bool {
        matches!(self, Self::Error(_))
    }

    /// Returns whether this is [`WsEvent::Closed`].
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

/// The end of a connection, as the browser's `CloseEvent` reports it (WHATWG WebSockets § 6).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CloseEvent {
    /// The code of the peer's Close frame; 1005 if it carried none, 1006 if none came.
    pub code: CloseCode,
    /// The reason in the peer's Close frame, at most 123 bytes.
    pub reason: String,
    /// `true` if the closing handshake was completed. A clean end may still report an error: a peer
    /// that closes with 1011 closes cleanly. See [`CloseEvent::is_success`].
    pub was_clean: bool,
}

impl CloseEvent {
    /// Returns whether this is the ordinary end of a stream: a completed closing handshake with code
    /// 1000, 1001 or none. Any other end reaches the reader as an error.
    #[must_use]
    pub fn is_success(&self) -> bool {
        let ordinary = [
            CloseCode::NORMAL,
            CloseCode::GOING_AWAY,
            CloseCode::NO_STATUS,
        ];
        self.was_clean && ordinary.contains(&self.code)
    }

    /// The end of a connection that broke off without a closing handshake.
    pub(crate) fn lost() -> Self {
        Self {
            code: CloseCode::ABNORMAL,
            reason: String::new(),
            was_clean: false,
        }
    }
}

impl fmt::Display for CloseEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "code {}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, ", reason {:?}", self.reason)?;
        }
        if !self.was_clean {
            f.write_str(", no closing handshake")?;
        }
        Ok(())
    }
}

/// A close code (RFC 6455 § 7.4).
///
/// A newtype rather than an enum: the registry is open, and a peer may send any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection has been fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: an endpoint is going away: a server shuts down, a page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: a protocol error.
    pub const PROTOCOL: Self = Self(1002);
    /// 1003: a kind of data the endpoint does not accept.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1005: the Close frame carried no code. Never on the wire.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection was lost without a Close frame. Never on the wire.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: data that does not fit the message's type, such as text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: a message that breaks the endpoint's policy.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: the client expected an extension that the server did not negotiate.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met an unexpected condition.
    pub const INTERNAL: Self = Self(1011);
    /// 1012: the server restarts.
    pub const RESTART: Self = Self(1012);
    /// 1013: the server is overloaded; try again later.
    pub const TRY_AGAIN: Self = Self(1013);
    /// 1014: a gateway got an invalid answer from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The offset of the code that stands for an HTTP status.
    const HTTP: u16 = 4000;

    /// Returns the code that stands for an HTTP status, 4000 plus the status.
    ///
    /// A browser hides the status of a refused handshake from a page, but not the code of a Close
    /// frame. Returns `None` for a number that is not a status (RFC 9110 § 15: 100 to 599).
    ///
    /// ```
    /// use wsio::CloseCode;
    ///
    /// let busy = CloseCode::from_http_status(503).unwrap();
    /// assert_eq!(busy, 4503);
    /// assert_eq!(busy.http_status(), Some(503));
    /// assert_eq!(CloseCode::NORMAL.http_status(), None);
    /// ```
    #[must_use]
    pub const fn from_http_status(status: u16) -> Option<Self> {
        match status {
            100..=599 => Some(Self(Self::HTTP + status)),
            _ => None,
        }
    }

    /// Returns the HTTP status this code stands for, if it is one of 4100 to 4599.
    #[must_use]
    pub const fn http_status(self) -> Option<u16> {
        match self.0.checked_sub(Self::HTTP) {
            Some(status @ 100..=599) => Some(status),
            _ => None,
        }
    }

    /// Returns whether this code is one for applications and libraries: 3000 to 4999.
    #[must_use]
    pub fn is_private(self) -> bool {
        (3000..=4999).contains(&self.0)
    }

    /// Returns whether a Close frame may carry this code (RFC 6455 § 7.4 and its registry).
    #[allow(dead_code, reason = "a browser checks the frames itself")]
    pub(crate) fn is_allowed_on_the_wire(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014) || self.is_private()
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl PartialEq<u16> for CloseCode {
    fn eq(&self, other: &u16) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The content of a Close frame that has a code.
#[derive(Debug, Clone)]
pub(crate) struct CloseFrame {
    pub(crate) code: CloseCode,
    pub(crate) reason: String,
}

impl CloseFrame {
    /// The most bytes a reason may have: a control frame's payload is at most 125 bytes, two of
    /// them the code (RFC 6455 § 5.5).
    const MAX_REASON: usize = 123;

    /// # Errors
    ///
    /// The code is not one that `may_send` allows, or the reason is too long.
    pub(crate) fn new(
        code: CloseCode,
        reason: &str,
        may_send: fn(CloseCode) -> bool,
    ) -> Result<Self, Error> {
        if !may_send(code) {
            return Err(Error::invalid_close_code(code));
        }
        if reason.len() > Self::MAX_REASON {
            return Err(Error::reason_too_long(reason.len()));
        }
        Ok(Self {
            code,
            reason: reason.to_owned(),
        })
    }
}
