//! What is worth another attempt.

use std::{fmt, sync::Arc};

use super::{SourceError, SourceErrorKind};
use crate::CloseCode;

/// Decides which errors are final.
///
/// The default follows WHATWG HTML § 9.2.3, with one difference. Retried are: whatever breaks a
/// connection, no answer in time, silence, and an orderly end of the stream. Final are: any HTTP
/// status other than 200, also 204, with which a server says that there is no more to come; an
/// answer that is not a `text/event-stream`; a redirect that cannot be followed; a request that
/// makes no sense. The difference is that the statuses 408, 425, 429 and 500 to 599 are retried,
/// since that is how a restarting server behind a proxy answers. [`Policy::whatwg`] is the letter
/// of the standard.
///
/// Over a WebSocket the same holds for the close codes 4100 to 4599, each of which stands for the
/// status that its last three digits are, and natively for the status that refused the
/// handshake. Of the other close codes 1002, 1003 and 1007 to 1010 are final, from either side;
/// everything else is retried, whatever a browser does not tell included.
///
/// ```
/// use wsio::sse::{Policy, SourceErrorKind, Verdict};
///
/// // Whoever logs in again may come back.
/// let policy = Policy::new(|error| match error.http_status() {
///     Some(401 | 403) => Verdict::Retry,
///     _ => Policy::default().judge(error),
/// });
/// ```
#[derive(Clone)]
pub struct Policy {
    judge: Arc<dyn Fn(&SourceError) -> Verdict + Send + Sync>,
}

/// Whether there is another attempt after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// There is, as far as [`Reconnect`](super::Reconnect) allows one.
    Retry,
    /// The error is the last item of the stream.
    Final,
}

impl Policy {
    /// Decides as `judge` does.
    pub fn new(judge: impl Fn(&SourceError) -> Verdict + Send + Sync + 'static) -> Self {
        Self {
            judge: Arc::new(judge),
        }
    }

    /// The letter of the standard: any HTTP status other than 200 is final.
    #[must_use]
    pub fn whatwg() -> Self {
        Self::new(|error| match error.kind() {
            SourceErrorKind::Status => Verdict::Final,
            _ => by_default(error),
        })
    }

    /// What follows from `error`.
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

/// The close codes that say that the two ends do not fit each other, which another connection
/// does not change.
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
