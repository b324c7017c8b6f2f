//! Many connections, and bad ones: what they cost, and that nothing is lost or left behind.
//! Elsewhere than natively there is nothing here.
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod crowd;
#[path = "../native/property/dice.rs"]
mod dice;
mod faults;
mod faulty;
mod heap;
mod hostile;
mod idle;
mod namespace;
