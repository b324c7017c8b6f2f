//! A WebSocket as a stream of bytes: one API in the browser (wasm) and natively, for clients and
//! for servers.
//!
//! ```no_run
//! use futures::{SinkExt, StreamExt};
//!
//! # async fn example() -> Result<(), wsio::Error> {
//! let (meta, mut stream) = wsio::connect("wss://example.com/chat").await?;
//! stream.send("hello".into()).await?;
//! while let Some(message) = stream.next().await {
//!     println!("{:?}", message?);
//! }
//! # Ok(()) }
//! ```
//!
//! [`connect`] returns two things. [`WsStream`] yields and takes the messages of the connection, as
//! a [`Stream`](futures::Stream) and a [`Sink`](futures::Sink). [`WsMeta`] is a cloneable handle that
//! closes the connection, waits for its end, and returns its state.
//!
//! [`WsStream::into_io`] turns the messages into a [`WsIo`], which implements `AsyncRead`,
//! `AsyncBufRead` and `AsyncWrite` of tokio and of futures-io. Everything that works on a byte stream
//! works over it: `tokio::io::copy`, TLS, HTTP/2, and the codecs of tokio-util, to which `codec` and
//! `sse` add some:
//!
//! ```no_run
//! use futures::{SinkExt, StreamExt};
//! use tokio_util::codec::{Framed, LinesCodec};
//! use wsio::WsMeta;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (meta, stream) = WsMeta::connect("wss://example.com/chat", ["chat.v2", "chat.v1"]).await?;
//! println!("the server selected {:?}", meta.protocol());
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
//! A completed closing handshake with code 1000, 1001 or none is the end of the stream, and the end
//! of file to a reader. Any other end, a lost connection or a close with an error code, is one
//! [`Error`] first, after everything that arrived before: a truncated stream never looks complete.
//! [`WsMeta::close`] always resolves, within the close timeout.
//!
//! # Targets
//!
//! All of this is the same in a page, in a worker and natively. The modules of one target do not
//! exist on the other: `native` accepts connections, sets request headers, and chooses the transport
//! and TLS; `browser` chooses between the browser's two sockets, and adopts one of `web_sys`.
//!
//! On native targets, connecting needs a tokio runtime with I/O and time
//! (`tokio::runtime::Builder::enable_all`), as tokio's own sockets and timers do.
//!
//! All types are `Send` on every target. In a browser, a connection still belongs to the thread that
//! made it, whose event loop serves it: using it on another thread panics.
//!
//! # Features
//!
//! - `tokio-io` (on by default), `futures-io`: the traits of [`WsIo`].
//! - `json`, `cbor`: the codecs in `codec`.
//! - `sse`: server-sent events over any byte stream, in `sse`.
//! - `event-source`, `http`: event streams that reconnect and resume, over WebSocket, and over HTTP.
//! - `rustls-native-roots`, `rustls-webpki-roots`, `native-tls`: `wss:` natively, with the
//!   certificates of the system, those of Mozilla, or the system's own TLS. With several of them,
//!   rustls is used unless a `native_tls` connector is set. A browser needs none of them.

#![cfg_attr(docsrs, feature(doc_cfg))]
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
