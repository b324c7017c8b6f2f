//! F7: a user's code runs without a lock of ours.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::StreamExt;
use wsio::{
    WsEvent, WsState,
    pharos::{Observable, ObserveConfig},
};

use crate::support::{Server, test};

/// A filter may ask the connection whatever it likes, and close it.
#[test]
async fn f7_a_filter_may_use_the_handle() {
    let server = Server::start().await;
    let (mut meta, stream) = server.connect("/echo").await;
    let asked = meta.clone();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let filter = ObserveConfig::default().filter_boxed(move |event: &WsEvent| {
        counted.fetch_add(1, Ordering::SeqCst);
        assert_ne!(asked.ready_state(), WsState::Connecting);
        let _ = asked.buffered_amount();
        drop(asked.events());
        event.is_closed()
    });
    let events = meta.observe(filter).await.unwrap();
    let closed = meta.close().await;
    let events: Vec<_> = events.collect().await;
    assert!(matches!(&events[..], [WsEvent::Closed(event)] if *event == closed));
    assert_eq!(calls.load(Ordering::SeqCst), 3, "Open, Closing, Closed");
    drop(stream);
}
