//! The policy of which errors are final.

use std::{fmt, sync::Arc};

use super::{SourceError, SourceErrorKind};
use crate::CloseCode;

/// Decides which errors are final.
///
/// The default follows WHATWG HTML § 9.2.3, with one exception. The source retries after a lost
/// connection, a timeout, silence, and an orderly end of the stream. Final are: any HTTP status
/// other than 200, including 204, by which a server ends a stream for good; a response that is not
/// a `text/event-stream`; a redirect that cannot be followed; an invalid request. The exception:
/// the source retries after the statuses 408, 425, 429 and 500 to 599, because a proxy in front of
/// a restarting server sends them. [`Policy::whatwg`] makes no exception.
///
/// Over a WebSocket the same applies to the close codes 4100 to 4599, each of which stands for a
/// status ([`CloseCode::http_status`]), and natively to the status that refused the handshake. Of
/// the other close codes, 1002, 1003 and 1007 to 1010 are final, from either side. The source
/// retries after every other one, and after every failure whose reason a browser hides.
///
/// ```
/// use wsio::sse::{Policy, SourceErrorKind, Verdict};
///
/// // A user who is logged out can log in again.
/// let policy = Policy::new(|error| match error.http_status() {
///     Some(401 | 403) => Verdict::Retry,
///     _ => Policy::default().judge(error),
/// });
/// ```
#[derive(Clone)]
pub struct Policy {
    judge: Arc<dyn Fn(&SourceError) -> Verdict + Send + Sync>,
}

/// The decision of a [`Policy`] about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// The source retries, as far as [`Reconnect`](super::Reconnect) allows.
    Retry,
    /// The error is the last item of the stream.
    Final,
}

impl Policy {
    /// Creates a policy that decides as `judge` does.
    pub fn new(judge: impl Fn(&SourceError) -> Verdict + Send + Sync + 'static) -> Self {
        Self {
            judge: Arc::new(judge),
        }
    }

    /// Creates the policy of the standard: any HTTP status other than 200 is final.
    #[must_use]
    pub fn whatwg() -> Self {
        Self::new(|error| match error.kind() {
            SourceErrorKind::Status => Verdict::Final,
            _ => by_default(error),
        })
    }

    /// Returns what follows after `error`.
    #[must_use]
    pub fn judge(&self, error: &SourceError) -> Verdict {
        (self.judge)(error)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::new(by_default)
    }
}

fn by_default(error: &SourceError) -> Verdict {
    let is_retried = match error.kind() {
        SourceErrorKind::Network
        | SourceErrorKind::TimedOut
        | SourceErrorKind::Idle
        | SourceErrorKind::Ended
        | SourceErrorKind::Prepare
        | SourceErrorKind::Malformed => true,
        SourceErrorKind::Status => {
            matches!(error.http_status(), Some(408 | 425 | 429 | 500..=599))
        }
        SourceErrorKind::Closed => {
            let code = error.close_event().map(|event| event.code);
            !code.is_some_and(|code| FINAL.contains(&code))
        }
        SourceErrorKind::ContentType
        | SourceErrorKind::Redirect
        | SourceErrorKind::Protocol
        | SourceErrorKind::Invalid
        | SourceErrorKind::InvalidEvent
        | SourceErrorKind::NotOpen => false,
    };
    if is_retried {
        Verdict::Retry
    } else {
        Verdict::Final
    }
}

/// The close codes of an incompatibility that persists over another connection.
const FINAL: [CloseCode; 6] = [
    CloseCode::PROTOCOL,
    CloseCode::UNSUPPORTED,
    CloseCode::INVALID_DATA,
    CloseCode::POLICY,
    CloseCode::TOO_BIG,
    CloseCode::MANDATORY_EXTENSION,
];

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").finish_non_exhaustive()
    }
}
