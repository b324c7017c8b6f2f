//! How the server's side answers what it does not accept: C7.

use std::time::{Duration, Instant};

use futures::{StreamExt, join};
use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::{TcpListener, TcpStream},
};
use wsio::{
    Error, ErrorKind, WsMeta, WsStream,
    native::{Acceptor, Refusal, RefusedHandshake, UpgradeResponse},
};

use crate::support::{LONG, SHORT};

/// The headers of a request for a WebSocket.
const HEADERS: [&str; 5] = [
    "Host: a",
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// A request, with `changed` in the place of the header of that name.
fn request(line: &str, changed: &[&str]) -> String {
    let name = |header: &str| header.split(':').next().unwrap_or_default().to_owned();
    let kept = HEADERS
        .into_iter()
        .filter(|header| !changed.iter().any(|it| name(it) == name(header)));
    let added = changed.iter().copied().filter(|it| it.contains(": "));
    let lines: Vec<_> = [line].into_iter().chain(kept).chain(added).collect();
    lines.join("\r\n") + "\r\n\r\n"
}

type Accepted = Result<(WsMeta, WsStream), Error>;

/// What a client hears that sends `bytes` over TCP and then only reads, and what comes of it.
async fn answered(acceptor: &Acceptor, bytes: &[u8]) -> (String, Accepted) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = async { acceptor.accept(listener.accept().await.unwrap().0).await };
    let asking = async {
        let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
        let mut answer = Vec::new();
        // To write fails once the server has read enough.
        let (_, read) = join!(write.write_all(bytes), read.read_to_end(&mut answer));
        read.expect("an end and no reset");
        String::from_utf8(answer).unwrap()
    };
    let both = async { join!(asking, serving) };
    tokio::time::timeout(LONG, both).await.unwrap()
}

/// The head of the response that refuses `bytes`.
async fn refused(bytes: &[u8], expected: u16) -> String {
    let (answer, accepted) = answered(&Acceptor::new(), bytes).await;
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    let error = accepted.map(drop).expect_err(&shown);
    assert_eq!(error.kind(), ErrorKind::HandshakeRefused, "{shown}");
    assert_eq!(error.http_status(), Some(expected), "{shown}");
    let (head, body) = answer.split_once("\r\n\r\n").expect(&shown);
    assert!(head.starts_with(&format!("HTTP/1.1 {expected} ")), "{head}");
    assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())));
    head.to_owned()
}

#[tokio::test]
async fn c7_a_malformed_request_is_answered_with_400() {
    for text in [
        "\0\0\0\r\n\r\n",
        // TLS, where none is spoken.
        "\x16\x03\x01\x02\0\x01",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\nno header\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &request("GET / HTTP/1.0", &[]),
        &request("GET / HTTP/3.0", &[]),
        &request("GET http://[ HTTP/1.1", &[]),
        &request("GET / HTTP/1.1", &["Host"]),
        &request("GET / HTTP/1.1", &["Host: a", "Host: b"]),
        &request("GET / HTTP/1.1", &["Content-Length: 1"]),
        &request("GET / HTTP/1.1", &["Transfer-Encoding: chunked"]),
    ] {
        refused(text.as_bytes(), 400).await;
    }
}

#[tokio::test]
async fn c7_a_bad_key_is_answered_with_400() {
    for changed in [
        &["Sec-WebSocket-Key"][..],
        &["Sec-WebSocket-Key: "],
        &["Sec-WebSocket-Key: ?"],
        &["Sec-WebSocket-Key: \u{fc}"],
        // 15 bytes, 17 bytes, and 16 with something behind them.
        &["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"],
        &["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA="],
        &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==x"],
        &[
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ],
    ] {
        refused(request("GET / HTTP/1.1", changed).as_bytes(), 400).await;
    }
}

#[tokio::test]
async fn c7_another_method_is_answered_with_405() {
    for method in ["POST", "HEAD", "CONNECT", "OPTIONS", "get", "X"] {
        let line = format!("{method} / HTTP/1.1");
        let head = refused(request(&line, &[]).as_bytes(), 405).await;
        assert!(head.contains("\r\nallow: GET"), "{head}");
    }
    // The answer gets there although a body comes that nobody reads.
    let mut post = request("POST / HTTP/1.1", &["Content-Length: 100000"]).into_bytes();
    post.resize(post.len() + 100_000, b'x');
    refused(&post, 405).await;
}

