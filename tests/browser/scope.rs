//! A page and a worker: the same tests run in either.

use futures::{SinkExt, StreamExt};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::console_log;
use web_sys::{WebSocket, Window, WorkerGlobalScope};
use wsio::browser::from_web_sys;

use crate::support::{Server, test};

fn has(name: &str) -> bool {
    js_sys::Reflect::has(&js_sys::global(), &JsValue::from_str(name)).unwrap()
}

#[test]
async fn scope_is_a_window_or_a_worker() {
    let global = js_sys::global();
    let in_worker = global.is_instance_of::<WorkerGlobalScope>();
    console_log!("in a {}", if in_worker { "worker" } else { "window" });
    assert_ne!(in_worker, global.is_instance_of::<Window>());
    assert_eq!(web_sys::window().is_none(), in_worker);
    // What only a page has is not there by accident.
    for name in ["window", "document"] {
        assert_ne!(has(name), in_worker, "{name}");
    }
    assert_eq!(has("importScripts"), in_worker);
}

#[test]
async fn c1_a_socket_of_the_present_scope_can_be_adopted() {
    let server = Server::start().await;
    // By the scope's own constructor: a worker's global has no `window` to find it in.
    let constructor = js_sys::Reflect::get(&js_sys::global(), &"WebSocket".into()).unwrap();
    let constructor: js_sys::Function = constructor.dyn_into().unwrap();
    let arguments = js_sys::Array::of1(&server.url("/echo").into());
    let socket = js_sys::Reflect::construct(&constructor, &arguments).unwrap();
    let socket: WebSocket = socket.dyn_into().unwrap();
    let (meta, mut stream) = from_web_sys(socket).await.unwrap();
    stream.send("here".into()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "here".into());
    assert!(meta.close().await.was_clean);
}
