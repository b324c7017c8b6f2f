//! Functions and types that exist only in a browser: the choice between its two kinds of sockets,
//! and the adoption of a `WebSocket` that the page has created.

mod adopt;
pub(crate) mod backend;
mod builder;

pub use self::{
    adopt::{Adopter, from_web_sys},
    backend::Transport,
};
