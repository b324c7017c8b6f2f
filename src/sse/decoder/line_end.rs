use memchr::memchr2;

use super::byte_count;

/// The number of words that are searched before a line counts as long.
const WORDS: usize = 2;

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Returns the length of the first line, if it is complete.
pub(super) fn line_end(bytes: &[u8]) -> Option<usize> {
    let end = find(bytes);
    byte_count::add(end.map_or(bytes.len(), |end| end + 1));
    end
}

fn find(bytes: &[u8]) -> Option<usize> {
    // Most lines are short, about every other one is blank, and a call of `memchr2` has a fixed cost.
    if let Some(b'\n' | b'\r') = bytes.first() {
        return Some(0);
    }
    let (words, _) = bytes.as_chunks();
    for (index, word) in words.iter().take(WORDS).enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zero_bytes(word ^ (ONES * 0x0a)) | zero_bytes(word ^ (ONES * 0x0d));
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let passed = words.len().min(WORDS) * 8;
    memchr2(b'\n', b'\r', &bytes[passed..]).map(|end| passed + end)
}

/// Sets the top bit of the lowest zero byte, and no bit below it.
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & TOPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s1_line_ends_are_found_anywhere_among_anything() {
        for length in 0..80 {
            for filling in [
                0, 9, 0xa, 0xb, 0xc, 0xd, 0xe, b'x', 0x80, 0x8a, 0x8b, 0x8d, 0xff,
            ] {
                let mut bytes = vec![filling; length];
                let expected = matches!(filling, b'\n' | b'\r').then_some(0);
                assert_eq!(line_end(&bytes), expected.filter(|_| length > 0));
                for at in 0..length {
                    for end in [b'\n', b'\r'] {
                        bytes[at] = end;
                        assert_eq!(line_end(&bytes), expected.or(Some(at)), "{bytes:x?}");
                    }
                    bytes[at] = filling;
                }
            }
        }
    }

    #[test]
    fn s1_the_first_of_two_line_ends_is_found() {
        for first in 0..70 {
            for second in first + 1..70 {
                let mut bytes = [b'x'; 70];
                bytes[first] = b'\r';
                bytes[second] = b'\n';
                assert_eq!(line_end(&bytes), Some(first));
                bytes.swap(first, second);
                assert_eq!(line_end(&bytes), Some(first));
            }
        }
    }
}
