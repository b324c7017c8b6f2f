//! The native backend: tokio-tungstenite over any byte transport.

pub(crate) mod connect;
mod failure;
mod handshake;
#[cfg(feature = "http")]
pub(crate) mod http;
mod incoming;
mod keepalive;
mod link;
mod outgoing;
#[cfg(feature = "event-source")]
mod retry;
mod setup;
mod socket;
mod spare;
mod time;
pub(crate) mod tls;
pub(crate) mod transport;

#[cfg(feature = "event-source")]
pub(crate) use self::retry::{random_seed, refusal_header};
pub(crate) use self::{
    link::{Link, metered},
    setup::{Connecting, Setup},
    socket::{Limits, Socket},
    time::{Moment, Timer},
};
