//! What only a browser can do. Elsewhere there is nothing here.
#![cfg(all(target_family = "wasm", target_os = "unknown"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../support/mod.rs"]
mod support;

mod adopting;
mod half_close;
mod leftovers;
mod memory;
mod merging;
mod readme;
mod receiving;
mod scope;
mod sending;
mod transport;
