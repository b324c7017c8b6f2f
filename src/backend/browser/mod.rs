//! The browser's backend: the page's own sockets, `WebSocketStream` and `WebSocket`.
//!
//! What the two have in common exists once: the [`Socket`] of the seam, what was received and
//! not read yet, and the merging of what is written. Below it a [`wire::Wire`] is one or the
//! other.

#[cfg(feature = "http")]
pub(crate) mod http;
mod inbox;
mod message;
mod outbox;
mod plain;
#[cfg(feature = "event-source")]
mod retry;
mod setup;
mod shared;
mod socket;
mod streams;
mod thrown;
mod time;
mod wire;

#[cfg(feature = "event-source")]
pub(crate) use self::retry::{random_seed, refusal_header};
pub use self::setup::Transport;
pub(crate) use self::{
    setup::Setup,
    socket::Socket,
    time::{Moment, Timer},
};
