//! What the routes send, and what they make of what is sent to them.

mod support;

use futures::{SinkExt, StreamExt};
use sha2::{Digest, Sha256};
use support::{
    all, answer, ask, close, code, connect, raw, read_head, request, server, soon, text,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;
use wsio_server::pattern;

fn binary(bytes: &'static [u8]) -> Message {
    Message::binary(bytes)
}

#[tokio::test]
async fn echo() {
    let server = server().await;
    let mut client = connect(&server, "/echo").await;
    for message in [
        text("hello wörld"),
        binary(b"\0\xff"),
        text(""),
        binary(b""),
    ] {
        assert_eq!(ask(&mut client, message.clone()).await, message);
    }
    let large = Message::binary(vec![7; 5 << 20]);
    assert_eq!(ask(&mut client, large.clone()).await, large);
    close(client).await;
}

#[tokio::test]
async fn echo_bytes() {
    let server = server().await;
    let mut client = connect(&server, "/echo-bytes").await;
    assert_eq!(ask(&mut client, text("hello")).await, binary(b"hello"));
    let sent: Vec<_> = (0..1_000_000).map(pattern).collect();
    client.send(Message::binary(sent.clone())).await.unwrap();
    let mut received = Vec::new();
    while received.len() < sent.len() {
        let message = soon(client.next()).await.unwrap().unwrap();
        assert!(message.is_binary());
        received.extend_from_slice(&message.into_data());
    }
    assert!(received == sent);
    close(client).await;
}

#[tokio::test]
async fn texts_and_empty_messages() {
    let server = server().await;
    let cases = [
        ("/text", vec![text("hello "), text("wörld")]),
        (
            "/empty",
            vec![text("a"), text(""), binary(b""), binary(b"b"), text("")],
        ),
    ];
    for (route, expected) in cases {
        let (messages, end) = all(&mut connect(&server, route).await).await;
        assert_eq!(messages, expected);
        assert_eq!(code(end), Some(1000));
    }
}

#[tokio::test]
async fn slow_sends_bytes_one_by_one() {
    let server = server().await;
    let start = std::time::Instant::now();
    let mut client = connect(&server, "/slow?text=h%C3%A9%20y&interval_ms=20").await;
    let (messages, end) = all(&mut client).await;
    let expected = [b"h", b"\xc3", b"\xa9", b" ", b"y"].map(|it| binary(it));
    assert_eq!(messages, expected);
    assert_eq!(code(end), Some(1000));
    assert!(start.elapsed().as_millis() >= 100);
}

#[tokio::test]
async fn slow_stops_when_the_client_closes() {
    let server = server().await;
    let route = "/slow?text=ab&interval_ms=1000000";
    close(connect(&server, route).await).await;
}

#[tokio::test]
async fn fragments() {
    let server = server().await;
    let mut client = connect(&server, "/fragments").await;
    let (mut messages, end) = all(&mut client).await;
    let pings = messages.extract_if(.., |it| it.is_ping()).count();
    assert_eq!(pings, 1);
    assert_eq!(messages, [text("abc"), binary(&[1, 2, 3])]);
    assert_eq!(code(end), Some(1000));

    // On the wire they are what they say.
    let mut tcp = raw(&server, "/fragments").await;
    let mut frames = [0; 6];
    soon(tcp.read_exact(&mut frames)).await.unwrap();
    assert_eq!(frames, [0x01, 1, b'a', 0x89, 10, b'i']);
}

#[tokio::test]
async fn huge_is_one_message() {
    let server = server().await;
    for len in [0, 1, 125, 126, 65_535, 65_536, 65_537, 3_000_001] {
        let mut client = connect(&server, &format!("/huge?bytes={len}")).await;
        let message = soon(client.next()).await.unwrap().unwrap();
        assert!(message.is_binary());
        let bytes = message.into_data();
        assert_eq!(bytes.len(), len);
        let wrong = (0..len).find(|at| bytes[*at] != pattern(*at));
        assert_eq!(wrong, None);
        close(client).await;
    }
}

#[tokio::test]
async fn flood_is_the_pattern_in_pieces() {
    let server = server().await;
    let mut client = connect(&server, "/flood?bytes=1000003&chunk=70000").await;
    let (messages, end) = all(&mut client).await;
    assert_eq!(code(end), Some(1000));
    let lengths: Vec<_> = messages.iter().map(Message::len).collect();
    assert_eq!(lengths[..14], [70_000; 14]);
    assert_eq!(lengths[14..], [20_003]);
    let bytes: Vec<_> = messages.into_iter().flat_map(Message::into_data).collect();
    let wrong = (0..bytes.len()).find(|at| bytes[*at] != pattern(*at));
    assert_eq!(wrong, None);
}

#[tokio::test]
async fn flood_stops_when_the_client_closes() {
    let server = server().await;
    let route = "/flood?bytes=1000000000000&chunk=1000";
    close(connect(&server, route).await).await;
    for route in ["/flood?bytes=0", "/flood?bytes=1&chunk=0"] {
        let (messages, end) = all(&mut connect(&server, route).await).await;
        assert!(messages.len() <= 1);
        assert_eq!(code(end), Some(1000));
    }
}

#[tokio::test]
async fn flooded_tells_how_far_a_flood_came() {
    let server = server().await;
    let told = async |id: &str, still_ms: u32| -> serde_json::Value {
        let route = format!("/flooded?id={id}&still_ms={still_ms}");
        let (messages, _) = all(&mut connect(&server, &route).await).await;
        serde_json::from_str(messages[0].to_text().unwrap()).unwrap()
    };
    let mut client = connect(&server, "/flood?bytes=100001&chunk=1000&id=short").await;
    let (_, end) = all(&mut client).await;
    assert_eq!(code(end), Some(1000));
    // This answers the Close.
    assert!(client.next().await.is_none());
    let expected = serde_json::json!({ "bytes": 100_001, "over": true });
    assert_eq!(told("short", 30_000).await, expected);

    // Nobody reads.
    let client = connect(&server, "/flood?bytes=1000000000000&id=long").await;
    let stalled = told("long", 200).await;
    assert_eq!(stalled["over"], false);
    let bytes = stalled["bytes"].as_u64().unwrap();
    assert!((1..1 << 30).contains(&bytes), "{bytes}");
    drop(client);
}

#[tokio::test]
async fn sink_counts_and_hashes() {
    let server = server().await;
    let mut client = connect(&server, "/sink").await;
    let mut hash = Sha256::new();
    for n in 0..3_u8 {
        let bytes = vec![n; 100_000];
        hash.update(&bytes);
        client.send(Message::binary(bytes)).await.unwrap();
        client.send(text("not counted")).await.unwrap();
    }
    let answer = ask(&mut client, text("done")).await;
    let answer: serde_json::Value = serde_json::from_str(answer.to_text().unwrap()).unwrap();
    assert_eq!(answer["messages"], 3);
    assert_eq!(answer["bytes"], 300_000);
    let hash: String = hash
        .finalize()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    assert_eq!(answer["sha256"], hash);
    // It goes on.
    client.send(binary(b"more")).await.unwrap();
    let answer = ask(&mut client, text("done")).await;
    let answer: serde_json::Value = serde_json::from_str(answer.to_text().unwrap()).unwrap();
    assert_eq!(answer["messages"], 4);
    close(client).await;
}

#[tokio::test]
async fn early_messages_come_with_the_handshake() {
    let server = server().await;
    let mut tcp = TcpStream::connect(server.addr).await.unwrap();
    let request = request(server.addr, "/early?n=3");
    tcp.write_all(request.as_bytes()).await.unwrap();
    // One write on loopback is one read, if it is large enough.
    let mut bytes = vec![0; 4096];
    let read = soon(tcp.read(&mut bytes)).await.unwrap();
    let frames = b"\r\n\r\n\x81\x010\x81\x011\x81\x012";
    assert!(bytes[..read].starts_with(b"HTTP/1.1 101 "));
    assert!(bytes[..read].ends_with(frames));

    let mut client = connect(&server, "/early?n=100").await;
    for n in 0..100 {
        let message = soon(client.next()).await.unwrap().unwrap();
        assert_eq!(message, text(&n.to_string()));
    }
    assert_eq!(ask(&mut client, text("echo")).await, text("echo"));
    close(client).await;
}

#[tokio::test]
async fn a_refused_early_request_is_answered() {
    let server = server().await;
    for n in [-1, 70_000] {
        let request = request(server.addr, &format!("/early?n={n}"));
        assert_eq!(answer(server.addr, &request).await.0, 400);
    }
}

#[tokio::test]
async fn stall_never_reads_and_ends_with_its_client() {
    let server = server().await;
    let mut client = connect(&server, "/stall").await;
    let message = Message::binary(vec![0; 1 << 20]);
    let mut sent = 0;
    let full = async {
        loop {
            client.send(message.clone()).await.unwrap();
            sent += 1;
        }
    };
    let stalled = tokio::time::timeout(std::time::Duration::from_millis(500), full).await;
    assert!(stalled.is_err());
    assert!(sent < 64, "{sent} MiB were taken");
    drop(client);
    drop(connect(&server, "/stall").await);
    soon(server.shutdown()).await;
}

#[tokio::test]
async fn watch_tells_how_it_ended() {
    let server = server().await;
    let mut client = connect(&server, "/watch?id=one").await;
    assert_eq!(ask(&mut client, text("ü")).await, text("ü"));
    let waiting = connect(&server, "/watched?id=one").await;
    let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame {
        code: 4001.into(),
        reason: "why not".into(),
    };
    client.close(Some(frame)).await.unwrap();
    all(&mut client).await.1.unwrap();
    let expected = serde_json::json!({
        "connections": 1, "messages": 1, "bytes": 2, "code": 4001, "reason": "why not",
        "clean": true,
    });
    for mut told in [waiting, connect(&server, "/watched?id=one").await] {
        let (messages, end) = all(&mut told).await;
        let json = messages[0].to_text().unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(json).unwrap(),
            expected
        );
        assert_eq!((messages.len(), code(end)), (1, Some(1000)));
    }
    let mut tcp = TcpStream::connect(server.addr).await.unwrap();
    tcp.write_all(b"GET /watched?id=one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let head = read_head(&mut tcp).await;
    assert!(
        head.contains("content-type: application/json\r\n"),
        "{head}"
    );
    let mut body = String::new();
    soon(tcp.read_to_string(&mut body)).await.unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&body).unwrap(),
        expected
    );
}

