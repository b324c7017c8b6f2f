//! The border between the opening handshake and the frames.

/// The length of `HTTP/1.1 101`.
const STATUS_LINE: usize = 12;

/// Reads an HTTP head as it passes by, so that nothing behind it is given to tungstenite, which
/// would keep it to itself.
#[derive(Debug, Default)]
pub(crate) struct HttpHead {
    /// Its first bytes, and how many there are.
    first: [u8; STATUS_LINE],
    len: usize,
    /// `true` as long as the current line is empty.
    in_empty_line: bool,
}

impl HttpHead {
    /// Returns how many of these bytes belong to the head.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> usize {
        for (index, byte) in bytes.iter().enumerate() {
            if let Some(place) = self.first.get_mut(self.len) {
                *place = *byte;
                self.len += 1;
            }
            match byte {
                b'\n' if self.in_empty_line && !self.is_refusal() => {
                    return index + 1;
                }
                b'\n' => self.in_empty_line = true,
                b'\r' => {}
                _ => self.in_empty_line = false,
            }
        }
        bytes.len()
    }

    /// A refusal has a body, which is part of it.
    fn is_refusal(&self) -> bool {
        self.first.starts_with(b"HTTP/") && !self.first.ends_with(b" 101")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_an_empty_line_however_it_is_cut() {
        for (head, rest) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x01\n\n"),
            ("HTTP/1.1 101 Switching\r\nA: b\r\n\r\n", "frames\r\n\r\n"),
            ("HTTP/1.1 101 Switching\nA: b\n\n", "frames"),
        ] {
            let text = format!("{head}{rest}");
            for cut in 0..head.len() {
                let (first, second) = text.as_bytes().split_at(cut);
                let mut handshake = HttpHead::default();
                assert_eq!(handshake.take(first), cut);
                assert_eq!(handshake.take(second), head.len() - cut);
            }
        }
    }

    #[test]
    fn a_refusal_has_a_body() {
        let text = "HTTP/1.1 404 Not Found\r\n\r\n\r\nno\r\n\r\n";
        for cut in 0..text.len() {
            let (first, second) = text.as_bytes().split_at(cut);
            let mut handshake = HttpHead::default();
            assert_eq!(handshake.take(first), cut);
            assert_eq!(handshake.take(second), second.len());
        }
    }
}
