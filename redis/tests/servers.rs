//! Several servers on one engine.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all, stream};
use support::{
    RedisServer, append, connect, eventually_async, expect_numbers, is_silent, next, next_number,
    options,
};
use wsio::sse::SseEvent;
use wsio_events::{EventId, Limits};

#[tokio::test]
async fn d4_an_id_given_by_one_server_is_good_at_the_other() {
    let redis = RedisServer::start();
    let (one, other) = (connect(&redis).await, connect(&redis).await);
    let log = one.open("job-42").await.unwrap();
    let mut ids = vec![log.newest().to_string()];
    for number in 0..10 {
        ids.push(append(&log, number).await);
    }
    let elsewhere = other.open("job-42").await.unwrap();
    assert_eq!(elsewhere.newest(), log.newest());
    for (seen, id) in ids.iter().enumerate() {
        let mut subscription = elsewhere.subscribe(Some(id));
        expect_numbers(&mut subscription, seen as u64..10).await;
        assert!(is_silent(&mut subscription));
    }
}

#[tokio::test]
async fn d4_what_one_server_appends_arrives_at_the_other() {
    let redis = RedisServer::start();
    let (one, other) = (connect(&redis).await, connect(&redis).await);
    let (log, elsewhere) = (one.open("a").await.unwrap(), other.open("a").await.unwrap());
    let mut subscription = elsewhere.subscribe(None);
    for number in 0..100 {
        append(&log, number).await;
        assert_eq!(next_number(&mut subscription).await, number);
    }
    log.end().await.unwrap();
    assert!(subscription.next().await.is_none());
    assert!(elsewhere.is_ended());
}

