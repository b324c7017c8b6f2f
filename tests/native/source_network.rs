//! What of an event source's connections only a native program shows.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use wsio::sse::{
    Connector, EventSource, HttpConnector, Reconnect, SourceBuilder, SourceError, SourceErrorKind,
    SourceEvent,
};

use crate::{
    script::seconds,
    support::{LONG, Server},
};

fn http(server: &Server, route: &str) -> String {
    format!("http://{}{route}", server.address())
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The address of a redirect.
fn redirect(server: &Server, status: u16, to: &str) -> String {
    http(
        server,
        &format!("/redirect?status={status}&to={}", encoded(to)),
    )
}

/// What the server was asked, in the first event.
async fn asked(builder: SourceBuilder<HttpConnector>) -> Value {
    let mut source = builder.build();
    assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
    let event = source.next().await.unwrap().unwrap().into_event().unwrap();
    serde_json::from_str(&event.data).unwrap()
}

/// The only error of an event source that does not try again.
async fn error<C: Connector>(builder: SourceBuilder<C>) -> SourceError {
    let mut source = builder.reconnect(Reconnect::never()).build();
    let error = source.next().await.unwrap().unwrap_err();
    assert!(error.is_final());
    error
}

#[tokio::test]
async fn r5_credentials_do_not_follow_to_another_origin() {
    let (here, there) = (Server::start().await, Server::start().await);
    let names = ["authorization", "cookie", "proxy-authorization"];
    for status in [301, 302, 303, 307, 308] {
        let foreign = redirect(&here, status, &http(&there, "/echo-headers"));
        let own = redirect(&here, status, "/echo-headers");
        // Nor do they when it leads on from there, or back.
        let on = redirect(&there, status, "/echo-headers");
        let on = redirect(&here, status, &on);
        let back = redirect(&there, status, &http(&here, "/echo-headers"));
        let back = redirect(&here, status, &back);
        for (url, is_sent) in [(foreign, false), (own, true), (on, false), (back, false)] {
            let mut builder = EventSource::http(url).header("X-Mine", "kept");
            for name in names {
                builder = builder.header(name, "secret");
            }
            let asked = asked(builder.last_event_id("7")).await;
            for name in names {
                assert_eq!(asked["headers"][name].is_string(), is_sent, "{name}");
            }
            assert_eq!(asked["headers"]["x-mine"], "kept");
            assert_eq!(asked["headers"]["last-event-id"], "7");
        }
    }
}

#[tokio::test]
async fn r5_credentials_in_the_url_do_not_follow_either() {
    let (here, there) = (Server::start().await, Server::start().await);
    let (own, foreign) = (http(&here, "/echo-headers"), http(&there, "/echo-headers"));
    for (to, is_sent) in [(own, true), (foreign, false)] {
        let url = redirect(&here, 307, &to);
        let in_url = url.replace("http://", "http://user:password@");
        let in_header = EventSource::http(url).basic_auth("user", "password");
        for builder in [EventSource::http(in_url), in_header] {
            let asked = asked(builder).await;
            let expected = is_sent.then_some("Basic dXNlcjpwYXNzd29yZA==");
            assert_eq!(asked["headers"]["authorization"].as_str(), expected);
        }
    }
}

#[tokio::test]
async fn r5_the_redirect_limit_is_the_programs() {
    let server = Server::start().await;
    let third = redirect(&server, 302, "/echo-headers");
    let second = redirect(&server, 307, &third);
    let first = redirect(&server, 308, &second);
    let builder = |limit| EventSource::http(&first).redirect_limit(limit);
    for enough in [3, 4, usize::MAX] {
        assert_eq!(asked(builder(enough)).await["uri"], "/echo-headers");
    }
    for (limit, status) in [(2, 302), (1, 307)] {
        let error = error(builder(limit)).await;
        assert_eq!(error.kind(), SourceErrorKind::Redirect);
        assert_eq!(error.http_status(), Some(status));
    }
    // With none at all a redirect is an answer like any other.
    let none = error(builder(0)).await;
    assert_eq!(none.kind(), SourceErrorKind::Status);
    assert_eq!(none.http_status(), Some(308));

    let endless = error(EventSource::http(http(&server, "/redirect"))).await;
    assert_eq!(endless.kind(), SourceErrorKind::Redirect);
}

#[tokio::test]
async fn r5_a_location_that_leads_nowhere_is_final() {
    let server = Server::start().await;
    for location in ["ftp://127.0.0.1/", "http://", "data:text/event-stream,data"] {
        let mut source = EventSource::http(redirect(&server, 302, location)).build();
        let error = source.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Redirect, "{location}");
        assert!(error.is_final());
    }
}

#[tokio::test]
async fn r5_a_client_of_the_programs_follows_redirects_as_any() {
    let (here, there) = (Server::start().await, Server::start().await);
    let client = |client: reqwest::ClientBuilder| client.user_agent("mine");
    let url = redirect(&here, 302, &http(&there, "/echo-headers"));
    let builder = EventSource::http(url).header("Authorization", "secret");
    let asked = asked(builder.client(client)).await;
    assert_eq!(asked["headers"]["user-agent"], "mine");
    assert_eq!(asked["headers"]["authorization"], Value::Null);

    let url = http(&here, "/redirect");
    let error = error(EventSource::http(url).client(client).redirect_limit(5)).await;
    assert_eq!(error.kind(), SourceErrorKind::Redirect);
}

