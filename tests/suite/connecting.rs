//! C. Connecting.

use std::{pin::pin, task::Poll};

use futures::{SinkExt, StreamExt, future::poll_immediate};
use wsio::{ErrorKind, WsMeta, WsState};

use crate::support::{LONG, SHORT, Server, drain, pause, test, unique};

async fn fails(url: &str, protocols: &[&str]) -> wsio::Error {
    match WsMeta::connect(url, protocols.iter().copied()).await {
        Ok(_) => panic!("{url} with {protocols:?} connected"),
        Err(error) => error,
    }
}

#[test]
async fn c1_connect_resolves_to_an_open_connection() {
    let server = Server::start().await;
    let (meta, mut stream) = server.connect("/echo").await;
    assert_eq!(meta.ready_state(), WsState::Open);
    assert_eq!(stream.ready_state(), WsState::Open);
    assert_eq!(meta.url(), server.url("/echo"));
    assert_eq!(meta.protocol(), None);
    assert_eq!(meta.extensions(), None);
    stream.send("hello".into()).await.unwrap();
    stream.send(vec![1, 2, 3].into()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "hello".into());
    assert_eq!(stream.next().await.unwrap().unwrap(), vec![1, 2, 3].into());
}

#[test]
async fn c1_a_bad_address_is_an_error() {
    let bad = [
        "",
        "nonsense",
        "/relative",
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "ftp://127.0.0.1/",
        "ws://",
        "ws:///",
        "ws://127.0.0.1:99999/",
        "ws://[::1/",
        "ws://a b/",
        "ws://127.0.0.1/#fragment",
        "ws://127.0.0.1/#",
    ];
    for url in bad {
        let error = fails(url, &[]).await;
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url:?}: {error}");
        let io = std::io::Error::from(error);
        assert_eq!(io.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[test]
async fn c1_the_scheme_is_not_case_sensitive() {
    let server = Server::start().await;
    let url = server.url("/echo").replace("ws:", "WS:");
    let (meta, _stream) = WsMeta::builder(url).connect().await.unwrap();
    assert_eq!(meta.url(), server.url("/echo"));
}

#[test]
async fn c1_a_bad_subprotocol_is_an_error() {
    let server = Server::start().await;
    let bad: [&[&str]; 8] = [
        &[""],
        &["a b"],
        &["a,b"],
        &["a/b"],
        &["ü"],
        &["a\r\nX: y"],
        &["a", "b", "a"],
        &["a", ""],
    ];
    for protocols in bad {
        let error = fails(&server.url("/echo"), protocols).await;
        assert_eq!(error.kind(), ErrorKind::InvalidProtocol, "{protocols:?}");
    }
}

#[test]
async fn c1_a_bad_option_is_an_error() {
    let server = Server::start().await;
    let builder = server.builder("/echo");
    for builder in [
        builder.clone().max_message_size(0),
        builder.clone().write_chunk(0),
        builder.clone().high_water_mark(0),
        builder.receive_limit(0),
    ] {
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
    }
}

#[test]
async fn c1_nobody_listening_is_a_network_error() {
    // Port 1 is refused by the system natively, and by a browser before it even tries.
    let error = fails("ws://127.0.0.1:1/", &[]).await;
    assert_eq!(error.kind(), ErrorKind::Network, "{error:?}");
}

#[test]
async fn c1_a_refused_handshake_is_an_error() {
    let server = Server::start().await;
    for status in [200, 302, 401, 403, 404, 500, 503] {
        let error = fails(&server.url(&format!("/reject?status={status}")), &[]).await;
        // A browser tells no more than that it could not connect.
        match error.kind() {
            ErrorKind::HandshakeRefused => assert_eq!(error.http_status(), Some(status)),
            ErrorKind::Network => assert_eq!(error.http_status(), None),
            kind => panic!("{kind:?} for {status}"),
        }
    }
}

#[test]
async fn c2_dropping_connect_closes_the_half_open_socket() {
    let server = Server::start().await;
    let id = unique("c2");
    {
        let mut connecting = pin!(server.builder("/slow-handshake?ms=300").connect());
        assert!(poll_immediate(&mut connecting).await.is_none());
        pause(SHORT / 4).await;
        assert!(poll_immediate(&mut connecting).await.is_none());
    }
    // Never polled, and polled once, dropped at once.
    drop(server.builder("/echo").connect());
    let _ = poll_immediate(server.builder(&format!("/watch?id={id}")).connect()).await;
    // What was dropped disturbs nothing.
    pause(SHORT * 2).await;
    let (meta, _stream) = server.connect("/echo").await;
    assert!(meta.close().await.was_clean);
}

#[test]
async fn c3_messages_behind_the_handshake_are_not_lost() {
    let server = Server::start().await;
    let (_meta, mut stream) = server.connect("/early?n=100").await;
    // They have all arrived long before the stream is polled for the first time.
    pause(SHORT).await;
    for n in 0..100 {
        let message = stream.next().await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some(n.to_string().as_str()));
    }
}

#[test]
async fn c3_messages_are_not_lost_when_connect_is_polled_late() {
    let server = Server::start().await;
    let mut connecting = pin!(server.builder("/early?n=100").connect());
    assert!(poll_immediate(&mut connecting).await.is_none());
    pause(SHORT).await;
    let (_meta, mut stream) = connecting.await.unwrap();
    pause(SHORT).await;
    for n in 0..100 {
        let message = stream.next().await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some(n.to_string().as_str()));
    }
}

