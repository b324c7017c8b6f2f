//! B3 in a browser: bytes of one turn travel together, messages do not.

use futures::SinkExt;
use tokio::io::AsyncWriteExt;
use tokio_util::codec::{Framed, LinesCodec};

use crate::support::{SHORT, Server, pause, test, unique};

#[test]
async fn b3_small_writes_of_one_turn_travel_together() {
    let server = Server::start().await;
    let id = unique("b3");
    let (meta, stream) = server.connect(&format!("/watch?id={id}&mode=read")).await;
    let mut lines = Framed::new(stream.into_io(), LinesCodec::new());
    for _ in 0..10_000 {
        lines.send("0123456789").await.unwrap();
    }
    meta.close().await;
    let seen = server.watched(&id).await;
    assert_eq!(seen["bytes"], 110_000);
    // One for the turn; none was larger than what fits.
    assert_eq!(seen["messages"], 1);
}

#[test]
async fn b3_writes_of_two_turns_do_not_wait_for_each_other() {
    let server = Server::start().await;
    let id = unique("b3-turns");
    let (meta, stream) = server.connect(&format!("/watch?id={id}&mode=read")).await;
    let mut io = stream.into_io();
    io.write_all(b"first").await.unwrap();
    pause(SHORT / 20).await;
    io.write_all(b"second").await.unwrap();
    meta.close().await;
    assert_eq!(server.watched(&id).await["messages"], 2);
}

#[test]
async fn b3_messages_are_never_merged() {
    let server = Server::start().await;
    let id = unique("b3-messages");
    let (meta, mut stream) = server.connect(&format!("/watch?id={id}&mode=read")).await;
    for _ in 0..100 {
        stream.send(vec![1].into()).await.unwrap();
    }
    meta.close().await;
    assert_eq!(server.watched(&id).await["messages"], 100);
}
