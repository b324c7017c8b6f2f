//! An engine that is away, slow, full, or that refuses.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use support::{
    Proxy, RedisServer, SOON, append_surely as append, chain, connect, eventually,
    eventually_async, expect_numbers, is_silent, next_number, options,
};
use wsio::sse::SseEvent;
use wsio_events::{AppendError, EventLog};

async fn refused(log: &EventLog) -> AppendError {
    let error = log.append(SseEvent::new("lost")).await.unwrap_err();
    assert!(!error.is_uncertain(), "{}", chain(&error));
    error
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
    let lines = LogLines::default();
    let written = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || written.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
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
    let lines = lines.0.lock().unwrap();
    let lines = String::from_utf8_lossy(&lines);
    assert!(lines.contains("Redis cannot be reached"), "{lines}");
    assert!(!lines.contains("secret"), "{lines}");
}

/// The lines that are logged.
#[derive(Clone, Default)]
struct LogLines(Arc<Mutex<Vec<u8>>>);

impl Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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
    // Both connections are new.
    eventually_async(|| proxy.accepted() >= 4).await;
}

#[tokio::test]
async fn d5_an_append_under_a_key_survives_a_wedged_connection() {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.port).await;
    let builder = options(&proxy.url()).timeout(Duration::from_secs(2));
    let logs = builder.connect().await.unwrap();
    let log = logs.open("a").await.unwrap();
    let mut live = log.subscribe(None);
    proxy.deafen();
    let began = Instant::now();
    let id = log.append_once("key", SseEvent::new("0")).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(1900));
    assert_eq!(id.number, 1);
    assert_eq!(next_number(&mut live).await, 0);
    assert!(is_silent(&mut live));
    // Without a key nobody knows.
    proxy.deafen();
    let error = log.append(SseEvent::new("1")).await.unwrap_err();
    assert!(error.is_uncertain());
    assert_eq!(next_number(&mut live).await, 1);
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
    // Both connections are new.
    eventually_async(|| proxy.accepted() >= 4).await;
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

/// Redis does what it is told before it can fail; a stream that others have written to is none.
#[tokio::test]
async fn d5_a_log_that_others_have_written_to_answers_with_errors_and_never_with_half_an_append() {
    let redis = RedisServer::start();
    let logs = connect(&redis).await;
    redis.command("SET wsio:{b}:meta text");
    assert!(logs.open("b").await.is_err());
    let log = logs.open("a").await.unwrap();
    append(&log, 0).await;
    redis.command("RENAME wsio:{a}:events kept");
    redis.command("SET wsio:{a}:events text");
    let error = refused(&log).await;
    assert!(chain(&error).contains("WRONGTYPE"), "{}", chain(&error));
    assert_eq!(log.newest().number, 1);
    redis.command("RENAME kept wsio:{a}:events");
    append(&log, 1).await;
    expect_numbers(&mut log.subscribe_from_oldest(), 0..2).await;
    assert_eq!(log.newest().number, 2);
}

#[tokio::test]
async fn d5_scripts_that_redis_has_forgotten_are_loaded_again() {
    let redis = RedisServer::start();
    // With all the time there is.
    let builder = options(&redis.url())
        .timeout(Duration::MAX)
        .probe(Duration::MAX);
    let logs = builder.connect().await.unwrap();
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

/// Opening fails while the engine is away, and leaves nothing behind.
#[tokio::test]
async fn d5_logs_are_opened_when_the_engine_is_back() {
    let mut redis = RedisServer::start();
    let builder = options(&redis.url()).timeout(Duration::from_millis(200));
    let logs = builder.connect().await.unwrap();
    redis.kill();
    for number in 0..5 {
        let error = logs.open(&format!("log {number}")).await.unwrap_err();
        let text = chain(&error);
        assert!(text.contains("Redis cannot be reached"), "{text}");
    }
    redis.launch_again();
    let log = loop {
        if let Ok(log) = logs.open("log 3").await {
            break log;
        }
    };
    let mut live = log.subscribe(None);
    append(&log, 0).await;
    assert_eq!(next_number(&mut live).await, 0);
    eventually_async(|| match redis.command("PUBSUB CHANNELS wsio:{*") {
        redis::Value::Array(names) => names.len() == 1,
        _ => false,
    })
    .await;
}
