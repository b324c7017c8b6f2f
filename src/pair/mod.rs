//! The pair: a handle, [`WsMeta`], and a stream of messages, [`WsStream`], over one connection.
//!
//! Both are thin faces of [`Core`](core::Core), which is a lock around the
//! [`Connection`](connection::Connection), the state machine of one connection, and the
//! [`Wakers`](wakers::Wakers) of all who wait for it.

mod builder;
mod connection;
mod core;
mod events;
mod idle;
mod meta;
mod observers;
mod stream;
mod wakers;

#[cfg(feature = "event-source")]
pub(crate) use self::idle::Idle;
pub(crate) use self::{builder::within, core::Core};
pub use self::{
    builder::{Builder, connect},
    events::WsEvents,
    meta::WsMeta,
    stream::{WsReceiver, WsSender, WsStream},
};
