//! Masking (RFC 6455 § 5.3), eight bytes at a time.

use std::mem;

/// Concatenates slices and masks them in the same pass; a key of zeros copies them as they are.
pub(super) fn gather<'a>(
    slices: impl Iterator<Item = &'a [u8]>,
    mut key: [u8; 4],
    mut target: &mut [u8],
) {
    for slice in slices {
        let (head, tail) = mem::take(&mut target).split_at_mut(slice.len());
        if key == [0; 4] {
            head.copy_from_slice(slice);
        } else {
            let (words, rest) = slice.as_chunks::<8>();
            let (masked, masked_rest) = head.as_chunks_mut::<8>();
            for (masked, word) in masked.iter_mut().zip(words) {
                *masked = (u64::from_ne_bytes(*word) ^ wide(key)).to_ne_bytes();
            }
            masked_rest.copy_from_slice(rest);
            mask(key, masked_rest);
            key.rotate_left(slice.len() % 4);
        }
        target = tail;
    }
}

/// Masks or unmasks a payload in place.
pub(super) fn mask(key: [u8; 4], payload: &mut [u8]) {
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide(key)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(wide(key).to_ne_bytes()) {
        *byte ^= key;
    }
}

fn wide([a, b, c, d]: [u8; 4]) -> u64 {
    u64::from_ne_bytes([a, b, c, d, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_masked_however_it_is_cut() {
        let key = [0x12, 0x34, 0x56, 0x78];
        let payload: Vec<u8> = (0..50).collect();
        let byte_by_byte = payload.iter().zip(key.iter().cycle());
        let expected: Vec<u8> = byte_by_byte.map(|(byte, key)| byte ^ key).collect();
        for first in 0..payload.len() {
            for second in first..payload.len() {
                let slices = [
                    &payload[..first],
                    &payload[first..second],
                    &payload[second..],
                ];
                let mut masked = vec![0; payload.len()];
                gather(slices.into_iter(), key, &mut masked);
                assert_eq!(masked, expected);
                mask(key, &mut masked);
                assert_eq!(masked, payload);
                gather(slices.into_iter(), [0; 4], &mut masked);
                assert_eq!(masked, payload);
            }
        }
    }
}
