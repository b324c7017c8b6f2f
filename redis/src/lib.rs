//! Event logs that several servers share, over Redis Streams.

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
