//! Event logs that several servers share, over Redis Streams.
//!
//! - [`RedisLogs`] connects, and returns [`EventLogs`](wsio_events::EventLogs): everything else is as
//!   with logs in memory.
//! - [`RedisStore`] is the store behind them.
//!
//! Any server serves any client, because ids and what clients have sent are in Redis, not in a process.
//! Events come from the memory of the process as long as a subscriber is not far behind, and page by
//! page from Redis otherwise.
//!
//! # While Redis is away
//!
//! Subscriptions wait. Appends wait for the [timeout](RedisLogsBuilder::timeout), then fail, with an
//! error that says whether the event may be there nevertheless
//! ([`AppendError::is_uncertain`](wsio_events::AppendError::is_uncertain)). When Redis is back, nothing
//! is lost or repeated, except for what Redis itself has lost: then exactly the subscribers who have
//! seen it are told that they [lagged](wsio_events::Lagged).
//!
//! # What Redis has to do
//!
//! How long an acknowledged event lasts depends on how Redis is configured. With `appendonly yes` and
//! `appendfsync always` it survives a crash of Redis. Replication is asynchronous: a failover may lose
//! the newest events, and the record of the newest events from clients.
//!
//! # Errors that stay
//!
//! A wrong password, a full memory (`OOM`), a node of a cluster that does not have the log (`MOVED`) and
//! the like are answered at once, with the error of Redis as the source.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod channels;
mod engine;
mod error;
mod follower;
mod keys;
mod link;
mod options;
mod reply;
mod script;
mod store;
mod tail;

pub use self::{
    options::{RedisLogs, RedisLogsBuilder},
    store::RedisStore,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
extern crate self as wsio_redis;

#[cfg(test)]
mod source_tests;

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
