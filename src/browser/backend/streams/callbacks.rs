//! The callbacks of a `WebSocketStream`'s promises.

use std::rc::Rc;

use wasm_bindgen::{JsCast, JsValue, closure::Closure};

use super::{StreamSocket, bindings::JsPromise};

/// The callbacks of one connection, shared by all of its promises.
///
/// A promise cannot be cancelled, and its callbacks must not be dropped while it may still call them.
/// Therefore they hold the connection that holds them, until the last promise is settled. The
/// browser settles all of them when the socket is gone.
#[derive(Debug)]
pub(super) struct PromiseCallbacks {
    opened: Closure<dyn FnMut(JsValue)>,
    refused: Closure<dyn FnMut(JsValue)>,
    read: Closure<dyn FnMut(JsValue)>,
    unread: Closure<dyn FnMut(JsValue)>,
    written: Closure<dyn FnMut(JsValue)>,
    unwritten: Closure<dyn FnMut(JsValue)>,
    /// Receives the end, clean or not.
    closed: Closure<dyn FnMut(JsValue)>,
}

impl PromiseCallbacks {
    pub(super) fn new(streams: &Rc<StreamSocket>) -> Self {
        Self {
            opened: callback(streams, |it, opened| it.on_opened(opened.unchecked_ref())),
            refused: callback(streams, |it, _| it.on_refused()),
            read: callback(streams, |it, read| it.on_read(read.unchecked_ref())),
            unread: callback(streams, |it, _| it.on_unread()),
            written: callback(streams, |it, _| it.on_written()),
            unwritten: callback(streams, |it, _| it.on_unwritten()),
            closed: callback(streams, |it, info| it.on_closed(info.unchecked_ref())),
        }
    }

    pub(super) fn await_opened(&self, opened: &JsPromise) {
        opened.settle(&self.opened, &self.refused);
    }

    pub(super) fn await_read(&self, read: &JsPromise) {
        read.settle(&self.read, &self.unread);
    }

    pub(super) fn await_written(&self, written: &JsPromise) {
        written.settle(&self.written, &self.unwritten);
    }

    pub(super) fn await_closed(&self, closed: &JsPromise) {
        closed.settle(&self.closed, &self.closed);
    }
}

fn callback(
    streams: &Rc<StreamSocket>,
    call: impl Fn(&StreamSocket, JsValue) + 'static,
) -> Closure<dyn FnMut(JsValue)> {
    let streams = Rc::clone(streams);
    Closure::new(move |value| {
        call(&streams, value);
        streams.forget();
    })
}
