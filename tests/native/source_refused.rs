//! R3. WebSockets that are refused behind the handshake, as a server has to do it for a page, with
//! time under control: both ends are in this process.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, SinkExt, StreamExt};
use tokio::{
    io::{DuplexStream, duplex},
    time::{Instant, sleep},
};
use wsio::{
    WsMessage, WsMeta, WsStream,
    native::accept,
    sse::{EventSource, Reconnect, SourceErrorKind, SourceEvent, SourceState},
};

use crate::script::seconds;

/// An event source whose server hands each connection, counted from 0, to `serve`.
fn served<F, Fut>(reconnect: Reconnect, serve: F) -> EventSource
where
    F: Fn(usize, WsMeta, WsStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let serve = Arc::new(serve);
    let connections = AtomicUsize::new(0);
    let connector = move |_, _| {
        let (client, server): (DuplexStream, _) = duplex(1 << 16);
        let number = connections.fetch_add(1, Ordering::Relaxed);
        let serve = Arc::clone(&serve);
        tokio::spawn(async move {
            let (meta, stream) = accept(server).await.unwrap();
            serve(number, meta, stream).await;
        });
        async { Ok(client) }
    };
    EventSource::ws("ws://server.test/")
        .configure(|builder| builder.connector(connector))
        .reconnect(reconnect)
        .build()
}

fn quick() -> Reconnect {
    let moment = Duration::from_millis(20);
    let reconnect = Reconnect::new().delay(moment).delay_min(moment);
    reconnect.backoff_factor(1.0).jitter(false)
}

async fn refuse(meta: &WsMeta, reason: &str) {
    meta.close_reason(4503, reason).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn r3_a_refused_websocket_never_counts_as_open() {
    let mut source = served(quick(), async |_, meta, _stream| {
        // Not at once: the handshake is long over by then.
        sleep(Duration::from_millis(100)).await;
        refuse(&meta, "Service Unavailable").await;
    });
    for _ in 0..3 {
        let error = source.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Status);
        assert_eq!(error.http_status(), Some(503));
        assert_eq!(source.ready_state(), SourceState::Connecting);
    }
}

#[tokio::test(start_paused = true)]
async fn r3_a_refusal_of_the_first_attempt_can_be_decisive() {
    let reconnect = quick().retry_initial(false);
    let mut source = served(reconnect, async |_, meta, _stream| refuse(&meta, "").await);
    let error = source.next().await.unwrap().unwrap_err();
    assert!(error.is_final());
    assert!(source.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn r3_a_silent_websocket_counts_as_open_after_a_moment() {
    // What is sent before that is not lost, and not sent to a server that refuses.
    let mut source = served(quick(), async |_, _meta, mut stream| {
        let message = stream.next().await.unwrap().unwrap();
        stream.send(message).await.unwrap();
        std::future::pending::<()>().await;
    });
    let begun = Instant::now();
    assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
    assert_eq!(begun.elapsed(), Duration::from_millis(250));
    assert_eq!(source.ready_state(), SourceState::Open);
    source.send(wsio::sse::SseEvent::new("echo")).await.unwrap();
    // The event came behind a comment, in the same message.
    let comment = source.next().await.unwrap().unwrap();
    assert!(matches!(comment, SourceEvent::Comment(it) if it.starts_with("wsio source=")));
    let event = source.next().await.unwrap().unwrap().into_event().unwrap();
    assert_eq!(event.data, "echo");
}

#[tokio::test(start_paused = true)]
async fn r3_a_moment_is_not_waited_for_longer_than_an_attempt_may_take() {
    let mut source = EventSource::ws("ws://server.test/")
        .configure(|builder| {
            builder.connector(|_, _| async {
                let (client, server) = duplex(1 << 16);
                tokio::spawn(async move {
                    let _connection = accept(server).await.unwrap();
                    std::future::pending::<()>().await;
                });
                Ok(client)
            })
        })
        .connect_timeout(Duration::from_millis(100))
        .build();
    assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
}

#[tokio::test(start_paused = true)]
async fn r3_the_first_bytes_open_a_websocket_and_are_not_lost() {
    let begun = Instant::now();
    let mut source = served(quick(), async |_, meta, mut stream| {
        let messages = ["id: 1\ndata: a", "\n\nid: 2\ndata: b\n\n"];
        for message in messages {
            sleep(Duration::from_millis(10)).await;
            stream.send(WsMessage::from(message)).await.unwrap();
        }
        refuse(&meta, "").await;
    });
    // A future that is dropped loses nothing.
    while source.next().now_or_never().is_none() {
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    assert_eq!(source.ready_state(), SourceState::Open);
    assert!(begun.elapsed() < Duration::from_millis(50));
    for expected in ["a", "b"] {
        let event = source.next().await.unwrap().unwrap().into_event().unwrap();
        assert_eq!(event.data, expected);
    }
    let error = source.next().await.unwrap().unwrap_err();
    assert_eq!(error.http_status(), Some(503));
}

#[tokio::test(start_paused = true)]
async fn r3_other_ends_come_after_open() {
    let mut source = served(quick(), async |number, meta, stream| match number {
        0 => drop(meta.close().await),
        1 => drop(meta.close_code(1011).await),
        _ => drop(stream),
    });
    let kinds = [
        SourceErrorKind::Ended,
        SourceErrorKind::Closed,
        SourceErrorKind::Ended,
    ];
    for kind in kinds {
        assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
        assert_eq!(source.next().await.unwrap().unwrap_err().kind(), kind);
    }
}

#[tokio::test(start_paused = true)]
async fn r3_one_refusal_over_a_websocket_delays_one_attempt() {
    let mut source = served(quick(), async |number, meta, mut stream| {
        if number == 0 {
            refuse(&meta, "Service Unavailable; Retry-After: 5").await;
        } else {
            stream.send(WsMessage::from(":\n")).await.unwrap();
            meta.close().await;
        }
    });
    let mut delays = Vec::new();
    while delays.len() < 3 {
        if let Err(error) = source.next().await.unwrap() {
            delays.push((error.retry_after(), error.retry_in().unwrap()));
        }
    }
    let usual = (None, Duration::from_millis(20));
    assert_eq!(delays, [(Some(seconds(5)), seconds(5)), usual, usual]);
}

#[tokio::test(start_paused = true)]
async fn r3_the_retry_after_of_a_websocket_is_clamped() {
    for (asked, expected) in [
        ("0", 20),
        ("3600", 60_000),
        ("99999999999999999999", 60_000),
    ] {
        let mut source = served(quick(), move |_, meta, stream| async move {
            refuse(&meta, &format!("retry-after:{asked}")).await;
            drop(stream);
        });
        let error = source.next().await.unwrap().unwrap_err();
        assert_eq!(error.retry_in(), Some(Duration::from_millis(expected)));
    }
}
