//! A WebSocket as a stream of bytes: one API in the browser (wasm) and natively, for clients and
//! for servers.
//!
//! [`WsMeta::connect`] gives two things: a [`WsStream`], the messages of the connection as a
//! [`Stream`](futures::Stream) and a [`Sink`](futures::Sink), and a [`WsMeta`], a handle that can be
//! cloned and that closes the connection, observes it, and asks about it. [`WsStream::into_io`]
//! makes the messages a [`WsIo`], which is tokio's and futures-io's `AsyncRead`, `AsyncBufRead` and
//! `AsyncWrite`, for everything that works on a stream of bytes: `tokio::io::copy`, TLS, HTTP/2,
//! and the codecs of tokio-util, of which `codec` and `sse` have some more.
//!
//! ```no_run
//! use futures::{SinkExt, StreamExt};
//! use tokio_util::codec::{Framed, LinesCodec};
//! use wsio::WsMeta;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (meta, stream) = WsMeta::connect("wss://example.com/chat", ["chat.v2", "chat.v1"]).await?;
//! println!("speaking {}", meta.protocol().unwrap_or("anything"));
//!
//! let mut lines = Framed::new(stream.into_io(), LinesCodec::new());
//! lines.send("hello").await?;
//! while let Some(line) = lines.next().await {
//!     println!("{}", line?);
//! }
//! # Ok(()) }
//! ```
//!
//! # How a connection ends
//!
//! A completed closing handshake with code 1000, 1001 or none is the end of the stream, and the
//! end of file to a reader. Anything else, a connection that breaks off or a close with an error
//! code, is one [`Error`] first, after all that arrived before: a stream cut short never looks like
//! a complete one. [`WsMeta::close`] always resolves, within the close timeout.
//!
//! # Targets
//!
//! All of this is the same in a page, in a worker and natively. What only one of them can do is in
//! a module that the other does not have: `native` accepts connections, sets request headers,
//! chooses the transport and TLS; `browser` chooses between the browser's two sockets, and adopts one
//! of `web_sys`.
//!
//! Natively it needs a tokio runtime with I/O and time (`tokio::runtime::Builder::enable_all`), as
//! tokio's own sockets and timers do.
//!
//! All types are `Send` on every target. In a browser a connection still belongs to the thread that
//! made it, whose event loop serves it: used on another one, it panics.
//!
//! # Features
//!
//! - `tokio-io` (on by default), `futures-io`: the traits of [`WsIo`].
//! - `json`, `cbor`: the codecs in `codec`.
//! - `sse`: server-sent events over any stream of bytes, in `sse`.
//! - `event-source`, `http`: event streams that connect again and resume, over WebSocket, and over
//!   HTTP.
//! - `rustls-native-roots`, `rustls-webpki-roots`, `native-tls`: `wss:` natively, with the
//!   certificates of the system, those of Mozilla, or the system's own TLS. With several, rustls is
//!   used. A browser needs none of them.

#![cfg_attr(
    not(any(feature = "tokio-io", feature = "futures-io")),
    allow(dead_code, reason = "nobody reads or writes bytes then")
)]

mod address;
mod backend;
#[cfg(any(feature = "json", feature = "cbor"))]
pub mod codec;
mod error;
mod event;
mod io;
mod message;
mod options;
mod pair;
#[cfg(any(feature = "json", feature = "cbor", feature = "sse"))]
mod positioned_error;
#[cfg(feature = "sse")]
pub mod sse;
mod target;
mod text;

pub use pharos;

pub use self::{
    error::{Error, ErrorKind},
    event::{CloseCode, CloseEvent, WsEvent, WsState},
    io::{WsIo, WsReadHalf, WsWriteHalf},
    message::WsMessage,
    pair::{Builder, WsEvents, WsMeta, WsReceiver, WsSender, WsStream, connect},
    target::*,
    text::WsText,
};
