//! Reading on, from any place.

use wsio_events::{FeedOptions, Limits};

use super::*;

pub async fn d1_what_was_missed_comes_first_and_then_what_is_new<E: Engine>() {
    let engine = E::start(Limits::new()).await;
    let log = engine.logs().await.open("log").await.unwrap();
    let nothing_yet = log.newest();
    assert_eq!(nothing_yet.number, 0);
    assert_eq!(log.oldest().await.unwrap(), None);
    let ids = append(&log, 0..10).await;
    assert_eq!(log.newest(), id(&ids[9]));
    assert_eq!(log.oldest().await.unwrap(), Some(id(&ids[0])));
    let mut missed = log.subscribe(Some(&ids[3]));
    append(&log, 10..12).await;
    expect(&mut missed, 4..12).await;
    append(&log, 12..14).await;
    expect(&mut missed, 12..14).await;
    assert!(is_silent(&mut missed));
    expect(&mut log.subscribe_from_oldest(), 0..14).await;
    expect(&mut log.subscribe(Some(&nothing_yet.to_string())), 0..14).await;
    for none in [None, Some("")] {
        let mut new = log.subscribe(none);
        assert!(is_silent(&mut new));
        assert_eq!(new.last_event_id(), Some(log.newest().to_string()));
    }
}

pub async fn d1_what_is_older_than_the_window_comes_from_the_store<E: Engine>() {
    let engine = E::start(Limits::new()).await;
    let log = engine.logs().await.open("log").await.unwrap();
    let mut slow = log.subscribe(None);
    let ids = {
        let appends = (0..3000).map(|n: u64| log.append(SseEvent::new(n.to_string())));
        let ids = soon(futures::future::try_join_all(appends)).await.unwrap();
        assert!(ids.is_sorted());
        ids
    };
    let mut all = log.subscribe_from_oldest();
    let mut half = log.subscribe(Some(&ids[1499].to_string()));
    expect(&mut slow, 0..3000).await;
    expect(&mut all, 0..3000).await;
    expect(&mut half, 1500..3000).await;
    append(&log, 3000..3001).await;
    for subscription in [&mut slow, &mut all, &mut half] {
        expect(subscription, 3000..3001).await;
    }
}

pub async fn d1_ids_that_the_log_does_not_know_are_told<E: Engine>() {
    let engine = E::start(Limits::new()).await;
    let logs = engine.logs().await;
    let log = logs.open("log").await.unwrap();
    let ids = append(&log, 0..5).await;
    let other = logs.open("other").await.unwrap();
    let of_another_log = append(&other, 0..3).await.remove(1);
    let newest = log.newest();
    let EventId { epoch, .. } = newest;
    let unknown = [
        of_another_log,
        format!("{epoch}-6"),
        format!("{epoch}-{}", u64::MAX),
        format!("{}-1", epoch.wrapping_add(1)),
        format!("{}-1", epoch.wrapping_sub(1)),
        "0-0".to_owned(),
        format!("{epoch}-05"),
        format!("{epoch}-+5"),
        format!("{epoch}-5 "),
        format!("{epoch}-99999999999999999999"),
        format!("{epoch}--1"),
        format!("{epoch}-"),
        epoch.to_string(),
        "-".to_owned(),
        "\u{fffd}".to_owned(),
        "x".repeat(1 << 20),
    ];
    for id in unknown {
        let mut subscription = log.subscribe(Some(&id));
        let lagged = expect_lagged(&mut subscription).await;
        let told = lagged.last_event_id();
        assert!(told.len() < 100);
        assert!(id.starts_with(told.trim_end_matches('…')), "{told}");
        assert_eq!(lagged.oldest(), Some(&*ids[0]), "{told}");
        expect(&mut subscription, 0..5).await;
        assert!(is_silent(&mut subscription));
    }
    let empty = logs.open("empty").await.unwrap();
    let lagged = expect_lagged(&mut empty.subscribe(Some("1-1"))).await;
    assert_eq!(lagged.oldest(), None);
}

