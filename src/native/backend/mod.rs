//! The native backend: tokio-tungstenite over any byte transport.

mod adopted;
pub(crate) mod connect;

#[cfg(feature = "http")]
#[path = "../../backend/native/http/mod.rs"]
pub(crate) mod http;
mod keepalive;
mod linger;
mod link;
mod options;
#[cfg(feature = "event-source")]
#[path = "../../backend/native/retry.rs"]
mod retry;
mod socket;
mod time;
pub(crate) mod tls;
pub(crate) mod transport;

#[cfg(feature = "event-source")]
pub(crate) use self::retry::{random_seed, refusal_header};
// Under the names by which the seam selects them.
pub(crate) use self::{NativeInstant as Moment, NativeSocket as Socket, NativeTimer as Timer};
pub(crate) use self::{
    adopted::AdoptedLink,
    link::{FramedLink, Link},
    options::{Connecting, NativeOptions},
    socket::{NativeSocket, SocketLimits},
    time::{NativeInstant, NativeTimer},
};
