//! Frames of RFC 6455, natively: from bytes to messages and back, over any byte transport.
//!
//! [`FrameReader`](reader::FrameReader) takes frames apart and checks them,
//! [`FrameWriter`](writer::FrameWriter) makes them. Neither knows of connections, timeouts or who
//! reads.

pub(crate) mod buffer_pool;
pub(crate) mod http_head;
mod mask;
pub(crate) mod reader;
pub(crate) mod writer;

/// Which side of a connection an endpoint is on: a client masks its frames, a server must not
/// (RFC 6455 § 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The endpoint that opened the connection.
    Client,
    /// The endpoint that accepted the connection.
    Server,
}
