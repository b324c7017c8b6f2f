//! `ws_stream_wasm`: connecting.

use std::pin::pin;

use futures::future::poll_immediate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wsio::{ErrorKind, WsMeta};

use crate::{
    accepting::piped,
    frames::{BINARY, FIN, frame},
    support::drain,
};

/// `ws_stream_wasm` calls a subprotocol named twice, and a fragment, an invalid URL alike.
#[tokio::test]
async fn a_bad_subprotocol_is_not_called_a_bad_address() {
    let error = WsMeta::connect("ws://127.0.0.1:1/", ["a", "a"]).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidProtocol);
    let error = WsMeta::connect("ws://127.0.0.1:1/#there", ["a"]).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUrl);
    assert!(error.to_string().contains("fragment"), "{error}");
}

/// `ws_stream_wasm` listens for messages only once `connect` has been polled again after the
/// connection opened, and loses those that came right behind the handshake.
#[tokio::test(start_paused = true)]
async fn messages_right_behind_the_handshake_are_not_lost() {
    let (builder, mut far) = piped("ws://pipe/");
    let mut connecting = pin!(builder.connect());
    assert!(poll_immediate(&mut connecting).await.is_none());

    let mut request = vec![0; 4096];
    let len = far.read(&mut request).await.unwrap();
    let request = String::from_utf8(request[..len].to_vec()).unwrap();
    let key = request
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("sec-websocket-key:"))
        .and_then(|line| line.split_once(": "))
        .unwrap()
        .1;
    let accept = derive_accept_key(key.as_bytes());
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    for n in 0..100_u8 {
        answer.extend_from_slice(&frame(FIN | BINARY, &[n]));
    }
    // One segment, and the last word.
    far.write_all(&answer).await.unwrap();
    drop(far);

    let (meta, mut stream) = connecting.await.unwrap();
    meta.closed().await;
    let (messages, error) = drain(&mut stream).await;
    let expected: Vec<_> = (0..100_u8).map(|n| vec![n].into()).collect();
    assert_eq!(messages, expected);
    assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
}