#[tokio::test]
async fn d4_an_append_is_in_the_log_of_its_server_when_it_resolves() {
    let redis = RedisServer::start();
    let logs = connect(&redis).await;
    let log = logs.open("a").await.unwrap();
    for number in 0..100 {
        assert_eq!(append(&log, number).await, log.newest().to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_concurrent_appends_of_two_servers_are_in_one_order_everywhere() {
    let redis = RedisServer::start();
    let (one, other) = (connect(&redis).await, connect(&redis).await);
    let logs = [one.open("a").await.unwrap(), other.open("a").await.unwrap()];
    let begin = logs[0].newest().to_string();
    let mut live = logs.each_ref().map(|log| log.subscribe(Some(&begin)));
    let appends = (0..1000).map(|number| {
        let log = logs[number % 2].clone();
        async move { append(&log, number as u64).await }
    });
    let ids = tokio::spawn(
        stream::iter(appends.collect::<Vec<_>>())
            .buffer_unordered(50)
            .collect::<Vec<_>>(),
    );
    let mut orders = [Vec::new(), Vec::new()];
    for (order, subscription) in orders.iter_mut().zip(&mut live) {
        for _ in 0..1000 {
            order.push(next_number(subscription).await);
        }
    }
    assert_eq!(orders[0], orders[1]);
    let distinct: BTreeSet<_> = orders[0].iter().collect();
    assert_eq!(distinct.len(), 1000);
    let ids: Vec<EventId> = ids
        .await
        .unwrap()
        .iter()
        .map(|id| id.parse().unwrap())
        .collect();
    let numbers: BTreeSet<_> = ids.iter().map(|id| id.number).collect();
    assert_eq!(numbers, (1..=1000).collect());
    assert_eq!(live[0].last_event_id(), live[1].last_event_id());
}

#[tokio::test]
async fn d2_under_one_key_two_servers_append_once() {
    let redis = RedisServer::start();
    let (one, other) = (connect(&redis).await, connect(&redis).await);
    let logs = [one.open("a").await.unwrap(), other.open("a").await.unwrap()];
    let begin = logs[0].newest().to_string();
    let appends = (0..100).map(|i| {
        let (log, key) = (logs[i % 2].clone(), format!("key {}", i / 10));
        let event = SseEvent::new((i / 10).to_string());
        async move { log.append_once(&key, event).await.unwrap() }
    });
    let ids: BTreeSet<EventId> = join_all(appends).await.into_iter().collect();
    assert_eq!(ids.len(), 10);
    for log in &logs {
        let mut subscription = log.subscribe(Some(&begin));
        expect_numbers(&mut subscription, 0..10).await;
        assert!(is_silent(&mut subscription));
    }
}

#[tokio::test]
async fn d2_a_key_is_forgotten_after_its_time() {
    let redis = RedisServer::start();
    let limits = Limits::new().memory(Duration::from_millis(50));
    let logs = options(&redis.url())
        .limits(limits)
        .connect()
        .await
        .unwrap();
    let log = logs.open("a").await.unwrap();
    let first = log.append_once("k", SseEvent::new("1")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let second = log.append_once("k", SseEvent::new("1")).await.unwrap();
    assert_ne!(first, second);
}

#[tokio::test]
async fn d4_what_is_older_than_the_window_comes_from_redis() {
    let redis = RedisServer::start();
    let builder = options(&redis.url()).window(10, 1 << 20);
    let logs = builder.connect().await.unwrap();
    let log = logs.open("a").await.unwrap();
    let begin = log.newest().to_string();
    for number in 0..1000 {
        append(&log, number).await;
    }
    let mut subscription = log.subscribe(Some(&begin));
    expect_numbers(&mut subscription, 0..1000).await;
    assert!(is_silent(&mut subscription));
    let mut oldest = log.subscribe_from_oldest();
    expect_numbers(&mut oldest, 0..1000).await;
}

#[tokio::test]
async fn d1_a_large_event_arrives_at_the_other_server() {
    let redis = RedisServer::start();
    let (one, other) = (connect(&redis).await, connect(&redis).await);
    let (log, elsewhere) = (one.open("a").await.unwrap(), other.open("a").await.unwrap());
    let mut subscription = elsewhere.subscribe(None);
    for size in [0, 1, (32 << 10) - 10, 32 << 10, 1 << 20] {
        let data = "x".repeat(size);
        log.append(SseEvent::new(data.clone())).await.unwrap();
        assert!(next(&mut subscription).await.unwrap() == data, "{size}");
    }
    let larger = SseEvent::new("x".repeat((1 << 20) + 1));
    assert!(log.append(larger).await.unwrap_err().is_too_large());
    append(&log, 7).await;
    assert_eq!(next_number(&mut subscription).await, 7);
}

#[tokio::test]
async fn d1_names_with_anything_in_them_are_logs_of_their_own() {
    let redis = RedisServer::start();
    let (one, other) = (connect(&redis).await, connect(&redis).await);
    let long = "ü".repeat(127);
    let names = [
        "{", "}", "{}", "a b", "a%20b", "\0", "\r\n", ":events", "*", &long,
    ];
    for (number, name) in (0..).zip(names) {
        let log = one.open(name).await.unwrap();
        let mut subscription = other.open(name).await.unwrap().subscribe(None);
        append(&log, number).await;
        assert_eq!(next_number(&mut subscription).await, number, "{name:?}");
        assert_eq!(log.newest().number, 1);
    }
}

#[tokio::test]
async fn d1_an_id_that_is_none_of_the_log_is_told_that_it_lagged() {
    let redis = RedisServer::start();
    let logs = connect(&redis).await;
    let log = logs.open("a").await.unwrap();
    append(&log, 0).await;
    let newest = log.newest();
    let epoch = newest.epoch;
    let long = "9".repeat(1 << 20);
    let largest = u64::MAX.to_string();
    let ids = [
        "rubbish".to_owned(),
        "0-0".to_owned(),
        format!("{epoch}-2"),
        format!("{}-1", epoch + 1),
        format!("{}-1", epoch - 1),
        format!("{largest}-{largest}"),
        format!("{epoch}-{largest}"),
        long,
    ];
    for id in ids {
        let mut subscription = log.subscribe(Some(&id));
        let short = &id[..id.len().min(50)];
        assert!(next(&mut subscription).await.is_err(), "{short}");
        assert_eq!(next_number(&mut subscription).await, 0, "{short}");
        assert!(is_silent(&mut subscription));
    }
}

#[tokio::test]
async fn d6_a_log_keeps_so_many_events() {
    let redis = RedisServer::start();
    let limits = Limits::new().events(10);
    let builder = options(&redis.url()).limits(limits);
    let (one, other) = (
        builder.clone().connect().await.unwrap(),
        builder.connect().await.unwrap(),
    );
    let log = one.open("a").await.unwrap();
    let begin = log.newest().to_string();
    for number in 0..25 {
        append(&log, number).await;
    }
    assert_eq!(kept(&redis), 10);
    // Trimming does not overtake anybody silently.
    let mut behind = other.open("a").await.unwrap().subscribe(Some(&begin));
    assert!(next(&mut behind).await.is_err());
    expect_numbers(&mut behind, 15..25).await;
    assert!(is_silent(&mut behind));
}

#[tokio::test]
async fn d6_a_log_keeps_so_many_bytes_and_the_newest_event() {
    let redis = RedisServer::start();
    let body = "data: \n\n".len() + 100;
    let limits = Limits::new().bytes(5 * body);
    let logs = options(&redis.url())
        .limits(limits)
        .connect()
        .await
        .unwrap();
    let log = logs.open("a").await.unwrap();
    for _ in 0..20 {
        log.append(SseEvent::new("x".repeat(100))).await.unwrap();
    }
    assert_eq!(kept(&redis), 5);
    log.append(SseEvent::new("x".repeat(100 * body)))
        .await
        .unwrap();
    assert_eq!(kept(&redis), 1);
    log.append(SseEvent::new("x".repeat(100))).await.unwrap();
    assert_eq!(kept(&redis), 1);
    for count in 2..=5 {
        log.append(SseEvent::new("x".repeat(100))).await.unwrap();
        assert_eq!(kept(&redis), count);
    }
}

fn kept(redis: &RedisServer) -> i64 {
    match redis.command("XLEN wsio:{a}:events") {
        redis::Value::Int(count) => count,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn d6_a_log_keeps_events_for_so_long_and_is_dropped_when_idle() {
    let redis = RedisServer::start();
    let limits = Limits::new()
        .age(Duration::from_millis(300))
        .memory(Duration::from_millis(300));
    let logs = options(&redis.url())
        .limits(limits)
        .connect()
        .await
        .unwrap();
    let log = logs.open("a").await.unwrap();
    let begin = log.newest().to_string();
    append(&log, 0).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    append(&log, 1).await;
    assert_eq!(kept(&redis), 1);
    let mut behind = log.subscribe(Some(&begin));
    assert!(next(&mut behind).await.is_err());
    assert_eq!(next_number(&mut behind).await, 1);
    drop((behind, log, logs));
    // How far the log has come is remembered for longer.
    let is_only_meta =
        || redis.command("KEYS *") == redis::Value::Array(vec![text("wsio:{a}:meta")]);
    eventually_async(is_only_meta).await;
    let redis::Value::Int(left) = redis.command("PTTL wsio:{a}:meta") else {
        panic!("the time is a number");
    };
    assert!((1..=600_000).contains(&left), "{left}");
}

fn text(text: &str) -> redis::Value {
    redis::Value::BulkString(text.into())
}

/// Subscribers who have seen everything have missed nothing, though everything has expired.
#[tokio::test]
async fn d6_an_idle_log_whose_events_have_expired_goes_on_where_it_was() {
    let redis = RedisServer::start();
    let limits = Limits::new().age(Duration::from_millis(50));
    let builder = options(&redis.url()).limits(limits);
    let (one, other) = (
        builder.clone().connect().await.unwrap(),
        builder.connect().await.unwrap(),
    );
    let (log, elsewhere) = (one.open("a").await.unwrap(), other.open("a").await.unwrap());
    let mut live = elsewhere.subscribe(None);
    for number in 0..3 {
        append(&log, number).await;
        assert_eq!(next_number(&mut live).await, number);
        eventually_async(|| redis.command("EXISTS wsio:{a}:events") == redis::Value::Int(0)).await;
    }
    assert_eq!(log.newest().number, 3);
}

/// Closing and opening come in any order, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_a_log_that_is_closed_is_no_longer_followed_and_can_be_opened_again() {
    let redis = RedisServer::start();
    let one = connect(&redis).await.max_logs(1);
    let other = connect(&redis).await;
    let (a, b) = (
        other.open("a").await.unwrap(),
        other.open("b").await.unwrap(),
    );
    for number in 0..200 {
        let (name, writer) = if number % 3 == 0 {
            ("a", &a)
        } else {
            ("b", &b)
        };
        let mut subscription = one.open(name).await.unwrap().subscribe(None);
        append(writer, number).await;
        assert_eq!(next_number(&mut subscription).await, number);
    }
    let followed = || redis.command("PUBSUB NUMSUB wsio:{a}:tail wsio:{b}:tail");
    let counts = |a, b| {
        let (a, b) = (redis::Value::Int(a), redis::Value::Int(b));
        redis::Value::Array(vec![text("wsio:{a}:tail"), a, text("wsio:{b}:tail"), b])
    };
    eventually_async(|| followed() == counts(1, 2)).await;
    drop(one);
    eventually_async(|| followed() == counts(1, 1)).await;
    drop((other, a, b));
    eventually_async(|| followed() == counts(0, 0)).await;
    eventually_async(|| redis.info("connected_clients") == "1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_ten_thousand_logs_are_open_in_one_process() {
    let redis = RedisServer::start();
    let (one, other) = (connect(&redis).await, connect(&redis).await);
    let began = Instant::now();
    let open = |logs: wsio_events::EventLogs| {
        stream::iter(0..10_000)
            .map(move |i| {
                let logs = logs.clone();
                async move { logs.open(&format!("log {i}")).await.unwrap() }
            })
            .buffered(100)
            .collect::<Vec<_>>()
    };
    let here = open(one).await;
    println!("10 000 logs opened after {:?}", began.elapsed());
    let there = open(other).await;
    let began = Instant::now();
    let mut subscriptions: Vec<_> = there.iter().map(|log| log.subscribe(None)).collect();
    let appends = here
        .iter()
        .enumerate()
        .map(|(i, log)| append(log, i as u64));
    stream::iter(appends.collect::<Vec<_>>())
        .buffer_unordered(100)
        .collect::<Vec<_>>()
        .await;
    for (i, subscription) in subscriptions.iter_mut().enumerate() {
        assert_eq!(next_number(subscription).await, i as u64);
    }
    println!("10 000 events in 10 000 logs after {:?}", began.elapsed());
    // Two connections each, one for each server's tail and one for its commands, and ours.
    assert_eq!(redis.info("connected_clients"), "5");
    drop((subscriptions, here));
    let channels = || redis.command("PUBSUB CHANNELS wsio:{*");
    let count = |value| match value {
        redis::Value::Array(names) => names.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(count(channels()), 10_000);
    drop(there);
}
