//! What an event source remembers from one connection to the next, and how it comes to an end,
//! with time under control.

use std::{pin::pin, time::Duration};

use futures::{FutureExt, StreamExt, future::poll_immediate, stream::FusedStream};
use tokio::time::{advance, timeout};
use wsio::sse::{
    EventSource, Policy, SourceErrorKind, SourceEvent, SourceState, SseEvent, Verdict,
};

use crate::script::{Line, Scene, Script, broken, seconds, short, steady, text};

/// All that the source gives until the script is over.
async fn play(source: &mut EventSource<Script>) -> Vec<String> {
    let mut items = Vec::new();
    while let Ok(Some(item)) = timeout(seconds(20), source.next()).await {
        items.push(short(&item));
    }
    items
}

#[tokio::test(start_paused = true)]
async fn r1_it_is_a_stream_of_everything() {
    let first = "\u{feff}: hi\nid: 1\nevent: greeting\ndata: hello\n\n:\ndata\n\ndata: cut off\n";
    let script = Script::new([text(first), text("\u{feff}data: again\r\r")]);
    let mut source = script.source().build();
    let items: Vec<_> = source.by_ref().take(7).map(Result::ok).collect().await;
    let event = SseEvent::new("hello").with_name("greeting").with_id("1");
    assert_eq!(
        items,
        [
            Some(SourceEvent::Open),
            Some(SourceEvent::Comment("hi".into())),
            Some(SourceEvent::Event(event)),
            Some(SourceEvent::Comment(String::new())),
            Some(SourceEvent::Event(SseEvent::new(""))),
            None,
            Some(SourceEvent::Open),
        ]
    );
    let again = source.next().await.unwrap().unwrap().into_event().unwrap();
    assert_eq!(again.data, "again");
}

