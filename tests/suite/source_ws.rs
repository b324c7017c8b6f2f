//! R. What is particular to an event source over a WebSocket.

use std::{io, pin::pin, time::Duration};

use futures::{
    SinkExt, StreamExt,
    future::{Either, join, select},
};
use wsio::{
    Builder,
    sse::{Attempt, EventSource, SourceError, SourceErrorKind, SourceEvent, SourceState, SseEvent},
};

use crate::{
    source_both::{at_once, encoded, errors, events, http_url, visits},
    support::{SHORT, Server, may_break, pause, test, unique},
};

fn source(server: &Server, route: &str) -> EventSource {
    EventSource::ws(server.url(route))
        .configure(may_break)
        .reconnect(at_once())
        .build()
}

#[test]
async fn r1_the_query_is_kept_and_the_parameter_has_a_name() {
    let server = Server::start().await;
    for (name, set) in [("lastEventId", false), ("since", true)] {
        let url = server.url("/echo-headers?a=b%20c&d&lastEventId=old");
        let mut builder = EventSource::ws(url).last_event_id("x/y z");
        if set {
            builder = builder.id_parameter("since");
        }
        let (asked, _) = events(&mut builder.reconnect(at_once()).build(), 1).await;
        let asked: serde_json::Value = serde_json::from_str(&asked[0]).unwrap();
        let expected = match set {
            true => format!("/echo-headers?a=b%20c&d&lastEventId=old&{name}=x%2Fy%20z"),
            false => format!("/echo-headers?a=b%20c&d&{name}=x%2Fy%20z"),
        };
        assert_eq!(asked["uri"], expected);
    }
}

#[test]
async fn r1_text_and_binary_messages_are_one_stream() {
    let server = Server::start().await;
    // Two texts, neither of which is an event: "hello " and "wörld".
    let mut source = source(&server, "/text");
    assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
    let error = source.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Ended);
}

#[test]
async fn r3_close_codes_are_judged() {
    let server = Server::start().await;
    let is_final = [
        1002, 1003, 1007, 1008, 1009, 1010, 4100, 4201, 4204, 4301, 4400, 4401, 4403, 4404,
    ];
    let retried = [
        1000, 1001, 1011, 1012, 1013, 3000, 3999, 4000, 4001, 4099, 4200, 4408, 4425, 4429, 4500,
        4503, 4599, 4600, 4999,
    ];
    for (codes, tries) in [(&retried[..], 2), (&is_final[..], 1)] {
        for code in codes {
            let url = server.url(&format!("/close?code={code}&reason=because"));
            let reconnect = at_once().max_retries(1);
            let mut source = EventSource::ws(url).reconnect(reconnect).build();
            let errors = errors(&mut source).await;
            assert_eq!(errors.len(), tries, "{code}: {errors:?}");
            let expected = match code {
                1000 | 1001 => None,
                _ => Some(("because", *code)),
            };
            let found = errors[0].close_event();
            let found = found.map(|it| (it.reason.as_str(), u16::from(it.code)));
            assert_eq!(found, expected);
            let status = (4100..4600).contains(code).then(|| code - 4000);
            assert_eq!(errors[0].http_status(), status, "{code}");
        }
    }
}

#[test]
async fn r3_a_close_reason_says_when_to_come_back() {
    let server = Server::start().await;
    for (code, expected) in [(4503, Some(7)), (4429, Some(7)), (4000, None), (1011, None)] {
        let reason = encoded("Try again; Retry-After: 7");
        let url = server.url(&format!("/close?code={code}&reason={reason}"));
        let reconnect = at_once().delay_max(Duration::from_secs(5));
        let mut source = EventSource::ws(url).reconnect(reconnect).build();
        let error = loop {
            if let Err(error) = source.next().await.unwrap() {
                break error;
            }
        };
        assert_eq!(error.retry_after(), expected.map(Duration::from_secs));
        let delay = error.retry_in().unwrap();
        assert_eq!(delay == Duration::from_secs(5), expected.is_some());
    }
}

