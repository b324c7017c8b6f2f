//! R8. Events of an event source, until a server has confirmed them.

use std::task::Poll;

use futures::{FutureExt, SinkExt, StreamExt, future::poll_immediate, poll};
use tokio::time::advance;
use wsio::sse::{
    EventSource, Reconnect, SourceErrorKind, SourceEvent, SourceState, SseEvent, upstream,
};

use crate::script::{Line, Scene, Script, Taking, broken, seconds, short};

/// The first item of a server that confirms.
const OFFER: Line = Line::Send(": wsio upstream\n\n");

fn confirming() -> Scene {
    Scene::Open(vec![OFFER])
}

fn silent() -> Scene {
    Scene::Open(vec![])
}

fn plain() -> Scene {
    Scene::Open(vec![Line::Send(": hello\n\n")])
}

fn handled(number: u64) -> Line {
    Line::Bytes(format!(": {}\n\n", upstream::handled_comment(number)).into())
}

fn numbered(numbers: impl IntoIterator<Item = u64>) -> String {
    numbers
        .into_iter()
        .map(|number| format!("data: {number}\n\n"))
        .collect()
}

/// Polls the stream until nothing is to be had, and returns the items in short.
async fn drive(source: &mut EventSource<Script>) -> Vec<String> {
    let mut items = Vec::new();
    while let Some(item) = poll_immediate(source.next()).await.flatten() {
        items.push(short(&item));
    }
    items
}

/// Breaks the connection, and waits for the next one.
async fn break_off(script: &Script, source: &mut EventSource<Script>) {
    let made = script.made().len();
    script.ad_lib(Line::Break(broken()));
    while script.made().len() == made {
        drive(source).await;
        advance(seconds(1)).await;
    }
    drive(source).await;
    assert_eq!(source.ready_state(), SourceState::Open);
}

async fn send(source: &mut EventSource<Script>, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        let event = SseEvent::new(number.to_string());
        source.feed(event).now_or_never().unwrap().unwrap();
    }
    source.flush().now_or_never().unwrap().unwrap();
}

/// The source and the number of the first event, as each connection was told them.
fn introductions(script: &Script) -> Vec<Option<(String, u64)>> {
    let all = script.all_sent().into_iter();
    all.map(|sent| {
        let comment = sent.strip_prefix(": ")?.split_once('\n')?.0;
        let (source, first) = upstream::parse_source(comment)?;
        Some((source.to_owned(), first))
    })
    .collect()
}

/// The numbers of the introductions, which are all of one source.
fn firsts(script: &Script) -> Vec<u64> {
    let all = introductions(script);
    let all: Vec<_> = all.into_iter().map(Option::unwrap).collect();
    assert!(all.iter().all(|(source, _)| *source == all[0].0));
    all.into_iter().map(|(_, first)| first).collect()
}

