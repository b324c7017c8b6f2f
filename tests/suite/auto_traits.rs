//! What the types can be used for, on both targets.

use wsio::{
    Builder, CloseEvent, Error, ErrorKind, WsEvent, WsIo, WsMessage, WsMeta, WsState, WsStream,
};

use crate::support::test;

fn handle<T: Send + Sync + Unpin>() {}
fn stream<T: Send + Unpin>() {}
fn future<T: Send>(_: T) {}

#[test]
async fn c0_types_are_send_on_every_target() {
    handle::<WsMeta>();
    handle::<WsMessage>();
    handle::<WsEvent>();
    handle::<WsState>();
    handle::<CloseEvent>();
    handle::<Error>();
    handle::<ErrorKind>();
    handle::<Builder>();
    handle::<WsStream>();
    handle::<WsIo>();
    stream::<WsStream>();
    stream::<WsIo>();
    handle::<wsio::codec::JsonCodec<String, String>>();
    handle::<wsio::codec::CborCodec<String, String>>();
}

#[test]
async fn c0_futures_are_send_on_every_target() {
    future(WsMeta::connect("ws://example.com", ["a"]));
    future(WsMeta::builder("ws://example.com").connect());
    #[allow(dead_code)]
    fn of_a_handle(meta: &WsMeta) {
        future(meta.close());
        future(meta.close_code(1000));
        future(meta.closed());
    }
}
