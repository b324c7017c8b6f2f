//! An event source as a sink, over connections that break.

use futures::{FutureExt, SinkExt, StreamExt, future::poll_immediate};
use tokio::time::advance;
use wsio::sse::{EventSource, Reconnect, SourceErrorKind, SourceEvent, SourceState, SseEvent};

use crate::script::{Line, Scene, Script, Taking, broken, seconds};

/// The first item of a server that does not confirm. It yields nothing.
const PLAIN: Line = Line::Send("retry: 1000\n\n");

fn open() -> Scene {
    Scene::Open(vec![PLAIN])
}

fn breaking_after(time: u64) -> Scene {
    Scene::Open(vec![
        PLAIN,
        Line::Wait(seconds(time)),
        Line::Break(broken()),
    ])
}

/// Polls the stream until nothing is to be had.
async fn drive(source: &mut EventSource<Script>) {
    while poll_immediate(source.next()).await.flatten().is_some() {}
}

#[tokio::test(start_paused = true)]
async fn r4_events_go_out_over_an_open_connection() {
    let script = Script::new([open()]);
    let mut source = script.source().build();
    drive(&mut source).await;
    source
        .send(SseEvent::new("a\nb").with_id("1"))
        .await
        .unwrap();
    source
        .send(SseEvent::new("c").with_name("x"))
        .await
        .unwrap();
    assert_eq!(
        script.sent(),
        ["id: 1\ndata: a\ndata: b\n\nevent: x\ndata: c\n\n"]
    );
    SinkExt::close(&mut source).await.unwrap();
    assert_eq!(source.ready_state(), SourceState::Closed);
    assert_eq!(script.dropped(), 1);
}

#[tokio::test(start_paused = true)]
async fn r4_sending_waits_while_there_is_no_connection() {
    let script = Script::new([Scene::Refuse(broken()), open()]);
    let (mut sink, mut stream) = script.source().build().split();
    let sending = tokio::spawn(async move { sink.send(SseEvent::new("late")).await });
    tokio::task::yield_now().await;
    assert!(!sending.is_finished());
    assert!(stream.next().await.unwrap().is_err());
    tokio::task::yield_now().await;
    assert!(!sending.is_finished());
    assert_eq!(stream.next().await.unwrap().unwrap(), SourceEvent::Open);
    // Woken by the connection alone.
    sending.await.unwrap().unwrap();
    assert_eq!(script.sent(), ["data: late\n\n"]);
}

#[tokio::test(start_paused = true)]
async fn r4_what_was_not_flushed_is_sent_again_in_order() {
    let script = Script::new([breaking_after(5), Scene::Refuse(broken()), open()]);
    let mut source = script.source().build();
    drive(&mut source).await;
    source.send(SseEvent::new("1")).await.unwrap();
    script.take(Taking::NoFlush);
    source.feed(SseEvent::new("2")).await.unwrap();
    source.feed(SseEvent::new("3")).await.unwrap();
    assert!(poll_immediate(source.flush()).await.is_none());
    source.feed(SseEvent::new("4")).await.unwrap();
    // The connection breaks, an attempt fails, the next one succeeds.
    advance(seconds(5)).await;
    drive(&mut source).await;
    assert!(poll_immediate(source.flush()).await.is_none());
    assert!(
        poll_immediate(source.feed(SseEvent::new("5")))
            .await
            .is_none()
    );
    script.take(Taking::All);
    for _ in 0..2 {
        advance(seconds(2)).await;
        drive(&mut source).await;
    }
    source.flush().await.unwrap();
    assert_eq!(
        script.sent(),
        ["data: 1\n\n", "data: 2\n\ndata: 3\n\ndata: 4\n\n"]
    );
    // Once is enough.
    source.send(SseEvent::new("6")).await.unwrap();
    assert_eq!(
        script.sent()[1],
        "data: 2\n\ndata: 3\n\ndata: 4\n\ndata: 6\n\n"
    );
}

#[tokio::test(start_paused = true)]
async fn r4_a_waiting_flush_outlives_the_connection() {
    let script = Script::new([breaking_after(5), open()]);
    let (mut sink, stream) = script.source().build().split();
    script.take(Taking::NoFlush);
    let reading = tokio::spawn(stream.take(3).collect::<Vec<_>>());
    let sending = tokio::spawn(async move { sink.send(SseEvent::new("x")).await });
    tokio::time::sleep(seconds(4)).await;
    assert!(!sending.is_finished());
    tokio::time::sleep(seconds(1)).await;
    script.take(Taking::All);
    sending.await.unwrap().unwrap();
    assert_eq!(reading.await.unwrap().len(), 3);
    assert_eq!(script.sent(), ["", "data: x\n\n"]);
}

