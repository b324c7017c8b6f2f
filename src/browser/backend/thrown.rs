//! Errors from thrown JavaScript values.

use std::sync::Arc;

use js_sys::Error as JsError;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::DomException;

use crate::{Error, ErrorKind, address::redacted, error::Cause, event::CloseEvent};

/// Returns a thrown value as an error: JavaScript's objects can neither be sent to other threads
/// nor printed.
pub(super) fn cause(thrown: &JsValue) -> Cause {
    let text = if let Some(exception) = thrown.dyn_ref::<DomException>() {
        let (name, message) = (exception.name(), exception.message());
        // Some exceptions repeat the address, with whatever secrets are in it.
        if message.contains("://") {
            name
        } else {
            format!("{name}: {message}")
        }
    } else if let Some(error) = thrown.dyn_ref::<JsError>() {
        String::from(error.to_string())
    } else {
        format!("{thrown:?}")
    };
    Arc::new(std::io::Error::other(text))
}

/// Returns the error for a socket that could not be constructed. The constructor throws
/// `SyntaxError` if it cannot parse the address, `SecurityError` if the page may not connect to it.
pub(super) fn construction(url: &str, thrown: &JsValue) -> Error {
    // The subprotocols have been checked, so that what does not parse is the address.
    let is_syntax = thrown
        .dyn_ref::<DomException>()
        .is_some_and(|exception| exception.name() == "SyntaxError");
    let error = if is_syntax {
        let message = format!("{:?} is not a valid URL", redacted(url));
        Error::new(ErrorKind::InvalidUrl, message)
    } else {
        Error::new(ErrorKind::Network, "the browser refused to connect")
    };
    error.with_cause(Some(cause(thrown)))
}

/// Returns the error for a socket that did not open.
pub(super) fn unconnected(event: CloseEvent) -> Error {
    let message = "the connection could not be opened, and a browser hides the reason";
    Error::new(ErrorKind::Network, message).with_close_event(event)
}

/// Returns a header of the response that refused a handshake: none, as a browser hides it.
#[cfg(feature = "event-source")]
pub(crate) fn refusal_header(_error: &Error, _name: &str) -> Option<String> {
    None
}
