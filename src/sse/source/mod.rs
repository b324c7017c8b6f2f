//! An event stream that connects again by itself and resumes where it was.
//!
//! [`EventSource`] is a thin face of the [`Machine`](machine::Machine), which knows nothing of
//! what a connection is: that is a [`Connector`]'s, of which there is one over WebSocket and one
//! over HTTP.

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
mod outbox;
mod policy;
mod prepare;
mod query;
mod reconnect;
mod retry_after;
mod ws;

#[cfg(feature = "http")]
pub use self::http::{HttpBody, HttpConnecting, HttpConnector, HttpRequest};
pub use self::{
    builder::SourceBuilder,
    connector::{Attempt, Connector, Prepare},
    error::{SourceError, SourceErrorKind},
    event::{SourceEvent, SourceState},
    event_source::EventSource,
    handle::SourceHandle,
    policy::{Policy, Verdict},
    prepare::{Fixed, HasUrl, PreparingUrl, UrlWith},
    reconnect::Reconnect,
    ws::{WsBody, WsConnecting, WsConnector},
};
