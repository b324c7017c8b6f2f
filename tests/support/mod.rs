//! What differs between the targets for a test: its attribute, and where the server is.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test binary uses a part of it"
)]

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
#[path = "browser.rs"]
mod target;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#[path = "native.rs"]
mod target;

use std::time::Duration;

use futures::StreamExt;
use wsio::{
    Builder, Error, WsMessage, WsMeta, WsStream,
    sse::{Connector, EventSource, SourceErrorKind, SourceEvent},
};

pub use target::*;

/// Far more than any test needs, far less than a hanging one would take.
pub const LONG: Duration = Duration::from_secs(60);

/// A short timeout, for a peer that will not answer.
pub const SHORT: Duration = Duration::from_millis(200);

impl Server {
    /// The address of one of its routes.
    pub fn url(&self, route: &str) -> String {
        format!("ws://{}{route}", self.address())
    }

    pub fn builder(&self, route: &str) -> Builder {
        WsMeta::builder(self.url(route)).connect_timeout(LONG)
    }

    pub async fn connect(&self, route: &str) -> (WsMeta, WsStream) {
        self.builder(route).connect().await.expect("connects")
    }

    /// How the server saw the connection to `/watch?id=…` end.
    pub async fn watched(&self, id: &str) -> serde_json::Value {
        let (_meta, mut stream) = self.connect(&format!("/watched?id={id}")).await;
        let message = stream.next().await.expect("an answer").expect("a message");
        serde_json::from_str(message.as_text().expect("text")).expect("JSON")
    }
}

/// An id that no other test has.
pub fn unique(name: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{name}-{}-{}",
        target::seed(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// All that a stream gives: the messages, and the error before the end, if any.
pub async fn drain(stream: &mut WsStream) -> (Vec<WsMessage>, Option<Error>) {
    let mut messages = Vec::new();
    let mut error = None;
    while let Some(item) = stream.next().await {
        assert!(error.is_none(), "something came after the error: {item:?}");
        match item {
            Ok(message) => messages.push(message),
            Err(found) => error = Some(found),
        }
    }
    (messages, error)
}

/// Reads the events that are numbered from 1 to `last`, each of them once and in order; how often
/// the connection was lost in between.
pub async fn count_to<C: Connector>(source: &mut EventSource<C>, last: u32) -> u64 {
    let mut expected = 1;
    let mut losses = 0;
    while expected <= last {
        match source.next().await.expect("not the end") {
            Ok(SourceEvent::Event(event)) => {
                assert_eq!(event.data, expected.to_string());
                expected += 1;
            }
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), SourceErrorKind::Network, "{error:?}");
                losses += 1;
            }
        }
    }
    losses
}

/// The byte at an offset of the server's stream of bytes.
pub fn pattern(offset: usize) -> u8 {
    (offset % 251) as u8
}
