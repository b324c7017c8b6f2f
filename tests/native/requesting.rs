//! The request that a native client makes: C6, C9.

use std::error::Error as _;

use futures::join;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wsio::{Builder, ErrorKind, native::RefusedHandshake};

use crate::accepting::piped;

/// The head of the request that a client sends, line by line.
async fn requested(url: &str, change: impl FnOnce(Builder) -> Builder) -> Vec<String> {
    let (builder, mut far) = piped(url);
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(far.read_u8().await.unwrap());
        }
        drop(far);
        String::from_utf8(head).unwrap()
    };
    let (connected, head) = join!(change(builder).connect(), reading);
    assert_eq!(connected.unwrap_err().kind(), ErrorKind::Network);
    head.trim_end().lines().map(str::to_owned).collect()
}

/// The values of a header.
fn values<'a>(head: &'a [String], name: &str) -> Vec<&'a str> {
    head.iter()
        .filter_map(|line| line.split_once(": "))
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}

#[tokio::test]
async fn c6_a_host_replaces_the_one_of_the_url() {
    let head = requested("ws://pipe:81/", |it| it).await;
    assert_eq!(values(&head, "host"), ["pipe:81"]);
    let head = requested("ws://pipe:81/", |it| it.header("HOST", "example.com")).await;
    assert_eq!(values(&head, "host"), ["example.com"]);
}

#[tokio::test]
async fn c6_a_header_can_be_given_more_than_once() {
    let twice = |it: Builder| it.header("X-A", "1").header("x-a", "2");
    assert_eq!(
        values(&requested("ws://pipe/", twice).await, "x-a"),
        ["1", "2"]
    );
}

#[tokio::test]
async fn c6_headers_of_the_handshake_itself_are_errors() {
    for name in [
        "connection",
        "Upgrade",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Accept",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        let (builder, _far) = piped("ws://pipe/");
        let error = builder.header(name, "s3cret").connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{name}");
        let text = format!("{error} {error:?}");
        assert!(text.to_lowercase().contains(&name.to_lowercase()), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    let (builder, _far) = piped("ws://pipe/");
    let twice = builder.header("Host", "a").header("host", "b");
    assert_eq!(
        twice.connect().await.unwrap_err().kind(),
        ErrorKind::InvalidOption
    );
}

#[tokio::test]
async fn c6_a_user_and_a_password_of_the_url_are_sent() {
    for (url, expected) in [
        // RFC 7617 § 2.
        (
            "ws://Aladdin:open%20sesame@pipe:81/a?b",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
        ("ws://user@pipe:81/a?b", "Basic dXNlcjo="),
        ("ws://:p%C3%A4%3A@pipe:81/a?b", "Basic OnDDpDo="),
    ] {
        let head = requested(url, |it| it).await;
        assert_eq!(head[0], "GET /a?b HTTP/1.1", "{url}");
        assert_eq!(values(&head, "host"), ["pipe:81"], "{url}");
        assert_eq!(values(&head, "authorization"), [expected], "{url}");
    }
    let bearer = |it: Builder| it.header("authorization", "Bearer x");
    let head = requested("ws://user:password@pipe/", bearer).await;
    assert_eq!(values(&head, "authorization"), ["Bearer x"]);
    let head = requested("ws://pipe/", |it| it).await;
    assert!(values(&head, "authorization").is_empty(), "{head:?}");
}

#[tokio::test]
async fn c1_an_extension_that_was_not_offered_is_an_error() {
    let (builder, far) = piped("ws://pipe/");
    // Through a server that knows no better.
    let answering = async {
        #[expect(clippy::result_large_err, reason = "tungstenite's type")]
        let add = |_: &_, mut response: http::Response<()>| {
            let value = http::HeaderValue::from_static("permessage-deflate");
            let headers = response.headers_mut();
            headers.insert("Sec-WebSocket-Extensions", value);
            Ok(response)
        };
        tokio_tungstenite::accept_hdr_async(far, add).await
    };
    let (connected, answered) = join!(builder.connect(), answering);
    answered.unwrap();
    let error = connected.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HandshakeRefused);
    assert_eq!(error.http_status(), None);
}

#[tokio::test]
async fn c9_a_response_that_refuses_is_shown_without_its_values() {
    let (builder, mut far) = piped("ws://user:s3cret@pipe/?token=s3cret");
    let answering = async {
        let answer = "HTTP/1.1 403 Forbidden\r\nSet-Cookie: id=s3cret\r\nX-Why: s3cret\r\n\r\n";
        far.write_all(answer.as_bytes()).await.unwrap();
        far.shutdown().await.unwrap();
        far.read_to_end(&mut Vec::new()).await.unwrap();
    };
    let (connected, ()) = join!(builder.connect(), answering);
    let error = connected.unwrap_err();
    assert_eq!(error.http_headers().unwrap()["x-why"], "s3cret");
    let response: &RefusedHandshake = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!(response.status(), http::StatusCode::FORBIDDEN);
    let text = format!("{error} {error:?} {response} {response:?}");
    assert!(!text.contains("s3cret"), "{text}");
    assert!(text.contains("set-cookie"), "{text}");
}

#[tokio::test]
async fn c9_a_header_that_is_none_is_reported_without_its_value() {
    for (name, value) in [("Cookie", "s3cret\r\n"), ("not a name", "s3cret")] {
        let (builder, _far) = piped("ws://pipe/");
        let error = builder.header(name, value).connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        let text = format!("{error} {error:?} {:?}", error.source());
        assert!(!text.contains("s3cret"), "{text}");
    }
}
