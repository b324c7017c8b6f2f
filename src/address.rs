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
        return Err(invalid(format!("{url:?} is not a ws: or wss: URL")));
    };
    if url.contains('#') {
        return Err(invalid(format!("{url:?} has a fragment")));
    }
    if has_forbidden_host(after_scheme) {
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
    Ok(Endpoint { url, protocols })
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
