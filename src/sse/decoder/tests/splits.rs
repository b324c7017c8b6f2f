//! Runs one input whole, byte by byte, and split in two everywhere, through every reader of event
//! streams.

use std::time::Duration;

use bytes::BytesMut;
use futures::{FutureExt, StreamExt, stream};
use tokio_util::codec::Decoder;

use crate::sse::{SseCodec, SseDecoder, SseError, SseErrorKind, SseEvent, SseItem, SseReader};

/// The items of a stream, and the state kept for the next one.
#[derive(Debug, PartialEq)]
pub(super) struct SseOutcome {
    pub(super) items: Vec<SseOutcomeItem>,
    pub(super) last_event_id: Option<String>,
    pub(super) reconnection_time: Option<Duration>,
}

pub(super) type SseOutcomeItem = Result<SseItem, (SseErrorKind, u64)>;

/// The limits on lines and events.
pub(super) type SseLimits = (usize, usize);

/// Feeds pieces, and takes what is complete after each.
pub(super) fn decoder(limits: SseLimits, pieces: &[&[u8]]) -> SseOutcome {
    let mut decoder = SseDecoder::with_limits(limits.0, limits.1);
    let mut items = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        items.extend(decoder.by_ref().map(item));
    }
    decoder.end();
    items.extend(decoder.by_ref().map(item));
    SseOutcome {
        items,
        last_event_id: decoder.last_event_id().map(str::to_owned),
        reconnection_time: decoder.reconnection_time(),
    }
}

/// Feeds all the pieces, and the end, before it takes anything.
pub(super) fn late_decoder(limits: SseLimits, pieces: &[&[u8]]) -> SseOutcome {
    let mut decoder = SseDecoder::with_limits(limits.0, limits.1);
    for piece in pieces {
        decoder.feed(piece);
    }
    decoder.end();
    SseOutcome {
        items: decoder.by_ref().map(item).collect(),
        last_event_id: decoder.last_event_id().map(str::to_owned),
        reconnection_time: decoder.reconnection_time(),
    }
}

pub(super) fn codec(limits: SseLimits, pieces: &[&[u8]]) -> SseOutcome {
    let mut codec = SseCodec::with_limits(limits.0, limits.1);
    let mut buffer = BytesMut::new();
    let mut items = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(outcome) = codec.decode(&mut buffer).transpose() {
            items.push(item(outcome));
        }
    }
    while let Some(outcome) = codec.decode_eof(&mut buffer).transpose() {
        items.push(item(outcome));
    }
    SseOutcome {
        items,
        last_event_id: codec.last_event_id().map(str::to_owned),
        reconnection_time: codec.reconnection_time(),
    }
}

pub(super) fn reader(limits: SseLimits, pieces: &[&[u8]]) -> SseOutcome {
    let pieces = stream::iter(pieces.iter().map(Ok::<_, SseError>));
    let mut reader = SseReader::with_limits(pieces, limits.0, limits.1);
    let items = reader.by_ref().map(item).collect();
    SseOutcome {
        items: items.now_or_never().expect("nothing to wait for"),
        last_event_id: reader.last_event_id().map(str::to_owned),
        reconnection_time: reader.reconnection_time(),
    }
}

fn item(outcome: Result<SseItem, SseError>) -> SseOutcomeItem {
    outcome.map_err(|error| (error.kind(), error.position()))
}

/// Asserts that every reader yields these items, for every split of the input.
pub(super) fn assert_decodes(
    limits: SseLimits,
    input: &[u8],
    expected: &[SseOutcomeItem],
) -> SseOutcome {
    let whole = decoder(limits, &[input]);
    assert_eq!(whole.items, expected, "whole");
    let bytes: Vec<_> = input.chunks(1).flat_map(|byte| [byte, b""]).collect();
    assert_eq!(decoder(limits, &bytes), whole, "byte by byte");
    let two = (0..=input.len()).map(|at| <[_; 2]>::from(input.split_at(at)));
    for pieces in two.map(Vec::from).chain([vec![input], bytes]) {
        let lengths: Vec<_> = pieces.iter().map(|piece| piece.len()).collect();
        assert_eq!(decoder(limits, &pieces), whole, "cut {lengths:?}");
        assert_eq!(late_decoder(limits, &pieces), whole, "late, {lengths:?}");
        assert_eq!(codec(limits, &pieces), whole, "codec, cut {lengths:?}");
        assert_eq!(reader(limits, &pieces), whole, "reader, cut {lengths:?}");
    }
    whole
}

pub(super) fn event(data: &str) -> SseOutcomeItem {
    Ok(SseItem::Event(SseEvent::new(data)))
}

pub(super) fn named(name: &str, data: &str) -> SseOutcomeItem {
    Ok(SseItem::Event(SseEvent::new(data).with_name(name)))
}

pub(super) fn with_id(id: &str, data: &str) -> SseOutcomeItem {
    Ok(SseItem::Event(SseEvent::new(data).with_id(id)))
}

pub(super) fn comment(text: &str) -> SseOutcomeItem {
    Ok(SseItem::Comment(text.to_owned()))
}

pub(super) fn id(id: &str) -> SseOutcomeItem {
    Ok(SseItem::Id(id.to_owned()))
}

pub(super) fn retry(milliseconds: u64) -> SseOutcomeItem {
    Ok(SseItem::Retry(Duration::from_millis(milliseconds)))
}

/// One test per line: a name, an input, perhaps limits, and what comes of it, however it is read.
macro_rules! decodes {
    ($($name:ident: $input:expr $(, $limits:expr)? => [$($item:expr),* $(,)?];)+) => {$(
        #[test]
        fn $name() {
            let limits = crate::sse::decoder::tests::splits::decodes!(@limits $($limits)?);
            crate::sse::decoder::tests::splits::assert_decodes(limits, $input, &[$($item),*]);
        }
    )+};
    (@limits) => { (crate::sse::MAX_LINE, crate::sse::MAX_EVENT) };
    (@limits $limits:expr) => { $limits };
}

pub(super) use decodes;
