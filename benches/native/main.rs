//! Native throughput and round trips over loopback: `WsIo` beside a bare tokio-tungstenite, the
//! byte stream of `ws_stream_tungstenite`, and plain TCP.
//!
//! `cargo bench -p wsio-bench --bench native -- --help`

mod cases;
mod contenders;

use std::time::Duration;

use clap::Parser;
use tokio::runtime::Runtime;
use wsio_bench::{Measured, Table, interleave};

use self::contenders::{CONTENDERS, Contender};

/// Measures wsio beside its peers, natively.
#[derive(Parser)]
struct Options {
    /// How often every contender runs.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// How many MiB a run of a bulk case moves.
    #[arg(long, default_value_t = 256)]
    mebibytes: usize,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let runtime = Runtime::new()?;
    let total = options.mebibytes << 20;
    for chunk in [8 << 10, 64 << 10, 128_000, 1 << 20] {
        let title = format!("bulk, {} writes of {chunk} bytes", total / chunk);
        let measured = interleave(options.rounds, CONTENDERS, |contender| {
            runtime.block_on(cases::bulk(contender, total / chunk, chunk))
        })?;
        throughput(&title, total / chunk * chunk, &measured);
    }
    let frame = 7 << 20;
    let measured = interleave(options.rounds, CONTENDERS, |contender| {
        runtime.block_on(cases::framed(contender, total / frame, frame))
    })?;
    throughput(
        "Framed, length-delimited frames of 7 MiB",
        total / frame * frame,
        &measured,
    );
    let trips = 10_000;
    let measured = interleave(options.rounds, CONTENDERS, |contender| {
        runtime.block_on(cases::round_trips(contender, trips, 64))
    })?;
    round_trip("round trip of 64 bytes", trips, &measured);
    Ok(())
}

fn throughput(title: &str, bytes: usize, measured: &[Measured]) {
    let figure = |time: Duration| {
        let rate = bytes as f64 / time.as_secs_f64();
        (rate, format!("{:.0} MB/s", rate / 1e6))
    };
    print(title, measured, figure);
}

fn round_trip(title: &str, trips: usize, measured: &[Measured]) {
    let figure = |time: Duration| {
        let each = time.as_secs_f64() / trips as f64;
        (each, format!("{:.1} µs", each * 1e6))
    };
    print(title, measured, figure);
}

/// One table: the figure of every contender, and wsio's as a ratio of it.
fn print(title: &str, measured: &[Measured], figure: impl Fn(Duration) -> (f64, String)) {
    let ours = CONTENDERS
        .iter()
        .position(|contender| matches!(contender, Contender::Wsio))
        .map_or(0.0, |index| figure(measured[index].median()).0);
    let mut table = Table::new([title, "median", "spread", "wsio / this"]);
    for (contender, measured) in CONTENDERS.iter().zip(measured) {
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
