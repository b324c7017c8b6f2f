//! Checks addresses and subprotocols, on every target alike, and shows them without secrets.

use crate::{Error, ErrorKind, backend::Endpoint};

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
    Ok(Endpoint { url, protocols })
}

/// Returns a URL without what may be secret in it: a user and a password, the query, the fragment.
///
/// Takes anything for a URL, also what no parser accepts.
pub(crate) fn redacted(url: &str) -> String {
    let (scheme, rest) = split_scheme(url);
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    // In a password a `/`, `?` or `#` has to be escaped. Where one is not, the rest of the password
    // looks like a path, and its beginning like a port.
    let port = host.rsplit_once(':').filter(|_| !host.ends_with(']'));
    if port.is_some_and(|(_, port)| !port.bytes().all(|byte| byte.is_ascii_digit())) {
        return format!("{scheme}…");
    }
    let (path, rest) = path.split_at(path.find(['?', '#']).unwrap_or(path.len()));
    let more = match rest.get(..1) {
        Some(mark) => [mark, "…"].concat(),
        None => String::new(),
    };
    [scheme, host, path, &more].concat()
}

/// Splits a URL behind its scheme and the slashes after it, if it has both.
fn split_scheme(url: &str) -> (&str, &str) {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let behind = url.find(|c| !is_scheme(c)).unwrap_or(url.len());
    let slashes = url[behind..].strip_prefix(':').unwrap_or_default();
    let authority = slashes.trim_start_matches(['/', '\\', '\t', '\r', '\n']);
    if slashes.len() == authority.len() {
        return ("", url);
    }
    url.split_at(url.len() - authority.len())
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
    fn a_redacted_url_has_no_secrets() {
        for (url, expected) in [
            ("wss://example.com/chat", "wss://example.com/chat"),
            ("wss://example.com:81/a@b", "wss://example.com:81/a@b"),
            ("wss://u:p@example.com/?a=b#c", "wss://example.com/?…"),
            ("ws://u:p@q@[::1]:80/x#y?z", "ws://[::1]:80/x#…"),
            ("ws://[::1]/?é", "ws://[::1]/?…"),
            ("/chat?token=x", "/chat?…"),
            ("ws:/u:p@host/", "ws:/host/"),
            ("ws:u:p@host/", "host/"),
            ("u:p@host", "host"),
            ("ws://u:p/q@host/", "ws://…"),
            ("ws://u:p?q@host/", "ws://…"),
            ("ws://u:p#q@host/", "ws://…"),
            ("é:/é", "é:/é"),
            ("", ""),
        ] {
            assert_eq!(redacted(url), expected, "{url}");
        }
    }
}
