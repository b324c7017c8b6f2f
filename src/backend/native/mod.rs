//! The native backend: tokio-tungstenite over any byte transport.

pub(crate) mod connect;
mod failure;
mod handshake;
mod incoming;
mod keepalive;
mod link;
mod outgoing;
mod setup;
mod socket;
mod spare;
mod time;
pub(crate) mod tls;
pub(crate) mod transport;

#[cfg(feature = "event-source")]
pub(crate) use self::{failure::refusal_header, time::random_seed};
pub(crate) use self::{
    link::{Link, metered},
    setup::{Connecting, Setup},
    socket::{Limits, Socket},
    time::{Moment, Timer},
};
