//! When an event source connects again, with time under control.

use std::time::Duration;

use futures::{FutureExt, StreamExt, stream::FusedStream};
use tokio::time::advance;
use wsio::sse::{EventSource, Reconnect, SourceError, SourceErrorKind, SourceEvent, SourceState};

use crate::script::{Line, Scene, Script, broken, seconds, steady, text};

/// The delays that the errors announce, in milliseconds, as long as there are any.
async fn delays(source: &mut EventSource<Script>, count: usize) -> Vec<u128> {
    let mut delays = Vec::new();
    while delays.len() < count {
        match source.next().await {
            Some(Err(error)) => match error.retry_in() {
                Some(delay) => delays.push(delay.as_millis()),
                None => return delays,
            },
            Some(Ok(_)) => {}
            None => return delays,
        }
    }
    delays
}

fn refuse() -> Scene {
    Scene::Refuse(broken())
}

fn refusals(count: usize) -> impl Iterator<Item = Scene> {
    (0..count).map(|_| refuse())
}

#[tokio::test(start_paused = true)]
async fn r2_delays_double_up_to_the_cap() {
    let script = Script::new(refusals(9));
    let mut source = script.source().build();
    let expected = [1, 2, 4, 8, 16, 32, 60, 60, 60].map(|it| it * 1000);
    assert_eq!(delays(&mut source, 9).await, expected);
    // And the attempts are made when they were announced.
    assert!(source.next().now_or_never().is_none());
    advance(seconds(60)).await;
    assert!(source.next().now_or_never().is_none());
    let mut at = 0;
    let mut times = vec![0];
    times.extend(expected.iter().map(|delay| {
        at += delay;
        at
    }));
    assert_eq!(script.times(), times);
    let made = script.made();
    assert_eq!(made[0].retries, 0);
    assert_eq!((made[9].number, made[9].retries), (10, 9));
}

