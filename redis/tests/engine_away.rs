//! An engine that is away, slow, full, another, or that has lost something.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use support::{
    Proxy, RedisServer, SOON, connect, eventually, eventually_async, expect_numbers, is_silent,
    next, next_number, options,
};
use wsio::sse::SseEvent;
use wsio_events::{AppendError, EventLog};

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Appends an event with this number as its data, and returns its id. It has a key of its own, so
/// that it is sent again where a connection is lost.
async fn append(log: &EventLog, number: u64) -> String {
    static KEYS: AtomicU64 = AtomicU64::new(0);
    let key = format!("append {}", KEYS.fetch_add(1, Ordering::Relaxed));
    let event = SseEvent::new(number.to_string());
    log.append_once(&key, event).await.unwrap().to_string()
}

async fn refused(log: &EventLog) -> AppendError {
    let error = log.append(SseEvent::new("lost")).await.unwrap_err();
    assert!(!error.is_uncertain(), "{}", chain(&error));
    error
}

#[tokio::test]
async fn d3_a_restart_that_loses_nothing_tells_nobody_anything() {
    let mut redis = RedisServer::with_append_only_file();
    let (one, other) = (connect(&redis).await, connect(&redis).await);
    let (log, elsewhere) = (one.open("a").await.unwrap(), other.open("a").await.unwrap());
    let begin = log.newest().to_string();
    let mut live = elsewhere.subscribe(None);
    let mut slow = log.subscribe(Some(&begin));
    for number in 0..5 {
        append(&log, number).await;
    }
    expect_numbers(&mut live, 0..5).await;
    let seen = log.newest();
    redis.kill();
    redis.launch_again();
    for number in 5..10 {
        append(&elsewhere, number).await;
    }
    assert!(log.newest().epoch > seen.epoch || elsewhere.newest().epoch > seen.epoch);
    expect_numbers(&mut live, 5..10).await;
    expect_numbers(&mut slow, 0..10).await;
    // Nor a client that returns, to whichever server.
    for log in [
        &log,
        &elsewhere,
        &connect(&redis).await.open("a").await.unwrap(),
    ] {
        expect_numbers(&mut log.subscribe(Some(&seen.to_string())), 5..10).await;
    }
    assert!(is_silent(&mut live) && is_silent(&mut slow));
}

#[tokio::test]
async fn d5_a_log_without_events_survives_a_restart() {
    let mut redis = RedisServer::with_append_only_file();
    let logs = connect(&redis).await;
    let log = logs.open("a").await.unwrap();
    let mut live = log.subscribe(None);
    redis.kill();
    redis.launch_again();
    append(&log, 0).await;
    assert_eq!(next_number(&mut live).await, 0);
}

#[tokio::test]
async fn d5_a_restart_that_loses_everything_is_told_to_all() {
    let mut redis = RedisServer::start();
    let (one, other) = (connect(&redis).await, connect(&redis).await);
    let (log, elsewhere) = (one.open("a").await.unwrap(), other.open("a").await.unwrap());
    let begin = log.newest().to_string();
    let mut live = elsewhere.subscribe(None);
    for number in 0..5 {
        append(&log, number).await;
    }
    expect_numbers(&mut live, 0..5).await;
    let seen = log.newest().to_string();
    redis.kill();
    redis.launch_again();
    append(&log, 5).await;
    assert!(next(&mut live).await.is_err());
    assert_eq!(next_number(&mut live).await, 5);
    let newcomer = connect(&redis).await.open("a").await.unwrap();
    for (id, log) in [(&begin, &newcomer), (&seen, &newcomer), (&seen, &elsewhere)] {
        let mut returns = log.subscribe(Some(id));
        assert!(next(&mut returns).await.is_err(), "{id}");
        assert_eq!(next_number(&mut returns).await, 5);
    }
    // A server still has in memory what the engine has lost.
    let mut returns = elsewhere.subscribe(Some(&begin));
    expect_numbers(&mut returns, 0..5).await;
    assert!(next(&mut returns).await.is_err());
    assert_eq!(next_number(&mut returns).await, 5);
}

