//! Logs in a file: restarts, crashes, damage, a full disk.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod damage;
mod full;
mod kill;
mod load;
mod opening;
mod restart;
mod retention;
mod sources;
mod support;
