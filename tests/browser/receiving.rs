//! F2: what a page does not read is bounded.

use wsio::{ErrorKind, WsState};

use crate::support::{SHORT, Server, drain, pause, test};

#[test]
async fn f2_a_full_queue_is_an_error_after_what_it_holds() {
    let server = Server::start().await;
    let builder = server.builder("/flood?bytes=100000000&chunk=100000");
    let builder = builder.receive_limit(1_000_000);
    let (meta, mut stream) = builder.connect().await.unwrap();
    // Long enough for far more than the limit to arrive.
    while meta.ready_state() == WsState::Open {
        let closed = Box::pin(meta.closed());
        let waited = Box::pin(pause(SHORT));
        futures::future::select(closed, waited).await;
    }
    let (messages, error) = drain(&mut stream).await;
    let bytes: usize = messages.iter().map(wsio::WsMessage::len).sum();
    assert!((800_000..=1_000_000).contains(&bytes), "{bytes}");
    assert_eq!(error.unwrap().kind(), ErrorKind::QueueFull);
    assert_eq!(meta.closed().await.code, 1006);
}
