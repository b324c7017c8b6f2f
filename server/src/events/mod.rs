//! Server-sent events from a log that remembers, so that a client that was away misses nothing.
//!
//! An [`EventLog`] keeps the last events of a stream, and an [`EventRoute`] serves it to browsers
//! and to [`wsio::sse`], over WebSocket and over plain HTTP under the same address:
//!
//! ```
//! use axum::Router;
//! use wsio::sse::SseEvent;
//! use wsio_server::events::{EventLog, events};
//!
//! let log = EventLog::default();
//! let router: Router = Router::new().route("/events", events(log.clone()));
//! log.append(SseEvent::new("21 °C").with_name("temperature"));
//! ```

mod feed;
mod log;
mod request;
mod route;
mod socket;
mod store;
mod subscription;

pub(crate) use self::request::Cutting;
pub use self::{
    log::EventLog,
    request::EventRequest,
    route::{EventRoute, events},
    store::{EventStore, Limits, MemoryStore},
    subscription::{Lagged, Subscription},
};