#[tokio::test]
async fn c7_no_upgrade_or_another_version_is_answered_with_426() {
    for changed in [
        &["Upgrade", "Connection"][..],
        &["Upgrade"],
        &["Upgrade: h2c"],
        &["Connection"],
        &["Connection: keep-alive"],
        &["Sec-WebSocket-Version"],
        &["Sec-WebSocket-Version: 8"],
        &["Sec-WebSocket-Version: 8, 13"],
        &["Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 13"],
    ] {
        let head = refused(request("GET / HTTP/1.1", changed).as_bytes(), 426).await;
        assert!(head.contains("\r\nsec-websocket-version: 13"), "{head}");
        assert!(head.contains("\r\nupgrade: websocket"), "{head}");
        let connection = head.lines().find(|line| line.starts_with("connection: "));
        assert!(connection.unwrap().contains("upgrade"), "{head}");
    }
}

#[tokio::test]
async fn c7_a_head_that_is_too_large_is_answered_with_431() {
    let long = format!("X: {}", "x".repeat(100_000));
    refused(request("GET / HTTP/1.1", &[&long]).as_bytes(), 431).await;
    let many = vec!["A: b"; 1000];
    refused(request("GET / HTTP/1.1", &many).as_bytes(), 431).await;
    let line = format!("GET /{} HTTP/1.1", "x".repeat(100_000));
    refused(request(&line, &[]).as_bytes(), 431).await;
}

#[tokio::test]
async fn c7_what_a_head_may_look_like_is_accepted() {
    let cookie = format!("Cookie: {}", "x".repeat(8_000));
    for (line, changed) in [
        ("GET / HTTP/1.1", &[][..]),
        (
            "GET /a?b HTTP/1.1",
            &["Upgrade: WebSocket", "Content-Length: 0"],
        ),
        ("GET http://a/b HTTP/1.1", &["Upgrade: h2c, websocket"]),
        (
            "GET / HTTP/1.1",
            &["Connection: close", "Connection: UPGRADE"],
        ),
        (
            "GET / HTTP/1.1",
            &[
                "sec-websocket-version: 13",
                "Sec-WebSocket-Version",
                &cookie,
            ],
        ),
    ] {
        for text in [
            request(line, changed),
            request(line, changed).replace("\r\n", "\n"),
        ] {
            let mut bytes = text.into_bytes();
            // A message and a Close frame right behind it.
            bytes.extend(b"\x82\x82\0\0\0\0hi\x88\x80\0\0\0\0");
            let (mut near, far) = duplex(64 * 1024);
            near.write_all(&bytes).await.unwrap();
            let (_, mut stream) = Acceptor::new().accept(far).await.unwrap();
            let message = stream.next().await.unwrap().unwrap();
            assert_eq!(message, b"hi".to_vec().into());
            assert!(stream.next().await.is_none());
            let mut answer = Vec::new();
            near.read_to_end(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
            // RFC 6455 § 1.3.
            let accept = "\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
            assert!(answer.contains(accept), "{answer}");
        }
    }
}

#[tokio::test]
async fn c7_a_head_that_comes_byte_by_byte_is_accepted() {
    let (mut near, far) = duplex(1);
    let text = request("GET / HTTP/1.1", &[]);
    let acceptor = Acceptor::new();
    let (accepted, ()) = join!(acceptor.accept(far), async {
        near.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(near.read_u8().await.unwrap());
        }
    });
    accepted.unwrap();
}

#[tokio::test(start_paused = true)]
async fn c7_a_head_that_never_ends_is_timed_out() {
    for bytes in ["", "GET / HTTP/1.1\r\nA: b\r\n"] {
        let (mut near, far) = duplex(4096);
        near.write_all(bytes.as_bytes()).await.unwrap();
        let acceptor = Acceptor::new().handshake_timeout(SHORT);
        let error = acceptor.accept(far).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
    // One that trickles in is read up to the limit.
    let (mut near, far) = duplex(1);
    let trickling = async {
        let _ = near.write_all(b"GET / HTTP/1.1\r\nX: ").await;
        let mut sent = 0;
        while near.write_all(b"x").await.is_ok() {
            sent += 1;
        }
        sent
    };
    let acceptor = Acceptor::new();
    let (sent, accepted) = join!(trickling, acceptor.accept(far));
    assert_eq!(accepted.unwrap_err().http_status(), Some(431));
    assert!(sent < 1 << 20, "{sent} bytes were read");
}

#[tokio::test]
async fn c7_a_client_that_breaks_off_is_a_network_error() {
    for bytes in ["", "GET / HTTP/1.1\r\n"] {
        let (mut near, far) = duplex(4096);
        near.write_all(bytes.as_bytes()).await.unwrap();
        near.shutdown().await.unwrap();
        let error = Acceptor::new().accept(far).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network);
    }
}

