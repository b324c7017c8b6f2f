//! In a browser all tests share the server that the test runner has started.

use std::time::Duration;

pub use wasm_bindgen_test::wasm_bindgen_test as test;

/// The address of the server. The test runner writes the one it has started over it; as it
/// stands it is that of `cargo run -p wsio-server`.
static TEST_SERVER: [u8; 64] = *b"wsio-test-server=127.0.0.1:8080                                 ";

pub struct Server(String);

impl Server {
    pub async fn start() -> Self {
        // Not known to the compiler, which would otherwise be free to leave the array out.
        let text = std::str::from_utf8(std::hint::black_box(&TEST_SERVER)).expect("UTF-8");
        let (_, address) = text.split_once('=').expect("an address");
        Self(address.trim().to_owned())
    }

    pub fn address(&self) -> &str {
        &self.0
    }
}

/// Lets time pass, for a test that shows that nothing happens.
pub async fn pause(time: Duration) {
    gloo_timers::future::sleep(time).await;
}

/// What plain HTTP answers.
pub async fn get(url: &str) -> reqwest::Response {
    reqwest::get(url).await.expect("an answer")
}

pub fn seed() -> u32 {
    (js_sys::Math::random() * f64::from(u32::MAX)) as u32
}
