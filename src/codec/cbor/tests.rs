use ciborium::{Value, cbor};

use super::*;
use crate::codec::splits::{CodecOutcome, decodes};

fn codec() -> CborCodec<Value> {
    CborCodec::with_max_value(32)
}

fn good(value: impl Into<Value>) -> CodecOutcome<Value> {
    CodecOutcome::Value(value.into())
}

fn long(position: u64) -> CodecOutcome<Value> {
    CodecOutcome::Item(CodecErrorKind::TooLong, position)
}

fn malformed(position: u64) -> CodecOutcome<Value> {
    CodecOutcome::End(CodecErrorKind::Malformed, position)
}

fn incomplete(position: u64) -> CodecOutcome<Value> {
    CodecOutcome::End(CodecErrorKind::Incomplete, position)
}

/// `depth` arrays, the innermost empty.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = vec![0x81; depth - 1];
    bytes.push(0x80);
    bytes
}

decodes! {
    nothing: codec(), b"" => [];
    integers: codec(), b"\x01\x18\x18\x19\x03\xe8\x20"
        => [good(1), good(24), good(1000), good(-1)];
    text: codec(), b"\x64IETF\x60" => [good("IETF"), good("")];
    bytes: codec(), b"\x44\x01\x02\x03\x04\x40" => [good(vec![1, 2, 3, 4]), good(Vec::<u8>::new())];
    arrays: codec(), b"\x83\x01\x82\x02\x03\x82\x04\x05\x80" => [
        CodecOutcome::Value(cbor!([1, [2, 3], [4, 5]]).unwrap()),
        good(Vec::<Value>::new()),
    ];
    maps: codec(), b"\xa2\x61a\x01\x61b\x82\x02\x03\xa0" => [
        CodecOutcome::Value(cbor!({"a" => 1, "b" => [2, 3]}).unwrap()),
        CodecOutcome::Value(cbor!({}).unwrap()),
    ];
    simple_values: codec(), b"\xf4\xf5\xf6" => [good(false), good(true), good(Value::Null)];
    floats: codec(), b"\xf9\x3c\x00\xfa\x47\xc3\x50\x00\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a"
        => [good(1.0), good(100_000.0), good(1.1)];
    tags: codec(), b"\xc1\x1a\x51\x4b\x67\xb0\x01"
        => [CodecOutcome::Value(Value::Tag(1, Box::new(1_363_896_240.into()))), good(1)];
    indefinite_bytes: codec(), b"\x5f\x42\x01\x02\x43\x03\x04\x05\xff\x01"
        => [good(vec![1, 2, 3, 4, 5]), good(1)];
    indefinite_text: codec(), b"\x7f\x65strea\x64ming\xff" => [good("streaming")];
    indefinite_empty: codec(), b"\x9f\xff\xbf\xff\x7f\xff" => [
        good(Vec::<Value>::new()), CodecOutcome::Value(cbor!({}).unwrap()), good(""),
    ];
    indefinite_nested: codec(), b"\x9f\x01\x82\x02\x03\x9f\x04\x05\xff\xff"
        => [CodecOutcome::Value(cbor!([1, [2, 3], [4, 5]]).unwrap())];
    indefinite_map: codec(), b"\xbf\x61a\x01\x61b\x9f\x02\x03\xff\xff"
        => [CodecOutcome::Value(cbor!({"a" => 1, "b" => [2, 3]}).unwrap())];
    not_utf8: codec(), b"\x62\xff\xfe\x01" => [CodecOutcome::Item(CodecErrorKind::Invalid, 0), good(1)];
    another_type: CborCodec::<u8>::new(), b"\x01\x61a\x19\x01\x00\x02" => [
        CodecOutcome::Value(1),
        CodecOutcome::Item(CodecErrorKind::Invalid, 1),
        CodecOutcome::Item(CodecErrorKind::Invalid, 3),
        CodecOutcome::Value(2),
    ];
    as_long_as_allowed: codec(), &[&[0x58, 30][..], &[7; 30], &[1]].concat()
        => [good(vec![7; 30]), good(1)];
    too_long: codec(), &[&[1, 0x58, 31][..], &[7; 31], &[2]].concat()
        => [good(1), long(1), good(2)];
    much_too_long: codec(), &[&[1, 0x59, 1, 0][..], &[7; 256], &[2]].concat()
        => [good(1), long(1), good(2)];
    too_long_a_list: codec(), &[&[0x9f][..], &[7; 40], &[0xff, 2]].concat()
        => [long(0), good(2)];
    too_long_a_head: CborCodec::<Value>::with_max_value(2), b"\x18\x18\x19\x03\xe8\x01"
        => [good(24), long(2), good(1)];
    too_long_and_cut_off: codec(), &[&[1, 0x58, 99][..], &[7; 31]].concat()
        => [good(1), long(1), incomplete(1)];
    a_length_that_lies: codec(), b"\x01\x5b\xff\xff\xff\xff\xff\xff\xff\xff123"
        => [good(1), long(1), incomplete(1)];
    a_count_that_lies: codec(), b"\x01\xbb\xff\xff\xff\xff\xff\xff\xff\xff123"
        => [good(1), long(1), incomplete(1)];
    cut_off_in_a_head: codec(), b"\x01\x19\x03" => [good(1), incomplete(1)];
    cut_off_in_a_string: codec(), b"\x01\x64IET" => [good(1), incomplete(1)];
    cut_off_in_an_array: codec(), b"\x01\x83\x01\x02" => [good(1), incomplete(1)];
    reserved_information: codec(), b"\x01\x1c" => [good(1), malformed(1)];
    a_break_alone: codec(), b"\x01\xff" => [good(1), malformed(1)];
    a_break_in_an_array: codec(), b"\x82\x01\xff" => [malformed(2)];
    a_break_for_a_value: codec(), b"\xbf\x01\xff" => [malformed(2)];
    a_break_after_a_tag: codec(), b"\xc1\xff" => [malformed(1)];
    indefinite_integer: codec(), b"\x1f" => [malformed(0)];
    indefinite_tag: codec(), b"\xdf\x00" => [malformed(0)];
    text_in_bytes: codec(), b"\x5f\x61a\xff" => [malformed(1)];
    indefinite_in_indefinite: codec(), b"\x5f\x5f\xff\xff" => [malformed(1)];
    a_simple_value_in_two_bytes: codec(), b"\xf8\x18" => [malformed(0)];
    as_deep_as_allowed: CborCodec::<Value>::new(), &nested(128)
        => [CodecOutcome::Value((1..128).fold(Value::Array(vec![]), |inner, _| Value::Array(vec![inner])))];
    too_deep: CborCodec::<Value>::new(), &[0x81; 1000] => [malformed(128)];
    tags_too_deep: CborCodec::<Value>::new(), &[0xc1; 1000] => [malformed(128)];
}

