//! Clocks outside of the runtime they were made in: E3, F5.

use std::time::{Duration, Instant};

use futures::{executor::block_on, future::poll_immediate};
use tokio::{
    io::{DuplexStream, duplex},
    runtime::{Builder, Runtime},
};
use wsio::{
    ErrorKind, WsMeta, WsStream,
    native::{Acceptor, Role},
};

use crate::support::{LONG, SHORT, drain};

/// A connection to a peer that never says anything, and that peer.
async fn silent(options: Acceptor) -> (WsMeta, WsStream, DuplexStream) {
    let (near, far) = duplex(4096);
    let (meta, stream) = options.adopt(near, Role::Client, "", "").await.unwrap();
    (meta, stream, far)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn e3_close_resolves_outside_a_runtime() {
    let before = Instant::now();
    block_on(async {
        let (meta, _stream, _far) = silent(Acceptor::new().close_timeout(SHORT)).await;
        assert!(!meta.close().await.was_clean);
    });
    let took = before.elapsed();
    assert!(SHORT <= took && took < LONG, "{took:?}");
}

#[test]
fn e3_close_resolves_outside_the_runtime_that_it_began_in() {
    let runtime = runtime();
    let (meta, _stream, _far) = runtime.block_on(async {
        let made = silent(Acceptor::new().close_timeout(SHORT)).await;
        assert!(poll_immediate(Box::pin(made.0.close())).await.is_none());
        made
    });
    // The runtime is there, and nobody runs it.
    assert!(!block_on(meta.close()).was_clean);
    drop(runtime);
}

#[test]
fn e3_close_resolves_in_another_runtime() {
    let first = runtime();
    let (meta, _stream, _far) = first.block_on(async {
        let made = silent(Acceptor::new().close_timeout(SHORT)).await;
        assert!(poll_immediate(Box::pin(made.0.close())).await.is_none());
        made
    });
    drop(first);
    assert!(!runtime().block_on(meta.close()).was_clean);
}

#[test]
fn e3_close_resolves_in_what_a_runtime_has_left_behind() {
    let first = runtime();
    let handle = first.handle().clone();
    let options = Acceptor::new()
        .close_timeout(SHORT)
        .idle_timeout(LONG)
        .keepalive(LONG, LONG);
    let (meta, mut stream, _far) = first.block_on(async {
        let (meta, mut stream, far) = silent(options).await;
        assert!(
            poll_immediate(futures::StreamExt::next(&mut stream))
                .await
                .is_none()
        );
        (meta, stream, far)
    });
    drop(first);
    let _entered = handle.enter();
    assert!(!block_on(meta.close()).was_clean);
    let (_, error) = block_on(drain(&mut stream));
    assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
}

#[test]
fn e6_dropping_a_stream_after_its_runtime_does_not_panic() {
    for is_polled in [false, true] {
        let first = runtime();
        let options = Acceptor::new().idle_timeout(LONG).keepalive(LONG, LONG);
        let (_meta, stream, _far) = first.block_on(async {
            let (meta, mut stream, far) = silent(options).await;
            if is_polled {
                let next = futures::StreamExt::next(&mut stream);
                assert!(poll_immediate(next).await.is_none());
            }
            (meta, stream, far)
        });
        drop(first);
        drop(stream);
    }
}

#[test]
fn f5_idle_timeout_expires_outside_a_runtime() {
    let error = block_on(async {
        let (_meta, mut stream, _far) = silent(Acceptor::new().idle_timeout(SHORT)).await;
        drain(&mut stream).await.1
    });
    assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
}

#[test]
fn f5_keepalive_expires_outside_a_runtime() {
    let tick = Duration::from_millis(50);
    let error = block_on(async {
        let (_meta, mut stream, _far) = silent(Acceptor::new().keepalive(tick, tick)).await;
        drain(&mut stream).await.1
    });
    assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
}
