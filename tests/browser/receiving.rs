//! F2, F6: what a page does not read is bounded.

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wsio::{ErrorKind, WsMessage, WsMeta, WsState, WsStream, browser::Transport};

use crate::{
    memory::{self, Tab},
    support::{SHORT, Server, drain, pattern, pause, test, transports, unique},
};

const MIB: u64 = 1 << 20;
/// 2 GiB
const ENDLESS: &str = "/flood?bytes=2147483648";

/// How far the server came with a flood, once it is over or stands still.
async fn flooded(server: &Server, id: &str) -> serde_json::Value {
    let (_meta, mut stream) = server.connect(&format!("/flooded?id={id}")).await;
    let message = stream.next().await.unwrap().unwrap();
    serde_json::from_str(message.as_text().unwrap()).unwrap()
}

/// Whoever only reads may have it in every mode: nothing is being written when it ends.
async fn streamed(server: &Server, route: &str) -> (WsMeta, WsStream) {
    let builder = server.builder(route).transport(Transport::WebSocketStream);
    builder.connect().await.unwrap()
}

#[test]
async fn f2_an_unread_connection_stops_the_server() {
    let server = Server::start().await;
    let id = unique("f2");
    let tab = Tab::start().await;
    let before = memory::module();
    let (meta, stream) = streamed(&server, &format!("{ENDLESS}&id={id}")).await;
    let stalled = flooded(&server, &id).await;
    assert_eq!(stalled["over"], false);
    // All of it: what the server has not written, the tab cannot hold.
    let written = stalled["bytes"].as_u64().unwrap();
    assert!(written < 32 * MIB, "{written}");
    // What waits is on the browser's side.
    assert!(
        memory::module() - before < 2 << 20,
        "{}",
        memory::module() - before
    );
    tab.assert_grown_at_most(32 * MIB).await;
    assert_eq!(meta.ready_state(), WsState::Open);

    // It goes on where it was stopped.
    let mut io = stream.into_io();
    let mut buf = vec![0; 300_000];
    for round in 0..200 {
        io.read_exact(&mut buf).await.unwrap();
        let wrong = (0..buf.len()).find(|at| buf[*at] != pattern(round * buf.len() + at));
        assert_eq!(wrong, None);
    }
    let further = flooded(&server, &id).await["bytes"].as_u64().unwrap();
    assert!((60_000_000..60_000_000 + 32 * MIB).contains(&further));
    let closed = meta.close_code(1000).await.unwrap();
    assert!(closed.was_clean);
}

#[test]
async fn f2_a_stopped_server_does_not_count_as_silent() {
    let server = Server::start().await;
    let builder = server.builder(ENDLESS).idle_timeout(SHORT);
    let builder = builder.transport(Transport::WebSocketStream);
    let (meta, mut stream) = builder.connect().await.unwrap();
    // Looks at the clock all the time.
    let closed = Box::pin(meta.closed());
    futures::future::select(closed, Box::pin(pause(SHORT * 5))).await;
    assert_eq!(meta.ready_state(), WsState::Open);
    assert!(stream.next().await.unwrap().is_ok());
}

#[test]
async fn f2_a_closing_handshake_gets_past_what_is_not_read() {
    let server = Server::start().await;
    let id = unique("f2-close");
    let (meta, stream) = streamed(&server, &format!("{ENDLESS}&id={id}")).await;
    assert_eq!(flooded(&server, &id).await["over"], false);
    assert!(meta.close_code(1000).await.unwrap().was_clean);
    assert_eq!(flooded(&server, &id).await["over"], true);
    drop(stream);

    let id = unique("f2-drop");
    let (meta, stream) = streamed(&server, &format!("{ENDLESS}&id={id}")).await;
    assert_eq!(flooded(&server, &id).await["over"], false);
    drop(stream);
    assert!(meta.closed().await.was_clean);
    assert_eq!(flooded(&server, &id).await["over"], true);
}

#[test]
async fn f2_what_the_browser_drops_at_the_end_does_not_look_complete() {
    let server = Server::start().await;
    // Chromium drops what a page has not asked for when a Close comes, and here the page stops
    // asking after the second message.
    let builder = server
        .builder("/close?code=1000&after=50")
        .transport(Transport::WebSocketStream)
        .receive_limit(400);
    let (meta, mut stream) = builder.connect().await.unwrap();
    let closed = meta.closed().await;
    let (messages, error) = drain(&mut stream).await;
    for (n, message) in messages.iter().enumerate() {
        assert_eq!(message.as_text(), Some(n.to_string().as_str()));
    }
    match error {
        // The day it does not.
        None => assert_eq!((messages.len(), closed.was_clean), (50, true)),
        Some(error) => {
            assert!((2..50).contains(&messages.len()), "{}", messages.len());
            assert_eq!(error.kind(), ErrorKind::Lost);
            assert_eq!(error.close_event(), Some(&closed));
            assert_eq!((u16::from(closed.code), closed.was_clean), (1006, false));
        }
    }
}

#[test]
async fn f2_a_slow_reader_misses_nothing_that_fits_into_the_queue() {
    let server = Server::start().await;
    let (meta, mut stream) = server.connect("/flood?bytes=10000000&chunk=1000").await;
    // All of it has come before the first message is read.
    assert!(meta.closed().await.is_success());
    let (messages, error) = drain(&mut stream).await;
    assert_eq!(messages.len(), 10_000);
    assert!(error.is_none(), "{error:?}");
}

