//! The parts of `WebSocketStream` that are used. web-sys has it behind an unstable flag, which is
//! not for a library to set.

use js_sys::Array;
use wasm_bindgen::{JsValue, closure::Closure, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    #[derive(Debug)]
    pub(super) type WebSocketStream;

    #[wasm_bindgen(constructor, catch)]
    pub(super) fn new(url: &str, options: &Options) -> Result<WebSocketStream, JsValue>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn url(this: &WebSocketStream) -> String;
    #[wasm_bindgen(method, getter)]
    pub(super) fn opened(this: &WebSocketStream) -> Promised;
    #[wasm_bindgen(method, getter)]
    pub(super) fn closed(this: &WebSocketStream) -> Promised;
    #[wasm_bindgen(method, catch)]
    pub(super) fn close(this: &WebSocketStream, info: &CloseInfo) -> Result<(), JsValue>;

    /// `WebSocketStreamOptions`
    pub(super) type Options;

    #[wasm_bindgen(constructor, js_class = "Object")]
    pub(super) fn new() -> Options;
    #[wasm_bindgen(method, setter)]
    pub(super) fn set_protocols(this: &Options, protocols: &Array);

    /// What `opened` resolves to.
    pub(super) type Opened;

    #[wasm_bindgen(method, getter)]
    pub(super) fn readable(this: &Opened) -> Readable;
    #[wasm_bindgen(method, getter)]
    pub(super) fn writable(this: &Opened) -> Writable;
    #[wasm_bindgen(method, getter)]
    pub(super) fn protocol(this: &Opened) -> String;
    #[wasm_bindgen(method, getter)]
    pub(super) fn extensions(this: &Opened) -> String;

    pub(super) type Readable;

    #[wasm_bindgen(method, js_name = getReader)]
    pub(super) fn reader(this: &Readable) -> Reader;

    #[derive(Debug)]
    pub(super) type Reader;

    #[wasm_bindgen(method)]
    pub(super) fn read(this: &Reader) -> Promised;

    /// What a read resolves to.
    pub(super) type Read;

    /// `undefined` when there is nothing more to read.
    #[wasm_bindgen(method, getter)]
    pub(super) fn value(this: &Read) -> JsValue;

    pub(super) type Writable;

    #[wasm_bindgen(method, js_name = getWriter)]
    pub(super) fn writer(this: &Writable) -> Writer;

    #[derive(Debug)]
    pub(super) type Writer;

    #[wasm_bindgen(method, js_name = write)]
    pub(super) fn write_text(this: &Writer, text: &str) -> Promised;
    #[wasm_bindgen(method, js_name = write)]
    pub(super) fn write_bytes(this: &Writer, bytes: &[u8]) -> Promised;
    #[wasm_bindgen(method, js_name = write)]
    pub(super) fn write_array(this: &Writer, bytes: &js_sys::Uint8Array) -> Promised;

    /// `WebSocketCloseInfo`: what to close with, how it was closed, and what `WebSocketError`
    /// tells of it.
    pub(super) type CloseInfo;

    #[wasm_bindgen(constructor, js_class = "Object")]
    pub(super) fn new() -> CloseInfo;
    #[wasm_bindgen(method, getter, js_name = closeCode)]
    pub(super) fn code(this: &CloseInfo) -> JsValue;
    #[wasm_bindgen(method, setter, js_name = closeCode)]
    pub(super) fn set_code(this: &CloseInfo, code: u16);
    #[wasm_bindgen(method, getter)]
    pub(super) fn reason(this: &CloseInfo) -> JsValue;
    #[wasm_bindgen(method, setter)]
    pub(super) fn set_reason(this: &CloseInfo, reason: &str);

    /// A promise of which nothing is wanted but that it calls back.
    pub(super) type Promised;

    #[wasm_bindgen(method, js_name = then)]
    pub(super) fn settle(
        this: &Promised,
        fulfilled: &Closure<dyn FnMut(JsValue)>,
        rejected: &Closure<dyn FnMut(JsValue)>,
    );
}
