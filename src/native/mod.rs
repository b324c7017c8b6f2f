//! What only a native program can do: accept connections, set request headers, choose the
//! transport and TLS, and ping.
//!
//! Nothing of this exists in a browser, so a program that is to run on both keeps what it takes
//! from here out of its shared code.

mod accept;
pub(crate) mod backend;
mod builder;
mod handshake;
mod refused;

pub use crate::target::frames::Role;

pub use self::{
    accept::{Acceptor, accept, accept_with, from_tungstenite},
    handshake::{Refusal, Request, Response},
    refused::RefusedHandshake,
};

/// Compiles what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
