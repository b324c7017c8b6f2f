//! What tungstenite's errors mean here.

use std::sync::Arc;

use tokio_tungstenite::tungstenite::{self, error::ProtocolError};

use crate::{
    ErrorKind,
    backend::{End, Violation},
    event::CloseCode,
};

/// What to do about an error while reading.
pub(super) enum Verdict {
    /// The transport is gone.
    Over(End),
    /// The peer broke the rules: it is to be told, and the connection ended.
    Fail(Violation),
}

pub(super) fn judge(error: tungstenite::Error) -> Verdict {
    use tungstenite::Error as E;
    let (kind, message, code) = match &error {
        E::Capacity(_) => return Verdict::Fail(with_cause(Violation::message_too_big(), error)),
        E::Utf8(_) => (
            ErrorKind::Protocol,
            "the peer sent text that is not UTF-8",
            CloseCode::INVALID_DATA,
        ),
        E::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            return Verdict::Over(End::lost(Some(Arc::new(error))));
        }
        E::Protocol(_) => (
            ErrorKind::Protocol,
            "the peer broke the WebSocket protocol",
            CloseCode::PROTOCOL,
        ),
        _ => return Verdict::Over(End::lost(Some(Arc::new(error)))),
    };
    Verdict::Fail(with_cause(Violation::new(kind, message, code), error))
}

fn with_cause(mut failure: Violation, error: tungstenite::Error) -> Violation {
    failure.cause = Some(Arc::new(error));
    failure
}