#[tokio::test]
async fn d5_a_flushed_log_is_told_to_all_but_goes_on() {
    let redis = RedisServer::start();
    let logs = connect(&redis).await;
    let log = logs.open("a").await.unwrap();
    let empty = logs.open("b").await.unwrap();
    let (mut live, mut waiting) = (log.subscribe(None), empty.subscribe(None));
    append(&log, 0).await;
    assert_eq!(next_number(&mut live).await, 0);
    redis.command("FLUSHALL");
    for (log, subscription) in [(&log, &mut live), (&empty, &mut waiting)] {
        append(log, 1).await;
        assert!(next(subscription).await.is_err());
        assert_eq!(next_number(subscription).await, 1);
        append(log, 2).await;
        assert_eq!(next_number(subscription).await, 2);
    }
}

/// What LOGS.md found: a replica is promoted without the last two events that were acknowledged,
/// and numbers on. Exactly those who have seen them are told.
#[tokio::test]
async fn d5_a_promoted_replica_that_lacks_events_is_noticed_by_exactly_those_beyond() {
    let (mut master, replica) = (RedisServer::start(), RedisServer::start());
    let proxy = Proxy::to(master.port).await;
    let (one, other) = (
        options(&proxy.url()).connect().await.unwrap(),
        options(&proxy.url()).connect().await.unwrap(),
    );
    let (log, elsewhere) = (one.open("a").await.unwrap(), other.open("a").await.unwrap());
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(append(&log, number).await);
    }
    replica.replicate(&master);
    let mut behind = log.subscribe(Some(&ids[0]));
    assert_eq!(next_number(&mut behind).await, 1);
    let mut exact = log.subscribe(Some(&ids[2]));
    replica.command("REPLICAOF NO ONE");
    for number in 3..5 {
        ids.push(append(&log, number).await);
    }
    let mut beyond = elsewhere.subscribe(Some(&ids[2]));
    expect_numbers(&mut beyond, 3..5).await;
    proxy.retarget(replica.port);
    master.kill();
    for number in 5..8 {
        append(&log, number).await;
    }
    // Those beyond the fork.
    eventually_async(|| log.newest() == elsewhere.newest() && log.newest().number == 3).await;
    assert!(next(&mut beyond).await.is_err());
    expect_numbers(&mut beyond, 5..8).await;
    for id in &ids[3..] {
        for log in [&log, &elsewhere] {
            let mut returns = log.subscribe(Some(id));
            assert!(next(&mut returns).await.is_err(), "{id}");
            expect_numbers(&mut returns, 5..8).await;
        }
    }
    // And nobody else: they had not seen what is lost.
    assert_eq!(next_number(&mut behind).await, 2);
    for subscription in [
        &mut behind,
        &mut exact,
        &mut elsewhere.subscribe(Some(&ids[2])),
    ] {
        expect_numbers(subscription, 5..8).await;
        assert!(is_silent(subscription));
    }
}

/// The run id of a process is no proof: here it is the same one before and after.
#[tokio::test]
async fn d5_a_server_that_was_a_replica_for_a_moment_is_another() {
    let (first, second) = (RedisServer::start(), RedisServer::start());
    let logs = connect(&first).await;
    let log = logs.open("a").await.unwrap();
    let mut live = log.subscribe(None);
    append(&log, 0).await;
    second.replicate(&first);
    second.command("REPLICAOF NO ONE");
    append(&log, 1).await;
    expect_numbers(&mut live, 0..2).await;
    first.replicate(&second);
    first.command("REPLICAOF NO ONE");
    append(&log, 2).await;
    assert!(next(&mut live).await.is_err());
    assert_eq!(next_number(&mut live).await, 2);
}

/// Without another process: the log itself is older than what was seen of it.
#[tokio::test]
async fn d5_an_older_history_in_the_same_engine_is_noticed() {
    let redis = RedisServer::start();
    let logs = connect(&redis).await;
    let (log, silent) = (logs.open("a").await.unwrap(), logs.open("b").await.unwrap());
    for log in [&log, &silent] {
        append(log, 0).await;
    }
    let (mut live, mut other) = (log.subscribe(None), silent.subscribe(None));
    for name in ["a", "b"] {
        for key in ["events", "meta"] {
            redis.command(&format!("COPY wsio:{{{name}}}:{key} old-{name}-{key}"));
        }
    }
    for (log, live) in [(&log, &mut live), (&silent, &mut other)] {
        append(log, 1).await;
        assert_eq!(next_number(live).await, 1);
    }
    for name in ["a", "b"] {
        for key in ["events", "meta"] {
            redis.command(&format!(
                "COPY old-{name}-{key} wsio:{{{name}}}:{key} REPLACE"
            ));
        }
    }
    append(&log, 2).await;
    assert!(next(&mut live).await.is_err());
    assert_eq!(next_number(&mut live).await, 2);
    // Another server knows nothing of what was lost; the comparison tells it.
    eventually_async(|| redis.command("HEXISTS wsio:{b}:meta lost") == redis::Value::Int(1)).await;
    let newcomer = connect(&redis).await.open("b").await.unwrap();
    append(&newcomer, 2).await;
    assert!(next(&mut other).await.is_err());
    assert_eq!(next_number(&mut other).await, 2);
}