#[test]
async fn r3_a_lost_connection_is_made_again() {
    let server = Server::start().await;
    for route in ["/abort", "/drop"] {
        let mut source = source(&server, route);
        for _ in 0..3 {
            assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
            let error = source.next().await.unwrap().unwrap_err();
            assert_eq!(error.kind(), SourceErrorKind::Network, "{route}");
            assert_eq!(error.close_event().unwrap().code, 1006);
        }
    }
}

#[test]
async fn r3_closing_and_dropping_end_the_connection() {
    let server = Server::start().await;
    for is_dropped in [false, true] {
        let id = unique("ended");
        let mut source = source(&server, &format!("/watch?id={id}&mode=read"));
        assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
        let _closed = if is_dropped {
            drop(source);
            None
        } else {
            source.close();
            Some(source)
        };
        assert_eq!(server.watched(&id).await["clean"], true);
    }
}

#[test]
async fn r3_what_makes_no_sense_is_final() {
    for url in ["http://127.0.0.1/", "", "ws://127.0.0.1/#fragment", "ws://"] {
        let mut source = EventSource::ws(url).build();
        let errors = errors(&mut source).await;
        assert_eq!(errors.len(), 1, "{url}");
        assert_eq!(errors[0].kind(), SourceErrorKind::Invalid);
    }
    let server = Server::start().await;
    let builder = EventSource::ws(server.url("/echo"));
    let mut source = builder.configure(|it| it.protocols(["a b"])).build();
    assert_eq!(errors(&mut source).await.len(), 1);
}

#[test]
async fn r3_a_message_that_is_too_big_is_final() {
    let server = Server::start().await;
    let builder = EventSource::ws(server.url("/huge?bytes=10000"));
    let builder = builder.configure(|it| it.max_message_size(1000));
    let mut source = builder.reconnect(at_once()).build();
    let errors = errors(&mut source).await;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].kind(), SourceErrorKind::Protocol);
}

#[test]
async fn r2_the_url_is_made_anew_for_each_attempt() {
    let server = Server::start().await;
    let base = server.url("/echo-headers");
    let source = EventSource::ws("ws://nowhere.invalid/").url_with(move |attempt: Attempt| {
        let base = base.clone();
        async move {
            match attempt.number() {
                // Whatever is fetched for it may fail, too.
                2 => Err(io::Error::other("no token")),
                number => Ok(format!("{base}?token={number}")),
            }
        }
    });
    let mut source = source.reconnect(at_once()).build();
    let (asked, errors) = events(&mut source, 2).await;
    for (asked, token) in asked.iter().zip([1, 3]) {
        let asked: serde_json::Value = serde_json::from_str(asked).unwrap();
        assert_eq!(asked["uri"], format!("/echo-headers?token={token}"));
    }
    let kinds: Vec<_> = errors.iter().map(SourceError::kind).collect();
    assert_eq!(kinds, [SourceErrorKind::Ended, SourceErrorKind::Prepare]);
    let cause = std::error::Error::source(&errors[1]).unwrap();
    assert_eq!(cause.to_string(), "no token");
}

#[test]
async fn r2_the_request_is_made_anew_for_each_attempt() {
    let server = Server::start().await;
    let url = server.url("/echo-headers");
    let source =
        EventSource::ws(url).prepare_with(|builder: Builder, attempt: Attempt| async move {
            match attempt.retries() {
                0 => Ok(builder.protocols(["first"])),
                // The program knows better than any policy.
                _ => Err(SourceError::status(401)),
            }
        });
    let mut source = source.reconnect(at_once()).build();
    // The server chooses none of the subprotocols, which is a refusal.
    let errors = errors(&mut source).await;
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0].kind(), SourceErrorKind::Network);
    assert_eq!(errors[1].http_status(), Some(401));
}

#[test]
async fn r2_an_attempt_that_takes_too_long_is_given_up() {
    let server = Server::start().await;
    let builder = EventSource::ws(server.url("/slow-handshake?ms=60000"));
    let reconnect = at_once().max_retries(1);
    let builder = builder.connect_timeout(SHORT).reconnect(reconnect);
    let errors = errors(&mut builder.build()).await;
    assert_eq!(errors.len(), 2);
    for error in errors {
        assert_eq!(error.kind(), SourceErrorKind::TimedOut);
    }
}