#[tokio::test]
async fn watch_only_reads_if_told_so_and_sees_what_is_lost() {
    let server = server().await;
    let mut client = connect(&server, "/watch?id=two&mode=read").await;
    client.send(binary(b"123")).await.unwrap();
    client.send(text("45")).await.unwrap();
    // A ping's answer shows that everything before was read, and that nothing was echoed.
    let pong = ask(&mut client, Message::Ping(b"x"[..].into())).await;
    assert_eq!(pong, Message::Pong(b"x"[..].into()));
    drop(client);
    let (messages, _) = all(&mut connect(&server, "/watched?id=two").await).await;
    let json: serde_json::Value = serde_json::from_str(messages[0].to_text().unwrap()).unwrap();
    let expected = serde_json::json!({
        "connections": 1, "messages": 2, "bytes": 5, "code": 1006, "reason": "", "clean": false,
    });
    assert_eq!(json, expected);
    // The id can be used again, and then it has not ended.
    let client = connect(&server, "/watch?id=two").await;
    close(client).await;
    let (messages, _) = all(&mut connect(&server, "/watched?id=two").await).await;
    assert!(messages[0].to_text().unwrap().contains("1005"));
}

#[tokio::test]
async fn watched_without_an_upgrade_that_is_one_is_refused() {
    let server = server().await;
    let request = request(server.addr, "/watched?id=a").replace("Version: 13", "Version: 7");
    assert_eq!(answer(server.addr, &request).await.0, 426);
}
