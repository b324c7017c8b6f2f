//! Bindings to the parts of `WebSocketStream` in use. Those of web-sys need an unstable flag, which a
//! library should not set.

use js_sys::Array;
use wasm_bindgen::{JsValue, closure::Closure, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    #[derive(Debug)]
    pub(super) type WebSocketStream;

    #[wasm_bindgen(constructor, catch)]
    pub(super) fn new(url: &str, options: &JsStreamOptions) -> Result<WebSocketStream, JsValue>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn url(this: &WebSocketStream) -> String;
    #[wasm_bindgen(method, getter)]
    pub(super) fn opened(this: &WebSocketStream) -> JsPromise;
    #[wasm_bindgen(method, getter)]
    pub(super) fn closed(this: &WebSocketStream) -> JsPromise;
    #[wasm_bindgen(method, catch)]
    pub(super) fn close(this: &WebSocketStream, info: &JsCloseInfo) -> Result<(), JsValue>;

    /// `WebSocketStreamOptions`
    pub(super) type JsStreamOptions;

    #[wasm_bindgen(constructor, js_class = "Object")]
    pub(super) fn new() -> JsStreamOptions;
    #[wasm_bindgen(method, setter)]
    pub(super) fn set_protocols(this: &JsStreamOptions, protocols: &Array);

    /// The value of `opened`.
    pub(super) type JsOpened;

    #[wasm_bindgen(method, getter)]
    pub(super) fn readable(this: &JsOpened) -> JsReadable;
    #[wasm_bindgen(method, getter)]
    pub(super) fn writable(this: &JsOpened) -> JsWritable;
    #[wasm_bindgen(method, getter)]
    pub(super) fn protocol(this: &JsOpened) -> String;
    #[wasm_bindgen(method, getter)]
    pub(super) fn extensions(this: &JsOpened) -> String;

    pub(super) type JsReadable;

    #[wasm_bindgen(method, js_name = getReader)]
    pub(super) fn reader(this: &JsReadable) -> JsReader;

    #[derive(Debug)]
    pub(super) type JsReader;

    #[wasm_bindgen(method)]
    pub(super) fn read(this: &JsReader) -> JsPromise;

    /// The value of a read.
    pub(super) type JsReadResult;

    /// Returns the message, or `undefined` at the end.
    #[wasm_bindgen(method, getter)]
    pub(super) fn value(this: &JsReadResult) -> JsValue;

    pub(super) type JsWritable;

    #[wasm_bindgen(method, js_name = getWriter)]
    pub(super) fn writer(this: &JsWritable) -> JsWriter;

    #[derive(Debug)]
    pub(super) type JsWriter;

    #[wasm_bindgen(method, js_name = write)]
    pub(super) fn write_text(this: &JsWriter, text: &str) -> JsPromise;
    #[wasm_bindgen(method, js_name = write)]
    pub(super) fn write_bytes(this: &JsWriter, bytes: &[u8]) -> JsPromise;
    #[wasm_bindgen(method, js_name = write)]
    pub(super) fn write_array(this: &JsWriter, bytes: &js_sys::Uint8Array) -> JsPromise;

    /// `WebSocketCloseInfo`, of a close to start or of an end. `WebSocketError` has the same
    /// properties.
    pub(super) type JsCloseInfo;

    #[wasm_bindgen(constructor, js_class = "Object")]
    pub(super) fn new() -> JsCloseInfo;
    #[wasm_bindgen(method, getter, js_name = closeCode)]
    pub(super) fn code(this: &JsCloseInfo) -> JsValue;
    #[wasm_bindgen(method, setter, js_name = closeCode)]
    pub(super) fn set_code(this: &JsCloseInfo, code: u16);
    #[wasm_bindgen(method, getter)]
    pub(super) fn reason(this: &JsCloseInfo) -> JsValue;
    #[wasm_bindgen(method, setter)]
    pub(super) fn set_reason(this: &JsCloseInfo, reason: &str);

    /// A promise, reduced to its callbacks.
    pub(super) type JsPromise;

    #[wasm_bindgen(method, js_name = then)]
    pub(super) fn settle(
        this: &JsPromise,
        fulfilled: &Closure<dyn FnMut(JsValue)>,
        rejected: &Closure<dyn FnMut(JsValue)>,
    );
}
