//! The userinfo of a URL as a header.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use percent_encoding::percent_decode_str;

/// Returns the value of `Authorization` (RFC 7617) for the userinfo of a URL, both parts
/// percent-encoded; `None` if there is none.
pub(crate) fn from_userinfo(user: &str, password: Option<&str>) -> Option<String> {
    if user.is_empty() && password.is_none() {
        return None;
    }
    let user: Vec<u8> = percent_decode_str(user).collect();
    let password: Vec<u8> = percent_decode_str(password.unwrap_or_default()).collect();
    Some(basic(&user, &password))
}

/// Returns the value of `Authorization` for a user and a password.
pub(crate) fn basic(user: &[u8], password: &[u8]) -> String {
    let credentials = BASE64_STANDARD.encode([user, b":", password].concat());
    format!("Basic {credentials}")
}
