//! The comments by which events from a client are numbered and confirmed, so that each is handled
//! once.
//!
//! An [`EventSource`](super::EventSource) and the `EventSocket` of the crate `wsio-events` write and
//! read them. You need this module only for a server or a client of your own.
//!
//! | comment | from | meaning |
//! |---|---|---|
//! | `wsio upstream` | server | This connection confirms events. It is the first item of the stream. |
//! | `wsio source=ID first=NUMBER` | client | The next event on this connection is the event NUMBER of the source ID; the others count on from there. It precedes the first event of each connection. |
//! | `wsio handled=NUMBER` | server | All events up to and including NUMBER are handled. |
//!
//! Each side ignores comments that it does not know, like every reader of event streams. A client
//! keeps its events until they are confirmed, and after a lost connection sends the unconfirmed ones
//! again, under the same numbers. A server skips the numbers that it has seen, and confirms them.
//!
//! ```
//! use wsio::sse::upstream;
//!
//! let comment = upstream::source_comment("4c1d", 7);
//! assert_eq!(comment, "wsio source=4c1d first=7");
//! assert_eq!(upstream::parse_source(&comment), Some(("4c1d", 7)));
//! assert_eq!(upstream::parse_handled("wsio handled=7"), Some(7));
//! assert_eq!(upstream::parse_handled("a comment"), None);
//! ```

/// The comment by which a server says that it confirms events.
pub const OFFER: &str = "wsio upstream";

/// The largest id of a source, in bytes.
pub const MAX_SOURCE_ID: usize = 64;

const SOURCE: &str = "wsio source=";
const FIRST: &str = " first=";
const HANDLED: &str = "wsio handled=";

/// Returns the comment by which a client names itself and the number of its next event, without the
/// colon.
#[must_use]
pub fn source_comment(id: &str, first: u64) -> String {
    format!("{SOURCE}{id}{FIRST}{first}")
}

/// Returns the id of the source and the number of its next event, if this is such a comment.
///
/// An id has 1 to [64](MAX_SOURCE_ID) characters: ASCII letters, digits, `-` and `_`. A number is at
/// least 1, and is written without a sign or leading zeros.
#[must_use]
pub fn parse_source(comment: &str) -> Option<(&str, u64)> {
    let (id, first) = comment.strip_prefix(SOURCE)?.split_once(FIRST)?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_id = !id.is_empty() && id.len() <= MAX_SOURCE_ID && id.bytes().all(is_allowed);
    if is_id {
        Some((id, number(first)?))
    } else {
        None
    }
}

/// Returns the comment by which a server confirms all events up to this number, without the colon.
#[must_use]
pub fn handled_comment(number: u64) -> String {
    format!("{HANDLED}{number}")
}

/// Returns the number up to which events are confirmed, if this is such a comment.
#[must_use]
pub fn parse_handled(comment: &str) -> Option<u64> {
    number(comment.strip_prefix(HANDLED)?)
}

/// `parse` would take a plus sign and leading zeros.
fn number(text: &str) -> Option<u64> {
    match text.as_bytes().first() {
        Some(b'1'..=b'9') => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r8_comments_read_back() {
        let longest = "a-_Z9".repeat(13);
        for id in ["0", "-", "_", "4c1dF", &longest[..MAX_SOURCE_ID]] {
            for first in [1, 10, u64::MAX] {
                let comment = source_comment(id, first);
                assert_eq!(parse_source(&comment), Some((id, first)));
                assert_eq!(parse_handled(&comment), None);
                let comment = handled_comment(first);
                assert_eq!(parse_handled(&comment), Some(first));
                assert_eq!(parse_source(&comment), None);
            }
        }
        assert_eq!(parse_source(OFFER), None);
        assert_eq!(parse_handled(OFFER), None);
    }

    #[test]
    fn r8_everything_else_is_a_comment_like_any_other() {
        let too_long = format!("wsio source={} first=1", "a".repeat(MAX_SOURCE_ID + 1));
        let huge = format!("wsio source={} first=1", "a".repeat(1 << 20));
        for comment in [
            "",
            "wsio",
            "wsio source=",
            "wsio source= first=1",
            "wsio source=a",
            "wsio source=a first=",
            "wsio source=a first=0",
            "wsio source=a first=01",
            "wsio source=a first=+1",
            "wsio source=a first=-1",
            "wsio source=a first=1 ",
            "wsio source=a first=1.0",
            "wsio source=a first=18446744073709551616",
            "wsio source=a  first=1",
            "wsio source=a first=1 first=2",
            "wsio source=a/b first=1",
            "wsio source=ä first=1",
            "wsio source=a\u{0} first=1",
            " wsio source=a first=1",
            "WSIO source=a first=1",
            &too_long,
            &huge,
        ] {
            assert_eq!(parse_source(comment), None, "{comment:.80}");
        }
        for comment in [
            "",
            "wsio handled=",
            "wsio handled=0",
            "wsio handled=01",
            "wsio handled=+1",
            "wsio handled=1 ",
            "wsio handled=18446744073709551616",
            "wsio handled=1=2",
            "wsio handled",
        ] {
            assert_eq!(parse_handled(comment), None, "{comment:?}");
        }
    }
}
