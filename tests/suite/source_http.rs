//! R5. What is particular to an event source over HTTP.

use std::{io, pin::pin, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::{Either, select},
};
use serde_json::Value;
use wsio::sse::{Attempt, EventSource, HttpRequest, SourceBuilder, SourceErrorKind, SourceEvent};

use crate::{
    source_both::{at_once, encoded, errors, events, http_url},
    support::{SHORT, Server, get, pause, test},
};

fn builder(server: &Server, route: &str) -> SourceBuilder<wsio::sse::HttpConnector> {
    EventSource::http(http_url(server, route)).reconnect(at_once())
}

/// What the server was asked, in the first event.
async fn asked(builder: SourceBuilder<wsio::sse::HttpConnector>) -> Value {
    let (events, errors) = events(&mut builder.build(), 1).await;
    assert!(errors.is_empty(), "{errors:?}");
    serde_json::from_str(&events[0]).unwrap()
}

#[test]
async fn r5_method_headers_and_body_are_the_programs() {
    let server = Server::start().await;
    let builder = builder(&server, "/echo-headers?a=b")
        .method("POST")
        .header("Authorization", "Bearer secret")
        .header("X-Mine", "first")
        .header("x-mine", "second")
        .header("Content-Type", "application/json")
        .body("{\"größe\": 1}")
        .last_event_id("7");
    let asked = asked(builder).await;
    assert_eq!(asked["method"], "POST");
    assert_eq!(asked["uri"], "/echo-headers?a=b");
    assert_eq!(asked["body"], "{\"größe\": 1}");
    let headers = &asked["headers"];
    assert_eq!(headers["authorization"], "Bearer secret");
    assert_eq!(headers["x-mine"], "second");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["accept"], "text/event-stream");
    assert_eq!(headers["last-event-id"], "7");
    assert!(headers["cache-control"].is_string());
}

#[test]
async fn r5_nothing_is_sent_that_was_not_asked_for() {
    let server = Server::start().await;
    let asked = asked(builder(&server, "/echo-headers")).await;
    assert_eq!(asked["method"], "GET");
    assert_eq!(asked["body"], "");
    for name in ["last-event-id", "authorization", "cookie", "content-type"] {
        assert_eq!(asked["headers"][name], Value::Null, "{name}");
    }
}

#[test]
async fn r5_redirects_are_followed() {
    let server = Server::start().await;
    for (status, method) in [
        (301, "GET"),
        (302, "GET"),
        (303, "GET"),
        (307, "POST"),
        (308, "POST"),
    ] {
        let to = encoded("echo-headers?from=here");
        let second = encoded(&format!("redirect?status={status}&to={to}"));
        let builder = builder(&server, &format!("/redirect?status={status}&to={second}"))
            .method("POST")
            .header("Authorization", "Bearer secret")
            .body("body");
        let asked = asked(builder).await;
        assert_eq!(asked["uri"], "/echo-headers?from=here");
        assert_eq!(asked["method"], method, "{status}");
        let body = if method == "POST" { "body" } else { "" };
        assert_eq!(asked["body"], body);
        assert_eq!(asked["headers"]["authorization"], "Bearer secret");
    }
}

#[test]
async fn r5_redirects_without_end_are_given_up() {
    let server = Server::start().await;
    // A browser tells no more than that it failed.
    let reconnect = at_once().max_retries(1);
    let mut source = builder(&server, "/redirect").reconnect(reconnect).build();
    let errors = errors(&mut source).await;
    let kinds = [SourceErrorKind::Redirect, SourceErrorKind::Network];
    assert!(kinds.contains(&errors[0].kind()), "{errors:?}");
}

#[test]
async fn r5_the_content_type_is_checked() {
    let server = Server::start().await;
    for bad in ["text/plain", "application/json", "", "text/event-streams"] {
        let route = format!(
            "/sse-raw?type={}&body={}",
            encoded(bad),
            encoded("data\n\n")
        );
        let mut source = builder(&server, &route).build();
        let errors = errors(&mut source).await;
        assert_eq!(errors.len(), 1, "{bad}");
        assert_eq!(errors[0].kind(), SourceErrorKind::ContentType);
        assert!(std::error::Error::source(&errors[0]).is_some());
    }
    for good in ["TEXT/Event-Stream", "text/event-stream; charset=iso-8859-1"] {
        let body = encoded("data: größe\n\n");
        let route = format!("/sse-raw?type={}&body={body}", encoded(good));
        let (events, _) = events(&mut builder(&server, &route).build(), 1).await;
        assert_eq!(events, ["größe"]);
    }
}

#[test]
async fn r5_the_status_is_checked() {
    let server = Server::start().await;
    for status in [201, 202, 206] {
        let route = format!("/sse-raw?status={status}&body={}", encoded("data\n\n"));
        let mut source = builder(&server, &route).build();
        let errors = errors(&mut source).await;
        assert_eq!(errors.len(), 1, "{status}");
        assert_eq!(errors[0].http_status(), Some(status));
    }
}

