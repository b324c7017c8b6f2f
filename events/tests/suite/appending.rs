//! Appending, once, in order, and to the limits.

use std::collections::BTreeSet;

use super::*;

pub async fn d2_an_event_is_there_when_it_has_been_appended<E: Engine>() {
    let engine = E::start(Limits::new()).await;
    let log = engine.logs().await.open("log").await.unwrap();
    let mut subscription = log.subscribe(None);
    for n in 0..100 {
        let id = append(&log, n..n + 1).await.remove(0);
        assert_eq!(log.newest().to_string(), id);
        let event = subscription
            .next()
            .now_or_never()
            .unwrap()
            .unwrap()
            .unwrap();
        assert_eq!(event.data, n.to_string());
        assert_eq!(event.id, Some(id));
    }
}

pub async fn d2_the_same_key_appends_once<E: Engine>() {
    let mut engine = E::start(Limits::new()).await;
    let mut ids = Vec::new();
    {
        let one = engine.logs().await.open("log").await.unwrap();
        let other = engine.logs().await.open("log").await.unwrap();
        for n in 0..20 {
            let key = format!("key {n} \n\0 ü {}", "k".repeat(n));
            let append = |log: &EventLog| {
                let (log, key) = (log.clone(), key.clone());
                async move { log.append_once(&key, SseEvent::new(n.to_string())).await }
            };
            let repeated = [append(&one), append(&other), append(&one), append(&other)];
            let mut given = soon(futures::future::try_join_all(repeated)).await.unwrap();
            given.dedup();
            assert_eq!(given.len(), 1, "{given:?}");
            ids.push(given.remove(0));
        }
        // Not another log's.
        let apart = engine.logs().await.open("apart").await.unwrap();
        let id = apart.append_once("key", SseEvent::new("")).await.unwrap();
        assert_eq!(apart.newest(), id);
    }
    if E::IS_DURABLE {
        engine = engine.restart().await;
    }
    let log = engine.logs().await.open("log").await.unwrap();
    let again = log
        .append_once("key 3 \n\0 ü kkk", SseEvent::new("3"))
        .await;
    assert_eq!(again.unwrap(), ids[3]);
    let mut all = log.subscribe_from_oldest();
    expect(&mut all, 0..20).await;
    assert!(is_silent(&mut all));
}

pub async fn d2_appends_at_the_same_time_are_each_there_once_and_in_order<E: Engine>() {
    const WRITERS: usize = 8;
    const EACH: usize = 250;
    let engine = E::start(Limits::new()).await;
    let log = engine.logs().await.open("log").await.unwrap();
    let mut subscription = log.subscribe(None);
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let log = engine.logs().await.open("log").await.unwrap();
        writers.push(tokio::spawn(async move {
            let mut ids = Vec::new();
            for n in 0..EACH {
                let event = SseEvent::new(format!("{writer} {n}"));
                ids.push(log.append(event).await.unwrap());
            }
            ids
        }));
    }
    let mut next_of = [0; WRITERS];
    let mut read = Vec::new();
    for _ in 0..WRITERS * EACH {
        let event = soon(subscription.next()).await.unwrap().unwrap();
        let (writer, n) = event.data.split_once(' ').unwrap();
        let next = &mut next_of[writer.parse::<usize>().unwrap()];
        assert_eq!(n.parse(), Ok(*next), "of writer {writer}");
        *next += 1;
        read.push(id(&event.id.unwrap()));
    }
    assert!(is_silent(&mut subscription));
    assert!(read.is_sorted());
    let mut given = BTreeSet::new();
    for writer in writers {
        let ids = soon(writer).await.unwrap();
        assert!(ids.is_sorted());
        given.extend(ids);
    }
    assert!(
        given.iter().eq(&read),
        "ids that were given are not those read"
    );
}

pub async fn d2_the_smallest_and_the_largest_event<E: Engine>() {
    let engine = E::start(Limits::new().max_event(100_000)).await;
    let log = engine.logs().await.open("log").await.unwrap();
    let mut subscription = log.subscribe(None);
    let name = "n".repeat(10);
    let texts = [
        String::new(),
        " ".to_owned(),
        "\n".to_owned(),
        "\0\u{feff}: x".to_owned(),
        "data: x\nid: 7\n\n".to_owned(),
        "x".repeat(100_000 - name.len()),
    ];
    for text in texts {
        let event = SseEvent::new(&*text).with_name(&*name).with_id("mine");
        let id = soon(log.append(event)).await.unwrap();
        let event = soon(subscription.next()).await.unwrap().unwrap();
        assert_eq!((&event.data, &event.name), (&text, &name));
        assert_eq!(event.id, Some(id.to_string()));
    }
    let newest = log.newest();
    for (data, name) in [(100_001, 0), (99_991, 10), (0, 100_001), (10 << 20, 0)] {
        let event = SseEvent::new("x".repeat(data)).with_name("n".repeat(name));
        let error = soon(log.append(event)).await.unwrap_err();
        assert!(error.is_too_large() && !error.is_uncertain(), "{error}");
    }
    assert_eq!(log.newest(), newest);
}

pub async fn d2_a_dropped_append_is_there_or_not<E: Engine>() {
    let engine = E::start(Limits::new()).await;
    let log = engine.logs().await.open("log").await.unwrap();
    for n in 0..50_u64 {
        let mut append = Box::pin(log.append(SseEvent::new(n.to_string())));
        // Polled once, or not at all.
        if n % 2 == 0 {
            let _ = append.as_mut().now_or_never();
        }
    }
    let last = append(&log, 50..51).await.remove(0);
    let mut all = log.subscribe_from_oldest();
    let mut before = None;
    loop {
        let event = soon(all.next()).await.unwrap().unwrap();
        let n = event.data.parse::<u64>().unwrap();
        assert!(before < Some(n), "{n} after {before:?}");
        before = Some(n);
        if event.id.as_deref() == Some(&last) {
            break;
        }
    }
    assert!(is_silent(&mut all));
}
