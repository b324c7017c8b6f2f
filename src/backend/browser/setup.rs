//! What a browser's connection can be told beyond what every target can.

/// Nothing so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup;
