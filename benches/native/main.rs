//! Native throughput, round trips, memory and connections over loopback: `WsIo` beside bare
//! tokio-tungstenite and tokio-websockets, the byte stream of `ws_stream_tungstenite`, and TCP.
//!
//! `cargo bench -p wsio-bench --bench native -- --help`

mod connections;
mod idle;

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use tokio::runtime::Runtime;
use wsio_bench::{
    Options, Sample,
    cases::{Bulk, Case, Frames, RoundTrips, Sending},
    contenders::{CONTENDERS, Contender, tcp},
    interleave,
    report::{Better, Comparison, Goal, Section, Unit},
};

const ABOUT: &str = "\
Client and server in one process, on a tokio runtime of all cores, over TCP on loopback. Byte \
streams write and read bytes; the bare libraries send and receive messages of the same size, so \
that they do less: they build no byte stream.";

/// Measures wsio beside its peers, natively.
#[derive(Parser)]
struct Cli {
    /// How many MiB a run of a bulk case moves.
    #[arg(long, default_value_t = 192)]
    mebibytes: usize,
    #[command(flatten)]
    options: Options,
    /// For a child of this program: measures the idle connections of a contender.
    #[arg(long, hide = true)]
    idle: Option<String>,
}

fn main() -> Result<()> {
    let Cli {
        mebibytes,
        options,
        idle,
    } = Cli::parse();
    if let Some(contender) = idle {
        return idle::child(&contender);
    }
    let packages = [
        "wsio",
        "tokio-tungstenite",
        "tungstenite",
        "ws_stream_tungstenite",
        "async-tungstenite",
        "tokio-websockets",
        "tokio",
    ];
    let section = Section::new("native", "Native", ABOUT, &packages)?;
    let bench = Bench {
        runtime: Runtime::new()?,
        options: &options,
    };
    options.perform(section, |add| {
        bench.bulk(mebibytes << 20, add)?;
        bench.small(add)?;
        bench.connections(add)?;
        bench.idle(add)
    })
}

struct Bench<'a> {
    runtime: Runtime,
    options: &'a Options,
}

/// How a case's time becomes its figure.
#[derive(Clone, Copy)]
enum Figure {
    /// So many bytes were moved.
    Throughput(usize),
    /// So many things were done, one after the other.
    Each(usize),
    /// So many things were done, as many as possible.
    Rate(usize),
}

impl Bench<'_> {
    fn bulk(&self, total: usize, add: &mut dyn FnMut(Comparison)) -> Result<()> {
        for (size, text) in [
            (8 << 10, "8 KiB"),
            (64 << 10, "64 KiB"),
            (128_000, "128 000 bytes"),
            (1 << 20, "1 MiB"),
        ] {
            let count = total / size;
            let mut goals = vec![Goal::ratio(Contender::Tungstenite.name(), 0.95)];
            goals.push(Goal::ratio(Contender::WsioAdopted.name(), 0.95));
            if size == 1 << 20 {
                goals.push(Goal::ratio(Contender::WsStreamTungstenite.name(), 1.3));
            }
            let title = format!("bulk, writes of {text}");
            let case = Bulk { count, size };
            self.compare(&title, Figure::Throughput(count * size), &case, goals, add)?;
        }
        let (count, size) = (total / (7 << 20), 7 << 20);
        let case = Frames {
            count,
            size,
            sending: Sending::OneByOne,
        };
        let goals = vec![Goal::ratio(Contender::WsStreamTungstenite.name(), 2.5)];
        let title = "Framed, frames of 7 MiB";
        self.compare(title, Figure::Throughput(count * size), &case, goals, add)
    }

    fn small(&self, add: &mut dyn FnMut(Comparison)) -> Result<()> {
        let size = 64;
        for (count, sending, title) in [
            (
                50_000,
                Sending::OneByOne,
                "Framed, frames of 64 bytes, sent",
            ),
            (500_000, Sending::Fed, "Framed, frames of 64 bytes, fed"),
        ] {
            let case = Frames {
                count,
                size,
                sending,
            };
            self.compare(
                title,
                Figure::Throughput(count * size),
                &case,
                Vec::new(),
                add,
            )?;
        }
        let count = 10_000;
        let goals = vec![Goal::ratio(Contender::Tungstenite.name(), 1.05)];
        let case = RoundTrips { count, size };
        self.compare(
            "round trip of 64 bytes",
            Figure::Each(count),
            &case,
            goals,
            add,
        )
    }

    fn connections(&self, add: &mut dyn FnMut(Comparison)) -> Result<()> {
        let count = 1_000;
        let title = "connections, each for a message there and back";
        self.measure(title, Figure::Rate(count), Vec::new(), add, |it| {
            self.runtime
                .block_on(Sample::of(connections::run(it, count)))
        })
    }

    fn idle(&self, add: &mut dyn FnMut(Comparison)) -> Result<()> {
        let title = "idle memory of an end after its first message, over TCP's";
        if !self.options.wants(title) {
            return Ok(());
        }
        let all_but_tcp = &CONTENDERS[..CONTENDERS.len() - 1];
        let contenders = self.options.chosen(all_but_tcp, Contender::name);
        // It is hardly left to chance.
        let rounds = self.options.rounds.min(5);
        let measured = interleave(rounds, &contenders, |contender| {
            let value = idle::over_tcp(*contender)?;
            anyhow::Ok(Sample { value, cpu: None })
        })?;
        let names = contenders.iter().map(|contender| contender.name());
        let comparison = Comparison::new(title, Unit::Bytes, Better::Less, names.zip(&measured));
        add(comparison.with_goals([Goal::Limit(10_240.0)]));
        Ok(())
    }

    fn compare(
        &self,
        title: &str,
        figure: Figure,
        case: &impl Case<Output = ()>,
        goals: Vec<Goal>,
        add: &mut dyn FnMut(Comparison),
    ) -> Result<()> {
        self.measure(title, figure, goals, add, |contender| {
            self.runtime.block_on(async {
                let ends = tcp().await?;
                Sample::of(contender.run(case, ends)).await
            })
        })
    }

    /// Measures something that takes time, if it was asked for.
    fn measure(
        &self,
        title: &str,
        figure: Figure,
        goals: Vec<Goal>,
        add: &mut dyn FnMut(Comparison),
        mut run: impl FnMut(Contender) -> Result<(Duration, f64)>,
    ) -> Result<()> {
        if !self.options.wants(title) {
            return Ok(());
        }
        let contenders = self.options.chosen(CONTENDERS, Contender::name);
        let measured = interleave(self.options.rounds, &contenders, |contender| {
            let (time, cpu) = run(*contender)?;
            anyhow::Ok(Sample {
                value: figure.of(time.as_secs_f64()),
                cpu: Some(cpu),
            })
        })?;
        let names = contenders.iter().map(|contender| contender.name());
        let measured = names.zip(&measured);
        let comparison = Comparison::new(title, figure.unit(), figure.better(), measured);
        add(comparison.with_goals(goals));
        Ok(())
    }
}

impl Figure {
    fn of(self, seconds: f64) -> f64 {
        match self {
            Self::Throughput(count) | Self::Rate(count) => count as f64 / seconds,
            Self::Each(count) => seconds / count as f64,
        }
    }

    fn unit(self) -> Unit {
        match self {
            Self::Throughput(_) => Unit::BytesPerSecond,
            Self::Rate(_) => Unit::PerSecond,
            Self::Each(_) => Unit::Seconds,
        }
    }

    fn better(self) -> Better {
        match self {
            Self::Throughput(_) | Self::Rate(_) => Better::More,
            Self::Each(_) => Better::Less,
        }
    }
}
