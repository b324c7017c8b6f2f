//! How much is kept, and who is told of what is not.

use super::*;

pub async fn d6_events_are_bounded<E: Engine>() {
    let engine = E::start(Limits::new().events(100)).await;
    let log = engine.logs().await.open("log").await.unwrap();
    let ids = append(&log, 0..250).await;
    expect(&mut log.subscribe_from_oldest(), 150..250).await;
    assert_eq!(log.oldest().await.unwrap(), Some(id(&ids[150])));
    // Somebody who has seen the one before has missed nothing.
    expect(&mut log.subscribe(Some(&ids[149])), 150..250).await;
    let mut late = log.subscribe(Some(&ids[148]));
    let lagged = expect_lagged(&mut late).await;
    assert_eq!(lagged.last_event_id(), ids[148]);
    assert_eq!(lagged.oldest(), Some(&*ids[150]));
    expect(&mut late, 150..250).await;
}

pub async fn d6_bytes_are_bounded<E: Engine>() {
    let engine = E::start(Limits::new().bytes(100_000)).await;
    let log = engine.logs().await.open("log").await.unwrap();
    for _ in 0..100 {
        let event = SseEvent::new("x".repeat(4900));
        soon(log.append(event)).await.unwrap();
    }
    let newest = log.newest();
    let oldest = log.oldest().await.unwrap().unwrap();
    let kept = newest.number - oldest.number + 1;
    // Stores differ by what they count besides the data.
    assert!((18..=20).contains(&kept), "{kept} events");
    // One that is larger than all is kept alone, and goes with the next one.
    for _ in 0..2 {
        let event = SseEvent::new("x".repeat(200_000));
        let id = soon(log.append(event)).await.unwrap();
        assert_eq!(log.oldest().await.unwrap(), Some(id));
    }
}

pub async fn d6_age_is_bounded<E: Engine>() {
    let age = Duration::from_millis(500);
    let engine = E::start(Limits::new().age(age)).await;
    let log = engine.logs().await.open("log").await.unwrap();
    let old = append(&log, 0..10).await;
    tokio::time::sleep(age + Duration::from_millis(200)).await;
    let new = append(&log, 10..13).await;
    assert_eq!(log.oldest().await.unwrap(), Some(id(&new[0])));
    expect(&mut log.subscribe_from_oldest(), 10..13).await;
    let mut late = log.subscribe(Some(&old[3]));
    assert_eq!(expect_lagged(&mut late).await.oldest(), Some(&*new[0]));
    expect(&mut late, 10..13).await;
    expect(&mut log.subscribe(Some(&old[9])), 10..13).await;
}

/// Trimming does not overtake anybody without a word.
pub async fn d6_what_a_subscriber_missed_is_told<E: Engine>() {
    let engine = E::start(Limits::new().events(64)).await;
    let logs = engine.logs().await;
    let log = logs.open("log").await.unwrap();
    let appended = log.clone();
    let writer = tokio::spawn(async move {
        for n in 0..3000_u64 {
            appended.append(SseEvent::new(n.to_string())).await.unwrap();
        }
    });
    let mut readers = Vec::new();
    for pace in [1, 7, 50] {
        let mut subscription =
            log.subscribe(Some(&EventId::new(log.newest().epoch, 0).to_string()));
        readers.push(tokio::spawn(async move {
            let (mut next, mut gaps) = (None, 0);
            loop {
                let item = soon(subscription.next()).await.unwrap();
                match item {
                    Err(_) => {
                        gaps += 1;
                        next = None;
                    }
                    Ok(event) => {
                        let n = event.data.parse::<u64>().unwrap();
                        assert!(next.is_none_or(|next| next == n), "{n}, not {next:?}");
                        next = Some(n + 1);
                        if n == 2999 {
                            return gaps;
                        }
                        if n % pace == 0 {
                            tokio::time::sleep(Duration::from_millis(1)).await;
                        }
                    }
                }
            }
        }));
    }
    soon(writer).await.unwrap();
    let mut gaps = 0;
    for reader in readers {
        gaps += soon(reader).await.unwrap();
    }
    assert!(gaps > 0, "nobody was slow");
}
