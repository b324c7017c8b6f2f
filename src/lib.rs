//! wsio makes a WebSocket a stream of bytes, with one API in the browser and natively.

mod backend;
#[cfg(any(feature = "json", feature = "cbor"))]
pub mod codec;
mod error;
mod event;
mod io;
mod message;
mod options;
mod pair;
mod target;

pub use pharos;

pub use self::{
    error::{Error, ErrorKind},
    event::{CloseCode, CloseEvent, WsEvent, WsState},
    io::WsIo,
    message::WsMessage,
    pair::{Builder, WsMeta, WsStream},
    target::*,
};
