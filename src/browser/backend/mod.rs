//! The browser's backend: the page's own sockets, `WebSocketStream` and `WebSocket`.
//!
//! Both share one implementation of the seam ([`BrowserSocket`](socket::BrowserSocket)), one queue
//! of received messages and one merger of written bytes. Underneath, a
//! [`PageSocket`](page_socket::PageSocket) is one or the other.

mod page_socket;
mod plain;
#[cfg(feature = "event-source")]
mod random;
mod receive_queue;
mod received_message;
mod socket;
mod streams;
mod thrown;
mod time;
mod transport;
mod write_merger;

pub use self::transport::Transport;
#[cfg(feature = "event-source")]
pub(crate) use self::{
    random::{random_seed, random_words},
    thrown::refusal_header,
};
pub(crate) use self::{
    socket::BrowserSocket,
    time::{PageInstant, PageTimer},
};
// Under the names by which the seam selects them.
pub(crate) use self::{BrowserSocket as Socket, PageInstant as Moment, PageTimer as Timer};
