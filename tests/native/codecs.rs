//! Properties of the codecs: what is encoded decodes, and the way the input is cut into pieces
//! changes nothing.

use bytes::BytesMut;
use ciborium::Value as Cbor;
use proptest::prelude::*;
use serde_json::Value as Json;
use tokio_util::codec::{Decoder, Encoder};
use wsio::codec::{CborCodec, CodecError, CodecErrorKind, JsonCodec};

type Values = Vec<(Option<String>, Vec<i64>)>;

/// A value, or an error and where it is; the debug form, because NaN is not equal to itself.
type Outcome = Result<String, (CodecErrorKind, u64)>;

fn outcomes<C, T>(mut codec: C, input: &[u8], piece: usize) -> Vec<Outcome>
where
    C: Decoder<Item = Result<T, CodecError>, Error = CodecError>,
    T: std::fmt::Debug,
{
    let mut outcomes = Vec::new();
    let mut buffer = BytesMut::new();
    let mut pieces = input.chunks(piece);
    loop {
        let piece = pieces.next();
        buffer.extend_from_slice(piece.unwrap_or_default());
        loop {
            let decoded = match piece {
                Some(_) => codec.decode(&mut buffer),
                None => codec.decode_eof(&mut buffer),
            };
            let error = |error: CodecError| (error.kind(), error.position());
            match decoded {
                Ok(None) => break,
                Ok(Some(item)) => {
                    outcomes.push(item.map(|it| format!("{it:?}")).map_err(error));
                }
                Err(end) => {
                    outcomes.push(Err(error(end)));
                    return outcomes;
                }
            }
        }
        if piece.is_none() {
            return outcomes;
        }
    }
}

fn there_and_back<C>(mut codec: C, values: &Values, piece: usize) -> Vec<Outcome>
where
    C: Encoder<(Option<String>, Vec<i64>), Error = CodecError>,
    C: Decoder<Item = Result<(Option<String>, Vec<i64>), CodecError>, Error = CodecError>,
{
    let mut encoded = BytesMut::new();
    for value in values {
        codec.encode(value.clone(), &mut encoded).unwrap();
    }
    outcomes(codec, &encoded, piece)
}

fn as_they_are(values: &Values) -> Vec<Outcome> {
    values.iter().map(|it| Ok(format!("{it:?}"))).collect()
}

proptest! {
    #[test]
    fn codec_json_decodes_what_it_encodes(values: Values, piece in 1..40_usize) {
        let decoded = there_and_back(JsonCodec::new(), &values, piece);
        prop_assert_eq!(decoded, as_they_are(&values));
    }

    #[test]
    fn codec_cbor_decodes_what_it_encodes(values: Values, piece in 1..40_usize) {
        let decoded = there_and_back(CborCodec::new(), &values, piece);
        prop_assert_eq!(decoded, as_they_are(&values));
    }

    #[test]
    fn codec_json_survives_any_bytes(bytes: Vec<u8>, piece in 1..9_usize) {
        let codec = JsonCodec::<Json>::with_max_line(16);
        let whole = outcomes(codec.clone(), &bytes, usize::MAX);
        prop_assert_eq!(outcomes(codec, &bytes, piece), whole);
    }

    #[test]
    fn codec_cbor_survives_any_bytes(bytes: Vec<u8>, piece in 1..9_usize) {
        let codec = CborCodec::<Cbor>::with_max_value(32);
        let whole = outcomes(codec.clone(), &bytes, usize::MAX);
        prop_assert_eq!(outcomes(codec, &bytes, piece), whole);
    }
}
