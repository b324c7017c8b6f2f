//! What only a browser can do. Elsewhere there is nothing here.
#![cfg(all(target_family = "wasm", target_os = "unknown"))]

#[path = "../support/mod.rs"]
mod support;

mod adopting;
mod merging;
mod receiving;
