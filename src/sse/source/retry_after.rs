//! The `Retry-After` header (RFC 9110 § 10.2.3).

use std::time::Duration;

use crate::{Error, backend};

/// The delay that a `Retry-After` asks for: a number of seconds, or a date, which is taken
/// relative to the response's own `Date`. That needs no clock, let alone one that agrees with the
/// server's; without a `Date`, a date says nothing.
pub(super) fn parse(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    let retry_after = retry_after.trim();
    if !retry_after.is_empty() && retry_after.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large for the type is a long time.
        let seconds = retry_after.parse().unwrap_or(u64::from(u32::MAX));
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(retry_after).ok()?;
    let now = httpdate::parse_http_date(date?.trim()).ok()?;
    // What is over by now is no reason to wait.
    Some(then.duration_since(now).unwrap_or_default())
}

/// The delay that the refusal of a WebSocket handshake asks for. A browser hides it.
pub(super) fn of_refusal(error: &Error) -> Option<Duration> {
    let retry_after = backend::refusal_header(error, "retry-after")?;
    parse(
        &retry_after,
        backend::refusal_header(error, "date").as_deref(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r3_retry_after_is_seconds_or_a_date() {
        let seconds = |retry_after, date| parse(retry_after, date).map(|it| it.as_secs());
        assert_eq!(seconds("120", None), Some(120));
        assert_eq!(seconds(" 0 ", None), Some(0));
        assert!(seconds("99999999999999999999999", None) > Some(1_000_000));
        for nonsense in ["", "-1", "+5", "1.5", "soon", "ten", "\u{664}"] {
            assert_eq!(seconds(nonsense, None), None, "{nonsense}");
        }
        let (noon, later) = (
            "Sun, 06 Nov 1994 12:00:00 GMT",
            "Sun, 06 Nov 1994 12:00:37 GMT",
        );
        assert_eq!(seconds(later, Some(noon)), Some(37));
        assert_eq!(seconds(noon, Some(later)), Some(0));
        assert_eq!(seconds(later, None), None);
        assert_eq!(seconds(later, Some("yesterday")), None);
    }
}