#[test]
async fn c4_connect_timeout_ends_a_slow_handshake() {
    let server = Server::start().await;
    let builder = server.builder("/slow-handshake?ms=20000");
    let error = builder.connect_timeout(SHORT).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let io = std::io::Error::from(error);
    assert_eq!(io.kind(), std::io::ErrorKind::TimedOut);
}

#[test]
async fn c4_timeouts_can_be_switched_off() {
    let server = Server::start().await;
    let builder = server.builder("/slow-handshake?ms=300");
    let builder = builder.connect_timeout(None).close_timeout(None);
    let (meta, _stream) = builder.connect().await.unwrap();
    assert!(meta.close().await.was_clean);

    // Without a close timeout a silent peer is waited for.
    let builder = server.builder("/silent").close_timeout(None);
    let (meta, _stream) = builder.connect().await.unwrap();
    let mut closing = pin!(meta.close());
    assert!(poll_immediate(&mut closing).await.is_none());
    pause(SHORT * 2).await;
    assert!(futures::poll!(&mut closing) == Poll::Pending);
}

#[test]
async fn c5_the_server_chooses_among_several_subprotocols() {
    let server = Server::start().await;
    for chosen in ["chat.v2", "chat.v1"] {
        let url = server.url(&format!("/subprotocol?accept={chosen}"));
        let connecting = WsMeta::connect(url, ["chat.v2", "chat.v1"]);
        let (meta, _stream) = connecting.await.unwrap();
        assert_eq!(meta.protocol(), Some(chosen));
    }
    // The first one on offer is the preferred one.
    let url = server.url("/subprotocol");
    let (meta, _stream) = WsMeta::connect(url, ["b", "a"]).await.unwrap();
    assert_eq!(meta.protocol(), Some("b"));
}

#[test]
async fn c5_a_subprotocol_that_was_not_offered_is_refused() {
    let server = Server::start().await;
    let cases: [(&str, &[&str]); 3] = [
        ("/subprotocol?accept=other", &["a", "b"]),
        ("/subprotocol?accept=A", &["a"]),
        ("/subprotocol?accept=", &["a"]),
    ];
    for (route, protocols) in cases {
        assert_refused(&server.url(route), protocols).await;
    }
}

/// Firefox opens the connection, and tells a page that the server selected none.
#[test]
async fn c5_a_subprotocol_is_refused_if_none_was_offered() {
    let server = Server::start().await;
    assert_refused(&server.url("/subprotocol?accept=a"), &[]).await;
}

async fn assert_refused(url: &str, protocols: &[&str]) {
    let error = fails(url, protocols).await;
    let kinds = [ErrorKind::ProtocolRefused, ErrorKind::Network];
    assert!(kinds.contains(&error.kind()), "{url}: {error:?}");
}

#[test]
async fn c6_a_wss_server_that_is_none_is_an_error() {
    let server = Server::start().await;
    let url = server.url("/echo").replace("ws:", "wss:");
    let builder = WsMeta::builder(url).connect_timeout(LONG);
    let error = builder.connect().await.unwrap_err();
    let kinds = [ErrorKind::Network, ErrorKind::Unsupported];
    assert!(kinds.contains(&error.kind()), "{error:?}");
}

#[test]
async fn c0_a_builder_can_be_used_again() {
    let server = Server::start().await;
    let builder = server.builder("/text");
    for _ in 0..3 {
        let (_meta, mut stream) = builder.clone().connect().await.unwrap();
        let (messages, error) = drain(&mut stream).await;
        assert_eq!(messages, ["hello ".into(), "wörld".into()]);
        assert!(error.is_none());
    }
}
