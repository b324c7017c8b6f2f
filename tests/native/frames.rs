//! Frames as they are on the wire (RFC 6455 § 5.2).

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;
/// The bit of a frame that is its message's last.
pub(crate) const FIN: u8 = 0x80;

/// A frame as a server sends it, with a short payload. `head` is an opcode, with `FIN` or without.
pub(crate) fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).ok().filter(|len| *len < 126);
    let mut frame = vec![head, len.unwrap()];
    frame.extend_from_slice(payload);
    frame
}

/// The frames that a client sent: head and payload of each, without the mask.
pub(crate) fn frames(mut sent: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [head, len, rest @ ..] = sent {
        assert_eq!(len & 0x80, 0x80, "a client masks");
        let (len, rest) = match len & 0x7F {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            127 => {
                let len = u64::from_be_bytes(rest[..8].try_into().unwrap());
                (usize::try_from(len).unwrap(), &rest[8..])
            }
            len => (usize::from(len), rest),
        };
        let (mask, rest) = rest.split_at(4);
        let (masked, rest) = rest.split_at(len);
        let payload = masked.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b);
        frames.push((*head, payload.collect()));
        sent = rest;
    }
    frames
}
