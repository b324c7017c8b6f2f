//! Event logs that remember, so that a client that was away misses nothing.
//!
//! - [`EventLog`] keeps the last events of a stream, gives each an id, and replays what a subscriber
//!   has missed.
//! - [`EventLogs`] opens any number of logs by name: in memory, on disk, or in a store that several
//!   servers share.
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
//! let seen = log.append(SseEvent::new("20 °C")).await?.to_string();
//! log.append(SseEvent::new("21 °C")).await?;
//!
//! let options = FeedOptions::new().heartbeat(None);
//! let mut body = options.open(&log, Some(&seen));
//! let bytes = body.next().await.unwrap()?;
//! assert!(bytes.ends_with("data: 21 °C\n\n".as_bytes()));
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod event;
mod feed;
mod id;
mod limits;
mod log;
mod logs;
mod name;
mod seldom;
mod store;
mod window;

#[cfg(feature = "disk")]
#[cfg_attr(docsrs, doc(cfg(feature = "disk")))]
pub use self::store::DiskStore;
pub use self::{
    error::{AppendError, StoreError},
    event::{NewEvent, StoredEvent},
    feed::{EventFeed, EventSocket, FeedEnd, FeedOptions, UpstreamEvent},
    id::{EventId, InvalidEventId},
    limits::{Limits, WindowLimits},
    log::{EventLog, Lagged, Subscription},
    logs::{EventLogs, OpenError},
    name::{InvalidLogName, LogName},
    store::{
        EventStore, MemoryStore, OpenedLog, Page, PageLimits, SourceClaim, SourceGrant,
        SourceTable, StoredLog,
    },
    window::{LogTail, PendingWakes, TailGap},
};

// For wsio-axum.
#[doc(hidden)]
pub use self::seldom::Seldom;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