#[tokio::test]
async fn c7_the_program_refuses_with_what_it_likes() {
    let (mut near, far) = duplex(64 * 1024);
    let text = request("GET / HTTP/1.1", &[]);
    near.write_all(text.as_bytes()).await.unwrap();
    let refusing = async {
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE)
            .header("Retry-After", "5")
            .header("Content-Length", "1000")
            .header("Transfer-Encoding", "chunked")
            .body("too many");
        let acceptor = Acceptor::new();
        acceptor.accept_with(far, async |_| Err(refusal)).await
    };
    let mut answer = String::new();
    let (refused, read) = join!(refusing, async {
        let read = near.read_to_string(&mut answer).await;
        drop(near);
        read
    });
    read.unwrap();
    let error = refused.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap();
    let response: &RefusedHandshake = cause.downcast_ref().unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.body(), b"too many");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "too many");
    let mut lines: Vec<_> = head.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "HTTP/1.1 503 Service Unavailable",
            "connection: close",
            "content-length: 8",
            "content-type: text/plain; charset=utf-8",
            "retry-after: 5",
        ]
    );
}

/// A client that never goes away holds a refusal up for a moment only, whether it reads or not.
#[tokio::test(start_paused = true)]
async fn c7_a_refused_client_is_not_waited_for_without_end() {
    for pipe in [64 * 1024, 16] {
        let (mut near, far) = duplex(pipe);
        let before = tokio::time::Instant::now();
        let asking = async {
            near.write_all(b"POST / HTTP/1.1\r\n\r\n").await.unwrap();
            std::future::pending::<()>().await;
        };
        let acceptor = Acceptor::new().handshake_timeout(None);
        let accepting = std::pin::pin!(acceptor.accept(far));
        let asking = std::pin::pin!(asking);
        let futures::future::Either::Left((accepted, _)) =
            futures::future::select(accepting, asking).await
        else {
            panic!("the client never ends");
        };
        assert_eq!(accepted.unwrap_err().http_status(), Some(405));
        assert!(before.elapsed() <= Duration::from_secs(5));
    }
}

/// One that sends for ever is read up to a limit.
#[tokio::test]
async fn c7_a_refused_client_that_floods_is_cut_off() {
    let before = Instant::now();
    let (mut near, far) = duplex(64 * 1024);
    let flooding = async {
        let _ = near.write_all(b"POST / HTTP/1.1\r\n\r\n").await;
        let mut sent = 0_usize;
        while let Ok(written) = near.write(&[b'x'; 4096]).await {
            sent += written;
        }
        sent
    };
    let acceptor = Acceptor::new();
    let (sent, accepted) = join!(flooding, acceptor.accept(far));
    assert_eq!(accepted.unwrap_err().http_status(), Some(405));
    assert!(sent < 8 << 20, "{sent} bytes were read");
    assert!(before.elapsed() < LONG);
}

#[tokio::test]
async fn c5_the_program_may_wait_before_it_answers() {
    let (mut near, far) = duplex(64 * 1024);
    near.write_all(request("GET /room HTTP/1.1", &[]).as_bytes())
        .await
        .unwrap();
    // On another thread, as a server does it.
    let accepting = tokio::spawn(async move {
        let acceptor = Acceptor::new();
        let accepted = acceptor.accept_with(far, async |request| {
            tokio::task::yield_now().await;
            let room = request.path().to_owned();
            Ok(UpgradeResponse::new().header("X-Room", room))
        });
        accepted.await
    });
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await.unwrap());
    }
    assert!(String::from_utf8(head).unwrap().contains("x-room: /room"));
    accepting.await.unwrap().unwrap();
}
