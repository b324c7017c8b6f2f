//! What is measured. A client sends, or asks; a server in a task of its own receives, or answers.

mod bulk;
mod frames;
mod held;
mod round_trips;

use anyhow::Result;

pub use self::{
    bulk::Bulk,
    frames::{Frames, Sending},
    held::Held,
    round_trips::RoundTrips,
};
use crate::contenders::{Bytes, Messages};

/// A case: how it is run over a stream of bytes, and over messages.
pub trait Case {
    /// What comes out.
    type Output;

    /// Runs it over both ends of a stream of bytes.
    fn over_bytes(
        &self,
        client: impl Bytes,
        server: impl Bytes,
    ) -> impl Future<Output = Result<Self::Output>>;

    /// Runs it over both ends of a stream of messages.
    fn over_messages(
        &self,
        client: impl Messages,
        server: impl Messages,
    ) -> impl Future<Output = Result<Self::Output>>;
}