#[tokio::test]
async fn d5_while_the_engine_is_away_streams_stay_and_appends_fail_in_time() {
    let mut redis = RedisServer::with_append_only_file();
    let builder = options(&redis.url()).timeout(Duration::from_millis(500));
    let logs = builder.connect().await.unwrap();
    let log = logs.open("a").await.unwrap();
    let begin = log.newest().to_string();
    let mut live = log.subscribe(None);
    append(&log, 0).await;
    assert_eq!(next_number(&mut live).await, 0);
    redis.kill();
    // The first may find the connection still there.
    let began = Instant::now();
    let _ = log.append(SseEvent::new("lost")).await.unwrap_err();
    let error = refused(&log).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(
        chain(&error).contains("Redis cannot be reached"),
        "{}",
        chain(&error)
    );
    assert!(logs.open("b").await.is_err());
    let mut behind = log.subscribe(Some(&begin));
    assert_eq!(next_number(&mut behind).await, 0);
    assert!(is_silent(&mut live));
    redis.launch_again();
    while log.append(SseEvent::new("1")).await.is_err() {}
    assert_eq!(next_number(&mut live).await, 1);
    assert_eq!(next_number(&mut behind).await, 1);
}

#[tokio::test]
async fn d5_an_append_waits_for_an_engine_that_is_soon_back() {
    let mut redis = RedisServer::with_append_only_file();
    let logs = connect(&redis).await;
    let log = logs.open("a").await.unwrap();
    let mut live = log.subscribe(None);
    redis.kill();
    let appending = tokio::spawn({
        let log = log.clone();
        async move { log.append_once("key", SseEvent::new("0")).await }
    });
    redis.launch_again();
    let id = appending.await.unwrap().unwrap();
    assert_eq!(
        log.append_once("key", SseEvent::new("0")).await.unwrap(),
        id
    );
    assert_eq!(next_number(&mut live).await, 0);
    assert!(is_silent(&mut live));
}

