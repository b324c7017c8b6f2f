//! The names of what a log has in Redis.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wsio_events::LogName;

/// The characters that are escaped: all that could be mistaken for a part of a key.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The names of the keys and of the channel of one log.
///
/// The part in braces decides the hash slot, so all are on one node of a cluster.
#[derive(Debug)]
pub(crate) struct LogKeys {
    base: String,
    pub(crate) events: String,
    pub(crate) meta: String,
    pub(crate) sources: String,
    pub(crate) sources_used: String,
    pub(crate) channel: Arc<str>,
}

impl LogKeys {
    pub(crate) fn new(prefix: &str, name: &LogName) -> Self {
        let name = utf8_percent_encode(name, ESCAPED);
        let base = format!("{}:{{{name}}}", escape_prefix(prefix));
        Self {
            events: format!("{base}:events"),
            meta: format!("{base}:meta"),
            sources: format!("{base}:sources"),
            sources_used: format!("{base}:sources-used"),
            channel: format!("{base}:tail").into(),
            base,
        }
    }

    /// Returns the name of the key that remembers the key of an event.
    pub(crate) fn once(&self, key: &str) -> String {
        format!("{}:once:{key}", self.base)
    }
}

/// Returns the name of the channel by which one process tests its tail.
pub(crate) fn probe_channel(prefix: &str, process: u64) -> Arc<str> {
    format!("{}:probe:{process:x}", escape_prefix(prefix)).into()
}

fn escape_prefix(prefix: &str) -> impl std::fmt::Display {
    const KEPT: &AsciiSet = &ESCAPED.remove(b':').remove(b'/');
    utf8_percent_encode(prefix, KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d6_a_name_with_anything_in_it_is_one_part_of_a_key() {
        let key = |name: &str| LogKeys::new("a{b}:", &LogName::new(name).unwrap()).events;
        assert_eq!(key("job-42"), "a%7Bb%7D::{job-42}:events");
        assert_eq!(key("}:x{\0 ü"), "a%7Bb%7D::{%7D%3Ax%7B%00%20%C3%BC}:events");
        assert_ne!(key("a%20b"), key("a b"));
    }
}