#[tokio::test(start_paused = true)]
async fn r1_the_last_id_travels_with_every_attempt() {
    let script = Script::new([
        text("data: no id yet\n\n"),
        text("id: 1\ndata: a\n\nid: 2\ndata: b\n\n"),
        Scene::Refuse(broken()),
        // None of these makes it forget.
        text("data: first without an id\n\n"),
        text(": nothing\n\nretry: 1000\n\nevent: x\n\n"),
        text(""),
        // Cut off: this is not the last event.
        text("id: 3\ndata: cut off\n"),
        text("id: 4\ndata: cut off in the"),
        text("id: 5\u{0}\ndata: ignored\n\n"),
        // Without data it counts.
        text("id: 6\n\n"),
        text("id: \u{7f}\u{fc}\ndata: odd\n\n"),
        // Forgets on purpose.
        text("id\ndata: reset\n\n"),
    ]);
    let steady = steady().backoff_factor(1.0);
    let mut source = script.source().reconnect(steady).build();
    play(&mut source).await;
    assert_eq!(
        script.ids(),
        [
            "",
            "",
            "2",
            "2",
            "2",
            "2",
            "2",
            "2",
            "2",
            "2",
            "6",
            "\u{7f}\u{fc}",
            ""
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn r1_the_first_id_can_be_given() {
    let script = Script::new([text("data: x\n\n"), text("id: 8\n\n")]);
    let mut source = script.source().last_event_id("7").build();
    assert_eq!(source.last_event_id(), Some("7"));
    play(&mut source).await;
    assert_eq!(script.ids(), ["7", "7", "8"]);
    assert_eq!(source.last_event_id(), Some("8"));
}

#[tokio::test(start_paused = true)]
async fn r1_the_last_id_is_that_of_the_event_given() {
    let script = Script::new([text(
        "id: 1\ndata: a\n\nid: 2\ndata: b\n\ndata: c\n\nid: 3\n\n",
    )]);
    let mut source = script.source().build();
    let mut ids = Vec::new();
    while let Some(Ok(_)) = source.next().await {
        ids.push(source.last_event_id().map(str::to_owned));
    }
    let ids: Vec<_> = ids.iter().map(Option::as_deref).collect();
    assert_eq!(ids, [None, Some("1"), Some("2"), Some("2")]);
    assert_eq!(source.last_event_id(), Some("3"));
}

#[tokio::test(start_paused = true)]
async fn r1_all_that_arrived_is_given_before_the_end() {
    let script = Script::new([Scene::Open(vec![
        Line::Send("id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\nda"),
        Line::Send("ta: c\n\nid: 4\ndata: d"),
        Line::Break(broken()),
    ])]);
    let mut source = script.source().build();
    assert_eq!(play(&mut source).await, ["open", "a", "b", "c", "Network"]);
    assert_eq!(script.ids(), ["", "3"]);
}

#[tokio::test(start_paused = true)]
async fn r1_what_kills_other_clients_does_no_harm() {
    // Each of these ends or stalls the stream of some client.
    let odd: [&[u8]; 9] = [
        b"event:\n\n",
        b"retry: x\n\n",
        b"id: \0\n\n",
        b"unknown: field\n\n",
        b"no colon at all\n\n",
        b"data: \xff\xfe\n\n",
        b"\r\r\r\r",
        b":\n",
        b"retry: 18446744073709551615\n\n",
    ];
    for odd in odd {
        let mut bytes = odd.to_vec();
        bytes.extend_from_slice(b"data: after\n\n");
        let script = Script::new([Scene::Open(vec![Line::Bytes(bytes)])]);
        let mut source = script.source().build();
        let items = play(&mut source).await;
        assert_eq!(items.last().unwrap(), "after", "{odd:?}");
        assert!(items.len() <= 3, "{items:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn r1_what_is_too_long_is_an_error_and_the_connection_goes_on() {
    let stream = "data: 1\n\ndata: 0123456789abcdef\n\ndata: 2\n\ndata: 1234567\ndata: 1234567\n\ndata: 3\n\n";
    let script = Script::new([Scene::Open(vec![Line::Send(stream)])]);
    let mut source = script.source().limits(16, 12).build();
    let mut items = Vec::new();
    while let Ok(Some(item)) = timeout(seconds(20), source.next()).await {
        if let Err(error) = &item {
            assert_eq!(error.retry_in(), None);
            assert!(!error.is_final());
            assert!(std::error::Error::source(error).is_some());
        }
        items.push(short(&item));
    }
    assert_eq!(items, ["open", "1", "Malformed", "2", "Malformed", "3"]);
    assert_eq!(script.made().len(), 1);
    assert_eq!(source.ready_state(), SourceState::Open);
}

#[tokio::test(start_paused = true)]
async fn r3_a_clean_end_is_a_reconnect() {
    for policy in [Policy::default(), Policy::whatwg()] {
        let script = Script::new([text("data: 1\n\n"), text("data: 2\n\n")]);
        let mut source = script.source().policy(policy).build();
        assert_eq!(
            play(&mut source).await,
            ["open", "1", "Ended", "open", "2", "Ended"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn r3_an_error_in_mid_stream_can_be_final() {
    let broken = Line::Break(wsio::sse::SourceError::status(401));
    let scene = Scene::Open(vec![Line::Send("data: 1\n\n"), broken]);
    let script = Script::new([scene, text("data: 2\n\n")]);
    let mut source = script.source().build();
    assert_eq!(play(&mut source).await, ["open", "1", "Status"]);
    assert!(source.is_terminated());
    // It is closed, and not polled again.
    assert_eq!((script.made().len(), script.dropped()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn r3_the_policy_is_the_programs() {
    let policy = Policy::new(|error| match error.kind() {
        SourceErrorKind::Ended => Verdict::Final,
        _ => Policy::default().judge(error),
    });
    let script = Script::new([Scene::Refuse(broken()), text("data: 1\n\n"), text("")]);
    let mut source = script.source().policy(policy).build();
    assert_eq!(play(&mut source).await, ["Network", "open", "1", "Ended"]);
    assert_eq!(source.ready_state(), SourceState::Closed);
}

#[tokio::test(start_paused = true)]
async fn r3_close_is_the_end_wherever_it_is() {
    // On its way, open, and waiting.
    let scenes = || [Scene::Hang, Scene::Open(vec![]), Scene::Refuse(broken())];
    for (index, scene) in scenes().into_iter().enumerate() {
        let script = Script::new([scene]);
        let mut source = script.source().connect_timeout(None).build();
        let _ = poll_immediate(source.next()).await;
        let _ = poll_immediate(source.next()).await;
        source.close();
        assert_eq!(script.dropped(), usize::from(index < 2));
        assert_eq!(source.ready_state(), SourceState::Closed);
        assert!(source.is_terminated());
        for _ in 0..3 {
            assert!(source.next().await.is_none());
        }
        advance(seconds(100)).await;
        assert!(source.next().now_or_never().unwrap().is_none());
        assert_eq!(script.made().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn r3_a_handle_closes_from_elsewhere() {
    let script = Script::new([Scene::Open(vec![])]);
    let mut source = script.source().build();
    let handle = source.handle();
    assert_eq!(handle.ready_state(), SourceState::Connecting);
    assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
    assert_eq!(handle.ready_state(), SourceState::Open);
    let waiting = tokio::spawn(async move { (source.next().await.is_none(), source) });
    tokio::task::yield_now().await;
    let clone = handle.clone();
    drop(handle);
    clone.close();
    let (ended, source) = waiting.await.unwrap();
    assert!(ended);
    assert_eq!(script.dropped(), 1);
    assert_eq!(source.ready_state(), SourceState::Closed);
}

#[tokio::test(start_paused = true)]
async fn r3_dropping_it_closes_everything() {
    for scene in [Scene::Hang, Scene::Open(vec![])] {
        let script = Script::new([scene]);
        let mut source = script.source().build();
        let handle = source.handle();
        let _ = poll_immediate(source.next()).await;
        drop(source);
        assert_eq!(script.dropped(), 1);
        assert_eq!(handle.ready_state(), SourceState::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn r6_silence_is_a_reconnect_and_comments_are_life() {
    let alive = [
        Line::Send("data: 1\n\n"),
        Line::Wait(seconds(9)),
        Line::Send(":\n"),
        Line::Wait(seconds(9)),
        // A part of something is a sign of life, too.
        Line::Send("da"),
        Line::Wait(seconds(9)),
        Line::Send("ta: 2\n\n"),
    ];
    let script = Script::new([Scene::Open(alive.into()), text("data: 3\n\n")]);
    let mut source = script.source().idle_timeout(seconds(10)).build();
    let mut items = Vec::new();
    while items.len() < 4 {
        items.push(short(&source.next().await.unwrap()));
    }
    assert_eq!(items, ["open", "1", ":", "2"]);
    let idle = source.next().await.unwrap().unwrap_err();
    assert_eq!(idle.kind(), SourceErrorKind::Idle);
    assert_eq!(idle.retry_in(), Some(seconds(1)));
    // The dead connection is not waited for.
    assert_eq!(script.dropped(), 1);
    assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
    assert_eq!(script.times(), [0, 38_000]);
}

#[tokio::test(start_paused = true)]
async fn r6_a_slow_consumer_is_no_silence() {
    let lines = vec![Line::Send("data: 1\n\n"), Line::Send("data: 2\n\n")];
    let script = Script::new([Scene::Open(lines)]);
    let mut source = script.source().idle_timeout(seconds(10)).build();
    for expected in ["open", "1", "2"] {
        assert_eq!(short(&source.next().await.unwrap()), expected);
        advance(seconds(60)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn r6_without_a_limit_silence_lasts() {
    let script = Script::new([Scene::Open(vec![])]);
    let mut source = script.source().build();
    assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
    assert!(timeout(seconds(1_000_000), source.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn r1_a_stream_without_items_lets_others_run() {
    let lines = (0..100_000).map(|_| Line::Send("id: 1\n\n")).collect();
    let script = Script::new([Scene::Open(lines)]);
    let mut source = script.source().build();
    assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
    let mut polls = 0;
    let mut next = pin!(source.next());
    while poll_immediate(&mut next).await.is_none() && polls < 100 {
        polls += 1;
    }
    assert_eq!(polls, 100);
    // And comes back by itself.
    assert!(timeout(Duration::from_millis(1), next).await.is_err());
    assert_eq!(source.last_event_id(), Some("1"));
}
