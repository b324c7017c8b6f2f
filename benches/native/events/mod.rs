//! Decoding of event streams: wsio beside the parsers of other crates.
//!
//! All of them get the same pieces of the same stream, out of memory. That each of them gives every
//! event as it was written is checked before anything is timed.

mod decoders;
mod streams;

use std::{collections::HashMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures::executor::block_on;

use self::{
    decoders::DECODERS,
    streams::{Cut, Events, Summary},
};
use super::{Figure, Named as _, Options};

/// Who takes longer for a case runs once, and what that took counts: there are decoders that take
/// most of a minute for what is done in a millisecond.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) fn measure(options: &Options) -> Result<()> {
    let small = Events::small();
    let large = Events::of_a_kibibyte();
    let line = Events::one_line();
    for (title, events, cut) in [
        ("SSE, small events, each a piece", &small, Cut::Events),
        ("SSE, small events in 8 KiB", &small, Cut::Bytes(8 << 10)),
        ("SSE, small events in 64 KiB", &small, Cut::Bytes(64 << 10)),
        ("SSE, 1 KiB events, each a piece", &large, Cut::Events),
        ("SSE, 1 KiB events in 8 KiB", &large, Cut::Bytes(8 << 10)),
        ("SSE, a line of 4 MiB, whole", &line, Cut::Whole),
        ("SSE, a line of 4 MiB in 2048", &line, Cut::Bytes(2 << 10)),
    ] {
        if options.wants(title) {
            compare(options, title, events, cut)?;
        }
    }
    Ok(())
}

fn compare(options: &Options, title: &str, events: &Events, cut: Cut) -> Result<()> {
    let pieces = events.pieces(cut);
    let mut once = HashMap::new();
    for decoder in options.chosen(DECODERS) {
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
    let figure = Figure::Throughput(events.size());
    options.compare(title, figure, DECODERS, |&decoder| {
        if let Some(time) = once.get(&decoder) {
            return Ok(*time);
        }
        let (mut count, mut bytes) = (0, 0);
        let run = decoder.run(pieces.clone(), |_, data, _| {
            count += 1;
            bytes += data.len();
        });
        let time = block_on(run)?;
        let written = events.summary();
        ensure!((count, bytes) == (written.count, written.bytes));
        Ok(time)
    })
}
