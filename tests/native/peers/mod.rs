//! Bytes over peers that do one thing each: B, E, F3.

mod closing;
mod reading;
mod script;
mod writing;

use std::io;

use tokio::io::AsyncReadExt;
use wsio::WsStream;

/// What is read before the error, and its kind. There must be one, and only the end behind it.
async fn cut_short(stream: WsStream) -> (Vec<u8>, io::ErrorKind) {
    let mut io = stream.into_io();
    let mut read = Vec::new();
    let error = io.read_to_end(&mut read).await.unwrap_err();
    for _ in 0..3 {
        assert_eq!(io.read(&mut [0; 8]).await.unwrap(), 0);
    }
    (read, error.kind())
}
