//! The server's side, and what a native client can say: C5, C6.

use futures::{SinkExt, StreamExt, join};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    net::{TcpListener, TcpStream},
};
use wsio::{
    Error, ErrorKind, WsMeta, WsStream,
    native::{
        Acceptor, Refusal, UpgradeRequest, UpgradeResponse, accept, accept_with, from_tungstenite,
        http::StatusCode,
    },
};

use crate::support::{LONG, SHORT};

/// A client's builder over one end of a pipe, and the other end.
pub(crate) fn piped(url: &str) -> (wsio::Builder, DuplexStream) {
    let (near, far) = duplex(64 * 1024);
    let near = std::sync::Mutex::new(Some(near));
    let builder = WsMeta::builder(url).connector(move |_, _| {
        let near = near.lock().unwrap().take();
        async { near.ok_or_else(|| std::io::ErrorKind::AddrInUse.into()) }
    });
    (builder, far)
}

pub(crate) type Pair = (WsMeta, WsStream);

/// Both ends of a connection over a pipe.
pub(crate) async fn connected() -> (Pair, Pair) {
    let (builder, far) = piped("ws://pipe/");
    let (client, server) = join!(builder.connect(), accept(far));
    (client.unwrap(), server.unwrap())
}

async fn refused_by(
    answer: impl AsyncFnOnce(UpgradeRequest) -> Result<UpgradeResponse, Refusal>,
) -> (Error, Error) {
    let (builder, far) = piped("ws://pipe/chat?room=1");
    let (client, server) = join!(builder.connect(), accept_with(far, |it| answer(it)));
    (client.unwrap_err(), server.unwrap_err())
}

#[tokio::test]
async fn c5_the_server_sees_the_request_and_chooses() {
    let (builder, far) = piped("ws://pipe:81/chat?room=1");
    let builder = builder
        .protocols(["v3", "v2", "v1"])
        .header("Origin", "https://example.com")
        .header("Authorization", "Bearer secret");
    let accepting = accept_with(far, async |request| {
        assert_eq!(request.path(), "/chat");
        assert_eq!(request.query(), Some("room=1"));
        assert_eq!(request.header("host"), Some("pipe:81"));
        assert_eq!(request.header("authorization"), Some("Bearer secret"));
        assert_eq!(request.origin(), Some("https://example.com"));
        assert_eq!(request.protocols().collect::<Vec<_>>(), ["v3", "v2", "v1"]);
        Ok(UpgradeResponse::new()
            .protocol("v2")
            .header("X-Served-By", "test"))
    });
    let (client, server) = join!(builder.connect(), accepting);
    let ((client, _c), (server, _s)) = (client.unwrap(), server.unwrap());
    assert_eq!(
        (client.protocol(), server.protocol()),
        (Some("v2"), Some("v2"))
    );
    assert_eq!(server.url(), "/chat?room=1");
}

#[tokio::test]
async fn c5_the_server_refuses_with_a_status() {
    let refusal = Refusal::new(StatusCode::UNAUTHORIZED)
        .header("WWW-Authenticate", "Bearer")
        .body("who are you?");
    let (client, server) = refused_by(async |_| Err(refusal)).await;
    assert_eq!(client.kind(), ErrorKind::HandshakeRefused);
    assert_eq!(client.http_status(), Some(401));
    let headers = client.http_headers().unwrap();
    assert_eq!(headers["www-authenticate"], "Bearer");
    assert_eq!(server.kind(), ErrorKind::HandshakeRefused);
    assert_eq!(server.http_status(), Some(401));
}

#[tokio::test]
async fn c5_an_answer_that_is_none_is_a_server_error() {
    let answers: [fn() -> Result<UpgradeResponse, Refusal>; 5] = [
        || Ok(UpgradeResponse::new().protocol("a\r\nb")),
        || Ok(UpgradeResponse::new().header("not a name", "x")),
        || Ok(UpgradeResponse::new().header("Upgrade", "h2c")),
        || Err(Refusal::new(StatusCode::OK)),
        || Err(Refusal::new(StatusCode::FORBIDDEN).header("x", "a\r\nb")),
    ];
    for answer in answers {
        let (client, server) = refused_by(async |_| answer()).await;
        assert_eq!(client.http_status(), Some(500));
        assert_eq!(server.http_status(), Some(500));
    }
}

#[tokio::test]
async fn c5_a_request_for_something_else_is_an_error() {
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\n\r\n",
        "\0\0\0\r\n\r\n",
    ] {
        let (mut near, far) = duplex(4096);
        near.write_all(request.as_bytes()).await.unwrap();
        near.shutdown().await.unwrap();
        let error = accept(far).await.unwrap_err();
        let kinds = [ErrorKind::HandshakeRefused, ErrorKind::Network];
        assert!(kinds.contains(&error.kind()), "{error:?}");
    }
}

