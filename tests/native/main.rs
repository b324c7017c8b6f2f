//! What only a native program can do or show. Elsewhere there is nothing here.
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../support/mod.rs"]
mod support;

mod accepting;
mod adopting;
mod carrying;
mod closing;
mod codecs;
mod contract;
mod examples;
mod foreign;
mod frames;
mod hazards;
mod layers;
mod modules;
mod names;
mod peers;
mod property;
mod readme;
mod refusing;
mod requesting;
mod script;
mod seam;
mod source_backoff;
mod source_breaks;
mod source_network;
mod source_refused;
mod source_resuming;
mod source_schedules;
mod source_sending;
mod source_upstream;
mod sources;
mod sse;
mod timers;
mod tls;
mod waiting;
