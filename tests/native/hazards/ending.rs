//! `ws_stream_wasm` and `ws_stream_tungstenite`: how a connection ends.

use std::{
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use futures::{FutureExt, SinkExt, future::poll_immediate, join};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    time::Instant,
};
use tokio_tungstenite::tungstenite::Message;
use wsio::{
    ErrorKind, WsState,
    native::{Acceptor, Role},
};

use super::{PIPE, SECOND, close, connected, hears, next};
use crate::{frames::frame, support::drain};

/// To a reader of `ws_stream_wasm` or `ws_stream_tungstenite` a connection that breaks off looks
/// like the end of the file.
#[tokio::test(start_paused = true)]
async fn truncation_is_not_eof() {
    let (_meta, stream, mut far) = connected().await;
    far.send("half of it".into()).await.unwrap();
    drop(far);
    let mut read = String::new();
    let error = stream.into_io().read_to_string(&mut read).await;
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);

    let (_meta, mut stream, mut far) = connected().await;
    far.send("half of it".into()).await.unwrap();
    drop(far);
    let (messages, error) = drain(&mut stream).await;
    assert_eq!(messages, ["half of it".into()]);
    assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
}

/// And so does one that the peer closes with an error code.
#[tokio::test(start_paused = true)]
async fn a_close_with_an_error_code_is_not_eof() {
    let (_meta, stream, mut far) = connected().await;
    far.feed("half of it".into()).await.unwrap();
    far.send(close(4001)).await.unwrap();
    let mut read = Vec::new();
    let error = stream.into_io().read_to_end(&mut read).await.unwrap_err();
    assert_eq!(read, b"half of it");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    let error = error.get_ref().and_then(|it| it.downcast_ref());
    let error: &wsio::Error = error.unwrap();
    assert_eq!(error.close_event().unwrap().code, 4001);
}

/// `ws_stream_wasm` takes for granted what events bring, and panics when it is something else.
#[tokio::test(start_paused = true)]
async fn a_code_that_nobody_may_send_is_an_error_and_no_panic() {
    for code in [
        0_u16,
        1,
        999,
        1004,
        1005,
        1006,
        1015,
        1016,
        2999,
        5000,
        u16::MAX,
    ] {
        let (meta, mut stream, far) = connected().await;
        let mut raw = far.into_inner();
        raw.write_all(&frame(0x88, &code.to_be_bytes()))
            .await
            .unwrap();
        let (messages, error) = drain(&mut stream).await;
        assert!(messages.is_empty());
        assert!(error.is_some(), "{code}");
        assert!(meta.closed().await.code != 1000);
    }
}

/// While closing, `ws_stream_wasm` does not look at the code it is given.
#[tokio::test(start_paused = true)]
async fn a_bad_code_is_an_error_also_while_closing() {
    let (meta, _stream, mut far) = connected().await;
    let mut closing = pin!(meta.close_code(4000));
    assert!(poll_immediate(&mut closing).await.is_none());
    assert_eq!(meta.ready_state(), WsState::Closing);
    let error = meta.close_code(500).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidCloseCode);
    let error = meta.close_reason(1000, "x".repeat(124)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReasonTooLong);
    let (closed, heard) = join!(closing, hears(&mut far));
    assert_eq!(closed.unwrap().code, 4000);
    assert_eq!(heard.1, Some(4000));
    let error = meta.close_code(500).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidCloseCode);
}

/// `ws_stream_tungstenite` cannot say why it closes.
#[tokio::test(start_paused = true)]
async fn a_code_and_a_reason_reach_the_peer() {
    let (meta, _stream, mut far) = connected().await;
    let (closed, heard) = join!(meta.close_reason(4321, "because"), next(&mut far));
    let closed = closed.unwrap();
    assert_eq!((closed.code, closed.was_clean), (4321.into(), true));
    let Message::Close(Some(frame)) = heard else {
        panic!("{heard:?}");
    };
    assert_eq!(
        (u16::from(frame.code), frame.reason.as_str()),
        (4321, "because")
    );
}

/// Closing `ws_stream_tungstenite` resolves at once, whatever the peer does.
#[tokio::test(start_paused = true)]
async fn close_waits_for_the_peer() {
    let (meta, stream, mut far) = connected().await;
    let mut io = stream.into_io();
    let peer = async {
        tokio::time::sleep(3 * SECOND).await;
        assert_eq!(meta.ready_state(), WsState::Closing);
        hears(&mut far).await
    };
    let before = Instant::now();
    let (shut, _) = join!(io.shutdown(), peer);
    shut.unwrap();
    assert_eq!(before.elapsed().as_secs(), 3);
    assert!(meta.closed().now_or_never().unwrap().was_clean);
}

/// In `ws_stream_wasm` `close` waits for an event whose handler the stream takes along when it is
/// dropped.
#[tokio::test(start_paused = true)]
async fn close_after_drop_of_the_stream_resolves() {
    let (meta, stream, far) = connected().await;
    drop(stream);
    let before = Instant::now();
    meta.close().await;
    assert_eq!(meta.ready_state(), WsState::Closed);
    assert!(before.elapsed().as_secs() <= 5);
    drop(far);

    // While it waits; then it carries the handshake through.
    let (meta, stream, mut far) = connected().await;
    let mut closing = pin!(meta.close_code(4002));
    assert!(poll_immediate(&mut closing).await.is_none());
    drop(stream);
    let (closed, heard) = join!(closing, hears(&mut far));
    assert!(closed.unwrap().was_clean);
    assert_eq!(heard.1, Some(4002));
}

/// Every connection of `ws_stream_wasm` has a task that waits for its Closed event; when the stream
/// is dropped first, that task never ends.
#[tokio::test(start_paused = true)]
async fn a_dropped_stream_leaves_nothing_behind() {
    let runtime = tokio::runtime::Handle::current();
    let before = runtime.metrics().num_alive_tasks();
    let (near, mut far) = duplex(PIPE);
    let alive = Arc::new(());
    let near = Watched(near, Arc::clone(&alive));
    let adopted = Acceptor::new().adopt(near, Role::Client, "", "").await;
    let (meta, stream) = adopted.unwrap();
    assert_eq!(runtime.metrics().num_alive_tasks(), before);
    drop(stream);
    assert_eq!(runtime.metrics().num_alive_tasks(), before);
    // A handle to it does not keep it, and its Close frame got out.
    assert_eq!(Arc::strong_count(&alive), 1);
    let mut sent = Vec::new();
    far.read_to_end(&mut sent).await.unwrap();
    assert_eq!(sent[0], 0x88);
    assert_eq!(meta.ready_state(), WsState::Closed);
}

/// A transport that says when it is dropped.
struct Watched(
    DuplexStream,
    #[expect(dead_code, reason = "its drop is what counts")] Arc<()>,
);

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
