//! E6 and C2: connections leave nothing behind.

use futures::{
    SinkExt, StreamExt,
    future::{join_all, poll_immediate},
};
use wasm_bindgen::externref_heap_live_count;
use wsio::WsState;

use crate::{
    memory::{self, Tab},
    support::{SHORT, Server, drain, pause, test, unique},
};

/// What a browser may keep of thousands of connections until it collects its garbage, in bytes.
const LEFT: u64 = 32 << 20;

/// Connects, says something, and goes, in one of the ways in which one can go.
async fn come_and_go(server: &Server, route: &str, how: usize) {
    let builder = server.builder(route);
    let (meta, mut stream) = builder.connect().await.unwrap();
    stream.send("hello".into()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "hello".into());
    match how % 3 {
        0 => drop(meta.close().await),
        1 => drop(meta.close_code(4000).await.unwrap()),
        _ => {
            drop(stream);
            meta.closed().await;
        }
    }
    assert_eq!(meta.ready_state(), WsState::Closed);
}

/// Waits until no more than `count` objects of the page are held.
async fn let_go(count: u32) {
    for _ in 0..100 {
        if externref_heap_live_count() <= count {
            return;
        }
        pause(SHORT / 4).await;
    }
    let live = externref_heap_live_count();
    panic!("{live} objects are held, {count} were before");
}

#[test]
async fn e6_two_thousand_connections_leave_nothing_behind() {
    let server = Server::start().await;
    let id = unique("e6-many");
    let route = format!("/watch?id={id}");
    // Chromium makes a page wait that connects more often than that at a time.
    let six = async || {
        join_all((0..6).map(|how| come_and_go(&server, &route, how))).await;
    };
    for _ in 0..20 {
        six().await;
    }
    let tab = Tab::start().await;
    let (objects, bytes) = (externref_heap_live_count(), memory::module());
    for _ in 0..334 {
        six().await;
    }
    // Every closure is one object of the page, every listener, promise and message another.
    let_go(objects).await;
    let grown = memory::module() - bytes;
    assert!(grown <= 1 << 20, "{grown} bytes");
    tab.assert_grown_at_most(LEFT).await;
    // The server waits until the last one is gone.
    assert_eq!(server.watched(&id).await["connections"], 6 * (20 + 334));
}

#[test]
async fn c2_connections_that_were_given_up_leave_nothing_behind() {
    let server = Server::start().await;
    let builder = server.builder("/slow-handshake?ms=5000");
    let objects = externref_heap_live_count();
    for _ in 0..50 {
        assert!(poll_immediate(builder.clone().connect()).await.is_none());
    }
    let_go(objects).await;
}

#[test]
async fn e6_a_lost_connection_leaves_nothing_behind() {
    let server = Server::start().await;
    let objects = externref_heap_live_count();
    for route in [
        "/drop?after=3",
        "/abort?after=3&wait=1",
        "/malformed?kind=rsv",
    ] {
        let (_meta, mut stream) = server.connect(route).await;
        // What is sent while the connection breaks is what Chromium's page would die of.
        if route.contains("wait") {
            stream.send("go on".into()).await.unwrap();
        }
        assert!(drain(&mut stream).await.1.is_some());
    }
    let_go(objects).await;
}
