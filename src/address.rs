//! What an address and a list of subprotocols must look like, on every target alike.

use crate::{Error, ErrorKind, backend::Endpoint};

/// Checks what can be checked without parsing: the backend's own URL parser does the rest.
///
/// Newer browsers also take `http:`, `https:` and relative addresses, older ones throw, and a
/// native client has nothing that an address could be relative to: they are refused everywhere.
/// A fragment is refused by RFC 6455 § 3.
///
/// # Errors
///
/// [`ErrorKind::InvalidUrl`], [`ErrorKind::InvalidProtocol`].
pub(crate) fn check(url: String, protocols: Vec<String>) -> Result<Endpoint, Error> {
    let Some(after_scheme) = after_scheme(&url) else {
        return Err(invalid(format!(
            "{:?} is not a ws: or wss: URL",
            redacted(&url)
        )));
    };
    if url.contains('#') {
        return Err(invalid(format!("{:?} has a fragment", redacted(&url))));
    }
    if has_forbidden_host(after_scheme) {
        return Err(invalid(format!("{:?} has no valid host", redacted(&url))));
    }
    for (index, protocol) in protocols.iter().enumerate() {
        if !is_token(protocol) {
            return Err(invalid_protocol(format!(
                "{protocol:?} is not a subprotocol: only letters, digits and !#$%&'*+-.^_`|~ are"
            )));
        }
        if protocols[..index].contains(protocol) {
            return Err(invalid_protocol(format!(
                "the subprotocol {protocol:?} is named twice"
            )));
        }
    }
    Ok(Endpoint { url, protocols })
}

/// Returns `url` without its userinfo, query and fragment, which may hold secrets, for messages and
/// `Debug`. The text need not be a valid URL.
pub(crate) fn redacted(url: &str) -> String {
    let shown = &url[..url.find(['?', '#']).unwrap_or(url.len())];
    let (scheme, rest) = shown.split_at(shown.find("://").map_or(0, |at| at + 3));
    let slash = |c| matches!(c, '/' | '\\');
    let start = rest.trim_start_matches(slash);
    let authority = start.split(slash).next().unwrap_or_default();
    let has_port = authority
        .rsplit_once(':')
        .is_none_or(|(_, port)| port.parse::<u32>().is_ok() || port.ends_with(']'));
    // A password with a slash in it, say, ends the authority too early and leaves no valid port.
    let userinfo = match authority.rfind('@') {
        None if !has_port => start.rfind('@'),
        at => at,
    };
    let host = userinfo.map_or(rest, |at| &start[at + 1..]);
    format!("{scheme}{host}")
}

fn after_scheme(url: &str) -> Option<&str> {
    ["ws://", "wss://"].into_iter().find_map(|scheme| {
        let (found, rest) = url.split_at_checked(scheme.len())?;
        found.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// Whether the host has what WHATWG URL forbids in one. Chromium escapes some of it instead, and
/// then looks for a host of that name.
fn has_forbidden_host(after_scheme: &str) -> bool {
    let end = after_scheme
        .find(['/', '\\', '?'])
        .unwrap_or(after_scheme.len());
    after_scheme[..end]
        .chars()
        .any(|c| c.is_ascii_control() || matches!(c, ' ' | '<' | '>' | '^' | '|'))
}

/// A token of RFC 9110 § 5.6.2, which is what a subprotocol has to be.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidUrl, message)
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
            (
                "wss://example.com/chat?token=secret",
                "wss://example.com/chat",
            ),
            ("wss://example.com#secret", "wss://example.com"),
            ("wss://example.com?a#b?c@d", "wss://example.com"),
            (
                "wss://user:secret@example.com:80/@chat",
                "wss://example.com:80/@chat",
            ),
            ("wss://user:se@cret@example.com", "wss://example.com"),
            ("wss://user@[::1]/", "wss://[::1]/"),
            ("ws://[::1]/@chat", "ws://[::1]/@chat"),
            ("ws://example.com:80/@chat", "ws://example.com:80/@chat"),
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
            "ws:\\\\user:secret@example.com",
            "ws:\n//user:secret@example.com",
            "ws:///user:secret@example.com",
            "ws://user:sec/ret@example.com",
            "/chat?token=secret",
        ] {
            let shown = redacted(url);
            assert!(!shown.contains("ret"), "{url:?}: {shown:?}");
        }
    }
}
