//! E. The end.

mod closing;
mod observing;
mod reading;
mod sending;

use wsio::CloseEvent;

fn event(code: u16, reason: &str) -> CloseEvent {
    CloseEvent {
        code: code.into(),
        reason: reason.to_owned(),
        was_clean: true,
    }
}
