//! Elements of the page, and what happens to them.

use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Document, Element, Event, EventTarget, Performance, Window};

pub(crate) fn window() -> Result<Window, JsValue> {
    web_sys::window().ok_or_else(|| "there is no window".into())
}

pub(crate) fn document() -> Result<Document, JsValue> {
    window()?
        .document()
        .ok_or_else(|| "there is no document".into())
}

/// The clock that never goes back.
pub(crate) fn clock() -> Result<Performance, JsValue> {
    let clock = window()?.performance();
    clock.ok_or_else(|| "there is no clock".into())
}

/// The element with an id.
pub(crate) fn element<T: JsCast>(id: &str) -> Result<T, JsValue> {
    let element = document()?
        .get_element_by_id(id)
        .ok_or_else(|| JsValue::from(format!("the page has no #{id}")))?;
    element
        .dyn_into()
        .map_err(|_| format!("#{id} is another kind of element").into())
}

/// Sets `data-state`, by which the style sheet knows how to show an element; `None` removes it.
pub(crate) fn set_state(element: &Element, state: Option<&str>) {
    // Neither can fail: the name is a valid one.
    let _ = match state {
        Some(state) => element.set_attribute("data-state", state),
        None => element.remove_attribute("data-state"),
    };
}

/// The clicks on an element.
pub(crate) fn clicks(element: &EventTarget) -> Result<UnboundedReceiver<()>, JsValue> {
    events(element, "click", |_| Some(()))
}

/// Returns the values `map` makes of an element's events. The element listens for as long as the
/// page lives.
pub(crate) fn events<T: 'static>(
    element: &EventTarget,
    kind: &str,
    map: impl Fn(Event) -> Option<T> + 'static,
) -> Result<UnboundedReceiver<T>, JsValue> {
    let (sender, receiver) = unbounded();
    let listener = Closure::<dyn Fn(Event)>::new(move |event| {
        if let Some(value) = map(event) {
            // Fails only when the page no longer wants to know.
            let _ = sender.unbounded_send(value);
        }
    });
    element.add_event_listener_with_callback(kind, listener.as_ref().unchecked_ref())?;
    listener.forget();
    Ok(receiver)
}
