//! How much memory there is in use.

use futures::StreamExt;
use js_sys::{Function, Reflect, WebAssembly::Memory};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::console_log;

use crate::support::{SHORT, Server, pause};

/// The size of the module's memory, in bytes. It never shrinks.
pub(crate) fn module() -> u32 {
    let memory: Memory = wasm_bindgen::memory().unchecked_into();
    let length = Reflect::get(&memory.buffer(), &"byteLength".into()).unwrap();
    length.as_f64().unwrap() as u32
}

/// The memory of the tab, as the test runner sees it from outside.
pub(crate) struct Tab {
    server: Server,
    before: Option<u64>,
}

impl Tab {
    /// Notes what is in use now.
    pub(crate) async fn start() -> Self {
        let server = Server::start().await;
        let before = at_rest(&server).await;
        Self { server, before }
    }

    /// Fails if the tab has grown by more than `limit` bytes since.
    pub(crate) async fn assert_grown_at_most(&self, limit: u64) {
        let (Some(before), Some(now)) = (self.before, resident(&self.server).await) else {
            // The server is not the test runner's, or the system is none that tells.
            return console_log!("the memory of the tab is not known");
        };
        let grown = now.saturating_sub(before);
        console_log!("the tab had {before} bytes and has {now}");
        assert!(grown <= limit, "the tab has grown by {grown} bytes");
    }
}

/// The same, once the browser is done with what it does by itself: it goes on for about a second
/// after it has loaded a page to compile what is in it, which takes some 40 MB.
async fn at_rest(server: &Server) -> Option<u64> {
    let mut before = resident(server).await?;
    for _ in 0..50 {
        pause(SHORT * 2).await;
        let now = resident(server).await?;
        if now.abs_diff(before) < 1 << 20 {
            return Some(now);
        }
        before = now;
    }
    panic!("the tab never rests");
}

/// What the operating system counts, in bytes, if the runner can tell. Garbage is collected first,
/// which Chromium lets a page do that was started as webdriver.json says.
async fn resident(server: &Server) -> Option<u64> {
    let collect = Reflect::get(&js_sys::global(), &"gc".into()).unwrap();
    if let Some(collect) = collect.dyn_ref::<Function>() {
        collect.call0(&JsValue::UNDEFINED).unwrap();
    }
    let (_meta, mut stream) = server.builder("/memory").connect().await.ok()?;
    let told = stream.next().await.unwrap().unwrap();
    Some(told.as_text().unwrap().parse().unwrap())
}
