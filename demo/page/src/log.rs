//! A log of what was sent and received.

use std::{cell::Cell, rc::Rc};

use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Element, Performance};

use crate::dom;

/// The subject of an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Sent,
    /// Sent, and seen to have arrived.
    Confirmed,
    Received,
    Note,
    Trouble,
}

impl Way {
    /// Its name in the style sheet, and its mark.
    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Sent => ("sent", "→"),
            Self::Confirmed => ("confirmed", "✓"),
            Self::Received => ("received", "←"),
            Self::Note => ("note", "·"),
            Self::Trouble => ("trouble", "!"),
        }
    }
}

/// A list of entries on the page. Clones write to the same list.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    list: Element,
    clock: Performance,
    /// The number of entries that are kept; older ones make room.
    kept: u32,
    /// Whether the end is in view, as far as the reader has scrolled. It stays so when the list
    /// changes its size.
    is_at_end: Rc<Cell<bool>>,
}

impl Log {
    /// Of what is written to the element `id`.
    pub(crate) fn new(id: &str, kept: u32) -> Result<Self, JsValue> {
        let list: Element = dom::element(id)?;
        let is_at_end = Rc::new(Cell::new(true));
        let (scrolled, seen) = (list.clone(), Rc::clone(&is_at_end));
        let scroll = Closure::<dyn Fn()>::new(move || {
            let below = scrolled.scroll_height() - scrolled.scroll_top() - scrolled.client_height();
            seen.set(below < 40);
        });
        list.add_event_listener_with_callback("scroll", scroll.as_ref().unchecked_ref())?;
        scroll.forget();
        Ok(Self {
            list,
            clock: dom::clock()?,
            kept,
            is_at_end,
        })
    }

    /// Lets the button `id` empty it.
    pub(crate) fn cleared_by(self, id: &str) -> Result<Self, JsValue> {
        let list = self.list.clone();
        let clear = Closure::<dyn Fn()>::new(move || list.set_text_content(None));
        dom::element::<web_sys::EventTarget>(id)?
            .add_event_listener_with_callback("click", clear.as_ref().unchecked_ref())?;
        clear.forget();
        Ok(self)
    }

    /// Adds an entry. `from` says in a word which part of the page it is about.
    pub(crate) fn write(&self, way: Way, from: &str, text: &str) {
        // The elements are made by names that are valid ones, so nothing here fails.
        let _ = self.entry(way, from, text);
    }

    /// Adds an entry, which may become another one.
    pub(crate) fn entry(&self, way: Way, from: &str, text: &str) -> Result<Entry, JsValue> {
        let (name, mark) = way.parts();
        let entry = dom::document()?.create_element("p")?;
        entry.set_attribute("data-way", name)?;
        let time = format!("{:.3} s", self.clock.now() / 1e3);
        append(&entry, "time", "", &time)?;
        append(&entry, "span", "from", from)?;
        let mark = append(&entry, "span", "way", mark)?;
        append(&entry, "span", "text", text)?;

        self.list.append_child(&entry)?;
        if self.list.child_element_count() > self.kept
            && let Some(oldest) = self.list.first_element_child()
        {
            oldest.remove();
        }
        // Whoever has scrolled up to read is left there.
        if self.is_at_end.get() {
            self.list.set_scroll_top(self.list.scroll_height());
        }
        Ok(Entry { entry, mark })
    }
}

/// An entry of a log.
#[derive(Debug)]
pub(crate) struct Entry {
    entry: Element,
    mark: Element,
}

impl Entry {
    /// Changes what it is about.
    pub(crate) fn turn(&self, way: Way) {
        let (name, mark) = way.parts();
        // Cannot fail: the name is a valid one.
        let _ = self.entry.set_attribute("data-way", name);
        self.mark.set_text_content(Some(mark));
    }
}

fn append(entry: &Element, kind: &str, class: &str, text: &str) -> Result<Element, JsValue> {
    let part = dom::document()?.create_element(kind)?;
    part.set_class_name(class);
    part.set_text_content(Some(text));
    entry.append_child(&part)?;
    Ok(part)
}
