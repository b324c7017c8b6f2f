//! The browser's backend: the page's own `WebSocket`.

mod handlers;
#[cfg(feature = "http")]
pub(crate) mod http;
mod inbox;
mod outbox;
#[cfg(feature = "event-source")]
mod retry;
mod setup;
mod socket;
mod ticker;
mod time;

#[cfg(feature = "event-source")]
pub(crate) use self::retry::{random_seed, refusal_header};
pub(crate) use self::{
    setup::Setup,
    socket::Socket,
    time::{Moment, Timer},
};