pub async fn d1_a_log_ends_for_everybody<E: Engine>() {
    let engine = E::start(Limits::new()).await;
    let log = engine.logs().await.open("log").await.unwrap();
    let elsewhere = engine.logs().await.open("log").await.unwrap();
    let mut waiting = elsewhere.subscribe(None);
    assert!(is_silent(&mut waiting));
    let ids = append(&log, 0..3).await;
    log.end().await.unwrap();
    assert!(log.is_ended());
    expect(&mut waiting, 0..3).await;
    assert_eq!(soon(waiting.next()).await, None);
    assert!(elsewhere.is_ended());
    let mut late = log.subscribe(Some(&ids[1]));
    expect(&mut late, 2..3).await;
    assert_eq!(soon(late.next()).await, None);
    let done = FeedOptions::new().open(&log, Some(&ids[2]));
    assert!(done.is_over());
    // It goes on with what comes after all.
    append(&log, 3..4).await;
    assert!(!log.is_ended());
    expect(&mut log.subscribe(Some(&ids[1])), 2..4).await;
    expect(&mut log.subscribe_from_oldest(), 0..4).await;
}

pub async fn d3_a_restart_tells_nobody_anything<E: Engine>() {
    if !E::IS_DURABLE {
        return;
    }
    let mut engine = E::start(Limits::new()).await;
    let mut seen: Vec<String> = Vec::new();
    let place = {
        let log = engine.logs().await.open("log").await.unwrap();
        log.newest().to_string()
    };
    for round in 0..3 {
        engine = engine.restart().await;
        let log = engine.logs().await.open("log").await.unwrap();
        let from = round * 10;
        let ids = append(&log, from..from + 10).await;
        assert!(seen.iter().all(|earlier| id(earlier) < id(&ids[0])));
        seen.extend(ids);
    }
    engine = engine.restart().await;
    let log = engine.logs().await.open("log").await.unwrap();
    assert_eq!(log.newest(), id(&seen[29]));
    expect(&mut log.subscribe(Some(&place)), 0..30).await;
    for (n, id) in (0..).zip(&seen) {
        expect(&mut log.subscribe(Some(id)), n + 1..30).await;
    }
    let mut up_to_date = log.subscribe(Some(&seen[29]));
    assert!(is_silent(&mut up_to_date));
    append(&log, 30..31).await;
    expect(&mut up_to_date, 30..31).await;
}

pub async fn d4_any_server_serves_any_client<E: Engine>() {
    let engine = E::start(Limits::new()).await;
    let one = engine.logs().await.open("log").await.unwrap();
    let other = engine.logs().await.open("log").await.unwrap();
    let mut at_one = one.subscribe(None);
    let mut at_other = other.subscribe(None);
    let mut ids = Vec::new();
    for n in 0..50 {
        let log = if n % 3 == 0 { &one } else { &other };
        ids.extend(append(log, n..n + 1).await);
    }
    expect(&mut at_one, 0..50).await;
    expect(&mut at_other, 0..50).await;
    for (n, id) in (0..).zip(&ids) {
        for log in [&one, &other] {
            expect(&mut log.subscribe(Some(id)), n + 1..50).await;
        }
    }
}

/// A client that was served by another server a moment ago may know more than this one.
pub async fn d4_an_id_that_this_server_has_not_seen_yet_is_good<E: Engine>() {
    let engine = E::start(Limits::new()).await;
    let one = engine.logs().await.open("log").await.unwrap();
    let other = engine.logs().await.open("log").await.unwrap();
    for n in 0..200 {
        let seen = append(&one, n..n + 1).await.remove(0);
        let mut subscription = other.subscribe(Some(&seen));
        if let Some(Some(item)) = subscription.next().now_or_never() {
            panic!("{item:?} after {seen}");
        }
        if n == 199 {
            append(&one, 200..201).await;
            expect(&mut subscription, 200..201).await;
        }
    }
}

pub async fn d7_an_event_is_encoded_once<E: Engine>() {
    let engine = E::start(Limits::new()).await;
    let log = engine.logs().await.open("log").await.unwrap();
    let options = FeedOptions::new().heartbeat(None);
    let newest = log.newest().to_string();
    let mut feeds: Vec<_> = (0..10).map(|_| options.open(&log, Some(&newest))).collect();
    for feed in &mut feeds {
        // The comment at the beginning.
        soon(feed.next()).await.unwrap().unwrap();
    }
    for n in 0..3 {
        let id = append(&log, n..n + 1).await.remove(0);
        let mut addresses = Vec::new();
        for feed in &mut feeds {
            let chunk = soon(feed.next()).await.unwrap().unwrap();
            assert_eq!(chunk, format!("id: {id}\ndata: {n}\n\n"));
            addresses.push(chunk.as_ptr());
        }
        addresses.dedup();
        assert_eq!(addresses.len(), 1, "copied for some");
    }
}
