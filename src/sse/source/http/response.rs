//! Responses over HTTP: their check, their body, and their errors.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Stream, stream::BoxStream};
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER},
};

use super::{
    super::{SourceError, SourceErrorKind, retry_after},
    http_client,
};

/// Checks a response as WHATWG HTML § 9.2.3 does: only status 200 with a `text/event-stream`
/// passes. Parameters of that type are ignored, since an event stream is always UTF-8.
pub(super) fn check(response: &Response) -> Result<(), SourceError> {
    let headers = response.headers();
    let status = response.status().as_u16();
    if status != 200 {
        let delay = text(headers, RETRY_AFTER)
            .and_then(|delay| retry_after::parse(delay, text(headers, DATE)));
        return Err(SourceError::status(status).with_retry_after(delay));
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter().peekable();
    let is_there = types.peek().is_some();
    if is_there && types.all(|it| it.to_str().is_ok_and(is_event_stream)) {
        return Ok(());
    }
    let found = text(headers, CONTENT_TYPE).unwrap_or_default();
    Err(SourceError::new(
        SourceErrorKind::ContentType,
        format!("the content type is {:?}", essence(found)),
    ))
}

fn is_event_stream(content_type: &str) -> bool {
    essence(content_type).eq_ignore_ascii_case(super::EVENT_STREAM)
}

/// Returns a content type without its parameters.
fn essence(content_type: &str) -> &str {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The reason for a missing response.
#[derive(Debug, Clone)]
pub(crate) enum HttpFailure {
    /// An error of reqwest or of the network; a browser does not distinguish them.
    Reqwest(Arc<reqwest::Error>),
    /// A redirect could not be followed.
    #[allow(dead_code, reason = "a browser hides it")]
    Redirect(StatusCode, &'static str),
    /// `https:` in a build without TLS, or on a system without certificates.
    #[allow(dead_code, reason = "a browser sees to that")]
    Tls(Arc<io::Error>),
}

impl From<reqwest::Error> for HttpFailure {
    fn from(error: reqwest::Error) -> Self {
        // There may be a token in the URL.
        Self::Reqwest(Arc::new(error.without_url()))
    }
}

impl From<HttpFailure> for SourceError {
    fn from(failure: HttpFailure) -> Self {
        match failure {
            HttpFailure::Reqwest(error) => Self::new(kind(&error), error),
            HttpFailure::Redirect(status, problem) => {
                Self::new(SourceErrorKind::Redirect, problem).with_status(status.as_u16())
            }
            HttpFailure::Tls(error) => Self::new(SourceErrorKind::Invalid, error),
        }
    }
}

fn kind(error: &reqwest::Error) -> SourceErrorKind {
    if error.is_builder() {
        SourceErrorKind::Invalid
    } else if error.is_timeout() {
        SourceErrorKind::TimedOut
    } else {
        SourceErrorKind::Network
    }
}

/// The body of an HTTP response, as it arrives. Dropping it aborts the exchange.
pub struct HttpBody {
    pieces: BoxStream<'static, Result<Bytes, HttpFailure>>,
}

impl HttpBody {
    pub(super) fn new(response: Response) -> Self {
        Self {
            pieces: http_client::body(response),
        }
    }
}

impl Stream for HttpBody {
    type Item = Result<Bytes, SourceError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = self.pieces.as_mut().poll_next(cx);
        piece.map(|piece| piece.map(|piece| piece.map_err(Into::into)))
    }
}

impl fmt::Debug for HttpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBody").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r5_parameters_and_case_of_the_content_type_do_not_matter() {
        for good in [
            "text/event-stream",
            "Text/Event-STREAM",
            "text/event-stream;charset=utf-8",
            " text/event-stream ; charset=iso-8859-1; x",
        ] {
            assert!(is_event_stream(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "text/event-streams",
            "text/event-stream, text/plain",
            "x; text/event-stream",
        ] {
            assert!(!is_event_stream(bad), "{bad}");
        }
    }
}
