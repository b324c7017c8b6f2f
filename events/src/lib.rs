//! Event logs that remember, so that a client that was away misses nothing.
//!
//! - [`EventLog`] keeps the last events of a stream in an [`EventStore`], gives each an id, and
//!   replays what a subscriber has missed.
//! - [`Subscription`] is one reader of a log, as a stream of events.
//! - [`EventFeed`] is one reader of a log as the bytes of an event stream: the body of a
//!   `text/event-stream` answer in any HTTP server.
//! - [`EventSocket`] sends a feed over a WebSocket of [`wsio`], and receives the client's events.
//!
//! This crate depends on no web framework; `wsio-axum` serves a log in an axum application. A
//! client that reconnects by itself is `wsio::sse::EventSource`.
//!
//! ```
//! use futures::StreamExt;
//! use wsio::sse::SseEvent;
//! use wsio_events::{EventLog, FeedOptions};
//!
//! # futures::executor::block_on(async {
//! let log = EventLog::default();
//! let seen = log.append(SseEvent::new("20 °C"))?;
//! log.append(SseEvent::new("21 °C"))?;
//!
//! let options = FeedOptions::new().heartbeat(None);
//! let mut body = options.open(&log, Some(&seen));
//! let bytes = body.next().await.unwrap()?;
//! assert!(bytes.ends_with("data: 21 °C\n\n".as_bytes()));
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod feed;
mod log;
mod socket;
mod store;
mod subscription;

pub use self::{
    feed::{EventFeed, FeedEnd, FeedOptions},
    log::{AppendError, EventLog},
    socket::EventSocket,
    store::{EventStore, Limits, MemoryStore},
    subscription::{Lagged, Subscription},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