#[test]
fn a_value_that_is_too_long_is_not_kept() {
    let mut codec = codec();
    let mut buffer = BytesMut::from(&b"\x5a\x00\x0f\x42\x40"[..]);
    assert!(matches!(codec.decode(&mut buffer), Ok(Some(Err(_)))));
    for _ in 0..1000 {
        buffer.put_bytes(7, 1000);
        assert!(matches!(codec.decode(&mut buffer), Ok(None)));
        assert!(buffer.is_empty());
    }
    buffer.put_u8(1);
    let next = codec.decode(&mut buffer).unwrap().unwrap().unwrap();
    assert_eq!(next, Value::from(1));
}

#[test]
fn a_value_that_cannot_be_encoded_writes_nothing() {
    struct Never;
    impl Serialize for Never {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("never"))
        }
    }
    let mut codec = CborCodec::<(), (u8, Never)>::new();
    let mut buffer = BytesMut::from(&b"\x01"[..]);
    let error = codec.encode((1, Never), &mut buffer).unwrap_err();
    assert_eq!(error.kind(), CodecErrorKind::Unencodable);
    assert_eq!(buffer, &b"\x01"[..]);
}

#[test]
fn after_the_end_within_a_value_there_is_nothing() {
    let mut codec = codec();
    let mut buffer = BytesMut::from(&b"\x83\x01"[..]);
    assert!(codec.decode_eof(&mut buffer).is_err());
    assert!(codec.decode_eof(&mut buffer).unwrap().is_none());
}
