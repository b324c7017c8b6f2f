//! The browser's backend: the page's own sockets, `WebSocketStream` and `WebSocket`.
//!
//! Both share one implementation of the seam ([`BrowserSocket`](socket::BrowserSocket)), one queue
//! of received messages and one merger of written bytes. Underneath, a
//! [`PageSocket`](page_socket::PageSocket) is one or the other.

#[cfg(feature = "http")]
#[path = "../../backend/browser/http.rs"]
pub(crate) mod http;
mod page_socket;
mod plain;
mod receive_queue;
mod received_message;
#[cfg(feature = "event-source")]
#[path = "../../backend/browser/retry.rs"]
mod retry;
mod socket;
mod streams;
mod thrown;
mod time;
mod transport;
mod write_merger;

#[cfg(feature = "event-source")]
pub(crate) use self::retry::{random_seed, refusal_header};
pub use self::transport::Transport;
pub(crate) use self::{
    socket::BrowserSocket,
    time::{PageInstant, PageTimer},
};
// Under the names by which the seam selects them.
pub(crate) use self::{BrowserSocket as Socket, PageInstant as Moment, PageTimer as Timer};
