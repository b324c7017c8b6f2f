//! What only a native program can do or show. Elsewhere there is nothing here.
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]

#[path = "../support/mod.rs"]
mod support;

mod accepting;
mod carrying;
mod closing;
mod hazards;
mod peers;
mod property;
mod seam;
mod tls;
