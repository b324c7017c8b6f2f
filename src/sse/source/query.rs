//! Parameters in the query of a URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Sets the parameter `name` to `value`, both percent-encoded. Earlier values of the parameter are
/// removed, since servers differ in which of two they take; the rest of the query stays as it is.
pub(super) fn set(url: &str, name: &str, value: &str) -> String {
    let (url, fragment) = match url.split_once('#') {
        Some((url, fragment)) => (url, Some(fragment)),
        None => (url, None),
    };
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let name = encode(name);
    let mut set = format!("{base}?");
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if pair.split('=').next() != Some(&name) {
            set.push_str(pair);
            set.push('&');
        }
    }
    set.push_str(&name);
    set.push('=');
    set.push_str(&encode(value));
    if let Some(fragment) = fragment {
        set.push('#');
        set.push_str(fragment);
    }
    set
}

/// Percent-encodes all but the unreserved characters (RFC 3986 § 2.3).
fn encode(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r1_the_id_is_percent_encoded_and_the_query_kept() {
        let cases = [
            ("ws://a", "7", "ws://a?lastEventId=7"),
            ("ws://a/b?", "7", "ws://a/b?lastEventId=7"),
            (
                "ws://a/b?c=d&e",
                "x y&z=%+/?#\u{fc}\u{0}",
                "ws://a/b?c=d&e&lastEventId=x%20y%26z%3D%25%2B%2F%3F%23%C3%BC%00",
            ),
            ("ws://a?lastEventId=6", "7", "ws://a?lastEventId=7"),
            (
                "ws://a?lastEventId&b=lastEventId&&lastEventIds=1&lastEventId=5",
                "7",
                "ws://a?b=lastEventId&lastEventIds=1&lastEventId=7",
            ),
            ("http://a/b?c#d?e", "7", "http://a/b?c&lastEventId=7#d?e"),
        ];
        for (url, id, expected) in cases {
            assert_eq!(set(url, "lastEventId", id), expected);
        }
        assert_eq!(set("ws://a", "last id", "7"), "ws://a?last%20id=7");
    }
}
