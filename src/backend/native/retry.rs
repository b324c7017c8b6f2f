//! What is needed to come back to a server.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crate::Error;

/// A number that is another one each time.
pub(crate) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A header of the response that refused a handshake.
pub(crate) fn refusal_header(error: &Error, name: &str) -> Option<String> {
    let value = error.http_headers()?.get(name)?;
    value.to_str().ok().map(str::to_owned)
}
