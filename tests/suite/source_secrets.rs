//! C9. Nothing that is printed about an event source shows a secret.

use std::{error::Error as StdError, fmt::Debug};

use futures::StreamExt;
use wsio::sse::{
    Connector, EventSource, HttpConnector, HttpRequest, Reconnect, SourceBuilder, SourceError,
};

use crate::support::test;

/// Stands wherever a secret can: in userinfo, queries, headers, bodies.
const SECRET: &str = "s3cr3t";

#[track_caller]
fn assert_no_secret(shown: &impl Debug) {
    for text in [format!("{shown:?}"), format!("{shown:#?}")] {
        assert!(!text.contains(SECRET), "{text}");
    }
}

/// Neither the error nor what caused it shows the secret.
fn assert_no_secret_in(error: &SourceError) {
    assert_no_secret(error);
    let mut cause: Option<&dyn StdError> = Some(error);
    while let Some(error) = cause {
        assert_no_secret(&error);
        assert!(!error.to_string().contains(SECRET), "{error}");
        cause = error.source();
    }
}

async fn only_error<C: Connector>(builder: SourceBuilder<C>) -> SourceError {
    let mut source = builder.reconnect(Reconnect::never()).build();
    let error = source.next().await.unwrap().unwrap_err();
    assert_no_secret(&source);
    error
}

/// `http://` or another scheme, and a URL behind it with a secret in every place.
fn url(scheme: &str) -> String {
    format!("{scheme}://user:{SECRET}@127.0.0.1:2/path?token={SECRET}#{SECRET}")
}

fn over_http(url: impl Into<String>) -> SourceBuilder<HttpConnector> {
    EventSource::http(url)
        .header("X-Key", SECRET)
        .header("Authorization", SECRET)
        .basic_auth("user", SECRET)
        .body(SECRET)
}

#[test]
async fn c9_requests_show_neither_urls_nor_header_values() {
    let request = HttpRequest::new(url("http"))
        .header("X-Key", SECRET)
        .basic_auth(SECRET, SECRET)
        .body(SECRET);
    assert_no_secret(&request);
    let text = format!("{request:?}");
    for shown in ["http://127.0.0.1:2/path", "GET", "X-Key", "Authorization"] {
        assert!(text.contains(shown), "{text}");
    }
    assert_no_secret(&HttpConnector::new(request));
    assert_no_secret(&over_http(url("http")));
    assert_no_secret(&over_http(url("http")).build());
    let builder = EventSource::ws(url("ws"));
    assert_no_secret(&builder);
    assert!(format!("{builder:?}").contains("ws://127.0.0.1:2/path"));
    assert_no_secret(&builder.build());
}

#[test]
async fn c9_errors_over_http_show_neither_urls_nor_header_values() {
    let builders = [
        // Nobody listens there.
        over_http(url("http")),
        over_http(url("ftp")),
        over_http(SECRET),
        over_http(format!("http://user:{SECRET}@ /?{SECRET}")),
        over_http(format!("http://127.0.0.1:{SECRET}/")),
        over_http(format!("{SECRET}://127.0.0.1/")),
        over_http(url("http")).header("X-Key", format!("{SECRET}\n")),
    ];
    for builder in builders {
        assert_no_secret_in(&only_error(builder).await);
    }
}

#[test]
async fn c9_errors_over_a_websocket_show_no_urls() {
    let (fragment, other) = (url("ws"), url("http"));
    let unreachable = fragment.split('#').next().unwrap();
    for url in [unreachable, &fragment, &other] {
        assert_no_secret_in(&only_error(EventSource::ws(url)).await);
    }
}
