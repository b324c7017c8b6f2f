//! C9: secrets do not leak.

use std::{error::Error as _, fmt::Debug};

use wsio::{ErrorKind, WsMeta};

use crate::support::{Server, test};

const SECRET: &str = "s3cret";

/// What a log could show of an error: itself, and all of its causes.
fn shown(error: &wsio::Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    text
}

fn assert_hidden(text: &str) {
    assert!(!text.contains(SECRET), "{text}");
}

fn debug(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

#[test]
async fn c9_an_invalid_url_is_reported_without_its_secrets() {
    for url in [
        "user:s3cret@host",
        "http://user:s3cret@host/",
        "wss:user:s3cret@host",
        "wss:/user:s3cret@host",
        "ws://user:s3cret@host/#fragment",
        "ws://host/?token=s3cret#fragment",
        "ws://host/#s3cret",
        "ws://user:s3cret@a b/",
        "ws://user:s3cret@host:99999/",
        "ws://user:pass/s3cret@host/",
        "ws://user:pass?s3cret@host/",
        "ws://user:pass#s3cret@host/",
        "ws://user:s3cret/pass@host/",
        "ws://user:s3cret@[::1/?token=s3cret",
        "ws://host:s3cret/",
    ] {
        let error = WsMeta::builder(url).connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}");
        assert_hidden(&shown(&error));
    }
}

#[test]
async fn c9_a_subprotocol_can_be_a_token_and_is_not_shown() {
    for protocols in [["bearer.s3cret", "bearer.s3cret"], ["a", "b=s3cret/"]] {
        let builder = WsMeta::builder("ws://127.0.0.1:1/").protocols(protocols);
        assert_hidden(&debug(&builder));
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidProtocol);
        assert_hidden(&shown(&error));
    }
}

#[test]
async fn c9_debug_shows_an_address_without_its_secrets() {
    let server = Server::start().await;
    let builder = server.builder("/echo?token=s3cret");
    let text = debug(&builder);
    assert_hidden(&text);
    assert!(text.contains("/echo"), "{text}");
    let (meta, stream) = builder.connect().await.unwrap();
    for text in [debug(&meta), debug(&stream)] {
        assert_hidden(&text);
        assert!(text.contains("/echo"), "{text}");
    }
    assert_hidden(&debug(&stream.into_io()));
}

#[test]
async fn c9_a_failed_connection_is_reported_without_its_secrets() {
    let server = Server::start().await;
    for url in [
        "ws://127.0.0.1:1/?token=s3cret".to_owned(),
        server.url("/reject?status=401&token=s3cret"),
    ] {
        let error = WsMeta::builder(url).connect().await.unwrap_err();
        assert_hidden(&shown(&error));
    }
}
