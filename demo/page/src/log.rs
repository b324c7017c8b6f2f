//! The log of what was sent and received.

use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Element, Performance};

use crate::dom;

/// How many entries are kept; older ones make room.
const ENTRIES: u32 = 500;

/// What an entry tells of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Sent,
    Received,
    Note,
    Trouble,
}

impl Way {
    /// Its name in the style sheet, and its mark.
    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Sent => ("sent", "→"),
            Self::Received => ("received", "←"),
            Self::Note => ("note", "·"),
            Self::Trouble => ("trouble", "!"),
        }
    }
}

/// The list of entries on the page. Clones write to the same list.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    list: Element,
    clock: Performance,
}

impl Log {
    pub(crate) fn new() -> Result<Self, JsValue> {
        let list: Element = dom::element("log")?;
        let clock = dom::window()?.performance().ok_or("there is no clock")?;
        let cleared = list.clone();
        let clear = Closure::<dyn Fn()>::new(move || cleared.set_text_content(None));
        dom::element::<web_sys::EventTarget>("clear")?
            .add_event_listener_with_callback("click", clear.as_ref().unchecked_ref())?;
        clear.forget();
        Ok(Self { list, clock })
    }

    /// Adds an entry. `from` says in a word which part of the page it is about.
    pub(crate) fn write(&self, way: Way, from: &str, text: &str) {
        // The elements are made by names that are valid ones, so nothing here fails.
        let _ = self.try_write(way, from, text);
    }

    fn try_write(&self, way: Way, from: &str, text: &str) -> Result<(), JsValue> {
        let (name, mark) = way.parts();
        let entry = dom::document()?.create_element("p")?;
        entry.set_attribute("data-way", name)?;
        let time = format!("{:.3} s", self.clock.now() / 1e3);
        append(&entry, "time", "", &time)?;
        append(&entry, "span", "from", from)?;
        append(&entry, "span", "way", mark)?;
        append(&entry, "span", "text", text)?;

        // Whoever has scrolled up to read is left there.
        let below = self.list.scroll_height() - self.list.scroll_top() - self.list.client_height();
        self.list.append_child(&entry)?;
        if self.list.child_element_count() > ENTRIES
            && let Some(oldest) = self.list.first_element_child()
        {
            oldest.remove();
        }
        if below < 40 {
            self.list.set_scroll_top(self.list.scroll_height());
        }
        Ok(())
    }
}

fn append(entry: &Element, kind: &str, class: &str, text: &str) -> Result<(), JsValue> {
    let part = dom::document()?.create_element(kind)?;
    part.set_class_name(class);
    part.set_text_content(Some(text));
    entry.append_child(&part)?;
    Ok(())
}
