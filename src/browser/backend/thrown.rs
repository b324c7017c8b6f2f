//! What a browser throws, as errors.

use std::sync::Arc;

use js_sys::Error as JsError;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::DomException;

use crate::{Error, ErrorKind, address::redacted, error::Cause, event::CloseEvent};

/// What JavaScript threw, as text: its objects can neither be sent to other threads nor printed.
pub(super) fn cause(thrown: &JsValue) -> Cause {
    let text = if let Some(exception) = thrown.dyn_ref::<DomException>() {
        format!("{}: {}", exception.name(), exception.message())
    } else if let Some(error) = thrown.dyn_ref::<JsError>() {
        String::from(error.to_string())
    } else {
        format!("{thrown:?}")
    };
    Arc::new(std::io::Error::other(text))
}

/// Why a socket could not be made. A constructor throws `SyntaxError` for what it cannot parse,
/// `SecurityError` for what the page must not do.
pub(super) fn construction(url: &str, thrown: &JsValue) -> Error {
    // The subprotocols have been checked, so that what does not parse is the address.
    let is_syntax = thrown
        .dyn_ref::<DomException>()
        .is_some_and(|exception| exception.name() == "SyntaxError");
    if is_syntax {
        // Without what was thrown, whose text has the whole URL in it.
        let message = format!("the URL is not valid: {}", redacted(url));
        return Error::new(ErrorKind::InvalidUrl, message);
    }
    Error::new(ErrorKind::Network, "the browser refused to connect").with_cause(Some(cause(thrown)))
}

/// Why a socket did not open.
pub(super) fn unconnected(event: CloseEvent) -> Error {
    let message = "the connection could not be opened, and a browser does not tell why";
    Error::new(ErrorKind::Network, message).with_close_event(event)
}
