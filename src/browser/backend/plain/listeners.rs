//! The listeners on the browser's socket.

use std::rc::Rc;

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{CloseEvent as JsCloseEvent, Event, MessageEvent, WebSocket};

use crate::{browser::backend::receive_queue::SharedQueue, event::CloseEvent};

/// The listeners on a `WebSocket`, detached when dropped.
///
/// They are all attached in the task that made the socket, so that no event is missed: a message may
/// follow the handshake in the same segment.
#[derive(Debug)]
pub(super) struct SocketListeners {
    socket: WebSocket,
    _on_open: Closure<dyn FnMut(Event)>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(JsCloseEvent)>,
}

impl SocketListeners {
    /// Attaches the listeners. There is none for `error`: the `close` event that follows says more.
    pub(super) fn attach(socket: &WebSocket, shared: &Rc<SharedQueue>) -> Self {
        let on_open = listener(shared, |shared, _: Event| shared.queue().open());
        let on_message = listener(shared, |shared, event: MessageEvent| {
            shared.receive(event.data());
        });
        let on_close = listener(shared, |shared, event: JsCloseEvent| {
            shared.queue().close(close_event(&event));
        });
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Self {
            socket: socket.clone(),
            _on_open: on_open,
            _on_message: on_message,
            _on_close: on_close,
        }
    }
}

impl Drop for SocketListeners {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
    }
}

fn listener<E>(
    shared: &Rc<SharedQueue>,
    listen: impl Fn(&SharedQueue, E) + 'static,
) -> Closure<dyn FnMut(E)>
where
    E: wasm_bindgen::convert::FromWasmAbi + 'static,
{
    let shared = Rc::clone(shared);
    Closure::new(move |event| {
        listen(&shared, event);
        shared.wake();
    })
}

fn close_event(event: &JsCloseEvent) -> CloseEvent {
    CloseEvent {
        code: event.code().into(),
        reason: event.reason(),
        was_clean: event.was_clean(),
    }
}
