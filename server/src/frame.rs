//! Frames as a server writes them (RFC 6455 § 5.2), and as none should.

/// The opcodes of RFC 6455 § 11.8.
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;

/// The bit that says that a frame is the last one of its message.
pub(crate) const FIN: u8 = 0x80;

/// The first of the bits that no extension has given a meaning.
pub(crate) const RSV1: u8 = 0x40;

/// An unmasked frame. `first` is its first byte: the bits and the opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(first, payload.len() as u64);
    frame.extend_from_slice(payload);
    frame
}

/// Returns the header of a frame with a payload of `len` bytes.
pub(crate) fn head(first: u8, len: u64) -> Vec<u8> {
    let mut head = vec![first];
    if len < 126 {
        head.push(len as u8);
    } else if let Ok(len) = u16::try_from(len) {
        head.push(126);
        head.extend_from_slice(&len.to_be_bytes());
    } else {
        head.push(127);
        head.extend_from_slice(&len.to_be_bytes());
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_takes_one_of_three_forms() {
        let cases: [(u64, &[u8]); 5] = [
            (0, &[0x82, 0]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65_535, &[0x82, 126, 0xff, 0xff]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ];
        for (len, expected) in cases {
            assert_eq!(head(FIN | BINARY, len), expected, "{len}");
        }
    }
}
