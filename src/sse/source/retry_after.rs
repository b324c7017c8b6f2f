//! `Retry-After` (RFC 9110 § 10.2.3): as a header, and in the reason of a Close frame.

use std::time::Duration;

use crate::{Error, backend};

/// Parses the value of a `Retry-After`: a number of seconds, or a date.
///
/// A date is relative to the `Date` of the response, so that no clock has to agree with the
/// server's. Without a `Date` it is ignored.
pub(super) fn parse(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    let retry_after = retry_after.trim();
    if !retry_after.is_empty() && retry_after.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large for the type is a long time.
        let seconds = retry_after.parse().unwrap_or(u64::from(u32::MAX));
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(retry_after).ok()?;
    let now = httpdate::parse_http_date(date?.trim()).ok()?;
    // A date in the past is no reason to wait.
    Some(then.duration_since(now).unwrap_or_default())
}

/// Returns the delay that the refusal of a WebSocket asks for: by the response that refused the
/// handshake, which a browser hides, or by a Close frame whose code stands for an HTTP status.
pub(super) fn of_refusal(error: &Error) -> Option<Duration> {
    if let Some(event) = error.close_event() {
        event.code.http_status()?;
        return of_close_reason(&event.reason);
    }
    let retry_after = backend::refusal_header(error, "retry-after")?;
    parse(
        &retry_after,
        backend::refusal_header(error, "date").as_deref(),
    )
}

/// Finds `Retry-After:` and a number of seconds at the beginning of the reason or behind `; `.
fn of_close_reason(reason: &str) -> Option<Duration> {
    const NAME: &str = "Retry-After:";
    reason.split("; ").find_map(|part| {
        let (name, value) = part.split_at_checked(NAME.len())?;
        let is_named = name.eq_ignore_ascii_case(NAME);
        is_named.then(|| parse(value, None)).flatten()
    })
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
    #[test]
    fn r3_retry_after_is_found_in_the_reason_of_a_close_frame() {
        for (reason, expected) in [
            ("Retry-After: 5", Some(5)),
            ("retry-AFTER:5", Some(5)),
            ("Retry-After:   0", Some(0)),
            ("Service Unavailable; Retry-After: 5", Some(5)),
            ("a; Retry-After: 5; b", Some(5)),
            ("", None),
            ("Service Unavailable", None),
            ("Retry-After", None),
            ("Retry-After:", None),
            ("Retry-After: ", None),
            ("Retry-After: soon", None),
            ("Retry-After: -5", None),
            ("Retry-After: 5 s", None),
            ("no Retry-After: 5", None),
            ("a;Retry-After: 5", None),
            ("\u{20ac}\u{20ac}\u{20ac}\u{20ac}\u{20ac}", None),
        ] {
            let found = of_close_reason(reason).map(|it| it.as_secs());
            assert_eq!(found, expected, "{reason:?}");
        }
    }
}
