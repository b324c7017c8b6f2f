//! What an address and a list of subprotocols must look like, on every target alike.

use crate::{Error, ErrorKind, backend::Target};

/// Checks what can be checked without parsing: the backend's own URL parser does the rest.
///
/// Newer browsers also take `http:`, `https:` and relative addresses, older ones throw, and a
/// native client has nothing that an address could be relative to: they are refused everywhere.
/// A fragment is refused by RFC 6455 § 3.
///
/// # Errors
///
/// [`ErrorKind::InvalidUrl`], [`ErrorKind::InvalidProtocol`].
pub(super) fn check(url: String, protocols: Vec<String>) -> Result<Target, Error> {
    if !has_scheme(&url, "ws") && !has_scheme(&url, "wss") {
        return Err(invalid(format!("{url:?} is not a ws: or wss: URL")));
    }
    if url.contains('#') {
        return Err(invalid(format!("{url:?} has a fragment")));
    }
    if has_forbidden_host(&url) {
        return Err(invalid(format!("{url:?} has no valid host")));
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
    Ok(Target { url, protocols })
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.split_once("://")
        .is_some_and(|(found, _)| found.eq_ignore_ascii_case(scheme))
}

/// Whether the host has what WHATWG URL forbids in one. Chromium escapes some of it instead, and
/// then looks for a host of that name.
fn has_forbidden_host(url: &str) -> bool {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
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
