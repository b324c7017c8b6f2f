//! A WebSocket server on tokio and axum, for [`wsio`] and for testing any WebSocket client.
//!
//! It is made of parts that can be used on their own:
//!
//! - [`WsUpgrade`], an axum extractor that turns a request into a [`WsMeta`](wsio::WsMeta) and a
//!   [`WsStream`](wsio::WsStream), in any axum application;
//! - [`OriginPolicy`], which pages may talk to the server;
//! - [`Server`], which serves an axum [`Router`](axum::Router) over HTTP/1.1, and ends every
//!   connection, upgraded or not, when it is shut down or dropped;
//! - [`events`], a log of events and what serves it, over WebSocket and over plain HTTP;
//! - [`ROUTES`], each of which shows one behaviour that a client can be tested against.
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! let server = wsio_server::Server::start("127.0.0.1:0").await?;
//! println!("ws://{}/echo", server.addr);
//! server.shutdown().await;
//! # Ok(()) }
//! ```

mod conn;
pub mod events;
mod frame;
mod origin;
mod routes;
mod server;
mod tasks;
mod upgrade;

pub use self::{
    origin::OriginPolicy,
    routes::{ROUTES, Route, pattern},
    server::{Running, Server, ServerBuilder},
    upgrade::{UpgradeRejection, WsUpgrade},
};