#[tokio::test(start_paused = true)]
async fn r4_what_is_kept_is_bounded() {
    let script = Script::new([open()]);
    let mut source = script.source().send_limit(1000).build();
    drive(&mut source).await;
    script.take(Taking::NoFlush);
    let event = SseEvent::new("x".repeat(92));
    let mut accepted = 0;
    while poll_immediate(source.feed(event.clone())).await.is_some() {
        accepted += 1;
    }
    assert_eq!(accepted, 10);
    script.take(Taking::All);
    source.feed(event.clone()).await.unwrap();
    source.flush().await.unwrap();
    assert_eq!(script.sent()[0].len(), 1100);

    // Neither does a connection that is not ready take more.
    script.take(Taking::Nothing);
    source.feed(event.clone()).now_or_never();
    assert!(source.feed(event).now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn r4_a_connection_that_cannot_be_sent_over_is_replaced() {
    // It tells of its end itself, at once or within five seconds; if not, it is given up.
    for (lines, given_up_after) in [
        (vec![PLAIN, Line::Wait(seconds(3)), Line::End], 3),
        (vec![PLAIN, Line::Wait(seconds(9)), Line::End], 5),
        (vec![PLAIN], 5),
    ] {
        let script = Script::new([Scene::Open(lines), open()]);
        let (mut sink, mut stream) = script.source().build().split();
        stream.next().await.unwrap().unwrap();
        script.take(Taking::Fails);
        let sending = tokio::spawn(async move { sink.send(SseEvent::new("x")).await });
        let error = stream.next().await.unwrap().unwrap_err();
        assert_eq!(error.retry_in(), Some(seconds(1)));
        let expected = match given_up_after {
            3 => SourceErrorKind::Ended,
            _ => SourceErrorKind::Network,
        };
        assert_eq!(error.kind(), expected);
        script.take(Taking::All);
        stream.next().await.unwrap().unwrap();
        sending.await.unwrap().unwrap();
        assert_eq!(script.times(), [0, (given_up_after + 1) * 1000]);
        assert_eq!(script.sent(), ["", "data: x\n\n"]);
    }
}

#[tokio::test(start_paused = true)]
async fn r4_sending_fails_when_the_source_has_ended() {
    let script = Script::new([breaking_after(1)]);
    let reconnect = Reconnect::never();
    let (mut sink, mut stream) = script.source().reconnect(reconnect).build().split();
    script.take(Taking::NoFlush);
    stream.next().await.unwrap().unwrap();
    let sending = tokio::spawn(async move {
        let sent = sink.send(SseEvent::new("lost")).await;
        (sent, sink)
    });
    assert!(stream.next().await.unwrap().unwrap_err().is_final());
    let (sent, mut sink) = sending.await.unwrap();
    // Accepted and not sent: the flush says so.
    assert_eq!(sent.unwrap_err().kind(), SourceErrorKind::NotOpen);
    assert!(sink.flush().await.is_err());
    assert!(sink.send(SseEvent::new("late")).await.is_err());
    assert!(sink.close().await.is_err());
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn r4_a_flush_with_nothing_to_flush_waits_for_nothing() {
    let script = Script::new([]);
    let mut source = script.source().build();
    drive(&mut source).await;
    source.flush().now_or_never().unwrap().unwrap();
    source.close();
    source.flush().now_or_never().unwrap().unwrap();
    assert!(
        source
            .send(SseEvent::new("late"))
            .now_or_never()
            .unwrap()
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn r4_what_cannot_be_encoded_is_refused_and_harms_nothing() {
    let script = Script::new([open()]);
    let mut source = script.source().build();
    drive(&mut source).await;
    for event in [
        SseEvent::new("x").with_id("1\n2"),
        SseEvent::new("x").with_id("\u{0}"),
        SseEvent::new("x").with_name("a\rb"),
    ] {
        let error = source.send(event).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::InvalidEvent);
        assert!(!error.is_final());
    }
    source.send(SseEvent::new("fine")).await.unwrap();
    assert_eq!(script.sent(), ["data: fine\n\n"]);
}

#[tokio::test(start_paused = true)]
async fn r4_closing_the_sink_flushes_and_ends_the_source() {
    let script = Script::new([open(), open()]);
    let (mut sink, mut stream) = script.source().build().split();
    stream.next().await.unwrap().unwrap();
    script.take(Taking::NoFlush);
    let closing = tokio::spawn(async move {
        sink.feed(SseEvent::new("last")).await?;
        sink.close().await
    });
    tokio::task::yield_now().await;
    assert!(!closing.is_finished());
    script.take(Taking::All);
    assert!(stream.next().await.is_none());
    closing.await.unwrap().unwrap();
    assert_eq!(script.sent(), ["data: last\n\n"]);
    assert_eq!(script.made().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn r4_a_handle_that_closes_wakes_who_sends() {
    let script = Script::new([open()]);
    let source = script.source().build();
    let handle = source.handle();
    let (mut sink, mut stream) = source.split();
    stream.next().await.unwrap().unwrap();
    script.take(Taking::NoFlush);
    let sending = tokio::spawn(async move { sink.send(SseEvent::new("x")).await });
    tokio::task::yield_now().await;
    assert!(!sending.is_finished());
    // From here on nobody polls the stream.
    handle.close();
    let error = sending.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::NotOpen);
    assert_eq!(script.dropped(), 1);
    assert!(stream.next().await.is_none());
}