#[test]
async fn r4_it_is_a_sink() {
    let server = Server::start().await;
    let route = format!(
        "/events?topic={}&upstream=append&replay=true",
        unique("sink")
    );
    let (mut sink, mut stream) = source(&server, &route).split();
    let sending = async {
        for number in 0..500 {
            let event = SseEvent::new(format!("{number}\nlines")).with_name("up");
            sink.feed(event).await.unwrap();
        }
        sink.flush().await.unwrap();
        sink
    };
    let receiving = async {
        let mut number = 0;
        while number < 500 {
            if let SourceEvent::Event(event) = stream.next().await.unwrap().unwrap() {
                assert_eq!(event.data, format!("{number}\nlines"));
                assert_eq!(event.name, "up");
                number += 1;
            }
        }
    };
    let (mut sink, ()) = join(sending, receiving).await;
    let (closed, rest) = join(sink.close(), stream.next()).await;
    closed.unwrap();
    assert!(rest.is_none());
    let source = sink.reunite(stream).unwrap();
    assert_eq!(source.ready_state(), SourceState::Closed);
}

#[test]
async fn r4_what_waits_for_a_connection_goes_out_over_the_next_one() {
    let server = Server::start().await;
    // Every connection is dropped behind the third event that comes back.
    let route = format!(
        "/events?topic={}&upstream=append&replay=true&drop_after=3",
        unique("waits")
    );
    let (mut sink, mut stream) = source(&server, &route).split();
    let mut losses = 0;
    for number in 0..30 {
        let receiving = async {
            let mut seen = Vec::new();
            let mut is_lost = false;
            // The next event is sent when this connection is known to be gone.
            while seen.is_empty() || (number % 3 == 2 && !is_lost) {
                match stream.next().await.unwrap() {
                    Ok(item) => seen.extend(item.into_event().map(|event| event.data)),
                    Err(error) => {
                        assert!(!error.is_final());
                        is_lost = true;
                        losses += 1;
                    }
                }
            }
            seen
        };
        let sending = sink.send(SseEvent::new(number.to_string()));
        let (sent, seen) = join(sending, receiving).await;
        sent.unwrap();
        assert_eq!(seen, [number.to_string()]);
    }
    assert_eq!(losses, 10);
}

/// What was in a socket when its connection broke may be lost; nothing is turned round for it.
#[test]
async fn r4_whenever_connections_break_the_order_is_kept() {
    const COUNT: u32 = 100;
    let server = Server::start().await;
    let route = format!(
        "/events?topic={}&upstream=append&replay=true&drop_after=3",
        unique("order")
    );
    let (mut sink, mut stream) = source(&server, &route).split();
    let sending = async {
        for number in 0..COUNT {
            sink.send(SseEvent::new(number.to_string())).await.unwrap();
        }
        // One of these gets through.
        loop {
            sink.send(SseEvent::new(COUNT.to_string())).await.unwrap();
            pause(Duration::from_millis(5)).await;
        }
    };
    let receiving = async {
        let mut seen: Vec<u32> = Vec::new();
        let mut losses = 0;
        while seen.last() != Some(&COUNT) {
            match stream.next().await.unwrap() {
                Ok(item) => {
                    seen.extend(item.into_event().map(|it| it.data.parse::<u32>().unwrap()));
                }
                Err(error) => {
                    assert!(!error.is_final());
                    losses += 1;
                }
            }
        }
        (seen, losses)
    };
    // Sending has no end.
    let Either::Right(((seen, losses), _)) = select(pin!(sending), pin!(receiving)).await;
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(losses >= (seen.len() - 1) / 3, "{losses}: {seen:?}");
}

#[test]
async fn r1_it_works_beside_another_transport() {
    let server = Server::start().await;
    let visit = unique("beside");
    let body = encoded("id: 7\ndata: x\n\n");
    let route = format!("/sse-raw?id={visit}&body={body}");
    let mut over_ws = source(&server, &route);
    events(&mut over_ws, 1).await;
    let id = over_ws.last_event_id();
    let over_http = EventSource::http(http_url(&server, &route)).last_event_id(id);
    events(&mut over_http.build(), 1).await;
    let seen = visits(&server, &visit).await;
    assert_eq!(seen, (2, vec![None, Some("7".into())]));
}
