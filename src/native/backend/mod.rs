//! The native backend: tokio-tungstenite over any byte transport.

pub(crate) mod connect;
mod failure;
mod keepalive;
mod link;
mod options;
mod socket;
mod time;
pub(crate) mod tls;
pub(crate) mod transport;

#[cfg(feature = "event-source")]
pub(crate) use self::{failure::refusal_header, time::random_seed};
// Under the names by which the seam selects them.
pub(crate) use self::{NativeInstant as Moment, NativeSocket as Socket, NativeTimer as Timer};
pub(crate) use self::{
    link::{Link, framed},
    options::{Connecting, NativeOptions},
    socket::{NativeSocket, SocketLimits},
    time::{NativeInstant, NativeTimer},
};
