//! WebSockets of [`wsio`] and event logs of [`wsio_events`] in axum applications.
//!
//! Each part can be used without the others, in any axum application:
//!
//! - [`WsUpgrade`] is an extractor that turns a request into a [`WsMeta`](wsio::WsMeta) and a
//!   [`WsStream`](wsio::WsStream).
//! - [`OriginPolicy`] is a tower layer that refuses requests by pages of other origins.
//! - [`EventRoute`] serves an [`EventLog`](wsio_events::EventLog) over WebSocket and over HTTP,
//!   under one address.
//! - [`Server`] serves a [`Router`](axum::Router), and when it is shut down ends every connection
//!   in order, upgraded ones included.
//!
//! ```no_run
//! use axum::Router;
//! use wsio_axum::{Server, events};
//! use wsio_events::EventLog;
//!
//! # async fn example() -> std::io::Result<()> {
//! let log = EventLog::default();
//! let router = Router::new().route("/events", events(log.clone()));
//! let server = Server::builder().routes(router).start("127.0.0.1:8080").await?;
//! println!("ws://{}/events", server.addr);
//! server.shutdown().await;
//! # Ok(()) }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod connection;
mod handle;
mod origin;
mod request;
mod route;
mod server;
mod transport;
mod upgrade;

pub use self::{
    handle::ServerHandle,
    origin::{OriginCheck, OriginPolicy},
    request::EventRequest,
    route::{EventRoute, events},
    server::{Running, Server, ServerBuilder},
    transport::transport,
    upgrade::{UpgradeRejection, WsUpgrade},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
