//! Frames of RFC 6455, natively: in and out of buffers, over any byte transport.

pub(crate) mod buffer_pool;
pub(crate) mod http_head;
pub(crate) mod reader;
pub(crate) mod writer;