#[tokio::test(start_paused = true)]
async fn r8_what_is_not_confirmed_is_sent_again_in_order_and_without_the_sender() {
    let script = Script::new([confirming(), silent(), confirming()]);
    let mut source = script.source().build();
    assert_eq!(drive(&mut source).await, ["open"]);
    send(&mut source, 1..=3).await;
    script.ad_lib(handled(1));
    script.ad_lib(Line::Break(broken()));
    // Neither comment is an item of the stream.
    assert_eq!(drive(&mut source).await, ["Network"]);
    // The next connection says nothing. Nobody sends, or flushes.
    advance(seconds(1)).await;
    assert_eq!(drive(&mut source).await, ["open"]);
    assert_eq!(script.sent(), [numbered(1..=3), numbered(2..=3)]);
    send(&mut source, 4..=4).await;
    advance(seconds(60)).await;
    break_off(&script, &mut source).await;
    assert_eq!(
        script.sent(),
        [numbered(1..=3), numbered(2..=4), numbered(2..=4)]
    );
    assert_eq!(firsts(&script), [1, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn r8_what_is_confirmed_is_not_sent_again() {
    let script = Script::new([confirming(), confirming(), confirming()]);
    let mut source = script.source().build();
    drive(&mut source).await;
    send(&mut source, 1..=3).await;
    script.ad_lib(handled(3));
    break_off(&script, &mut source).await;
    // A connection over which nothing is sent is not told of the source, either.
    assert_eq!(script.all_sent()[1], "");
    send(&mut source, 4..=4).await;
    assert_eq!(script.sent(), [numbered(1..=3), numbered(4..=4)]);
    assert_eq!(firsts(&script), [1, 4]);
}

#[tokio::test(start_paused = true)]
async fn r8_a_server_that_does_not_confirm_sees_plain_events() {
    let script = Script::new([plain(), plain()]);
    let mut source = script.source().build();
    assert_eq!(drive(&mut source).await, ["open", ":hello"]);
    send(&mut source, 1..=2).await;
    // It may say what it likes.
    for line in [": wsio upstream\n\n", ": wsio handled=1\n\n"] {
        script.ad_lib(Line::Send(line));
    }
    script.ad_lib(Line::Break(broken()));
    let items = [":wsio upstream", ":wsio handled=1", "Network"];
    assert_eq!(drive(&mut source).await, items);
    advance(seconds(1)).await;
    drive(&mut source).await;
    send(&mut source, 3..=3).await;
    assert_eq!(script.all_sent(), [numbered(1..=2), numbered(3..=3)]);
    SinkExt::close(&mut source).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn r8_what_is_flushed_before_the_server_has_said_a_word_is_kept_until_it_has() {
    for (answer, again) in [
        (Some(Line::Send(": wsio upstream\n\n")), true),
        (Some(Line::Send(": hello\n\n")), false),
        (Some(Line::Send("data: x\n\n")), false),
        (Some(Line::Send("id: x\n\n")), false),
        (Some(Line::Send("retry: 1000\n\n")), false),
        (None, true),
    ] {
        let script = Script::new([silent(), silent()]);
        let mut source = script.source().build();
        drive(&mut source).await;
        send(&mut source, 1..=2).await;
        if let Some(answer) = answer {
            script.ad_lib(answer);
        }
        break_off(&script, &mut source).await;
        let expected = if again {
            numbered(1..=2)
        } else {
            String::new()
        };
        assert_eq!(script.sent(), [numbered(1..=2), expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn r8_a_server_that_is_silent_for_ten_seconds_does_not_confirm() {
    let script = Script::new([silent(), silent()]);
    let mut source = script.source().build();
    drive(&mut source).await;
    send(&mut source, 1..=2).await;
    advance(seconds(10)).await;
    break_off(&script, &mut source).await;
    assert_eq!(script.sent(), [numbered(1..=2), String::new()]);

    // Neither does a sender wait longer for it.
    let script = Script::new([silent()]);
    let (mut sink, mut stream) = script.source().send_limit(20).build().split();
    stream.next().await.unwrap().unwrap();
    let begun = tokio::time::Instant::now();
    // The half of a split source holds one back.
    for number in 1..=5 {
        sink.feed(SseEvent::new(number.to_string())).await.unwrap();
    }
    assert_eq!(begun.elapsed(), seconds(10));
    sink.flush().await.unwrap();
    sink.close().await.unwrap();
    assert_eq!(begun.elapsed(), seconds(10));
    assert_eq!(script.sent(), [numbered(1..=5)]);
}

#[tokio::test(start_paused = true)]
async fn r8_a_source_that_has_met_a_confirming_server_waits_for_the_next_one() {
    let script = Script::new([confirming(), silent(), plain(), silent()]);
    let mut source = script.source().build();
    drive(&mut source).await;
    send(&mut source, 1..=2).await;
    break_off(&script, &mut source).await;
    // However long this one is silent.
    advance(seconds(1000)).await;
    break_off(&script, &mut source).await;
    // A server of the other kind is sent what is left, and then nothing is.
    break_off(&script, &mut source).await;
    let all = numbered(1..=2);
    assert_eq!(script.sent(), [&*all, &*all, &*all, ""]);
}

#[tokio::test(start_paused = true)]
async fn r8_what_is_unconfirmed_is_bounded_and_a_confirmation_wakes_the_sender() {
    let script = Script::new([confirming()]);
    let (mut sink, mut stream) = script.source().send_limit(1000).build().split();
    stream.next().await.unwrap().unwrap();
    let reading = tokio::spawn(async move { stream.next().await });
    let event = SseEvent::new("x".repeat(92));
    // The half of a split source holds one back.
    for _ in 0..10 {
        sink.feed(event.clone()).now_or_never().unwrap().unwrap();
    }
    // All of it has been flushed, and nothing is confirmed.
    sink.flush().now_or_never().unwrap().unwrap();
    let mut feeding = Box::pin(async move {
        for _ in 0..2 {
            sink.feed(event.clone()).await.unwrap();
        }
        sink
    });
    assert!(poll!(&mut feeding).is_pending());
    let feeding = tokio::spawn(feeding);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!feeding.is_finished());
    script.ad_lib(handled(2));
    let mut sink = feeding.await.unwrap();
    sink.flush().await.unwrap();
    assert_eq!(script.sent()[0].len(), 1200);
    assert!(!reading.is_finished());
}

#[tokio::test(start_paused = true)]
async fn r8_a_server_cannot_confirm_what_it_was_not_sent() {
    let script = Script::new([confirming(), confirming()]);
    let mut source = script.source().build();
    drive(&mut source).await;
    script.ad_lib(handled(u64::MAX));
    drive(&mut source).await;
    send(&mut source, 1..=3).await;
    for line in [
        ": wsio handled=0\n\n: wsio handled=-1\n\n: wsio handled=x\n\n",
        ": wsio handled=2\n\n: wsio handled=1\n\n: wsio handled=2\n\n",
    ] {
        script.ad_lib(Line::Send(line));
    }
    // What is no confirmation is a comment.
    let items = [":wsio handled=0", ":wsio handled=-1", ":wsio handled=x"];
    assert_eq!(drive(&mut source).await, items);
    script.ad_lib(Line::Break(broken()));
    drive(&mut source).await;
    script.take(Taking::Nothing);
    advance(seconds(1)).await;
    drive(&mut source).await;
    // It has not been sent the third yet.
    script.ad_lib(handled(u64::MAX));
    drive(&mut source).await;
    script.take(Taking::All);
    drive(&mut source).await;
    assert_eq!(script.sent(), [numbered(1..=3), numbered(3..=3)]);
    script.ad_lib(handled(u64::MAX));
    SinkExt::close(&mut source).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn r8_closing_waits_until_everything_is_confirmed_and_keeps_what_arrives() {
    let script = Script::new([confirming(), confirming()]);
    let mut source = script.source().build();
    drive(&mut source).await;
    send(&mut source, 1..=2).await;
    let mut closing = Box::pin(SinkExt::close(&mut source));
    assert!(poll!(&mut closing).is_pending());
    script.ad_lib(Line::Send("id: 7\ndata: a\n\n: c\n\n"));
    assert!(poll!(&mut closing).is_pending());
    script.ad_lib(handled(1));
    assert!(poll!(&mut closing).is_pending());
    // Nobody polls the stream. The source reconnects nevertheless.
    script.ad_lib(Line::Break(broken()));
    let closing = closing.map(|closed| closed.unwrap());
    let answering = async {
        tokio::time::sleep(seconds(2)).await;
        script.ad_lib(Line::Send("id: 8\ndata: b\n\n"));
        script.ad_lib(handled(2));
    };
    futures::join!(closing, answering);
    assert_eq!(script.sent(), [numbered(1..=2), numbered(2..=2)]);
    assert_eq!(script.ids(), ["", "7"]);
    assert_eq!(source.ready_state(), SourceState::Closed);

    // What was read meanwhile is yielded, and the last id is that of what was.
    let mut items = Vec::new();
    let mut ids = vec![source.last_event_id().map(str::to_owned)];
    while let Some(item) = source.next().now_or_never().unwrap() {
        items.push(short(&item));
        ids.push(source.last_event_id().map(str::to_owned));
    }
    assert_eq!(items, ["a", ":c", "Network", "open", "b"]);
    let ids: Vec<_> = ids.iter().map(Option::as_deref).collect();
    let seven = Some("7");
    assert_eq!(ids, [None, seven, seven, seven, seven, Some("8")]);
}

#[tokio::test(start_paused = true)]
async fn r8_closing_fails_when_the_source_ends_before_everything_is_confirmed() {
    let script = Script::new([Scene::Open(vec![
        OFFER,
        Line::Wait(seconds(5)),
        Line::Break(broken()),
    ])]);
    let reconnect = Reconnect::never();
    let mut source = script.source().reconnect(reconnect).build();
    drive(&mut source).await;
    send(&mut source, 1..=2).await;
    let error = SinkExt::close(&mut source).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::NotOpen);
    assert!(source.next().await.unwrap().unwrap_err().is_final());
    assert!(source.next().await.is_none());

    // So it does when a handle closes the source.
    let script = Script::new([confirming()]);
    let mut source = script.source().build();
    drive(&mut source).await;
    send(&mut source, 1..=2).await;
    let handle = source.handle();
    let closing = tokio::spawn(async move { SinkExt::close(&mut source).await });
    tokio::task::yield_now().await;
    assert!(!closing.is_finished());
    handle.close();
    let error = closing.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::NotOpen);
}

#[tokio::test(start_paused = true)]
async fn r8_closing_reads_ahead_within_a_limit() {
    let script = Script::new([confirming()]);
    let mut source = script.source().build();
    drive(&mut source).await;
    send(&mut source, 1..=1).await;
    for number in 0..30 {
        let data = "x".repeat(100_000);
        script.ad_lib(Line::Bytes(
            format!("id: {number}\ndata: {data}\n\n").into(),
        ));
    }
    script.ad_lib(handled(1));
    // A busy stream does not keep the confirmation from being read.
    SinkExt::close(&mut source).await.unwrap();
    let mut count = 0;
    while let Some(item) = source.next().now_or_never().unwrap() {
        assert!(matches!(item, Ok(SourceEvent::Event(_))));
        assert_eq!(source.last_event_id(), Some(&*count.to_string()));
        count += 1;
    }
    assert_eq!(count, 11);
    // A source that resumes there misses nothing.
    assert_eq!(source.last_event_id(), Some("10"));
}

#[tokio::test(start_paused = true)]
async fn r8_a_reader_and_a_task_that_closes_share_the_source() {
    let script = Script::new([confirming()]);
    let (mut sink, mut stream) = script.source().build().split();
    stream.next().await.unwrap().unwrap();
    sink.send(SseEvent::new("1")).await.unwrap();
    let closing = tokio::spawn(async move { sink.close().await });
    let reading = tokio::spawn(async move {
        let item = stream.next().await;
        // From here on nobody polls the stream.
        (item, stream)
    });
    tokio::task::yield_now().await;
    script.ad_lib(Line::Send("data: a\n\n"));
    let (item, stream) = reading.await.unwrap();
    assert_eq!(short(&item.unwrap()), "a");
    tokio::task::yield_now().await;
    assert!(!closing.is_finished());
    script.ad_lib(handled(1));
    closing.await.unwrap().unwrap();
    let rest: Vec<_> = stream.collect().await;
    assert!(rest.is_empty());
}

#[tokio::test(start_paused = true)]
async fn r8_a_reader_goes_on_when_closing_is_given_up() {
    let script = Script::new([confirming()]);
    let (mut sink, mut stream) = script.source().build().split();
    stream.next().await.unwrap().unwrap();
    sink.send(SseEvent::new("1")).await.unwrap();
    let mut next = Box::pin(async move { (stream.next().await, stream) });
    assert!(poll!(&mut next).is_pending());
    let reading = tokio::spawn(next);
    tokio::task::yield_now().await;
    // The task that closes was the last to poll the connection.
    assert!(matches!(poll!(sink.close()), Poll::Pending));
    script.ad_lib(Line::Send("data: a\n\n"));
    let (item, _) = reading.await.unwrap();
    assert_eq!(short(&item.unwrap()), "a");
}

#[tokio::test(start_paused = true)]
async fn r8_sources_have_ids_of_their_own() {
    let mut ids = Vec::new();
    for _ in 0..3 {
        let script = Script::new([confirming()]);
        let mut source = script.source().build();
        drive(&mut source).await;
        send(&mut source, 1..=1).await;
        let (id, _) = introductions(&script)[0].clone().unwrap();
        assert_eq!(id.len(), 32);
        ids.push(id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
}
