//! Everything fails, all the time.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use support::{Proxy, RedisServer, append_surely, is_silent, next_number, options};
use tokio::{
    sync::watch,
    task::{JoinHandle, block_in_place},
    time::sleep,
};
use wsio_events::{EventLog, EventLogs};

const LOGS: usize = 20;

/// The failures; more by hand.
const FAILURES: usize = 30;

/// Three servers, one engine. It is killed and restarted, connections are killed, or stay and bring
/// nothing. Every event that was appended is read everywhere once, and nobody is told of a gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_whatever_fails_three_servers_lose_and_repeat_nothing() {
    let mut redis = RedisServer::with_append_only_file();
    let mut proxies = Vec::new();
    let mut servers = Vec::new();
    for _ in 0..3 {
        let proxy = Proxy::to(redis.port).await;
        // A small window, so that what is missing comes from the engine.
        let server = options(&proxy.url())
            .timeout(Duration::from_secs(6))
            .window(20, 1 << 20);
        servers.push(server.connect().await.unwrap());
        proxies.push(proxy);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut logs = Vec::new();
    for number in 0..LOGS {
        logs.push(TestedLog::begin(&servers, number, &stop).await);
    }
    for failure in 0..FAILURES {
        sleep(Duration::from_millis(100)).await;
        match failure % 5 {
            0 => block_in_place(|| {
                redis.kill();
                redis.launch_again();
            }),
            1 | 2 => drop(block_in_place(|| redis.command("CLIENT KILL TYPE normal"))),
            3 => drop(block_in_place(|| redis.command("CLIENT KILL TYPE pubsub"))),
            _ => proxies[failure % 3].deafen(),
        }
    }
    stop.store(true, Ordering::Relaxed);
    let counts = join_all(logs.into_iter().map(TestedLog::finish)).await;
    println!("{} events", counts.iter().sum::<u64>());
}

/// A log to which all servers append in turn, and that is read at each of them meanwhile.
struct TestedLog {
    writer: JoinHandle<u64>,
    readers: Vec<JoinHandle<()>>,
    count: watch::Sender<Option<u64>>,
}

impl TestedLog {
    async fn begin(servers: &[EventLogs], number: usize, stop: &Arc<AtomicBool>) -> Self {
        let name = format!("log {number}");
        let handles = join_all(servers.iter().map(|server| server.open(&name))).await;
        let handles: Vec<EventLog> = handles.into_iter().map(Result::unwrap).collect();
        let (writers, stop) = (handles.clone(), Arc::clone(stop));
        let count = watch::Sender::new(None);
        let readers = handles.iter().map(|log| {
            let mut subscription = log.subscribe(None);
            let mut count = count.subscribe();
            tokio::spawn(async move {
                let mut number = 0;
                while count.borrow_and_update().is_none_or(|count| number < count) {
                    tokio::select! {
                        next = next_number(&mut subscription) => {
                            assert_eq!(next, number);
                            number += 1;
                        }
                        _ = count.changed() => {}
                    }
                }
                assert!(is_silent(&mut subscription));
            })
        });
        Self {
            readers: readers.collect(),
            count,
            writer: tokio::spawn(async move {
                let mut count = 0;
                for log in writers.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    append_surely(log, count).await;
                    count += 1;
                }
                count
            }),
        }
    }

    /// Ends when everything has been read everywhere.
    async fn finish(self) -> u64 {
        let count = self.writer.await.unwrap();
        self.count.send_replace(Some(count));
        for reader in self.readers {
            reader.await.unwrap();
        }
        count
    }
}
