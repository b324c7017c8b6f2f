//! The native backend: tokio-tungstenite over any byte transport.

mod adopted;
pub(crate) mod connect;
mod keepalive;
mod linger;
mod link;
mod options;
#[cfg(feature = "event-source")]
mod random;
mod refused;
pub(crate) mod server_handshake;
mod socket;
mod time;
pub(crate) mod tls;
pub(crate) mod transport;

pub use self::refused::RefusedHandshake;
#[cfg(feature = "event-source")]
pub(crate) use self::{
    connect::refusal_header,
    random::{random_seed, random_words},
};
// Under the names by which the seam selects them.
pub(crate) use self::{NativeInstant as Moment, NativeSocket as Socket, NativeTimer as Timer};
pub(crate) use self::{
    adopted::AdoptedLink,
    link::{FramedLink, Link},
    options::{ConnectingTransport, NativeOptions},
    socket::{NativeSocket, SocketLimits},
    time::{NativeInstant, NativeTimer},
};
