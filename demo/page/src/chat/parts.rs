//! The list of the servers and the engine, with the buttons that kill and start them.

use std::cell::RefCell;

use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Element, HtmlButtonElement};
use wsio_demo_exchange::servers::{Condition, Part, PartState, Servers};

use super::{Wish, Wishes, words};
use crate::dom;

/// A row for each part. There is none until the state of the servers is known.
#[derive(Debug)]
pub(super) struct PartList {
    list: Element,
    wishes: Wishes,
    rows: RefCell<Vec<Row>>,
}

#[derive(Debug)]
struct Row {
    part: Part,
    item: Element,
    note: Element,
    kill: HtmlButtonElement,
    start: HtmlButtonElement,
    /// Only the engine keeps anything.
    start_empty: Option<HtmlButtonElement>,
}

impl PartList {
    pub(super) fn new(wishes: Wishes) -> Result<Self, JsValue> {
        Ok(Self {
            list: dom::element("parts")?,
            wishes,
            rows: RefCell::default(),
        })
    }

    /// Shows what each part is doing, and to which server the page is connected.
    pub(super) fn show(&self, servers: &Servers, here: Option<u32>) {
        let mut rows = self.rows.borrow_mut();
        for state in &servers.parts {
            if !rows.iter().any(|row| row.part == state.part)
                && let Ok(row) = self.add(state.part)
            {
                rows.push(row);
            }
        }
        for row in rows.iter() {
            let state = servers.parts.iter().find(|it| it.part == row.part);
            row.show(state, here.map(Part::Server) == Some(row.part));
        }
    }

    fn add(&self, part: Part) -> Result<Row, JsValue> {
        let document = dom::document()?;
        let item = document.create_element("li")?;
        item.set_id(&format!("part-{part}"));
        let append = |kind: &str, class: &str, text: &str| {
            let element = document.create_element(kind)?;
            element.set_class_name(class);
            element.set_text_content(Some(text));
            item.append_child(&element)?;
            Ok::<_, JsValue>(element)
        };
        append("span", "dot", "")?;
        append("b", "", &words::label(part))?;
        let note = append("span", "note", "")?;
        let button = |text: &str, name: &str, wish: fn(Part) -> Wish| {
            let button: HtmlButtonElement = append("button", "", text)?.unchecked_into();
            button.set_type("button");
            button.set_id(&format!("{name}-{part}"));
            button.set_attribute("aria-label", &format!("{text} {}", words::part(part)))?;
            let wishes = self.wishes.clone();
            let click = Closure::<dyn Fn()>::new(move || {
                // Fails only when the page no longer wants to know.
                let _ = wishes.unbounded_send(wish(part));
            });
            button.add_event_listener_with_callback("click", click.as_ref().unchecked_ref())?;
            click.forget();
            Ok::<_, JsValue>(button)
        };
        let kill = button("Kill", "kill", Wish::Kill)?;
        let start = button("Start", "start", Wish::Start)?;
        let start_empty = match part {
            Part::Engine => Some(button("Start empty", "start-empty", |_| Wish::StartEmpty)?),
            Part::Server(_) => None,
        };
        self.list.append_child(&item)?;
        Ok(Row {
            part,
            item,
            note,
            kill,
            start,
            start_empty,
        })
    }
}

impl Row {
    fn show(&self, state: Option<&PartState>, is_here: bool) {
        let condition = state.map(|state| state.condition);
        let word = condition.map_or("unknown", words::condition);
        dom::set_state(&self.item, Some(word));
        let note = match (word, is_here) {
            (word, true) => format!("{word}, this page"),
            (word, false) => word.to_owned(),
        };
        if self.note.text_content().as_deref() != Some(note.as_str()) {
            self.note.set_text_content(Some(&note));
        }
        self.kill.set_disabled(condition == Some(Condition::Dead));
        for start in [Some(&self.start), self.start_empty.as_ref()]
            .into_iter()
            .flatten()
        {
            start.set_disabled(condition != Some(Condition::Dead));
        }
    }
}
