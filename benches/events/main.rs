//! Decoding of event streams: wsio beside the parsers of other crates.
//!
//! `cargo bench -p wsio-bench --bench events -- --help`

mod decoders;
mod streams;

use std::{collections::HashMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use futures::executor::block_on;
use wsio_bench::{
    Options, Sample, interleave,
    report::{Better, Comparison, Goal, Section, Unit},
};

use self::{
    decoders::{DECODERS, Decoder},
    streams::{Cut, Events, Summary},
};

const ABOUT: &str = "\
All of them get the same pieces of the same stream, out of memory. That each of them gives every \
event as it was written is checked before anything is timed. eventsource-client's parser is \
private: it is reached through the client, over a transport in memory.";

/// Measures the decoding of event streams.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

/// Who takes longer for a case runs once, and what that took counts: there are decoders that take
/// most of a minute for what is done in a millisecond.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    let Cli { options } = Cli::parse();
    let packages = [
        "wsio",
        "eventsource-stream",
        "sse-stream",
        "eventsource-client",
    ];
    let section = Section::new("events", "Server-sent events", ABOUT, &packages)?;
    options.perform(section, |add| measure(&options, add))
}

fn measure(options: &Options, add: &mut dyn FnMut(Comparison)) -> Result<()> {
    let small = Events::small();
    let large = Events::of_a_kibibyte();
    let line = Events::one_line();
    let five_times = || vec![Goal::ratio(Decoder::EventsourceStream.name(), 5.0)];
    let a_gigabyte = || vec![Goal::Limit(1e9)];
    for (title, events, cut, goals) in [
        (
            "small events, each a piece",
            &small,
            Cut::Events,
            five_times(),
        ),
        (
            "small events in 8 KiB",
            &small,
            Cut::Bytes(8 << 10),
            five_times(),
        ),
        (
            "small events in 64 KiB",
            &small,
            Cut::Bytes(64 << 10),
            five_times(),
        ),
        (
            "1 KiB events, each a piece",
            &large,
            Cut::Events,
            a_gigabyte(),
        ),
        (
            "1 KiB events in 8 KiB",
            &large,
            Cut::Bytes(8 << 10),
            a_gigabyte(),
        ),
        ("a line of 4 MiB, whole", &line, Cut::Whole, a_gigabyte()),
        (
            "a line of 4 MiB in 2048 pieces",
            &line,
            Cut::Bytes(2 << 10),
            a_gigabyte(),
        ),
    ] {
        if options.wants(title) {
            add(compare(options, title, events, cut)?.with_goals(goals));
        }
    }
    Ok(())
}

fn compare(options: &Options, title: &str, events: &Events, cut: Cut) -> Result<Comparison> {
    let pieces = events.pieces(cut);
    let mut once = HashMap::new();
    let decoders = options.chosen(DECODERS, Decoder::name);
    for decoder in decoders.iter().copied() {
        let mut seen = Summary::default();
        let run = decoder.run(pieces.clone(), |event, data, id| {
            seen.add(event, data, id);
        });
        let time = block_on(run).with_context(|| decoder.name())?;
        let written = events.summary();
        ensure!(
            seen == written,
            "{}: {seen:?} of {written:?}",
            decoder.name()
        );
        if time > PATIENCE {
            once.insert(decoder, time);
        }
    }
    let measured = interleave(options.rounds, &decoders, |decoder| {
        let time = match once.get(decoder) {
            Some(time) => *time,
            None => {
                let (mut count, mut bytes) = (0, 0);
                let run = decoder.run(pieces.clone(), |_, data, _| {
                    count += 1;
                    bytes += data.len();
                });
                let time = block_on(run)?;
                let written = events.summary();
                ensure!((count, bytes) == (written.count, written.bytes));
                time
            }
        };
        Ok(Sample {
            value: events.size() as f64 / time.as_secs_f64(),
            cpu: None,
        })
    })?;
    let names = decoders.iter().map(|decoder| decoder.name());
    let measured = names.zip(&measured);
    Ok(Comparison::new(
        title,
        Unit::BytesPerSecond,
        Better::More,
        measured,
    ))
}