/// Connections are killed all the time; every event under a key is there once, and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_killed_connections_lose_and_repeat_nothing() {
    let redis = RedisServer::start();
    let (one, other) = (connect(&redis).await, connect(&redis).await);
    let (log, elsewhere) = (one.open("a").await.unwrap(), other.open("a").await.unwrap());
    let mut live = [log.subscribe(None), elsewhere.subscribe(None)];
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let appending = tokio::spawn(async move {
        let mut number = 0;
        while !*stopped.borrow() {
            append(&log, number).await;
            number += 1;
        }
        number
    });
    for _ in 0..20 {
        for kind in ["normal", "pubsub"] {
            redis.command(&format!("CLIENT KILL TYPE {kind}"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.send_replace(true);
    let count = appending.await.unwrap();
    for subscription in &mut live {
        expect_numbers(subscription, 0..count).await;
        assert!(is_silent(subscription));
    }
}

#[tokio::test]
async fn d5_a_slow_engine_makes_appends_uncertain_and_loses_nothing() {
    let redis = RedisServer::start();
    let builder = options(&redis.url()).timeout(Duration::from_millis(300));
    let logs = builder.connect().await.unwrap();
    let log = logs.open("a").await.unwrap();
    let mut live = log.subscribe(None);
    redis.command("CLIENT PAUSE 1000 ALL");
    let began = Instant::now();
    let key = || log.append_once("key", SseEvent::new("0"));
    let error = key().await.unwrap_err();
    assert!(error.is_uncertain());
    assert!(began.elapsed() < Duration::from_millis(900));
    let id = loop {
        if let Ok(id) = key().await {
            break id;
        }
    };
    assert_eq!(id.number, 1);
    assert_eq!(next_number(&mut live).await, 0);
    append(&log, 1).await;
    assert_eq!(next_number(&mut live).await, 1);
}

#[tokio::test]
async fn d5_a_full_engine_refuses_and_goes_on_when_there_is_room() {
    let redis = RedisServer::start();
    let logs = connect(&redis).await;
    let log = logs.open("a").await.unwrap();
    let mut live = log.subscribe(None);
    append(&log, 0).await;
    redis.command("CONFIG SET maxmemory 1");
    let began = Instant::now();
    let error = refused(&log).await;
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(chain(&error).contains("OOM"), "{}", chain(&error));
    // It can still be read.
    let other = log.subscribe_from_oldest();
    expect_numbers(&mut { other }, 0..1).await;
    redis.command("CONFIG SET maxmemory 0");
    append(&log, 1).await;
    expect_numbers(&mut live, 0..2).await;
    assert!(is_silent(&mut live));
}

#[tokio::test]
async fn d5_a_wrong_password_is_a_clear_error_without_the_password() {
    let redis = RedisServer::with("--requirepass right-secret");
    let wrong = format!(
        "redis://:wrong-secret@127.0.0.1:{}/0?token=q-secret",
        redis.port
    );
    let began = Instant::now();
    let error = options(&wrong).connect().await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(2));
    let text = chain(&error) + &format!("{error:?} {:?}", options(&wrong));
    assert!(
        text.contains("uthentication") || text.contains("WRONGPASS"),
        "{text}"
    );
    assert!(!text.contains("secret"), "{text}");
    let none = options(&redis.url()).connect().await.unwrap_err();
    assert!(chain(&none).contains("NOAUTH"), "{}", chain(&none));
    for url in [
        "no url with-secret",
        "redis://u:secret@:x/",
        "http://u:secret@localhost/",
    ] {
        let error = options(url).connect().await.unwrap_err();
        assert!(
            !format!("{error:?} {}", chain(&error)).contains("secret"),
            "{url}"
        );
    }

    let right = format!("redis://:right-secret@127.0.0.1:{}/", redis.port);
    let store = options(&right).open().await.unwrap();
    assert!(!format!("{store:?}").contains("secret"), "{store:?}");
    let logs = wsio_events::EventLogs::with_store(store);
    append(&logs.open("a").await.unwrap(), 0).await;
    assert!(!format!("{logs:?}").contains("secret"));
}

#[tokio::test]
async fn d5_a_password_that_changes_makes_appends_fail_and_streams_stay() {
    let redis = RedisServer::start();
    let builder = options(&redis.url()).timeout(Duration::from_millis(500));
    let logs = builder.connect().await.unwrap();
    let log = logs.open("a").await.unwrap();
    let mut live = log.subscribe(None);
    append(&log, 0).await;
    redis.command("CONFIG SET requirepass secret");
    let mut admin = redis::Client::open(format!("redis://:secret@127.0.0.1:{}/", redis.port))
        .unwrap()
        .get_connection()
        .unwrap();
    let kill = |admin: &mut redis::Connection| {
        for kind in ["normal", "pubsub"] {
            let mut command = redis::cmd("CLIENT");
            command.arg("KILL").arg("TYPE").arg(kind);
            command.query::<redis::Value>(admin).unwrap();
        }
    };
    kill(&mut admin);
    // The first may find the connection still there.
    let _ = log.append(SseEvent::new("lost")).await.unwrap_err();
    let error = refused(&log).await;
    assert!(chain(&error).contains("NOAUTH"), "{}", chain(&error));
    let mut command = redis::cmd("CONFIG");
    command.arg("SET").arg("requirepass").arg("");
    command.query::<redis::Value>(&mut admin).unwrap();
    while log.append(SseEvent::new("1")).await.is_err() {}
    expect_numbers(&mut live, 0..2).await;
}

#[tokio::test]
async fn d5_a_node_of_a_cluster_that_does_not_have_the_log_says_where_it_is() {
    let cluster = "--cluster-enabled yes --cluster-require-full-coverage no";
    let (here, there) = (RedisServer::with(cluster), RedisServer::with(cluster));
    here.command(&format!("CLUSTER MEET 127.0.0.1 {}", there.port));
    there.command("CLUSTER ADDSLOTSRANGE 0 16383");
    let moved = || {
        let error = here.try_command("GET key").unwrap_err();
        error.code() == Some("MOVED")
    };
    eventually(moved);
    eventually(|| there.try_command("GET key").is_ok());
    let began = Instant::now();
    let error = connect(&here).await.open("a").await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(2));
    let text = chain(&error);
    assert!(text.contains("Moved"), "{text}");
    assert!(text.contains(&there.port.to_string()), "{text}");
    // On the node that has it, all keys of a log are together.
    let logs = connect(&there).await;
    let log = logs.open("a").await.unwrap();
    log.append_once("key", SseEvent::new("0")).await.unwrap();
    assert_eq!(next_number(&mut log.subscribe_from_oldest()).await, 0);
    // The log moves away while it is open.
    here.command("CLUSTER RESET HARD");
    drop(logs);
}

#[tokio::test]
async fn d5_a_server_that_becomes_a_replica_refuses_appends() {
    let (master, other) = (RedisServer::start(), RedisServer::start());
    let builder = options(&master.url()).timeout(Duration::from_millis(500));
    let logs = builder.connect().await.unwrap();
    let log = logs.open("a").await.unwrap();
    append(&log, 0).await;
    other.replicate(&master);
    other.command("REPLICAOF NO ONE");
    master.replicate(&other);
    let error = refused(&log).await;
    assert!(
        chain(&error).to_lowercase().contains("read"),
        "{}",
        chain(&error)
    );
}

/// The tail's connection is there, and brings nothing, as after many a failover.
#[tokio::test]
async fn d5_a_wedged_tail_is_found_and_replaced() {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.port).await;
    let builder = options(&proxy.url()).timeout(Duration::from_millis(500));
    let logs = builder.connect().await.unwrap();
    let elsewhere = connect(&redis).await;
    let (log, other) = (
        logs.open("a").await.unwrap(),
        elsewhere.open("a").await.unwrap(),
    );
    let mut live = log.subscribe(None);
    append(&other, 0).await;
    assert_eq!(next_number(&mut live).await, 0);
    proxy.deafen();
    append(&other, 1).await;
    assert_eq!(next_number(&mut live).await, 1);
    append(&other, 2).await;
    assert_eq!(next_number(&mut live).await, 2);
}