#[tokio::test]
async fn r3_a_refused_handshake_is_judged_by_status() {
    let server = Server::start().await;
    let is_final = [200, 204, 302, 400, 401, 403, 404];
    let retried = [408, 425, 429, 500, 502, 503, 504];
    for (statuses, expected) in [(is_final, true), (retried, false)] {
        for status in statuses {
            let url = server.url(&format!("/reject?status={status}"));
            let mut source = EventSource::ws(url).build();
            let error = source.next().await.unwrap().unwrap_err();
            assert_eq!(error.kind(), SourceErrorKind::Status);
            assert_eq!(error.http_status(), Some(status));
            assert_eq!(error.is_final(), expected, "{status}");
        }
    }
}

/// Accepts one connection, and reads the head of a request.
async fn request(listener: &TcpListener) -> TcpStream {
    let (mut tcp, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.unwrap());
    }
    tcp
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[tokio::test]
async fn r3_when_to_come_back_is_read_from_any_refusal() {
    let in_seconds = "Retry-After: 37";
    let as_date = "Date: Sun, 06 Nov 1994 12:00:00 GMT\r\n\
                   Retry-After: Sun, 06 Nov 1994 12:00:37 GMT";
    for headers in [in_seconds, as_date] {
        let (listener, address) = listener().await;
        let answer =
            format!("HTTP/1.1 503 Service Unavailable\r\n{headers}\r\nContent-Length: 0\r\n\r\n");
        tokio::spawn(async move {
            loop {
                let mut tcp = request(&listener).await;
                tcp.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let mut over_ws = EventSource::ws(format!("ws://{address}/")).build();
        let mut over_http = EventSource::http(format!("http://{address}/")).build();
        for item in [over_ws.next().await, over_http.next().await] {
            let error = item.unwrap().unwrap_err();
            assert_eq!(error.retry_after(), Some(seconds(37)), "{headers}");
            assert_eq!(error.retry_in(), Some(seconds(37)));
        }
    }
}

#[tokio::test]
async fn r3_dropping_it_ends_the_exchange_at_once() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n";
    for answer in ["", head] {
        let (listener, address) = listener().await;
        let mut source = EventSource::http(format!("http://{address}/")).build();
        let mut tcp = tokio::select! {
            tcp = request(&listener) => tcp,
            item = source.next() => panic!("{item:?}"),
        };
        tcp.write_all(answer.as_bytes()).await.unwrap();
        if answer.is_empty() {
            assert!(source.next().now_or_never().is_none());
        } else {
            assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
            assert!(source.next().await.unwrap().is_ok());
        }
        drop(source);
        // An end or a reset, as it comes.
        let gone = tokio::time::timeout(LONG, tcp.read_u8()).await;
        assert!(gone.unwrap().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn r2_the_time_for_an_attempt_is_the_sources_own() {
    // Connections are made to it, and nothing is ever answered.
    let (_listener, address) = listener().await;
    let time = seconds(100);
    let begun = tokio::time::Instant::now();
    let over_ws = EventSource::ws(format!("ws://{address}/")).connect_timeout(time);
    let over_http = EventSource::http(format!("http://{address}/")).connect_timeout(time);
    let (ws, http) = futures::join!(error(over_ws), error(over_http));
    for error in [ws, http] {
        assert_eq!(error.kind(), SourceErrorKind::TimedOut);
    }
    let taken = begun.elapsed();
    assert!((time..time + Duration::from_secs(1)).contains(&taken));
}

#[cfg(not(any(
    feature = "rustls-native-roots",
    feature = "rustls-webpki-roots",
    feature = "native-tls"
)))]
#[tokio::test]
async fn r5_https_without_a_tls_feature_is_a_clear_error() {
    let mut source = EventSource::http("https://127.0.0.1:1/").build();
    let error = source.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Invalid);
    assert!(error.is_final());
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("TLS features"), "{cause}");
}

#[cfg(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))]
#[tokio::test]
async fn r5_it_works_over_https() {
    let identity = crate::tls::Identity::of("localhost");
    let (listener, address) = listener().await;
    let acceptor = tokio_rustls::TlsAcceptor::from(identity.server);
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut tls = acceptor.accept(tcp).await.unwrap();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: secret\n\n";
        tls.write_all(head.as_bytes()).await.unwrap();
        tls.flush().await.unwrap();
        std::future::pending::<()>().await;
    });
    let config = std::sync::Arc::unwrap_or_clone(identity.client);
    let url = format!("https://{}/", address.replace("127.0.0.1", "localhost"));
    let mut source = EventSource::http(url)
        .client(|client| client.tls_backend_preconfigured(config))
        .build();
    assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
    let event = source.next().await.unwrap().unwrap().into_event().unwrap();
    assert_eq!(event.data, "secret");
}