#[test]
async fn r5_the_body_is_read_as_it_arrives() {
    let server = Server::start().await;
    // In pieces, after which the connection stays open.
    let body = encoded(": a\n\ndata: b\n\ndata: c");
    let route = format!("/sse-raw?body={body}&chunk=5&interval_ms=20&end=hold");
    let mut source = builder(&server, &route).build();
    for expected in ["Open", "Comment(\"a\")", "Event(SseEvent"] {
        let item = format!("{:?}", source.next().await.unwrap().unwrap());
        assert!(item.starts_with(expected), "{item}");
    }
    pause(SHORT).await;
    assert!(source.next().now_or_never().is_none());
}

#[test]
async fn r5_headers_are_there_at_once_and_bytes_as_they_come() {
    let server = Server::start().await;
    // A byte each second, the first one after a second.
    let url = http_url(&server, "/teapot");
    let response = within(900, get(&url)).await;
    assert_eq!(response.status().as_u16(), 418);
    let answer = &response.headers()["the-answer-you-are-looking-for"];
    assert_eq!(answer, "42");
    let mut pieces = Box::pin(response.bytes_stream());
    for expected in ["1", "2", "3", "4", "5"] {
        let piece = within(1900, pieces.next()).await.unwrap().unwrap();
        assert_eq!(piece, expected);
    }
    assert!(pieces.next().await.is_none());

    // For an event source the status is enough.
    let mut source = builder(&server, "/teapot?ms=60000").build();
    let errors = errors(&mut source).await;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].http_status(), Some(418));
}

/// What has to come in so many milliseconds.
async fn within<F: Future>(milliseconds: u64, future: F) -> F::Output {
    let late = pin!(pause(Duration::from_millis(milliseconds)));
    match select(pin!(future), late).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => panic!("not there after {milliseconds} ms"),
    }
}

#[test]
async fn r3_what_makes_no_sense_is_final() {
    let server = Server::start().await;
    let fine = http_url(&server, "/events");
    let builders = [
        EventSource::http(""),
        EventSource::http("/events"),
        EventSource::http("ws://127.0.0.1/"),
        EventSource::http("http://"),
        EventSource::http(&fine).header("a b", "c"),
        EventSource::http(&fine).header("a", "b\nc"),
        EventSource::http(&fine).method("G E T"),
    ];
    for (index, builder) in builders.into_iter().enumerate() {
        let mut source = builder.build();
        let errors = errors(&mut source).await;
        assert_eq!(errors.len(), 1, "{index}");
        assert_eq!(errors[0].kind(), SourceErrorKind::Invalid, "{index}");
    }
}

#[test]
async fn r3_closing_and_dropping_end_the_exchange() {
    let server = Server::start().await;
    let mut closed = Vec::new();
    // A browser makes no more than six connections to one server over HTTP.
    for number in 0..14 {
        let mut source = builder(&server, "/sse-raw?body=&end=hold").build();
        assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
        if number % 2 == 0 {
            source.close();
            closed.push(source);
        }
    }
}

#[test]
async fn r2_the_request_is_made_anew_for_each_attempt() {
    let server = Server::start().await;
    let builder = builder(&server, "/echo-headers")
        .header("x-kept", "yes")
        .prepare_with(|request: HttpRequest, attempt: Attempt| async move {
            match attempt.number() {
                2 => Err(io::Error::other("no token")),
                number => Ok(request.header("authorization", format!("Bearer {number}"))),
            }
        });
    let (events, errors) = events(&mut builder.build(), 2).await;
    for (event, number) in events.iter().zip([1, 3]) {
        let asked: Value = serde_json::from_str(event).unwrap();
        let expected = format!("Bearer {number}");
        assert_eq!(asked["headers"]["authorization"], expected);
        assert_eq!(asked["headers"]["x-kept"], "yes");
    }
    assert_eq!(errors[1].kind(), SourceErrorKind::Prepare);
}

#[test]
async fn r2_an_answer_that_does_not_come_is_given_up() {
    let server = Server::start().await;
    // Headers count as the answer: this takes long after them.
    let body = encoded("data: x\n\n");
    let slow = format!("/sse-raw?body={body}&chunk=1&interval_ms=50");
    let builder = builder(&server, &slow).connect_timeout(SHORT);
    assert_eq!(events(&mut builder.build(), 1).await.0, ["x"]);

    let never = EventSource::http(http_url(&server, "/events"))
        .prepare_with(|_: HttpRequest, _: Attempt| {
            std::future::pending::<Result<HttpRequest, io::Error>>()
        })
        .connect_timeout(Duration::from_millis(20))
        .reconnect(at_once().max_retries(1));
    let errors = errors(&mut never.build()).await;
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0].kind(), SourceErrorKind::TimedOut);
}

#[test]
async fn r5_an_ended_stream_is_asked_for_again() {
    let server = Server::start().await;
    let body = encoded("data: x\n\n");
    let mut source = builder(&server, &format!("/sse-raw?body={body}")).build();
    for _ in 0..3 {
        assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
        assert!(source.next().await.unwrap().is_ok());
        let error = source.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Ended);
    }
}
