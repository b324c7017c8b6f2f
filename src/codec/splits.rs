//! Runs one input of a codec whole, byte by byte, and split in two everywhere.

use bytes::BytesMut;
use tokio_util::codec::Decoder;

use super::{CodecError, CodecErrorKind};

/// A result of a decoder.
#[derive(Debug, PartialEq)]
pub(super) enum CodecOutcome<T> {
    Value(T),
    /// An error that leaves the stream usable.
    Item(CodecErrorKind, u64),
    /// An error that ends it.
    End(CodecErrorKind, u64),
}

/// Decodes an input that arrives in pieces of a size, and then ends.
pub(super) fn run<C, T>(codec: &mut C, input: &[u8], piece: usize) -> Vec<CodecOutcome<T>>
where
    C: Decoder<Item = Result<T, CodecError>, Error = CodecError>,
{
    pieces(codec, input.chunks(piece))
}

/// Decodes an input that arrives in two pieces, and then ends.
pub(super) fn run_in_two<C, T>(codec: &mut C, input: &[u8], cut: usize) -> Vec<CodecOutcome<T>>
where
    C: Decoder<Item = Result<T, CodecError>, Error = CodecError>,
{
    let (first, second) = input.split_at(cut);
    pieces(codec, [first, second].into_iter())
}

fn pieces<'a, C, T>(codec: &mut C, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<CodecOutcome<T>>
where
    C: Decoder<Item = Result<T, CodecError>, Error = CodecError>,
{
    let mut outcomes = Vec::new();
    let mut buffer = BytesMut::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        if !collect(&mut outcomes, || codec.decode(&mut buffer)) {
            return outcomes;
        }
    }
    collect(&mut outcomes, || codec.decode_eof(&mut buffer));
    outcomes
}

/// Collects the results available so far. Returns whether the stream is still usable.
fn collect<T>(
    outcomes: &mut Vec<CodecOutcome<T>>,
    mut decode: impl FnMut() -> Result<Option<Result<T, CodecError>>, CodecError>,
) -> bool {
    loop {
        match decode() {
            Ok(None) => return true,
            Ok(Some(Ok(value))) => outcomes.push(CodecOutcome::Value(value)),
            Ok(Some(Err(error))) => {
                outcomes.push(CodecOutcome::Item(error.kind(), error.position()));
            }
            Err(error) => {
                outcomes.push(CodecOutcome::End(error.kind(), error.position()));
                return false;
            }
        }
    }
}

/// One test per line: a name, a decoder, its input, and what comes of it, however it is cut.
macro_rules! decodes {
    ($($name:ident: $codec:expr, $input:expr => [$($outcome:expr),* $(,)?];)+) => {$(
        #[test]
        fn $name() {
            let input: &[u8] = $input;
            let expected = vec![$($outcome),*];
            let outcomes = crate::codec::splits::run(&mut $codec, input, usize::MAX);
            assert_eq!(outcomes, expected, "whole");
            let outcomes = crate::codec::splits::run(&mut $codec, input, 1);
            assert_eq!(outcomes, expected, "byte by byte");
            for cut in 0..=input.len() {
                let outcomes = crate::codec::splits::run_in_two(&mut $codec, input, cut);
                assert_eq!(outcomes, expected, "cut at {cut}");
            }
        }
    )+};
}

pub(super) use decodes;
