//! How the routes end a connection, and how the server ends them all.

mod support;

use std::{io::ErrorKind, time::Duration};

use futures::{SinkExt, StreamExt};
use support::{all, ask, close, code, connect, connect_with, masked, raw, server, soon, text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{Error, Message, error::ProtocolError};
use wsio_server::Server;

fn numbers(n: usize) -> Vec<Message> {
    (0..n).map(|n| text(&n.to_string())).collect()
}

#[tokio::test]
async fn close_with_a_code_and_a_reason_or_none() {
    let server = server().await;
    let mut client = connect(&server, "/close?code=4321&reason=so%20be%20it&after=3").await;
    let (messages, end) = all(&mut client).await;
    assert_eq!(messages, numbers(3));
    let frame = end.unwrap().unwrap();
    assert_eq!(
        (u16::from(frame.code), &frame.reason[..]),
        (4321, "so be it")
    );

    let (messages, end) = all(&mut connect(&server, "/close").await).await;
    assert_eq!((messages.len(), code(end)), (0, None));
    // The server has seen the answer, and leaves.
    assert!(soon(client.next()).await.is_none());
}

#[tokio::test]
async fn close_sends_any_code_at_all() {
    let server = server().await;
    for code in [0_u16, 1, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535] {
        let mut tcp = raw(&server, &format!("/close?code={code}&reason=x")).await;
        let mut frame = [0; 5];
        soon(tcp.read_exact(&mut frame)).await.unwrap();
        let [high, low] = code.to_be_bytes();
        assert_eq!(frame, [0x88, 3, high, low, b'x']);
        // The answer of the client ends it.
        tcp.write_all(&masked(0x88, &[3, 232])).await.unwrap();
        assert_eq!(soon(tcp.read(&mut frame)).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn close_refuses_what_fits_in_no_frame() {
    let server = server().await;
    let long = format!("code=1000&reason={}", "x".repeat(124));
    for query in [&long, "reason=without", "code=65536", "code=x"] {
        let answer = connect_with(&server, &format!("/close?{query}"), &[]).await;
        assert_eq!(answer.unwrap_err().status(), 400, "{query}");
    }
    let longest = format!("/close?code=1000&reason={}", "x".repeat(123));
    let (_, end) = all(&mut connect(&server, &longest).await).await;
    assert_eq!(end.unwrap().unwrap().reason.len(), 123);
}

#[tokio::test]
async fn abort_resets_after_a_message() {
    let server = server().await;
    let mut tcp = raw(&server, "/abort?after=2&wait=1").await;
    let mut frames = [0; 6];
    soon(tcp.read_exact(&mut frames)).await.unwrap();
    assert_eq!(&frames, b"\x81\x010\x81\x011");
    tcp.write_all(&masked(0x81, b"now")).await.unwrap();
    let error = soon(tcp.read(&mut frames)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn abort_need_not_wait() {
    let server = server().await;
    let mut client = connect(&server, "/abort").await;
    match all(&mut client).await {
        (messages, Err(Error::Io(error))) => {
            assert!(messages.is_empty());
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn drop_ends_without_a_close() {
    let server = server().await;
    let mut tcp = raw(&server, "/drop?after=2").await;
    // Unread by anyone it would be a reset.
    tcp.write_all(&masked(0x81, b"unread")).await.unwrap();
    let mut bytes = Vec::new();
    soon(tcp.read_to_end(&mut bytes)).await.unwrap();
    assert_eq!(bytes, b"\x81\x010\x81\x011");

    let mut client = connect(&server, "/drop?after=3").await;
    let (messages, end) = all(&mut client).await;
    assert_eq!(messages, numbers(3));
    let expected = Error::Protocol(ProtocolError::ResetWithoutClosingHandshake);
    assert_eq!(end.unwrap_err().to_string(), expected.to_string());
}

#[tokio::test]
async fn silent_takes_everything_and_answers_nothing() {
    let server = server().await;
    let mut client = connect(&server, "/silent").await;
    let message = Message::binary(vec![0; 1 << 20]);
    for _ in 0..32 {
        soon(client.send(message.clone())).await.unwrap();
    }
    client.send(Message::Ping(b"x"[..].into())).await.unwrap();
    client.close(None).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_millis(300), client.next()).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn malformed_sends_something_good_and_then_what_is_not() {
    let server = server().await;
    let cases: [(&str, &[u8]); 8] = [
        ("reserved-opcode", b"\x83\x04what"),
        ("rsv", b"\xc1\x04what"),
        ("bad-utf8", b"\x81\x02\xc3\x28"),
        ("masked", b"\x81\x84\0\0\0\0what"),
        ("fragmented-control", b"\x09\x04what"),
        ("close-1005", b"\x88\x02\x03\xed"),
        (
            "oversize-header",
            b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        ("close-len-1", b"\x88\x01\x03"),
    ];
    for (kind, frame) in cases {
        let mut tcp = raw(&server, &format!("/malformed?kind={kind}")).await;
        let mut bytes = vec![0; 8 + frame.len()];
        soon(tcp.read_exact(&mut bytes)).await.unwrap();
        assert_eq!(bytes, [b"\x81\x06before", frame].concat(), "{kind}");
        // It stays until the client leaves, whatever the client says.
        tcp.write_all(&masked(0x88, &[3, 234])).await.unwrap();
        let stays = tokio::time::timeout(Duration::from_millis(50), tcp.read(&mut bytes)).await;
        assert!(stays.is_err(), "{kind}");
        tcp.shutdown().await.unwrap();
        assert_eq!(soon(tcp.read(&mut bytes)).await.unwrap(), 0, "{kind}");
    }
}

#[tokio::test]
async fn malformed_is_an_error_to_a_client() {
    let server = server().await;
    let kinds = [
        "reserved-opcode",
        "rsv",
        "bad-utf8",
        "masked",
        "fragmented-control",
        "oversize-header",
        "close-len-1",
    ];
    for kind in kinds {
        let mut client = connect(&server, &format!("/malformed?kind={kind}")).await;
        let (messages, end) = all(&mut client).await;
        assert_eq!(messages, [text("before")], "{kind}");
        assert!(end.is_err(), "{kind}");
    }
}

#[tokio::test]
async fn shutdown_closes_every_connection_with_1001() {
    let server = support::patient().await;
    let routes = ["/echo", "/echo-bytes", "/sink", "/watch?id=a", "/early?n=0"];
    let mut clients = Vec::new();
    for route in routes {
        let mut client = connect(&server, route).await;
        // Past the handshake on both sides.
        let pong = ask(&mut client, Message::Ping(b"x"[..].into())).await;
        assert!(pong.is_pong());
        clients.push((route, client));
    }
    let addr = server.addr;
    let reading = async {
        for (route, client) in &mut clients {
            let (messages, end) = all(client).await;
            assert!(messages.is_empty());
            // What was taken over by hand just ends.
            if *route != "/early?n=0" {
                assert_eq!(code(end), Some(1001), "{route}");
                // The answer goes out, and the server leaves.
                assert!(soon(client.next()).await.is_none());
            }
        }
    };
    soon(async { tokio::join!(reading, server.shutdown()) }).await;
    let error = tokio::net::TcpStream::connect(addr).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_client_that_does_not_answer() {
    let grace = Duration::from_millis(100);
    let builder = Server::builder().grace(grace);
    let server = builder.start("127.0.0.1:0").await.unwrap();
    let mut tcp = raw(&server, "/echo").await;
    tcp.write_all(&masked(0x89, b"")).await.unwrap();
    let mut pong = [0; 2];
    soon(tcp.read_exact(&mut pong)).await.unwrap();
    let start = std::time::Instant::now();
    soon(server.shutdown()).await;
    assert!(start.elapsed() >= grace);
    // The Close frame was sent, no answer came, and that was the end.
    let mut bytes = Vec::new();
    soon(tcp.read_to_end(&mut bytes)).await.unwrap();
    assert_eq!(bytes, b"\x88\x02\x03\xe9");
}

#[tokio::test]
async fn shutdown_ends_every_route_and_idle_connections() {
    let server = support::patient().await;
    // Accepted before those that come after it, and then idle.
    let idle = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    let mut held = vec![idle];
    for route in [
        "/silent",
        "/stall",
        "/abort?wait=1",
        "/huge?bytes=1",
        "/malformed?kind=rsv",
        "/drop",
    ] {
        held.push(raw(&server, route).await);
    }
    soon(server.shutdown()).await;
    for mut tcp in held {
        let mut bytes = Vec::new();
        soon(tcp.read_to_end(&mut bytes)).await.unwrap();
    }
}

#[tokio::test]
async fn dropping_the_server_ends_everything() {
    let server = server().await;
    let mut held = Vec::new();
    for route in ["/echo", "/silent", "/stall", "/watch?id=a"] {
        held.push(raw(&server, route).await);
    }
    let addr = server.addr;
    drop(server);
    for mut tcp in held {
        let mut bytes = Vec::new();
        soon(tcp.read_to_end(&mut bytes)).await.unwrap();
    }
    soon(async {
        // The listener goes with the task that has it.
        while tokio::net::TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_address_that_cannot_be_bound_is_an_error() {
    let server = server().await;
    let error = Server::start(server.addr).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    close(connect(&server, "/echo").await).await;
}
