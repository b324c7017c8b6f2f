//! The companion server of wsio, never published: [`ROUTES`] that each show one behaviour that a
//! client can be tested against.
//!
//! It is made with [`wsio_axum`] and [`wsio_events`]. Whatever cuts a connection, or breaks the
//! protocol, wraps the TCP connection below them, so that they have no part in it.
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! let server = wsio_server::Server::start("127.0.0.1:0").await?;
//! println!("ws://{}/echo", server.addr);
//! server.shutdown().await;
//! # Ok(()) }
//! ```

mod frame;
mod raw;
mod routes;
mod server;
mod stream;

pub use self::{
    routes::{ROUTES, Route, pattern},
    server::{Running, Server, ServerBuilder},
};
