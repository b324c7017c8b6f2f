//! What happens before a connection is open.

mod support;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{any, get},
};
use futures::SinkExt;
use support::{answer, ask, close, connect, connect_with, request, server, soon, text};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};
use wsio_axum::{OriginPolicy, WsUpgrade};
use wsio_server::Server;

#[tokio::test]
async fn the_key_is_answered() {
    let server = server().await;
    let (status, head) = answer(server.addr, &request(server.addr, "/echo")).await;
    assert_eq!(status, 101);
    // The example of RFC 6455 § 1.3.
    let expected = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n";
    assert!(head.contains(expected), "{head}");
    assert!(head.contains("upgrade: websocket\r\n"), "{head}");
    assert!(head.contains("connection: upgrade\r\n"), "{head}");
    assert!(!head.contains("sec-websocket-protocol"), "{head}");
}

#[tokio::test]
async fn names_are_not_case_sensitive_and_may_stand_in_lists() {
    let server = server().await;
    let request = request(server.addr, "/echo")
        .replace("Upgrade: websocket", "upgrade: foo, WebSocket")
        .replace("Connection: Upgrade", "connection: keep-alive, upgrade");
    assert_eq!(answer(server.addr, &request).await.0, 101);
}

#[tokio::test]
async fn a_bad_request_is_refused() {
    let server = server().await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let cases = [
        ("Upgrade: websocket\r\n", "", 426),
        ("Upgrade: websocket\r\n", "Upgrade: h2c\r\n", 426),
        ("Connection: Upgrade\r\n", "", 426),
        ("Connection: Upgrade\r\n", "Connection: close\r\n", 426),
        ("Sec-WebSocket-Version: 13\r\n", "", 426),
        ("Version: 13\r\n", "Version: 8\r\n", 426),
        (key, "", 400),
        (key, "Sec-WebSocket-Key: \r\n", 400),
        (key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n", 400),
        (key, "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n", 400),
        (key, "Sec-WebSocket-Key: not base64!!!!!!!!!!!!!\r\n", 400),
        (key, &format!("{key}{key}"), 400),
        ("GET ", "POST ", 405),
        ("GET ", "PUT ", 405),
        ("/echo", "/nowhere", 404),
        ("/echo", "/huge?bytes=much", 400),
        ("/echo", "/malformed?kind=none-such", 400),
        ("/echo", "/flood", 400),
        ("/echo", "/watch?id=", 400),
        ("HTTP/1.1", "HTTP/1.0", 426),
    ];
    for (from, to, expected) in cases {
        let request = request(server.addr, "/echo").replace(from, to);
        let (status, head) = answer(server.addr, &request).await;
        assert_eq!(status, expected, "{request}{head}");
        if status == 426 {
            assert!(head.contains("upgrade: websocket\r\n"), "{head}");
            assert!(head.contains("sec-websocket-version: 13\r\n"), "{head}");
        }
    }
    // And the server is well.
    close(connect(&server, "/echo").await).await;
}

#[tokio::test]
async fn what_is_no_http_is_survived() {
    let server = server().await;
    for bytes in ["\0\0\0\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00"] {
        let mut tcp = TcpStream::connect(server.addr).await.unwrap();
        tcp.write_all(bytes.as_bytes()).await.unwrap();
        tcp.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = soon(tcp.read_to_end(&mut answer)).await;
    }
    close(connect(&server, "/echo").await).await;
}

#[tokio::test]
async fn messages_may_follow_the_request_at_once() {
    let server = server().await;
    for route in ["/echo", "/abort?wait=1"] {
        let mut bytes = request(server.addr, route).into_bytes();
        bytes.extend(support::masked(0x81, b"early"));
        let mut tcp = TcpStream::connect(server.addr).await.unwrap();
        tcp.write_all(&bytes).await.unwrap();
        support::read_head(&mut tcp).await;
        let mut echo = [0; 7];
        let read = soon(tcp.read_exact(&mut echo)).await;
        if route == "/echo" {
            assert_eq!(&echo, b"\x81\x05early");
        } else {
            let error = read.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }
}

#[tokio::test]
async fn subprotocol() {
    let server = server().await;
    let cases = [
        ("/subprotocol?accept=b", vec!["a, b"], Some("b")),
        ("/subprotocol?accept=other", vec!["a"], Some("other")),
        ("/subprotocol?accept=", vec!["a"], None),
        ("/subprotocol", vec!["b, a"], Some("b")),
        ("/subprotocol", vec!["c", "a"], Some("c")),
        ("/subprotocol?accept=a", vec![], Some("a")),
        ("/subprotocol", vec![], None),
        ("/echo", vec!["a"], None),
    ];
    for (route, offered, expected) in cases {
        let mut request = request(server.addr, route);
        request.truncate(request.len() - 2);
        for offer in &offered {
            request += &format!("Sec-WebSocket-Protocol: {offer}\r\n");
        }
        let (status, head) = answer(server.addr, &(request + "\r\n")).await;
        assert_eq!(status, 101);
        let mut lines = head.lines().map(|it| it.split_once(": "));
        let chosen = lines.find_map(|it| it.filter(|it| it.0 == "sec-websocket-protocol"));
        assert_eq!(chosen.map(|it| it.1), expected, "{route} {offered:?}");
    }
    let offer = [("sec-websocket-protocol", "v1")];
    let (mut client, _) = connect_with(&server, "/subprotocol", &offer).await.unwrap();
    assert_eq!(ask(&mut client, text("hello")).await, text("hello"));
}

#[tokio::test]
async fn a_subprotocol_that_fits_in_no_header_is_a_server_error() {
    let server = server().await;
    let request = request(server.addr, "/subprotocol?accept=a%0d%0ax:y");
    assert_eq!(answer(server.addr, &request).await.0, 500);
}

#[tokio::test]
async fn reject() {
    let server = server().await;
    for status in [200, 204, 302, 401, 403, 404, 500, 503, 599] {
        let route = format!("/reject?status={status}");
        let answer = connect_with(&server, &route, &[]).await.unwrap_err();
        assert_eq!(answer.status(), status);
        assert!(answer.headers().contains_key("x-wsio-reason"));
    }
    for (status, expected) in [("", 403), ("?status=101", 400), ("?status=7", 400)] {
        let route = format!("/reject{status}");
        let answer = connect_with(&server, &route, &[]).await.unwrap_err();
        assert_eq!(answer.status(), expected);
    }
}

#[tokio::test]
async fn slow_handshake_waits_and_then_echoes() {
    let server = server().await;
    let start = std::time::Instant::now();
    let mut client = connect(&server, "/slow-handshake?ms=100").await;
    assert!(start.elapsed().as_millis() >= 100);
    assert_eq!(ask(&mut client, text("hello")).await, text("hello"));
    close(client).await;
}

#[tokio::test]
async fn a_handler_ends_when_its_client_goes_away() {
    // The same as /slow-handshake, but it tells when it is dropped.
    let (gone, mut waiting) = mpsc::unbounded_channel::<()>();
    let handler = async |State(gone): State<mpsc::UnboundedSender<()>>, _: WsUpgrade| {
        gone.send(()).unwrap();
        let _held = gone;
        std::future::pending::<StatusCode>().await
    };
    let router = Router::new().route("/never", get(handler)).with_state(gone);
    let running = Server::builder().routes(router).start("127.0.0.1:0").await;
    let server = running.unwrap();
    let mut tcp = TcpStream::connect(server.addr).await.unwrap();
    tcp.write_all(request(server.addr, "/never").as_bytes())
        .await
        .unwrap();
    soon(waiting.recv()).await.unwrap();
    let before = waiting.sender_strong_count();
    drop(tcp);
    soon(async {
        while waiting.sender_strong_count() >= before {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn headers() {
    let server = server().await;
    let sent = [
        ("authorization", "Bearer secret"),
        ("x-twice", "1"),
        ("x-twice", "2"),
    ];
    let (mut client, _) = connect_with(&server, "/headers", &sent).await.unwrap();
    let (messages, end) = support::all(&mut client).await;
    let json = messages[0].to_text().unwrap();
    let headers: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(headers["authorization"], "Bearer secret");
    assert_eq!(headers["x-twice"], "1, 2");
    assert_eq!(headers["host"], server.addr.to_string());
    assert_eq!((messages.len(), support::code(end)), (1, Some(1000)));
}

#[tokio::test]
async fn pages_of_other_hosts_are_refused() {
    let server = server().await;
    let own = format!("http://127.0.0.1:{}", server.addr.port());
    for route in ["/echo", "/early?n=1", "/abort", "/watch?id=a"] {
        for origin in ["https://evil.example", "null", "http://localhost"] {
            let headers = [("origin", origin)];
            let answer = connect_with(&server, route, &headers).await.unwrap_err();
            assert_eq!(answer.status(), 403, "{route} {origin}");
        }
        for origin in [own.as_str(), "http://127.0.0.1:1", "https://127.0.0.1"] {
            let headers = [("origin", origin)];
            let answer = connect_with(&server, route, &headers).await;
            assert!(answer.is_ok(), "{route} {origin}");
        }
    }
    // Not only the WebSockets.
    let request = "GET /watched?id=a HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n";
    assert_eq!(answer(server.addr, request).await.0, 403);
}

#[tokio::test]
async fn pages_of_other_hosts_can_be_let_in() {
    let list = OriginPolicy::List(vec!["https://app.example".into()]);
    let policies = [
        (list, "https://app.example", Some("https://evil.example")),
        (OriginPolicy::Any, "https://evil.example", None),
    ];
    for (policy, good, bad) in policies {
        let builder = Server::builder().origins(policy);
        let server = builder.start("127.0.0.1:0").await.unwrap();
        let answer = connect_with(&server, "/echo", &[("origin", good)]).await;
        close(answer.unwrap().0).await;
        if let Some(bad) = bad {
            let answer = connect_with(&server, "/echo", &[("origin", bad)]).await;
            assert_eq!(answer.unwrap_err().status(), 403);
        }
    }
}

#[tokio::test]
async fn own_routes_are_served_beside() {
    let chat = async |upgrade: WsUpgrade| {
        let offered: Vec<_> = upgrade.offered_protocols().map(str::to_owned).collect();
        upgrade
            .protocol("v2")
            .on_upgrade(async move |meta, mut stream| {
                let told = format!("{offered:?} {:?} {}", meta.protocol(), meta.url());
                stream.send(told.into()).await.unwrap();
                meta.close().await;
            })
    };
    let router = Router::new()
        .route("/chat", get(chat))
        .fallback(async || "own fallback");
    let builder = Server::builder().routes(router);
    let server = builder.start("127.0.0.1:0").await.unwrap();

    let offer = [("sec-websocket-protocol", "v1,v2 , v3")];
    let chatting = connect_with(&server, "/chat?room=1", &offer).await;
    let (mut client, answer) = chatting.unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "v2");
    let (messages, end) = support::all(&mut client).await;
    let expected = r#"["v1", "v2", "v3"] Some("v2") /chat?room=1"#;
    assert_eq!(messages, [text(expected)]);
    assert_eq!(support::code(end), None);

    let request = format!("GET /else HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
    assert_eq!(support::answer(server.addr, &request).await.0, 200);
    close(connect(&server, "/echo").await).await;
}

#[tokio::test]
async fn the_extractor_works_without_the_server_and_never_panics() {
    let upgrade = async |upgrade: WsUpgrade| {
        upgrade.on_upgrade(async |_, mut stream| {
            stream.send("hello".into()).await.unwrap();
        })
    };
    let router: Router = Router::new().route("/", get(upgrade));

    // Not over HTTP at all: there is nothing to upgrade.
    let mut service = router.clone();
    let request = axum::http::Request::builder()
        .uri("/")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = tower_service::Service::call(&mut service, request).await;
    assert_eq!(answer.unwrap().status(), 500);

    // And under axum's own server.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let (mut client, _) = soon(tokio_tungstenite::connect_async(url)).await.unwrap();
    let (messages, end) = support::all(&mut client).await;
    assert_eq!(messages, [text("hello")]);
    assert_eq!(support::code(end), None);
    serving.abort();
}

#[tokio::test]
async fn requests_can_follow_each_other_on_one_connection() {
    let server = server().await;
    let mut tcp = TcpStream::connect(server.addr).await.unwrap();
    let plain = format!("HEAD /reject HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
    for (request, expected) in [(&plain, 403), (&request(server.addr, "/echo"), 101)] {
        tcp.write_all(request.as_bytes()).await.unwrap();
        let head = support::read_head(&mut tcp).await;
        assert!(head.contains(&format!("HTTP/1.1 {expected} ")), "{head}");
    }
    tcp.write_all(&support::masked(0x81, b"now")).await.unwrap();
    let mut echo = [0; 5];
    soon(tcp.read_exact(&mut echo)).await.unwrap();
    assert_eq!(&echo, b"\x81\x03now");
}

#[tokio::test]
async fn c5_the_clients_preferred_one_among_the_supported_subprotocols_is_selected() {
    let chat = async |upgrade: WsUpgrade| {
        let upgrade = upgrade.protocols(["v3", "v2"]);
        let selected = upgrade.selected_protocol().unwrap_or("none").to_owned();
        upgrade.on_upgrade(async move |_, mut stream| {
            stream.send(selected.into()).await.unwrap();
        })
    };
    let router = Router::new().route("/chat", any(chat));
    let builder = Server::builder().routes(router);
    let server = builder.start("127.0.0.1:0").await.unwrap();
    let cases = [
        ("v1, v2, v3", Some("v2")),
        ("v3,v2", Some("v3")),
        ("v1", None),
        ("V2", None),
    ];
    for (offered, expected) in cases {
        let mut request = request(server.addr, "/chat");
        request.truncate(request.len() - 2);
        request += &format!("Sec-WebSocket-Protocol: {offered}\r\n\r\n");
        let (status, head) = answer(server.addr, &request).await;
        assert_eq!(status, 101);
        let mut lines = head.lines().filter_map(|it| it.split_once(": "));
        let selected = lines.find(|it| it.0 == "sec-websocket-protocol");
        assert_eq!(selected.map(|it| it.1), expected, "{offered}");
    }
}