#[tokio::test]
async fn c4_a_client_that_does_not_ask_is_timed_out() {
    let (_near, far) = duplex(4096);
    let acceptor = Acceptor::new().handshake_timeout(SHORT);
    let error = acceptor.accept(far).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn c2_dropping_connect_drops_the_transport() {
    let (builder, mut far) = piped("ws://pipe/");
    {
        let mut connecting = std::pin::pin!(builder.connect());
        assert!(
            futures::future::poll_immediate(&mut connecting)
                .await
                .is_none()
        );
    }
    let mut request = String::new();
    far.read_to_string(&mut request).await.unwrap();
    assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
}

#[tokio::test]
async fn c6_bad_headers_are_errors() {
    for (name, value) in [("a b", "c"), ("", "c"), ("a", "b\r\nc: d")] {
        let (builder, _far) = piped("ws://pipe/");
        let error = builder.header(name, value).connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
    }
}

#[tokio::test]
async fn c6_secrets_do_not_show_in_debug() {
    let builder = WsMeta::builder("ws://a/").header("Authorization", "Bearer secret");
    let debug = format!("{builder:?}");
    assert!(
        debug.contains("Authorization") && !debug.contains("secret"),
        "{debug}"
    );
}

#[tokio::test]
async fn c1_a_tungstenite_stream_can_be_adopted_with_what_it_has_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(tcp).await.unwrap();
        for n in ["0", "1", "2"] {
            let _ = socket.feed(n.into()).await;
        }
        socket.flush().await.unwrap();
        socket
    };
    let client = async {
        let tcp = TcpStream::connect(address).await.unwrap();
        let request = format!("ws://{address}/");
        tokio_tungstenite::client_async(request, tcp)
            .await
            .unwrap()
            .0
    };
    let (server, mut client) = tokio::time::timeout(LONG, async { join!(server, client) })
        .await
        .unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), "0".into());
    let (meta, mut client) = from_tungstenite(client);
    let (_server_meta, mut server) = from_tungstenite(server);
    assert_eq!(client.next().await.unwrap().unwrap(), "1".into());
    assert_eq!(client.next().await.unwrap().unwrap(), "2".into());
    client.send("answer".into()).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), "answer".into());
    let (closed, end) = join!(meta.close_code(1001), server.next());
    assert!(closed.unwrap().was_clean && end.is_none());
}

#[tokio::test]
async fn e7_natively_a_server_may_send_the_registered_codes() {
    let allowed = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
    ];
    for code in allowed {
        let ((client, _c), (server, _s)) = connected().await;
        let (closed, seen) = join!(server.close_code(code), client.closed());
        assert_eq!(closed.unwrap().code, code);
        assert_eq!(seen.code, code);
    }
}

#[tokio::test]
async fn c5_the_client_s_preferred_subprotocol_of_those_supported_is_selected() {
    let acceptor = Acceptor::new().protocols(["v1", "v2"]);
    for (offered, selected) in [
        (&["v3", "v2", "v1"][..], Some("v2")),
        (&["v1"], Some("v1")),
        (&[], None),
    ] {
        let (builder, far) = piped("ws://pipe/");
        let builder = builder.protocols(offered.iter().copied());
        let (client, server) = join!(builder.connect(), acceptor.accept(far));
        let ((client, _c), (server, _s)) = (client.unwrap(), server.unwrap());
        assert_eq!((client.protocol(), server.protocol()), (selected, selected));
    }
    // None in common: it is the client that does not go on.
    let (builder, far) = piped("ws://pipe/");
    let connecting = builder.protocols(["v3"]).connect();
    let (client, server) = join!(connecting, acceptor.accept(far));
    assert_eq!(client.unwrap_err().kind(), ErrorKind::ProtocolRefused);
    assert_eq!(server.unwrap().0.protocol(), None);
    // What the program selects comes first.
    let (builder, far) = piped("ws://pipe/");
    let connecting = builder.protocols(["v1", "v3"]).connect();
    let accepting = acceptor.accept_with(far, async |_| Ok(UpgradeResponse::new().protocol("v3")));
    let (client, server) = join!(connecting, accepting);
    assert_eq!(client.unwrap().0.protocol(), Some("v3"));
    assert_eq!(server.unwrap().0.protocol(), Some("v3"));
}

#[tokio::test]
async fn c5_bad_supported_subprotocols_are_errors() {
    for bad in [["a", "a"], ["a b", "c"], ["", "a"]] {
        let (_near, far) = duplex(64);
        let error = Acceptor::new().protocols(bad).accept(far).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidProtocol);
    }
}

#[tokio::test]
async fn c9_a_server_shows_a_request_and_its_answers_without_secrets() {
    let (builder, far) = piped("ws://pipe/chat?token=s3cret");
    let connecting = builder.header("Cookie", "s3cret").connect();
    let mut shown = String::new();
    let accepting = accept_with(far, async |request| {
        let response = UpgradeResponse::new().header("Set-Cookie", "s3cret");
        let refusal = Refusal::new(StatusCode::FORBIDDEN).header("Set-Cookie", "s3cret");
        shown = format!("{request:?} {response:?} {refusal:?}");
        Err(refusal)
    });
    let (client, server) = join!(connecting, accepting);
    shown.push_str(&format!(
        "{:?} {:?}",
        client.unwrap_err(),
        server.unwrap_err()
    ));
    assert!(!shown.contains("s3cret"), "{shown}");
    let names = ["/chat", "cookie", "Set-Cookie", "set-cookie"];
    assert!(names.iter().all(|it| shown.contains(it)), "{shown}");
}
