//! Random numbers natively.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// Returns a number that differs from call to call.
pub(crate) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Returns 128 bits that nobody can guess.
pub(crate) fn random_words() -> [u32; 4] {
    rand::random()
}
