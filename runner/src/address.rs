//! The server's address inside a test's wasm file.

use std::net::SocketAddr;

use memchr::memmem;

/// What tests/support/browser.rs puts into the file.
const MARKER: &[u8; 64] = b"wsio-test-server=127.0.0.1:8080                                 ";

/// Where the marker is, in bytes from the start of the file.
pub(crate) fn places(wasm: &[u8]) -> Vec<usize> {
    memmem::find_iter(wasm, MARKER).collect()
}

/// Writes the address over the marker, in the marker's form and length.
pub(crate) fn write(wasm: &mut [u8], places: &[usize], addr: SocketAddr) {
    let text = format!("{:<64}", format!("wsio-test-server={addr}"));
    for &place in places {
        if let Some(marker) = wasm.get_mut(place..place + MARKER.len()) {
            marker.copy_from_slice(text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(addresses: [&str; 2]) -> Vec<u8> {
        let [first, second] = addresses.map(|a| format!("{:<64}", format!("wsio-test-server={a}")));
        format!("\0asm{first}wsio-test-server={second}end").into_bytes()
    }

    #[test]
    fn every_marker_gets_the_address_and_nothing_moves() {
        let mut wasm = file(["127.0.0.1:8080"; 2]);
        let found = places(&wasm);
        write(
            &mut wasm,
            &found,
            SocketAddr::from(([127, 0, 0, 1], 41_234)),
        );
        assert_eq!(wasm, file(["127.0.0.1:41234"; 2]));
    }

    #[test]
    fn the_longest_address_fits() {
        let addr = SocketAddr::from(([0xffff; 8], 65_535));
        let mut wasm = MARKER.to_vec();
        write(&mut wasm, &[0], addr);
        let text = String::from_utf8(wasm).unwrap();
        assert_eq!(text.trim_end(), format!("wsio-test-server={addr}"));
    }

    #[test]
    fn another_file_has_no_marker() {
        assert!(places(b"\0asm wsio-test-server=example.com").is_empty());
    }
}
