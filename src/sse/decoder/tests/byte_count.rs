//! The cost of decoding, counted in bytes.

use crate::sse::{
    MAX_EVENT, MAX_LINE,
    decoder::{
        byte_count,
        tests::splits::{SseLimits, codec, decoder, late_decoder, reader},
    },
};

const SIZE: usize = 16 << 10;

/// How often a byte may be looked at or moved: copied from the piece, searched, kept as part of an
/// unfinished line, read as part of a whole one, copied as data, and checked for UTF-8.
const TIMES: usize = 6;

/// Streams of about `SIZE` bytes.
fn streams() -> Vec<Vec<u8>> {
    let fields = [
        "data:", "data: ", ":", "id:", "event:", "retry:", "unknown:", "",
    ];
    let long = fields.map(|field| format!("{field}{}\ndata\n\n", "0".repeat(SIZE)));
    let repeated = [
        "data: x\n\n",
        "id: 1\nevent: x\ndata: y\n\n",
        "data: x\n",
        "data\r",
        "\r\n",
        "\n",
        ":\n",
        ": a\r\n: b\r\n\r\n",
        "retry: 1\n",
        "unknown: x\n",
    ];
    let repeated = repeated.map(|block| block.repeat(SIZE / block.len()));
    let mut streams: Vec<_> = long.into_iter().chain(repeated).collect();
    streams.push(format!("id: {}\n", "x".repeat(1000)).repeat(SIZE / 1000));
    streams.push(format!("data: {}\n\n", "x".repeat(1000)).repeat(SIZE / 1000));
    streams.into_iter().map(String::into_bytes).collect()
}

#[test]
fn s2_the_work_is_proportional_to_the_bytes_in_any_pieces() {
    let all_limits: [SseLimits; 3] = [(MAX_LINE, MAX_EVENT), (MAX_LINE, 100), (100, 100)];
    for stream in streams() {
        for size in [1, 3, 64, 2048, SIZE * 2] {
            let pieces: Vec<_> = stream.chunks(size).collect();
            for limits in all_limits {
                for decode in [decoder, late_decoder, codec, reader] {
                    byte_count::take();
                    decode(limits, &pieces);
                    let (count, bytes) = (byte_count::take(), stream.len());
                    let start = String::from_utf8_lossy(&stream[..20]);
                    assert!(count >= bytes / 2, "{count} of {bytes}: {start:?}");
                    let most = TIMES * bytes;
                    assert!(count <= most, "{count} of {bytes} by {size}: {start:?}");
                }
            }
        }
    }
}