/// The commands go to the new master, the tail still hangs on the old one.
#[tokio::test]
async fn d5_a_tail_on_another_server_than_the_commands_is_found_and_replaced() {
    let (first, second) = (RedisServer::start(), RedisServer::start());
    let proxy = Proxy::to(first.port).await;
    let builder = options(&proxy.url()).timeout(Duration::from_millis(500));
    let logs = builder.connect().await.unwrap();
    let log = logs.open("a").await.unwrap();
    let mut live = log.subscribe(None);
    append(&log, 0).await;
    assert_eq!(next_number(&mut live).await, 0);
    second.replicate(&first);
    second.command("REPLICAOF NO ONE");
    proxy.retarget(second.port);
    first.command("CLIENT KILL TYPE normal");
    let other = connect(&second).await.open("a").await.unwrap();
    append(&other, 1).await;
    assert_eq!(next_number(&mut live).await, 1);
}

/// A message that is lost although both connections are well is found by the comparison.
#[tokio::test]
async fn d5_a_lost_message_is_noticed() {
    let redis = RedisServer::start();
    let logs = connect(&redis).await;
    let log = logs.open("a").await.unwrap();
    let mut live = log.subscribe(None);
    append(&log, 0).await;
    assert_eq!(next_number(&mut live).await, 0);
    // As the script does it, but without a message.
    let newest = log.newest();
    let (epoch, number) = (newest.epoch, newest.number + 1);
    redis.command(&format!(
        "XADD wsio:{{a}}:events {epoch}-{number} d data:1 t 0"
    ));
    redis.command(&format!("HSET wsio:{{a}}:meta number {number}"));
    let noticed = tokio::time::timeout(SOON, async {
        while log.newest().number != number {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    noticed.await.unwrap();
}

#[tokio::test]
async fn d5_scripts_that_redis_has_forgotten_are_loaded_again() {
    let redis = RedisServer::start();
    let logs = connect(&redis).await;
    let log = logs.open("a").await.unwrap();
    append(&log, 0).await;
    redis.command("SCRIPT FLUSH");
    append(&log, 1).await;
    assert_eq!(log.newest().number, 2);
}

#[tokio::test]
async fn d5_without_the_right_to_publish_or_subscribe_there_is_no_connection() {
    let redis = RedisServer::start();
    redis.command("ACL SETUSER mute on >pw ~* +@all resetchannels");
    let url = format!("redis://mute:pw@127.0.0.1:{}/", redis.port);
    let builder = options(&url).timeout(Duration::from_millis(500));
    let error = builder.connect().await.unwrap_err();
    assert!(chain(&error).contains("NoPerm"), "{}", chain(&error));
}
