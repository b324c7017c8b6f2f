//! Checks addresses and subprotocols, on every target alike, and shows them without secrets.

use crate::{Error, ErrorKind};

/// An endpoint to connect to: an address that has passed [`check`], and valid subprotocols.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    pub(crate) protocols: Vec<String>,
}

/// Checks what needs no URL parser: the backend parses the rest.
///
/// Newer browsers also accept `http:`, `https:` and relative addresses, older ones throw, and a
/// native client has no base address: they are errors everywhere. A fragment is one by
/// RFC 6455 § 3.
///
/// # Errors
///
/// [`ErrorKind::InvalidUrl`], [`ErrorKind::InvalidProtocol`].
pub(crate) fn check(url: String, protocols: Vec<String>) -> Result<Endpoint, Error> {
    let Some(after_scheme) = after_scheme(&url) else {
        return Err(invalid("not a ws: or wss: URL", &url));
    };
    if url.contains('#') {
        return Err(invalid("the URL has a fragment", &url));
    }
    if has_forbidden_host(after_scheme) {
        return Err(invalid("the URL has no valid host", &url));
    }
    check_protocols(&protocols)?;
    Ok(Endpoint { url, protocols })
}

/// Checks that subprotocols are tokens, and that none is there twice.
///
/// # Errors
///
/// [`ErrorKind::InvalidProtocol`].
pub(crate) fn check_protocols(protocols: &[String]) -> Result<(), Error> {
    for (index, protocol) in protocols.iter().enumerate() {
        // By its place: some servers expect a token in a subprotocol.
        let number = index + 1;
        if !is_token(protocol) {
            return Err(invalid_protocol(format!(
                "subprotocol {number} is not a token: only letters, digits and !#$%&'*+-.^_`|~ \
                 are allowed"
            )));
        }
        if protocols[..index].contains(protocol) {
            return Err(invalid_protocol(format!(
                "subprotocol {number} is a duplicate"
            )));
        }
    }
    Ok(())
}

/// Returns a URL without what may be secret in it: a user and a password, the query, the fragment.
///
/// Takes anything for a URL, also what no parser accepts.
pub(crate) fn redacted(url: &str) -> String {
    let (scheme, rest) = split_scheme(url);
    let (authority, path) = cut(rest, |byte| matches!(byte, b'/' | b'\\' | b'?' | b'#'));
    let host = behind_last(authority, b'@').unwrap_or(authority);
    // In a password a `/`, `?` or `#` has to be escaped. Where one is not, the rest of the password
    // looks like a path, and its beginning like a port.
    let port = behind_last(host, b':').filter(|_| host.as_bytes().last() != Some(&b']'));
    if port.is_some_and(|port| !port.bytes().all(|byte| byte.is_ascii_digit())) {
        return [scheme, "…"].concat();
    }
    let (path, rest) = cut(path, |byte| matches!(byte, b'?' | b'#'));
    let more = match rest.as_bytes().first() {
        Some(b'?') => "?…",
        Some(_) => "#…",
        None => "",
    };
    [scheme, host, path, more].concat()
}

/// Splits a URL in front of the authority: behind its scheme, if it has one, and the slashes.
fn split_scheme(url: &str) -> (&str, &str) {
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let is_slash = |byte: u8| matches!(byte, b'/' | b'\\' | b'\t' | b'\r' | b'\n');
    let (_, behind) = cut(url, |byte| !is_scheme(byte));
    let (slashes, wanted) = match behind.strip_prefix(':') {
        Some(slashes) => (slashes, 1),
        None => (url, 2),
    };
    let (slashes, authority) = cut(slashes, |byte| !is_slash(byte));
    if slashes.len() < wanted {
        return ("", url);
    }
    let scheme = url.get(..url.len() - authority.len());
    (scheme.unwrap_or_default(), authority)
}

/// Cuts a text in front of the first byte that `is_end` matches. By bytes, for the search for a
/// pattern is a kilobyte of a page's module.
fn cut(text: &str, is_end: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(is_end).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Returns the text behind the last of these ASCII characters.
fn behind_last(text: &str, mark: u8) -> Option<&str> {
    let last = text.bytes().rposition(|byte| byte == mark)?;
    text.get(last + 1..)
}

fn after_scheme(url: &str) -> Option<&str> {
    ["ws://", "wss://"].into_iter().find_map(|scheme| {
        let (found, rest) = url.split_at_checked(scheme.len())?;
        found.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// Returns whether the host contains a character that WHATWG URL forbids. Chromium escapes some of
/// them instead, and then resolves the escaped name.
fn has_forbidden_host(after_scheme: &str) -> bool {
    let end = after_scheme
        .find(['/', '\\', '?'])
        .unwrap_or(after_scheme.len());
    after_scheme[..end]
        .chars()
        .any(|c| c.is_ascii_control() || matches!(c, ' ' | '<' | '>' | '^' | '|'))
}

/// Returns whether a text is a token of RFC 9110 § 5.6.2, as a subprotocol has to be.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn invalid(problem: &str, url: &str) -> Error {
    Error::new(
        ErrorKind::InvalidUrl,
        format!("{problem}: {}", redacted(url)),
    )
}

fn invalid_protocol(message: String) -> Error {
    Error::new(ErrorKind::InvalidProtocol, message)
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn c9_an_address_is_shown_without_its_secrets() {
        for (url, shown) in [
            ("wss://example.com/chat", "wss://example.com/chat"),
            ("wss://example.com:80/@chat", "wss://example.com:80/@chat"),
            ("wss://example.com/?token=x#y", "wss://example.com/?…"),
            ("wss://example.com#x?y@z", "wss://example.com#…"),
            (
                "wss://u:p@example.com:80/@chat",
                "wss://example.com:80/@chat",
            ),
            ("wss://u:p@q@[::1]:80/x", "wss://[::1]:80/x"),
            ("wss://u@[::1]?é", "wss://[::1]?…"),
            ("ws://127.0.0.1:80:80/chat", "ws://127.0.0.1:80:80/chat"),
            ("/chat?token=x", "/chat?…"),
            ("é:/é", "é:/é"),
            ("", ""),
        ] {
            assert_eq!(redacted(url), shown, "{url}");
        }
    }

    #[test]
    fn c9_nor_does_what_is_no_address_show_any() {
        for url in [
            "user:secret@example.com",
            "//user:secret@example.com",
            "ws:user:secret@example.com",
            "ws:/user:secret@example.com",
            "ws:\\user:secret@example.com",
            "ws:\n//user:secret@example.com",
            "ws:///user:secret@example.com",
            "ws://user:sec/ret@example.com",
            "ws://user:sec?ret@example.com",
            "ws://user:sec#ret@example.com",
            "ws://example.com:secret",
            "/chat?token=secret",
        ] {
            let shown = redacted(url);
            let is_hidden = !shown.contains("sec") && !shown.contains("ret");
            assert!(is_hidden, "{url:?}: {shown:?}");
        }
    }
}
