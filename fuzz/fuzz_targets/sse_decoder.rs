//! Any bytes, within any limits and in any pieces, are the same items as whole; and what is read
//! can be written, and reads back the same.
//!
//! `cargo +nightly fuzz run sse_decoder`
#![no_main]

use bytes::BytesMut;
use futures::{FutureExt, StreamExt, stream};
use libfuzzer_sys::fuzz_target;
use tokio_util::codec::{Decoder, Encoder};
use wsio::sse::{SseCodec, SseDecoder, SseError, SseErrorKind, SseItem, SseReader};

type Outcome = Result<SseItem, (SseErrorKind, u64)>;

fuzz_target!(|input: (u16, u16, Vec<u8>, &[u8])| {
    let (max_line, max_event, sizes, stream) = input;
    let limits = (usize::from(max_line), usize::from(max_event));
    let whole = decoded(limits, &[], stream);
    assert_eq!(decoded(limits, &sizes, stream), whole, "in pieces");
    assert_eq!(framed(limits, &sizes, stream), whole, "by the codec");
    assert_eq!(read(limits, &sizes, stream), whole, "by the reader");
    let unlimited = decoded((usize::MAX, usize::MAX), &[], stream);
    let items: Option<Vec<_>> = unlimited.into_iter().map(Result::ok).collect();
    written(&items.expect("nothing is too long"));
});

/// The pieces of a stream: of these sizes, again and again, or all in one.
fn pieces<'a>(sizes: &[u8], stream: &'a [u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut left = stream;
    let mut sizes = sizes.iter().cycle();
    while !left.is_empty() {
        let size = sizes
            .next()
            .map_or(left.len(), |&size| usize::from(size) + 1);
        let (piece, rest) = left.split_at(size.min(left.len()));
        pieces.push(piece);
        left = rest;
    }
    pieces
}

fn decoded(limits: (usize, usize), sizes: &[u8], stream: &[u8]) -> Vec<Outcome> {
    let mut decoder = SseDecoder::with_limits(limits.0, limits.1);
    let mut outcomes = Vec::new();
    for piece in pieces(sizes, stream) {
        decoder.feed(piece);
        // Some are left for the next time.
        outcomes.extend(decoder.by_ref().take(piece.len() / 4));
    }
    decoder.end();
    outcomes.extend(decoder);
    outcomes.into_iter().map(outcome).collect()
}

fn framed(limits: (usize, usize), sizes: &[u8], stream: &[u8]) -> Vec<Outcome> {
    let mut codec = SseCodec::with_limits(limits.0, limits.1);
    let mut outcomes = Vec::new();
    let mut buffer = BytesMut::new();
    for piece in pieces(sizes, stream) {
        buffer.extend_from_slice(piece);
        while let Some(item) = codec.decode(&mut buffer).transpose() {
            outcomes.push(outcome(item));
        }
    }
    outcomes
}

fn read(limits: (usize, usize), sizes: &[u8], stream: &[u8]) -> Vec<Outcome> {
    let pieces = stream::iter(pieces(sizes, stream)).map(Ok::<_, SseError>);
    let outcomes = SseReader::with_limits(pieces, limits.0, limits.1).map(outcome);
    outcomes
        .collect()
        .now_or_never()
        .expect("nothing to wait for")
}

fn outcome(outcome: Result<SseItem, SseError>) -> Outcome {
    outcome.map_err(|error| (error.kind(), error.position()))
}

fn written(items: &[SseItem]) {
    let mut codec = SseCodec::with_limits(usize::MAX, usize::MAX);
    let mut buffer = BytesMut::new();
    for item in items {
        codec
            .encode(item.clone(), &mut buffer)
            .expect("what was read can be written");
    }
    for item in items {
        let read = codec.decode(&mut buffer).expect("nothing is too long");
        assert_eq!(read.as_ref(), Some(item), "written and read");
    }
    let read = codec.decode(&mut buffer).expect("nothing is too long");
    assert_eq!(read, None, "more than was written");
}
