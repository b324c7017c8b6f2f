//! A memory that does not grow.

use std::collections::{HashMap, VecDeque};

/// The number of ids that are remembered; beyond it the oldest are forgotten.
pub(super) const REMEMBERED: usize = 1024;

/// The largest id, in bytes.
pub(super) const MAX_ID: usize = 128;

/// The values under ids that clients choose.
#[derive(Debug)]
pub(super) struct Remembered<T> {
    entries: HashMap<String, T>,
    oldest_first: VecDeque<String>,
}

impl<T: Default> Remembered<T> {
    /// Returns the value under an id, a new one if there is none, or `None` if the id is not valid.
    pub(super) fn entry(&mut self, id: &str) -> Option<&mut T> {
        if id.is_empty() || id.len() > MAX_ID {
            return None;
        }
        if !self.entries.contains_key(id) {
            if self.oldest_first.len() >= REMEMBERED
                && let Some(oldest) = self.oldest_first.pop_front()
            {
                self.entries.remove(&oldest);
            }
            self.oldest_first.push_back(id.to_owned());
        }
        Some(self.entries.entry(id.to_owned()).or_default())
    }
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            oldest_first: VecDeque::new(),
        }
    }
}

/// Returns the answer to a client with no id, or with one too long.
pub(super) fn id_refused() -> String {
    format!("the id has to have 1 to {MAX_ID} bytes\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_forgets_the_oldest() {
        let mut remembered = Remembered::<u8>::default();
        *remembered.entry("first").unwrap() = 1;
        for n in 1..REMEMBERED {
            remembered.entry(&n.to_string()).unwrap();
        }
        assert_eq!(remembered.entry("first"), Some(&mut 1));
        remembered.entry("one more").unwrap();
        assert!(!remembered.entries.contains_key("first"));
        assert_eq!(remembered.entries.len(), REMEMBERED);
        assert_eq!(remembered.oldest_first.len(), REMEMBERED);
    }

    #[test]
    fn an_id_has_to_be_short_and_not_empty() {
        let mut remembered = Remembered::<u8>::default();
        assert!(remembered.entry("").is_none());
        assert!(remembered.entry(&"x".repeat(MAX_ID + 1)).is_none());
        assert!(remembered.entry(&"x".repeat(MAX_ID)).is_some());
    }
}