#[test]
async fn f2_a_full_queue_is_an_error_after_what_it_holds() {
    let server = Server::start().await;
    let builder = server.builder("/flood?bytes=100000000&chunk=100000");
    let builder = builder.transport(Transport::WebSocket);
    let builder = builder.receive_limit(1_000_000);
    let (meta, mut stream) = builder.connect().await.unwrap();
    assert_eq!(meta.closed().await.code, 1006);
    let (messages, error) = drain(&mut stream).await;
    let bytes: usize = messages.iter().map(WsMessage::len).sum();
    assert!((800_000..=1_000_000).contains(&bytes), "{bytes}");
    assert_eq!(error.unwrap().kind(), ErrorKind::QueueFull);
}

#[test]
async fn f2_without_streams_a_flood_ends_in_a_full_queue() {
    let server = Server::start().await;
    let tab = Tab::start().await;
    let before = memory::module();
    let builder = server.builder(ENDLESS).transport(Transport::WebSocket);
    let (meta, mut stream) = builder.connect().await.unwrap();
    assert!(!meta.closed().await.was_clean);
    tab.assert_grown_at_most(96 * MIB).await;
    let mut bytes = 0;
    let error = loop {
        match stream.next().await.unwrap() {
            Ok(message) => bytes += message.len() as u64,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::QueueFull);
    assert!((63 * MIB..=64 * MIB).contains(&bytes), "{bytes}");
    assert!(stream.next().await.is_none());
    assert!(
        memory::module() - before < 2 << 20,
        "{}",
        memory::module() - before
    );
}

#[test]
async fn f6_a_full_queue_stops_a_flood_that_nobody_polls() {
    let server = Server::start().await;
    let id = unique("f2-unpolled");
    let builder = server.builder(&format!("{ENDLESS}&id={id}"));
    let builder = builder.transport(Transport::WebSocket);
    let builder = builder.receive_limit(1_000_000);
    let (meta, mut stream) = builder.connect().await.unwrap();
    // What the tab and the system hold, not two gibibytes.
    let flood = flooded(&server, &id).await;
    assert_eq!(flood["over"], true);
    let written = flood["bytes"].as_u64().unwrap();
    assert!(written < 256 * MIB, "{written}");
    let (messages, error) = drain(&mut stream).await;
    let bytes: usize = messages.iter().map(WsMessage::len).sum();
    assert!((800_000..=1_000_000).contains(&bytes), "{bytes}");
    assert_eq!(error.unwrap().kind(), ErrorKind::QueueFull);
    assert_eq!(meta.closed().await.code, 1006);
}

#[test]
async fn f3_a_message_over_the_limit_stops_a_flood_that_nobody_polls() {
    let server = Server::start().await;
    for transport in transports() {
        let id = unique("f3-unpolled");
        let builder = server.builder(&format!("{ENDLESS}&id={id}"));
        let builder = builder.transport(transport).max_message_size(1000);
        let (_meta, mut stream) = builder.connect().await.unwrap();
        let flood = flooded(&server, &id).await;
        assert_eq!(flood["over"], true, "{transport:?}");
        let written = flood["bytes"].as_u64().unwrap();
        assert!(written < 256 * MIB, "{transport:?}: {written}");
        let (messages, error) = drain(&mut stream).await;
        assert!(messages.is_empty());
        assert_eq!(error.unwrap().kind(), ErrorKind::MessageTooBig);
    }
}

#[test]
async fn f3_the_code_of_a_message_over_the_limit_does_not_wait_for_a_poll() {
    let server = Server::start().await;
    let id = unique("f3-code");
    let builder = server.builder(&format!("/watch?id={id}"));
    let builder = builder.max_message_size(1000);
    let (_meta, stream) = builder.connect().await.unwrap();
    let mut io = stream.into_io();
    // What comes back is too big.
    io.write_all(&[1; 2000]).await.unwrap();
    let seen = server.watched(&id).await;
    assert_eq!(
        (&seen["bytes"], &seen["code"]),
        (&2000.into(), &4413.into())
    );
}

#[test]
async fn f3_a_message_as_large_as_both_limits_is_let_in() {
    let server = Server::start().await;
    let builder = server.builder("/huge?bytes=100000");
    let builder = builder.max_message_size(100_000).receive_limit(100_000);
    let (_meta, mut stream) = builder.connect().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().len(), 100_000);
}

#[test]
async fn f3_the_size_of_a_text_is_that_of_its_utf8() {
    let server = Server::start().await;
    // 2 400 bytes in 1 200 UTF-16 code units, then 3 600 in as many, 4 800 in twice as many.
    for text in ["ü".repeat(1200), "€".repeat(1200), "🦀".repeat(1200)] {
        let builder = server.builder("/echo");
        let fits = builder.clone().max_message_size(text.len());
        let (_meta, mut stream) = fits.connect().await.unwrap();
        futures::SinkExt::send(&mut stream, text.as_str().into())
            .await
            .unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), text.as_str().into());

        let (_meta, mut stream) = builder
            .max_message_size(text.len() - 1)
            .connect()
            .await
            .unwrap();
        futures::SinkExt::send(&mut stream, text.as_str().into())
            .await
            .unwrap();
        let (messages, error) = drain(&mut stream).await;
        assert!(messages.is_empty());
        assert_eq!(error.unwrap().kind(), ErrorKind::MessageTooBig);
    }
}
