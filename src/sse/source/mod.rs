//! An event stream that reconnects by itself and resumes after the last event.
//!
//! [`EventSource`] is a thin face of the [`SourceMachine`](machine::SourceMachine), which knows
//! nothing of WebSockets or HTTP. A [`Connector`] makes its connections: there is one over
//! WebSocket and one over HTTP.

mod builder;
mod connection;
mod connector;
mod error;
mod event;
mod event_source;
mod handle;
#[cfg(feature = "http")]
pub(crate) mod http;
mod machine;
mod policy;
mod prepare;
mod query;
mod read_ahead;
mod reconnect;
mod retry_after;
mod send_queue;
mod sending;
mod ws;

#[cfg(feature = "http")]
pub use self::http::{HttpConnector, HttpRequest};
pub use self::{
    builder::SourceBuilder,
    connector::{Attempt, Connector},
    error::{SourceError, SourceErrorKind},
    event::{SourceEvent, SourceState},
    event_source::EventSource,
    handle::SourceHandle,
    policy::{Policy, Verdict},
    reconnect::Reconnect,
    ws::WsConnector,
};
