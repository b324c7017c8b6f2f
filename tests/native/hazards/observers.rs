//! pharos: who watches a connection.

use futures::{StreamExt, join};
use wsio::{
    WsEvent,
    pharos::{Channel, Observable, ObserveConfig},
};

use super::{connected, hears};

/// pharos waits for the slowest bounded observer, and `ws_stream_wasm` closes through pharos: an
/// observer that nobody reads makes `close` wait for ever.
#[tokio::test(start_paused = true)]
async fn a_full_observer_does_not_block_close() {
    let (mut meta, mut stream, mut far) = connected().await;
    let unread = meta.observe(Channel::Bounded(1).into()).await.unwrap();
    let read = meta.observe(ObserveConfig::default()).await.unwrap();
    let (closed, heard, end) = join!(meta.close_code(4000), hears(&mut far), stream.next());
    assert!(closed.unwrap().was_clean);
    assert_eq!(heard.1, Some(4000));
    assert!(end.unwrap().is_err());
    let read: Vec<_> = read.collect().await;
    assert!(read.last().is_some_and(WsEvent::is_closed), "{read:?}");
    drop(unread);
}

/// pharos keeps a slot for every observer that ever was.
#[tokio::test(start_paused = true)]
async fn observers_that_have_gone_disturb_nobody() {
    let (mut meta, stream, mut far) = connected().await;
    for _ in 0..1_000 {
        drop(meta.observe(Channel::Bounded(1).into()).await.unwrap());
    }
    let last = meta.observe(ObserveConfig::default()).await.unwrap();
    let (closed, _) = join!(meta.close(), hears(&mut far));
    assert!(closed.was_clean);
    assert_eq!(last.count().await, 3);
    drop(stream);
}
