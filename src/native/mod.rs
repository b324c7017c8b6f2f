//! Native targets only: accepts connections, sets request headers, selects the transport and TLS,
//! sends Pings.
//!
//! A browser has none of this. A program for both targets keeps its use of this module out of the
//! shared code.

mod accept;
pub(crate) mod backend;
mod builder;
mod handshake;

pub use http;

pub use crate::target::frames::Role;

pub use self::{
    accept::{Acceptor, accept, accept_with, from_tungstenite},
    backend::RefusedHandshake,
    handshake::{Refusal, UpgradeRequest, UpgradeResponse},
};

/// Compiles what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
