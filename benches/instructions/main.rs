//! How many instructions the hot paths take, counted by callgrind: the same on a busy machine as
//! on a quiet one, so that a regression shows.
//!
//! `cargo bench -p wsio-bench --bench instructions -- --help`

use std::{env, fs, process::Command};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use tempfile::NamedTempFile;
use tokio::runtime;
use wsio_bench::{
    Options,
    cases::{Bulk, Frames, RoundTrips, Sending},
    contenders::{CONTENDERS, Contender, memory},
    report::{Better, Comparison, Entry, Quartiles, Section, Unit},
};

const ABOUT: &str = "\
Instructions in user space for one more of each, counted by callgrind: both ends, on a tokio \
runtime of one thread, over a pipe in memory. What the operating system does is not in it, and \
instructions are not time: a long copy counts one for each byte, far more than it takes. The counts are the same in \
every run. `cargo bench -p wsio-bench --bench instructions -- --check` fails when ours are more \
than 3 % above those of this table.";

/// By how much ours may exceed what was saved, with `--check`.
const TOLERANCE: f64 = 1.03;

/// Counts the instructions of the hot paths.
#[derive(Parser)]
struct Cli {
    /// Fails if ours have become more than they were when they were last saved.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    options: Options,
    /// For a child of this program: runs a task once, for this contender, so many times.
    #[arg(long, hide = true, num_args = 3, value_names = ["TASK", "CONTENDER", "COUNT"])]
    run: Option<Vec<String>>,
}

fn main() -> Result<()> {
    let Cli {
        check,
        options,
        run,
    } = Cli::parse();
    if let Some(words) = run {
        return child(&words);
    }
    let packages = ["wsio", "tokio-tungstenite", "tokio-websockets", "tokio"];
    let section = Section::new("instructions", "Instructions", ABOUT, &packages)?;
    let saved = Section::load("instructions")?;
    let mut more = Vec::new();
    options.perform(section, |add| {
        for task in TASKS.iter().filter(|task| options.wants(task.title)) {
            let comparison = task.compare(&options)?;
            let before = saved.as_ref().and_then(|saved| saved.value(task.title));
            let now = comparison.ours().map(|entry| entry.value.median);
            if let (Some(before), Some(now)) = (before, now) {
                println!("{}: {before:.0} before, {now:.0} now", task.title);
                if now > before * TOLERANCE {
                    more.push(task.title);
                }
            }
            add(comparison);
        }
        Ok(())
    })?;
    if check && !more.is_empty() {
        bail!("more instructions than before: {}", more.join("; "));
    }
    Ok(())
}

/// Something to do a number of times, and then twice as often: the difference is what counts.
struct Task {
    title: &'static str,
    count: usize,
    kind: Kind,
}

enum Kind {
    Bulk(usize),
    Frames(usize, Sending),
    RoundTrips(usize),
}

const TASKS: [Task; 7] = [
    Task {
        title: "a write of 8 KiB",
        count: 64,
        kind: Kind::Bulk(8 << 10),
    },
    Task {
        title: "a write of 64 KiB",
        count: 32,
        kind: Kind::Bulk(64 << 10),
    },
    Task {
        title: "a write of 1 MiB",
        count: 3,
        kind: Kind::Bulk(1 << 20),
    },
    Task {
        title: "a frame of 7 MiB",
        count: 1,
        kind: Kind::Frames(7 << 20, Sending::OneByOne),
    },
    Task {
        title: "a frame of 64 bytes, sent",
        count: 200,
        kind: Kind::Frames(64, Sending::OneByOne),
    },
    Task {
        title: "a frame of 64 bytes, fed",
        count: 2_000,
        kind: Kind::Frames(64, Sending::Fed),
    },
    Task {
        title: "a round trip of 64 bytes",
        count: 200,
        kind: Kind::RoundTrips(64),
    },
];

impl Task {
    fn compare(&self, options: &Options) -> Result<Comparison> {
        let all_but_tcp = &CONTENDERS[..CONTENDERS.len() - 1];
        let contenders = options.chosen(all_but_tcp, Contender::name);
        let mut entries: Vec<Entry> = Vec::new();
        for contender in contenders {
            let value = self.count_for(contender)?;
            let ours = entries.first().map_or(value, |entry| entry.value.median);
            entries.push(Entry {
                contender: contender.name().to_owned(),
                value: Quartiles::exactly(value),
                ratio: Quartiles::exactly(ours / value),
                cpu: None,
                cpu_ratio: None,
            });
        }
        Ok(Comparison {
            title: self.title.to_owned(),
            unit: Unit::Instructions,
            better: Better::Less,
            entries,
            goals: Vec::new(),
        })
    }

    /// The instructions of one more.
    fn count_for(&self, contender: Contender) -> Result<f64> {
        let once = self.callgrind(contender, self.count)?;
        let twice = self.callgrind(contender, 2 * self.count)?;
        Ok(twice.saturating_sub(once) as f64 / self.count as f64)
    }

    fn callgrind(&self, contender: Contender, count: usize) -> Result<u64> {
        let out = NamedTempFile::new()?;
        let status = Command::new("valgrind")
            .args(["--quiet", "--tool=callgrind"])
            .arg(format!("--callgrind-out-file={}", out.path().display()))
            .arg(env::current_exe()?)
            .args(["--run", self.title, contender.name(), &count.to_string()])
            .status()
            .context("valgrind does not start (`cargo xtask bench` installs it)")?;
        ensure!(status.success(), "valgrind failed: {status}");
        let text = fs::read_to_string(out.path())?;
        let mut lines = text.lines();
        let total = lines.find_map(|line| line.strip_prefix("totals: "));
        Ok(total.context("callgrind counted nothing")?.trim().parse()?)
    }

    async fn run(&self, contender: Contender, count: usize) -> Result<()> {
        let ends = memory();
        match self.kind {
            Kind::Bulk(size) => contender.run(&Bulk { count, size }, ends).await,
            Kind::RoundTrips(size) => contender.run(&RoundTrips { count, size }, ends).await,
            Kind::Frames(size, sending) => {
                let case = Frames {
                    count,
                    size,
                    sending,
                };
                contender.run(&case, ends).await
            }
        }
    }
}

fn child(words: &[String]) -> Result<()> {
    let [title, contender, count] = words else {
        bail!("three words, please");
    };
    let task = TASKS.iter().find(|task| task.title == title);
    let task = task.context("no such task")?;
    let contender = Contender::named(contender).context("no such contender")?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    runtime.block_on(task.run(contender, count.parse()?))
}
