//! The native backend: tokio-tungstenite over any byte transport.

pub(crate) mod connect;
mod failure;
mod keepalive;
mod link;
mod setup;
mod socket;
mod time;
pub(crate) mod tls;
pub(crate) mod transport;

pub(crate) use self::{
    link::{Link, metered},
    setup::{Connecting, Setup},
    socket::{Limits, Socket},
    time::{Moment, Timer},
};
