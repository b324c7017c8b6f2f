//! In a browser all tests share the server that the test runner has started.

use std::time::Duration;

use wsio::{Builder, browser::Transport};

pub use wasm_bindgen_test::wasm_bindgen_test as test;

/// The address of the server. The test runner writes the one it has started over it; as it
/// stands it is that of `cargo run -p wsio-server`.
static TEST_SERVER: [u8; 64] = *b"wsio-test-server=127.0.0.1:8080                                 ";

/// Which of the browser's sockets the tests are to have: the test runner writes what
/// `WSIO_TRANSPORT` says over it.
static TEST_TRANSPORT: [u8; 40] = *b"wsio-test-transport=Auto                ";

/// What a read returns once its own side has been shut down and all that arrived has been read. A
/// browser discards what arrives later (E9).
pub const AFTER_SHUTDOWN: Result<usize, std::io::ErrorKind> =
    Err(std::io::ErrorKind::UnexpectedEof);

pub struct Server(String);

impl Server {
    pub async fn start() -> Self {
        if has_streams() {
            pretend();
        }
        Self(value(&TEST_SERVER).to_owned())
    }

    pub fn address(&self) -> &str {
        &self.0
    }
}

/// Whether the tests are run with `WebSocketStream`s.
pub fn has_streams() -> bool {
    value(&TEST_TRANSPORT) == "WebSocketStream"
}

/// The browser's sockets, as far as it has them: `WebSocketStream` is Chromium's alone.
pub fn transports() -> Vec<Transport> {
    let constructor = js_sys::Reflect::get(&js_sys::global(), &"WebSocketStream".into());
    if constructor.is_ok_and(|it| it.is_function()) {
        vec![Transport::WebSocket, Transport::WebSocketStream]
    } else {
        vec![Transport::WebSocket]
    }
}

/// For a test that sends into connections that break: Chromium's `WebSocketStream` takes the page
/// down with it (see [`Transport::Auto`]).
pub fn may_break(builder: Builder) -> Builder {
    builder.transport(Transport::WebSocket)
}

/// As in a browser whose `WebSocketStream` can be trusted, which by its name Chromium is not.
fn pretend() {
    let navigator = js_sys::Reflect::get(&js_sys::global(), &"navigator".into()).expect("is there");
    let other = js_sys::Object::new();
    let set = |name: &str, value| js_sys::Reflect::set(&other, &name.into(), &value).expect("sets");
    set("value", "another browser".into());
    set("configurable", true.into());
    js_sys::Object::define_property(&navigator.into(), &"userAgent".into(), &other);
}

/// The value of a marker. It is not known to the compiler, which would otherwise be free to leave
/// the array out.
fn value(marker: &'static [u8]) -> &'static str {
    let text = std::str::from_utf8(std::hint::black_box(marker)).expect("UTF-8");
    text.split_once('=').expect("a value").1.trim()
}

/// Lets time pass, for a test that shows that nothing happens.
pub async fn pause(time: Duration) {
    gloo_timers::future::sleep(time).await;
}

/// What plain HTTP answers.
pub async fn get(url: &str) -> reqwest::Response {
    reqwest::get(url).await.expect("an answer")
}

/// The same for a POST.
pub async fn post(url: &str, body: &'static str) -> reqwest::Response {
    let request = reqwest::Client::new().post(url).body(body);
    request.send().await.expect("an answer")
}

pub fn seed() -> u32 {
    (js_sys::Math::random() * f64::from(u32::MAX)) as u32
}
