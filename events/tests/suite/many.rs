//! Many logs.

use super::*;

pub async fn d6_logs_are_apart_whatever_their_names<E: Engine>() {
    let engine = E::start(Limits::new()).await;
    let logs = engine.logs().await;
    let names = [
        "a",
        "A",
        "a ",
        "a\0",
        "{a}",
        "}{",
        "a}b",
        "*",
        "a*",
        "a:events",
        "a:meta",
        "%61",
        "../../etc/passwd",
        "\r\n",
        "ü",
        "u\u{308}",
        "\u{10ffff}",
        &"x".repeat(255),
    ];
    for (n, name) in (0..).zip(names) {
        let log = logs.open(name).await.unwrap();
        assert_eq!(log.name().map(wsio_events::LogName::as_str), Some(name));
        assert_eq!(log.oldest().await.unwrap(), None, "{name:?}");
        append(&log, n..n + 1).await;
    }
    let elsewhere = engine.logs().await;
    for (n, name) in (0..).zip(names) {
        let log = elsewhere.open(name).await.unwrap();
        let mut all = log.subscribe_from_oldest();
        expect(&mut all, n..n + 1).await;
        assert!(is_silent(&mut all), "{name:?}");
    }
}

pub async fn d6_names_that_no_log_can_have_are_refused<E: Engine>() {
    let logs = E::start(Limits::new()).await.logs().await;
    for name in ["", &"x".repeat(256), &"ü".repeat(128), &"x".repeat(1 << 20)] {
        let error = logs.open(name).await.unwrap_err();
        assert!(error.is_invalid_name(), "{error}");
    }
    assert!(logs.is_empty());
}

pub async fn d6_logs_are_opened_once_and_closed_when_idle<E: Engine>() {
    let engine = E::start(Limits::new()).await;
    let logs = engine.logs().await.idle_after(Duration::from_millis(50));
    let opening = (0..20).map(|_| logs.open("log"));
    let opened = soon(futures::future::try_join_all(opening)).await.unwrap();
    assert_eq!(logs.len(), 1);
    let ids = append(&opened[7], 0..3).await;
    assert!(opened.iter().all(|log| log.newest() == id(&ids[2])));
    let subscription = opened[0].subscribe(None);
    drop(opened);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(logs.len(), 1, "in use");
    drop(subscription);
    let closed = async {
        while !logs.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(closed).await;
    let log = logs.open("log").await.unwrap();
    let mut again = log.subscribe(Some(&ids[0]));
    if E::IS_DURABLE {
        expect(&mut again, 1..3).await;
        append(&log, 3..4).await;
        expect(&mut again, 3..4).await;
    } else {
        // Forgotten, and said so.
        assert_eq!(expect_lagged(&mut again).await.oldest(), None);
    }
}

pub async fn d6_logs_are_bounded<E: Engine>() {
    let engine = E::start(Limits::new()).await;
    let logs = engine.logs().await.max_logs(5);
    let mut used = Vec::new();
    for n in 0..5 {
        used.push(logs.open(&n.to_string()).await.unwrap());
    }
    let error = logs.open("one more").await.unwrap_err();
    assert!(error.is_too_many(), "{error}");
    used.truncate(4);
    let log = logs.open("one more").await.unwrap();
    append(&log, 0..1).await;
    assert_eq!(logs.len(), 5);
    assert!(logs.open("4").await.unwrap_err().is_too_many());
    drop(used);
    for n in 0..100 {
        logs.open(&n.to_string()).await.unwrap();
    }
    assert_eq!(logs.len(), 5);
}