#[tokio::test(start_paused = true)]
async fn r2_factor_and_delay_can_be_chosen() {
    let script = Script::new(refusals(4));
    let reconnect = steady()
        .delay(Duration::from_millis(300))
        .backoff_factor(3.0)
        .delay_max(seconds(5));
    let mut source = script.source().reconnect(reconnect).build();
    let delays = delays(&mut source, 4).await;
    // In steps of what a factor in single precision gives.
    let near = |delay: u128, expected: u128| delay.abs_diff(expected) <= 1;
    let all_near = delays
        .iter()
        .zip([300, 900, 2700, 5000])
        .all(|(delay, expected)| near(*delay, expected));
    assert!(all_near, "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn r2_jitter_adds_to_the_delay_and_stays_under_the_cap() {
    let mut firsts = Vec::new();
    for _ in 0..50 {
        let script = Script::new(refusals(9));
        let mut source = EventSource::builder(script.clone()).build();
        let delays = delays(&mut source, 9).await;
        for (delay, least) in delays.iter().zip([1, 2, 4, 8, 16, 30, 30, 30, 30]) {
            let range = least * 1000..=least * 2000;
            assert!(range.contains(delay), "{delays:?}");
        }
        firsts.push(delays[0]);
    }
    firsts.sort_unstable();
    firsts.dedup();
    assert!(firsts.len() > 10, "not random: {firsts:?}");
}

#[tokio::test(start_paused = true)]
async fn r2_nonsense_in_the_options_does_no_harm() {
    let nonsense = [
        Reconnect::new().backoff_factor(f32::NAN),
        Reconnect::new().backoff_factor(-1.0),
        Reconnect::new().backoff_factor(f32::INFINITY),
        Reconnect::new()
            .delay(Duration::ZERO)
            .delay_max(Duration::ZERO),
        Reconnect::new()
            .delay(Duration::MAX)
            .delay_max(Duration::MAX),
        Reconnect::new()
            .delay_min(seconds(100))
            .delay_max(seconds(1)),
        Reconnect::new()
            .delay(Duration::ZERO)
            .delay_min(Duration::ZERO),
    ];
    for reconnect in nonsense {
        let script = Script::new((0..20).map(|_| text("retry: 0\n")));
        let mut source = script.source().reconnect(reconnect.clone()).build();
        let delays = delays(&mut source, 20).await;
        assert!(delays.iter().all(|delay| *delay >= 1), "{reconnect:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn r2_a_server_that_accepts_and_closes_at_once_is_not_hammered() {
    let script = Script::new((0..10_000).map(|_| text("data: hello\n\n")));
    let mut source = script.source().build();
    let hour = async { while source.next().await.is_some() {} };
    let _ = tokio::time::timeout(seconds(3600), hour).await;
    let attempts = script.made().len();
    assert!((60..=70).contains(&attempts), "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn r2_a_server_that_also_asks_for_haste_is_not_hammered() {
    // Each time another one, so that none can be taken for the one before.
    let scenes = (0..10_000).map(|n| match n % 2 {
        0 => text("retry: 1\n\n"),
        _ => text("retry: 200\n\n"),
    });
    let script = Script::new(scenes);
    let mut source = script.source().build();
    let hour = async { while source.next().await.is_some() {} };
    let _ = tokio::time::timeout(seconds(3600), hour).await;
    let attempts = script.made().len();
    assert!(attempts <= 80, "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn r2_a_good_connection_resets_the_backoff() {
    let good = |time| Scene::Open(vec![Line::Wait(time), Line::End]);
    let short_of_good = Duration::from_millis(9_999);
    let mut scenes: Vec<_> = refusals(3).collect();
    scenes.extend([good(short_of_good), good(seconds(10)), refuse(), refuse()]);
    let script = Script::new(scenes);
    let mut source = script.source().build();
    let expected = [1, 2, 4, 8, 1, 2, 4].map(|it| it * 1000);
    assert_eq!(delays(&mut source, 7).await, expected);
}

#[tokio::test(start_paused = true)]
async fn r2_tries_are_used_up_and_given_back() {
    let mut scenes: Vec<_> = refusals(2).collect();
    scenes.push(Scene::Open(vec![Line::Wait(seconds(5)), Line::End]));
    scenes.extend(refusals(10));
    let script = Script::new(scenes);
    let reconnect = steady().max_retries(3).reset_after(seconds(5));
    let mut source = script.source().reconnect(reconnect).build();
    assert_eq!(
        delays(&mut source, 100).await,
        [1, 2, 1, 2, 4].map(|it| it * 1000)
    );
    // Three retries after the good connection, the last of which failed for good.
    assert_eq!(script.made().len(), 6);
    assert_eq!(source.ready_state(), SourceState::Closed);
    assert!(source.is_terminated());
    for _ in 0..3 {
        assert!(source.next().await.is_none());
    }
    assert_eq!(script.made().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn r2_the_last_error_says_that_it_is_final() {
    let script = Script::new(refusals(10));
    let reconnect = steady().max_retries(1);
    let mut source = script.source().reconnect(reconnect).build();
    let first = source.next().await.unwrap().unwrap_err();
    assert!(!first.is_final());
    assert_eq!(first.retry_in(), Some(seconds(1)));
    assert!(first.to_string().ends_with("; retrying in 1.0s"), "{first}");
    let last = source.next().await.unwrap().unwrap_err();
    assert!(last.is_final());
    assert_eq!(last.retry_in(), None);
    assert!(source.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn r2_never_means_never() {
    for scene in [refuse(), text("data: once\n\n")] {
        let script = Script::new([scene, text("data: twice\n\n")]);
        let mut source = script.source().reconnect(Reconnect::never()).build();
        let items: Vec<_> = source.by_ref().collect().await;
        assert!(items.last().unwrap().as_ref().unwrap_err().is_final());
        assert_eq!(script.made().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn r2_the_first_attempt_can_be_decisive() {
    let decisive = steady().retry_initial(false);
    let script = Script::new(refusals(3));
    let mut source = script.source().reconnect(decisive.clone()).build();
    assert!(source.next().await.unwrap().unwrap_err().is_final());
    assert!(source.next().await.is_none());

    // Once there was a connection, it is as ever.
    let script = Script::new([text(""), refuse(), refuse()]);
    let mut source = script.source().reconnect(decisive).build();
    assert_eq!(delays(&mut source, 3).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn r2_the_servers_retry_is_honoured_and_clamped() {
    let cases = [
        ("retry: 3000\n\n", [3000, 6000, 12_000]),
        // As soon as its line is read.
        ("retry: 3000\n", [3000, 6000, 12_000]),
        ("retry:3000\ndata: x\n\n", [3000, 6000, 12_000]),
        ("retry: 0\n\n", [100, 200, 400]),
        ("retry: 59000\n\n", [59_000, 60_000, 60_000]),
        ("retry: 18446744073709551615\n\n", [60_000; 3]),
        ("retry: 99999999999999999999999999\n\n", [60_000; 3]),
        // None of these is one.
        ("retry: +5\n\n", [1000, 2000, 4000]),
        ("retry: 5s\n\n", [1000, 2000, 4000]),
        ("retry\n\n", [1000, 2000, 4000]),
        ("retry: x\n\n", [1000, 2000, 4000]),
    ];
    for (stream, expected) in cases {
        let script = Script::new([text(stream), refuse(), refuse()]);
        let mut source = script.source().build();
        assert_eq!(delays(&mut source, 3).await, expected, "{stream}");
    }
}

#[tokio::test(start_paused = true)]
async fn r2_with_jitter_the_servers_retry_is_the_least() {
    for _ in 0..20 {
        let script = Script::new([text("retry: 5000\n\n"), text("retry: 60000\n\n")]);
        let mut source = EventSource::builder(script.clone()).build();
        let delays = delays(&mut source, 2).await;
        assert!((5_000..=10_000).contains(&delays[0]), "{delays:?}");
        assert_eq!(delays[1], 60_000);
    }
}

#[tokio::test(start_paused = true)]
async fn r2_the_servers_retry_outlives_a_good_connection() {
    let long = vec![
        Line::Send("retry: 7000\n\n"),
        Line::Wait(seconds(20)),
        Line::End,
    ];
    let script = Script::new([Scene::Open(long), refuse(), refuse()]);
    let mut source = script.source().build();
    assert_eq!(delays(&mut source, 3).await, [7000, 14_000, 28_000]);
}

#[tokio::test(start_paused = true)]
async fn r3_retry_after_is_honoured_and_clamped() {
    let cases = [
        (30, 30_000),
        (0, 1000),
        // Less than the backoff: that counts.
        (1, 1000),
        (3600, 60_000),
        (u64::MAX, 60_000),
    ];
    for (asked, expected) in cases {
        let busy = SourceError::status(503).with_retry_after(seconds(asked));
        let script = Script::new([Scene::Refuse(busy), refuse()]);
        let mut source = script.source().build();
        // Only once: the next delay is what it would have been.
        assert_eq!(delays(&mut source, 2).await, [expected, 2000], "{asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn r2_an_attempt_that_takes_too_long_is_given_up() {
    let script = Script::new([Scene::Hang, text("data: there\n\n")]);
    let mut source = script.source().build();
    let error = source.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::TimedOut);
    assert_eq!(error.retry_in(), Some(seconds(1)));
    assert_eq!(script.dropped(), 1);
    assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
    assert_eq!(script.times(), [0, 31_000]);

    let script = Script::new([Scene::Hang]);
    let mut source = script.source().connect_timeout(None).build();
    let waiting = tokio::time::timeout(seconds(100_000), source.next());
    assert!(waiting.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn r2_nothing_happens_before_it_is_polled() {
    let script = Script::new([text("")]);
    let source = script.source().build();
    advance(seconds(10)).await;
    assert!(script.made().is_empty());
    assert_eq!(source.ready_state(), SourceState::Connecting);
}
