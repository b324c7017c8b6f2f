//! E. The end.

mod closing;
mod observing;
mod reading;
mod sending;

use wsio::CloseEvent;

/// Fails unless a closing handshake was completed with this code and this reason.
#[track_caller]
fn assert_clean(event: &CloseEvent, code: u16, reason: &str) {
    let expected = (code.into(), reason, true);
    assert_eq!((event.code, &*event.reason, event.was_clean), expected);
}
