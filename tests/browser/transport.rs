//! Which of the browser's sockets is used.

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wsio::{ErrorKind, WsMeta, browser::Transport};

use crate::support::{Server, has_streams, test};

/// Puts something else in the place of the constructor, and returns what was there.
fn replace_streams(with: &JsValue) -> JsValue {
    let (global, name) = (js_sys::global(), "WebSocketStream".into());
    let before = Reflect::get(&global, &name).unwrap();
    assert!(Reflect::set(&global, &name, with).unwrap());
    before
}

#[test]
async fn c1_the_choice_is_the_stream_except_in_chromium() {
    let server = Server::start().await;
    // Nothing that could be called: who tries to is found out.
    let before = replace_streams(&JsValue::NULL);
    let connected = server.builder("/echo").connect().await;
    let forced = server.builder("/echo").transport(Transport::WebSocket);
    let forced = forced.connect().await;
    replace_streams(&before);
    assert!(forced.is_ok());
    assert_eq!(connected.is_err(), has_streams());
}

#[test]
async fn c1_a_transport_that_the_page_does_not_have_is_an_error() {
    let server = Server::start().await;
    let builder = server.builder("/echo");
    let before = replace_streams(&JsValue::NULL);
    Reflect::delete_property(&js_sys::global(), &"WebSocketStream".into()).unwrap();
    let chosen = builder.clone().connect().await;
    let forced = builder.transport(Transport::WebSocketStream).connect();
    let error = forced.await.unwrap_err();
    replace_streams(&before);
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(chosen.is_ok());
}

#[test]
async fn c1_both_transports_tell_the_same_of_a_handshake() {
    let server = Server::start().await;
    for transport in [Transport::WebSocket, Transport::WebSocketStream] {
        let builder = server
            .builder("/subprotocol?accept=b")
            .protocols(["a", "b"]);
        let (meta, _stream) = builder.transport(transport).connect().await.unwrap();
        assert_eq!(meta.protocol(), "b");
        assert_eq!(meta.extensions(), "");
        assert_eq!(meta.url(), server.url("/subprotocol?accept=b"));
    }
}

#[test]
async fn c1_no_transport_panics_on_what_the_browser_throws() {
    for transport in [Transport::WebSocket, Transport::WebSocketStream] {
        // Known only to the browser to be no address.
        let builder = WsMeta::builder("ws://127.0.0.1:80:80/").transport(transport);
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{transport:?}");
    }
}
