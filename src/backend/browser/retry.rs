//! What is needed to come back to a server.

use crate::Error;

/// A number that is another one each time.
pub(crate) fn random_seed() -> u64 {
    js_sys::Math::random().to_bits()
}

/// A header of the response that refused a handshake, which a browser hides.
pub(crate) fn refusal_header(_error: &Error, _name: &str) -> Option<String> {
    None
}
