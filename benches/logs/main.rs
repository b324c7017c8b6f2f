//! Event logs in memory, on disk and in Redis: appends, and the way of an event to a subscriber.
//!
//! `cargo bench -p wsio-bench --bench logs -- --help`

mod engines;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::Parser;
use futures::{StreamExt as _, join};
use tokio::{runtime::Runtime, task::JoinSet};
use wsio::sse::SseEvent;
use wsio_bench::{
    Measured, Options, Sample, interleave,
    report::{Better, Comparison, Section, Unit},
};
use wsio_events::EventLog;

use self::engines::{Engine, Engines};

const ABOUT: &str = "\
Events with 100 bytes of data, appended to one log by some tasks at the same time, each when it has \
the answer to the one before. A disk syncs what was appended before it answers; Redis has its \
append-only file, synced every second, and runs on the same machine. A synced write is the same \
bytes at the end of a file and `fdatasync`, XADD the command alone on one connection that the tasks \
share. The way to a subscriber is the time from the call of `append` until a subscription yields the \
event: on the same server, and on another one, with connections of its own, where Redis is between \
them.";

/// The time for which a round appends.
const APPENDING: Duration = Duration::from_millis(400);

/// The events of a round that go to a subscriber.
const DELIVERIES: u32 = 100;

/// The size of an event's data, in bytes.
const DATA: usize = 100;

/// Measures event logs, wherever they are kept.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<()> {
    let Cli { options } = Cli::parse();
    let packages = ["wsio-events", "redb", "wsio-redis", "redis", "tokio"];
    let section = Section::new("logs", "Event logs", ABOUT, &packages)?;
    let runtime = Runtime::new()?;
    options.perform(section, |add| {
        let engines = Arc::new(runtime.block_on(Engines::start())?);
        let bench = Bench {
            runtime: &runtime,
            engines: &engines,
            options: &options,
        };
        bench.appends(add)?;
        bench.deliveries(add)
    })
}

struct Bench<'a> {
    runtime: &'a Runtime,
    engines: &'a Arc<Engines>,
    options: &'a Options,
}

impl Bench<'_> {
    fn appends(&self, add: &mut dyn FnMut(Comparison)) -> Result<()> {
        for tasks in [1, 16, 256] {
            let title = match tasks {
                1 => "appends, one after the other".to_owned(),
                tasks => format!("appends, {tasks} at the same time"),
            };
            if !self.options.wants(&title) {
                continue;
            }
            let all = [
                Engine::Disk,
                Engine::SyncedWrite,
                Engine::Redis,
                Engine::Xadd,
                Engine::Memory,
            ];
            let measured = interleave(self.options.rounds, &all, |engine| {
                self.runtime.block_on(self.rate(*engine, tasks))
            })?;
            let better = Better::More;
            for ours in [Engine::Disk, Engine::Redis] {
                let entries = beside(ours, &all, &measured);
                let title = format!("{title}, {}", ours.title());
                add(Comparison::new(title, Unit::PerSecond, better, entries));
            }
        }
        Ok(())
    }

    /// Appends for a while, and returns how many in a second.
    async fn rate(&self, engine: Engine, tasks: usize) -> Result<Sample> {
        let begin = Instant::now();
        let mut appending = JoinSet::new();
        for _ in 0..tasks {
            let engines = Arc::clone(self.engines);
            appending.spawn(async move {
                let mut count = 0_u32;
                while begin.elapsed() < APPENDING {
                    engines.append(engine, "x".repeat(DATA)).await?;
                    count += 1;
                }
                anyhow::Ok(count)
            });
        }
        let mut count = 0;
        while let Some(appended) = appending.join_next().await {
            count += appended??;
        }
        let value = f64::from(count) / begin.elapsed().as_secs_f64();
        Ok(Sample { value, cpu: None })
    }

    fn deliveries(&self, add: &mut dyn FnMut(Comparison)) -> Result<()> {
        let title = "from an append to a subscriber";
        if !self.options.wants(title) {
            return Ok(());
        }
        let ways = [
            ("wsio, Redis, another server", Engine::Redis, true),
            ("wsio, Redis", Engine::Redis, false),
            ("wsio, disk", Engine::Disk, false),
            ("wsio, memory", Engine::Memory, false),
        ];
        let measured = interleave(self.options.rounds, &ways, |(_, engine, is_other)| {
            self.runtime.block_on(async {
                let log = self.engines.log(*engine).context("no log")?;
                let there = match is_other {
                    true => self.engines.other(),
                    false => log,
                };
                way(log, there).await
            })
        })?;
        let entries = ways.iter().map(|(name, ..)| *name).zip(&measured);
        add(Comparison::new(title, Unit::Seconds, Better::Less, entries));
        Ok(())
    }
}

/// Returns the time from an append to a log until a subscriber has the event `there`.
async fn way(log: &EventLog, there: &EventLog) -> Result<Sample> {
    let mut events = there.subscribe(Some(&log.newest().to_string()));
    let mut time = Duration::ZERO;
    for _ in 0..DELIVERIES {
        let begin = Instant::now();
        let delivered = async {
            events.next().await.context("the log has ended")??;
            anyhow::Ok(begin.elapsed())
        };
        let (appended, delivered) = join!(log.append(SseEvent::new("x".repeat(DATA))), delivered);
        appended?;
        time += delivered?;
    }
    let value = time.as_secs_f64() / f64::from(DELIVERIES);
    Ok(Sample { value, cpu: None })
}

/// One of ours first, then what it stands on, then memory.
fn beside<'a>(
    ours: Engine,
    engines: &[Engine],
    measured: &'a [Measured],
) -> Vec<(&'static str, &'a Measured)> {
    let below = match ours {
        Engine::Disk => Engine::SyncedWrite,
        _ => Engine::Xadd,
    };
    let of = |engine, name| {
        let mut all = engines.iter().zip(measured);
        all.find(|(it, _)| **it == engine).map(|(_, it)| (name, it))
    };
    [
        of(ours, "wsio"),
        of(below, below.title()),
        of(Engine::Memory, "wsio, memory"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
