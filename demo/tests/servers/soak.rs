//! Three servers on one engine, a wire that is cut at random, and clients that follow a log and send
//! lines upstream, while the servers and the engine are killed and started again. Every client sees
//! every event once and in order, and every line is handled once.
//!
//! `cargo test` runs a short one. `WSIO_SOAK=full` makes it 10 000 events down and 2 000 up in two
//! minutes, and `WSIO_SOAK_SEED` repeats the faults of an earlier run.

use std::{
    env,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures::{
    StreamExt,
    future::{join_all, try_join_all},
};
use tokio::time::{interval, sleep, timeout};
use wsio_demo_exchange::chat::{Line, Lines};
use wsio_demo_fleet::{Faults, Storm};
use wsio_events::{EventLog, Limits};
use wsio_redis::RedisLogs;

use crate::{
    Site,
    clients::{Client, Clients, Outcome},
};

/// What is done, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) clients: u64,
    /// Tasks that append events.
    publishers: u64,
    /// The events of each of them.
    down: u64,
    /// The lines of each client.
    pub(crate) up: u64,
    /// The time over which both are spread, but for what the faults add.
    pub(crate) time: Duration,
    /// The time after which it has failed.
    limit: Duration,
}

const SHORT: Plan = Plan {
    clients: 20,
    publishers: 4,
    down: 400,
    up: 16,
    time: Duration::from_secs(20),
    limit: Duration::from_secs(100),
};

const FULL: Plan = Plan {
    clients: 20,
    publishers: 4,
    down: 2500,
    up: 100,
    time: Duration::from_secs(110),
    limit: Duration::from_secs(400),
};

impl Plan {
    fn chosen() -> Self {
        match env::var("WSIO_SOAK").as_deref() {
            Ok("full") => FULL,
            _ => SHORT,
        }
    }

    /// The name of a publisher.
    fn publisher(number: u64) -> String {
        format!("publisher{number}")
    }

    /// Every author, and the number of the last event.
    fn authors(&self) -> Vec<(String, u64)> {
        let publishers = (0..self.publishers).map(|it| (Self::publisher(it), self.down));
        let clients = (0..self.clients).map(|it| (Client::name(it), self.up));
        publishers.chain(clients).collect()
    }

    /// Whether every event of every author has come.
    pub(crate) fn is_complete(&self, lines: &Lines) -> bool {
        let mut authors = self.authors().into_iter();
        authors.all(|(name, last)| lines.last(&name) >= last)
    }

    /// Asserts that of every author each event has come, once and in order.
    fn assert_each_once(&self, whose: &str, lines: &Lines) {
        for (name, last) in self.authors() {
            let author = lines.author(&name).unwrap();
            let tally = author.tally();
            let seen = (author.first(), author.last(), tally.received);
            assert_eq!(seen, (1, last, last), "{whose}: {name}: {tally:?}");
            assert_eq!((tally.gaps, tally.repeats), (0, 0), "{whose}: {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_r8_each_event_counts_once_whatever_is_killed() {
    let plan = Plan::chosen();
    let seed = seed();
    println!("{plan:?}, WSIO_SOAK_SEED={seed}");
    timeout(plan.limit, soak(plan, seed)).await.unwrap();
}

async fn soak(plan: Plan, seed: u64) {
    let began = Instant::now();
    let site = Site::start().await;
    let log = open_log(site.fleet.engine_url()).await;
    let (clients, outcomes) = Clients::start(&site.address(), plan);
    let storm = Storm::new(Arc::clone(&site.fleet), site.wire.clone(), seed);
    let raging = async {
        warm_up(&log, &clients).await;
        clients.begin();
        let publishers = (0..plan.publishers).map(|number| publish(log.clone(), number, plan));
        let done = async {
            join_all(publishers).await;
            clients.have_said().await;
        };
        storm.rage(done).await.unwrap()
    };
    let outcomes = async { try_join_all(outcomes).await.unwrap() };
    let (faults, outcomes) = tokio::join!(raging, outcomes);
    let kept = read(&log, plan).await;

    plan.assert_each_once("the log", &kept);
    for outcome in &outcomes {
        plan.assert_each_once(&outcome.name, &outcome.lines);
        assert_eq!(outcome.lagged, 0, "{}: nothing was lost", outcome.name);
    }
    report(plan, &faults, &outcomes, began.elapsed());
}

/// Appends lines until every client has seen one, so that from then on it misses none.
async fn warm_up(log: &EventLog, clients: &Clients) {
    for number in 1.. {
        let line = Line {
            from: "warmup".to_owned(),
            number,
            text: String::new(),
        };
        log.append(line.to_event().unwrap()).await.unwrap();
        if clients.are_warm() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Appends the events of one publisher, each until it is known to be in the log.
async fn publish(log: EventLog, publisher: u64, plan: Plan) {
    let pace = plan.time.div_f64(plan.down as f64);
    let mut pace = interval(pace);
    for number in 1..=plan.down {
        pace.tick().await;
        let line = Line {
            from: Plan::publisher(publisher),
            number,
            text: "x".repeat(100),
        };
        let event = line.to_event().unwrap();
        let key = format!("{}-{number}", line.from);
        while let Err(error) = log.append_once(&key, event.clone()).await {
            assert!(!error.is_too_large(), "{error}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Reads the log until it has every event.
async fn read(log: &EventLog, plan: Plan) -> Lines {
    let mut lines = Lines::default();
    let mut events = pin!(log.subscribe_from_oldest());
    while !plan.is_complete(&lines) {
        let event = events.next().await.unwrap().unwrap();
        lines.add(&Line::from_event(&event).unwrap().unwrap());
    }
    lines
}

fn report(plan: Plan, faults: &Faults, outcomes: &[Outcome], time: Duration) {
    let reconnects: u64 = outcomes.iter().map(|it| it.reconnects).sum();
    let delivered = plan.clients * (plan.publishers * plan.down + plan.clients * plan.up);
    println!(
        "{} down, {} up, {delivered} deliveries in {:.0} s: each once; {faults}, {reconnects} reconnects",
        plan.publishers * plan.down,
        plan.clients * plan.up,
        time.as_secs_f64(),
    );
}

/// Opens the log that the servers serve.
async fn open_log(engine: &str) -> EventLog {
    let logs = RedisLogs::builder(engine)
        .limits(Limits::new().events(20_000).bytes(8 << 20))
        .timeout(Duration::from_secs(2));
    logs.connect().await.unwrap().open("demo").await.unwrap()
}

fn seed() -> u64 {
    let given = env::var("WSIO_SOAK_SEED").ok();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    given.map_or(u64::from(now.subsec_nanos()), |it| it.parse().unwrap())
}
