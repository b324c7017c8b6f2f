//! Another history than the one that was read, and the same one after a restart.
#![allow(clippy::unwrap_used)]

mod support;

use support::{
    Proxy, RedisServer, append_surely as append, connect, eventually_async, expect_numbers,
    is_silent, next, next_number, options,
};

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

/// A replica is promoted without the last two events that were acknowledged,
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
    // By a server that knows nothing of what is lost.
    let newcomer = connect(&replica).await.open("a").await.unwrap();
    for number in 5..8 {
        append(&newcomer, number).await;
    }
    // Those beyond the fork.
    let newest = newcomer.newest();
    eventually_async(|| [&log, &elsewhere].iter().all(|log| log.newest() == newest)).await;
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
    // Now the epoch is older as well.
    for key in ["events", "meta"] {
        redis.command(&format!("COPY old-a-{key} wsio:{{a}}:{key} REPLACE"));
    }
    append(&log, 3).await;
    assert!(next(&mut live).await.is_err());
    assert_eq!(next_number(&mut live).await, 3);
    // Another server knows nothing of what was lost; the comparison tells it.
    eventually_async(|| redis.command("HEXISTS wsio:{b}:meta lost") == redis::Value::Int(1)).await;
    let newcomer = connect(&redis).await.open("b").await.unwrap();
    append(&newcomer, 2).await;
    assert!(next(&mut other).await.is_err());
    assert_eq!(next_number(&mut other).await, 2);
}

/// The engine crashes in the middle of appends: what it has acknowledged is there, and nobody is told
/// anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_an_engine_that_is_killed_again_and_again_loses_and_repeats_nothing() {
    let mut redis = RedisServer::with_append_only_file();
    let (one, other) = (connect(&redis).await, connect(&redis).await);
    let (log, elsewhere) = (one.open("a").await.unwrap(), other.open("a").await.unwrap());
    let begin = log.newest();
    let mut live = [log.subscribe(None), elsewhere.subscribe(None)];
    let (count_in, mut count) = tokio::sync::watch::channel(0);
    let appending = tokio::spawn(async move {
        for number in 0..120 {
            append(&log, number).await;
            count_in.send_replace(number);
        }
    });
    for kill in 1..=5 {
        count.wait_for(|count| *count >= kill * 20).await.unwrap();
        redis.kill();
        redis.launch_again();
    }
    appending.await.unwrap();
    let mut returns = elsewhere.subscribe(Some(&begin.to_string()));
    let [one, other] = &mut live;
    for subscription in [one, other, &mut returns] {
        expect_numbers(subscription, 0..120).await;
        assert!(is_silent(subscription));
    }
    assert!(elsewhere.newest().epoch > begin.epoch);
}
