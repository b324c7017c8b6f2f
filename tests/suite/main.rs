//! The contract, the same on every target: each test is named after the promise it holds us to.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../support/mod.rs"]
mod support;

mod auto_traits;
mod bytes;
mod codecs;
mod connecting;
mod end;
mod flow;
mod halves;
mod locks;
mod secrets;
mod source_both;
mod source_http;
mod source_resuming;
mod source_retrying;
mod source_secrets;
mod source_soak;
mod source_upstream;
mod source_ws;
mod sse;
