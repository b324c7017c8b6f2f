//! `ws_stream_wasm` and `ws_stream_tungstenite`: a peer that says nothing.

use futures::{SinkExt, join};
use tokio::time::Instant;
use wsio::{CloseCode, ErrorKind, native::Acceptor};

use super::{SECOND, connected, next, with};
use crate::{accepting::piped, support::drain};

/// `ws_stream_wasm` has no timeouts of any kind.
#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up() {
    let (builder, far) = piped("ws://pipe/");
    let before = Instant::now();
    let error = builder.connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(before.elapsed().as_secs(), 30, "the default");
    drop(far);

    let (_meta, mut stream, far) = with(Acceptor::new().idle_timeout(SECOND)).await;
    let before = Instant::now();
    let (_, error) = drain(&mut stream).await;
    assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
    assert_eq!(before.elapsed().as_secs(), 1);
    drop(far);

    let (meta, _stream, far) = connected().await;
    let before = Instant::now();
    assert!(!meta.close().await.was_clean);
    assert_eq!(before.elapsed().as_secs(), 5, "the default");
    drop(far);
}

/// `ws_stream_tungstenite` cannot ping.
#[tokio::test(start_paused = true)]
async fn a_dead_peer_is_noticed_by_a_ping() {
    let keepalive = Acceptor::new().keepalive(10 * SECOND, 3 * SECOND);
    let (meta, mut stream, mut far) = with(keepalive).await;
    let begin = Instant::now();
    // As long as it is read, tungstenite answers; then it is as good as dead.
    let peer = async {
        for n in 1..=3 {
            assert!(next(&mut far).await.is_ping());
            assert_eq!(begin.elapsed().as_secs(), 10 * n);
            far.flush().await.unwrap();
        }
    };
    let (end, ()) = join!(drain(&mut stream), peer);
    assert_eq!(end.1.unwrap().kind(), ErrorKind::Lost);
    assert_eq!(begin.elapsed().as_secs(), 30 + 10 + 3);
    assert_eq!(meta.closed().await.code, CloseCode::ABNORMAL);
}
