//! The contract, the same on every target: each test is named after the promise it holds us to.

#[path = "../support/mod.rs"]
mod support;

mod auto_traits;
mod bytes;
mod codecs;
mod connecting;
mod end;
mod flow;
