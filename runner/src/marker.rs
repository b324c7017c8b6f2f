//! The texts written into a test's wasm file, in the places that tests/support/browser.rs keeps free.

use memchr::memmem;

/// The address of the test server.
pub(crate) const ADDRESS: Marker = Marker {
    name: "wsio-test-server",
    default: "127.0.0.1:8080",
    len: 64,
};

/// The browser's socket that the tests are to have.
pub(crate) const TRANSPORT: Marker = Marker {
    name: "wsio-test-transport",
    default: "Auto",
    len: 40,
};

/// A text of a fixed length, filled up with blanks: `name=value`.
pub(crate) struct Marker {
    name: &'static str,
    /// The value in a file that nobody has written to yet.
    default: &'static str,
    len: usize,
}

impl Marker {
    /// The offset in the file, in bytes.
    pub(crate) fn places(&self, wasm: &[u8]) -> Vec<usize> {
        memmem::find_iter(wasm, &self.text(self.default)).collect()
    }

    /// Writes `value` over what was found.
    ///
    /// # Errors
    ///
    /// It is too long.
    pub(crate) fn write(
        &self,
        wasm: &mut [u8],
        places: &[usize],
        value: &str,
    ) -> Result<(), String> {
        let text = self.text(value);
        if text.len() != self.len {
            return Err(format!("{value:?} is too long for {}", self.name));
        }
        for &place in places {
            if let Some(marker) = wasm.get_mut(place..place + text.len()) {
                marker.copy_from_slice(&text);
            }
        }
        Ok(())
    }

    fn text(&self, value: &str) -> Vec<u8> {
        let text = format!("{}={value}", self.name);
        format!("{text:<len$}", len = self.len).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn file(addresses: [&str; 2]) -> Vec<u8> {
        let [first, second] = addresses.map(|a| format!("{:<64}", format!("wsio-test-server={a}")));
        format!("\0asm{first}wsio-test-server={second}end").into_bytes()
    }

    #[test]
    fn every_marker_gets_the_value_and_nothing_moves() {
        let mut wasm = file(["127.0.0.1:8080"; 2]);
        let found = ADDRESS.places(&wasm);
        ADDRESS.write(&mut wasm, &found, "127.0.0.1:41234").unwrap();
        assert_eq!(wasm, file(["127.0.0.1:41234"; 2]));
    }

    #[test]
    fn the_longest_address_fits() {
        let addr = SocketAddr::from(([0xffff; 8], 65_535)).to_string();
        let mut wasm = ADDRESS.text(ADDRESS.default);
        ADDRESS.write(&mut wasm, &[0], &addr).unwrap();
        let text = String::from_utf8(wasm).unwrap();
        assert_eq!(text.trim_end(), format!("wsio-test-server={addr}"));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let mut wasm = TRANSPORT.text(TRANSPORT.default);
        let before = wasm.clone();
        TRANSPORT
            .write(&mut wasm, &[0], &"x".repeat(40))
            .unwrap_err();
        assert_eq!(wasm, before);
    }

    #[test]
    fn another_file_has_no_marker() {
        let other = b"\0asm wsio-test-server=example.com";
        assert!(ADDRESS.places(other).is_empty());
        assert!(TRANSPORT.places(other).is_empty());
    }
}
