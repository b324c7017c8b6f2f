//! Native throughput and round trips over loopback: `WsIo` beside a bare tokio-tungstenite, the
//! byte stream of `ws_stream_tungstenite`, and plain TCP. And the decoding of event streams.
//!
//! `cargo bench -p wsio-bench --bench native -- --help`

mod cases;
mod contenders;
mod events;

use std::time::Duration;

use clap::Parser;
use tokio::runtime::Runtime;
use wsio_bench::{Measured, Table, interleave};

use self::{
    cases::{Bulk, Frames, RoundTrips},
    contenders::{CONTENDERS, Contender},
};

/// Measures wsio beside its peers, natively.
#[derive(Parser)]
struct Options {
    /// How often every contender runs.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// How many MiB a run of a bulk case moves.
    #[arg(long, default_value_t = 256)]
    mebibytes: usize,
    /// Only the cases whose title contains this.
    #[arg(long, default_value = "")]
    case: String,
    /// Only the contenders whose name contains this, and wsio.
    #[arg(long, default_value = "")]
    contender: String,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let runtime = Runtime::new()?;
    let total = options.mebibytes << 20;
    for size in [8 << 10, 64 << 10, 128_000, 1 << 20] {
        let count = total / size;
        let title = format!("bulk, {count} writes of {size} bytes");
        options.measure(&title, Figure::Throughput(count * size), |contender| {
            runtime.block_on(cases::run(contender, &Bulk { count, size }))
        })?;
    }
    let (count, size) = (total / (7 << 20), 7 << 20);
    let title = "Framed, length-delimited frames of 7 MiB";
    options.measure(title, Figure::Throughput(count * size), |contender| {
        runtime.block_on(cases::run(contender, &Frames { count, size }))
    })?;
    let (count, size) = (10_000, 64);
    options.measure("round trip of 64 bytes", Figure::Each(count), |contender| {
        runtime.block_on(cases::run(contender, &RoundTrips { count, size }))
    })?;
    events::measure(&options)
}

/// Somebody who is measured.
pub(crate) trait Named: Copy {
    fn name(self) -> &'static str;
}

/// What is made of a time.
#[derive(Clone, Copy)]
pub(crate) enum Figure {
    /// So many bytes were moved.
    Throughput(usize),
    /// So many things were done.
    Each(usize),
}

impl Figure {
    fn of(self, time: Duration) -> (f64, String) {
        match self {
            Self::Throughput(bytes) => {
                let rate = bytes as f64 / time.as_secs_f64();
                let digits = if rate < 1e7 { 2 } else { 0 };
                (rate, format!("{:.digits$} MB/s", rate / 1e6))
            }
            Self::Each(count) => {
                let each = time.as_secs_f64() / count as f64;
                (each, format!("{:.1} µs", each * 1e6))
            }
        }
    }
}

impl Options {
    /// Measures a case and prints its table, if it is one that was asked for.
    fn measure(
        &self,
        title: &str,
        figure: Figure,
        run: impl FnMut(&Contender) -> anyhow::Result<Duration>,
    ) -> anyhow::Result<()> {
        self.compare(title, figure, CONTENDERS, run)
    }

    /// The same among others. The first one is who they are compared with.
    pub(crate) fn compare<C: Named>(
        &self,
        title: &str,
        figure: Figure,
        contenders: &[C],
        run: impl FnMut(&C) -> anyhow::Result<Duration>,
    ) -> anyhow::Result<()> {
        if !self.wants(title) {
            return Ok(());
        }
        let contenders = self.chosen(contenders);
        let measured = interleave(self.rounds, &contenders, run)?;
        print(title, &contenders, &measured, |time| figure.of(time));
        Ok(())
    }

    /// Whether a case is one that was asked for.
    pub(crate) fn wants(&self, title: &str) -> bool {
        title.contains(&self.case)
    }

    /// The first contender, and who else was asked for.
    pub(crate) fn chosen<C: Named>(&self, contenders: &[C]) -> Vec<C> {
        let (first, others) = contenders.split_at(1.min(contenders.len()));
        let others = others
            .iter()
            .filter(|it| it.name().contains(&self.contender));
        first.iter().chain(others).copied().collect()
    }
}

/// One table: the figure of every contender, and the first one's as a ratio of it.
fn print<C: Named>(
    title: &str,
    contenders: &[C],
    measured: &[Measured],
    figure: impl Fn(Duration) -> (f64, String),
) {
    let first = measured.first().map(Measured::median).unwrap_or_default();
    let ours = figure(first).0;
    let mut table = Table::new([title, "median", "spread", "wsio / this"]);
    for (contender, measured) in contenders.iter().zip(measured) {
        let (value, text) = figure(measured.median());
        let spread = format!("{:.0} %", measured.spread() * 100.0);
        table.row([
            contender.name(),
            &text,
            &spread,
            &format!("{:.2}", ours / value),
        ]);
    }
    println!("{table}");
}
