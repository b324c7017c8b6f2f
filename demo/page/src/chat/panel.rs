//! The panel's elements.

use futures::channel::mpsc::UnboundedReceiver;
use wasm_bindgen::JsValue;
use web_sys::{Element, HtmlButtonElement, HtmlInputElement};
use wsio_demo_exchange::{chat::Chat, servers::Servers};

use super::{Wishes, parts::PartList, words};
use crate::{dom, log::Log};

/// The number of entries the list keeps.
const ENTRIES: u32 = 200;

/// The state of the panel's connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The first attempt is being made.
    Connecting,
    /// There is a connection.
    Open,
    /// There is none, for this reason.
    Lost(String),
}

/// Says where the connection stands, and counts and lists what goes over it.
#[derive(Debug)]
pub(super) struct Panel {
    standing: Element,
    text: Element,
    drop: HtmlButtonElement,
    storm: HtmlButtonElement,
    counts: [Element; 6],
    proof: Element,
    line: HtmlInputElement,
    parts: PartList,
    list: Log,
}

impl Panel {
    pub(super) fn new(wishes: Wishes) -> Result<Self, JsValue> {
        Ok(Self {
            standing: dom::element("chat-standing")?,
            text: dom::element("chat-text")?,
            drop: dom::element("chat-drop")?,
            storm: dom::element("chat-storm")?,
            counts: [
                dom::element("chat-said")?,
                dom::element("chat-confirmed")?,
                dom::element("chat-missing")?,
                dom::element("chat-repeats")?,
                dom::element("chat-lagged")?,
                dom::element("chat-reconnects")?,
            ],
            proof: dom::element("chat-proof")?,
            line: dom::element("chat-line")?,
            parts: PartList::new(wishes)?,
            list: Log::new("chat-list", ENTRIES)?,
        })
    }

    /// Clicks on the button that has every connection dropped.
    pub(super) fn drop_clicks(&self) -> Result<UnboundedReceiver<()>, JsValue> {
        dom::clicks(&self.drop)
    }

    /// Clicks on the button that has faults made at random.
    pub(super) fn storm_clicks(&self) -> Result<UnboundedReceiver<()>, JsValue> {
        dom::clicks(&self.storm)
    }

    /// The user's lines. They can be typed whether there is a connection or not.
    pub(super) fn lines(&self) -> Result<UnboundedReceiver<String>, JsValue> {
        let line = self.line.clone();
        dom::events(&dom::element("chat")?, "submit", move |event| {
            event.prevent_default();
            let text = line.value();
            line.set_value("");
            (!text.is_empty()).then_some(text)
        })
    }

    /// The list of what was said.
    pub(super) fn list(&self) -> &Log {
        &self.list
    }

    /// Shows where the connection stands, the servers, of which the page is connected to the one
    /// called `here`, and what has become of the lines.
    pub(super) fn show(
        &self,
        standing: &Standing,
        chat: &Chat,
        servers: &Servers,
        here: Option<u32>,
    ) {
        let (state, text) = match (standing, here) {
            (Standing::Connecting, _) => ("connecting", "Connecting …".to_owned()),
            (Standing::Open, None) => ("open", "Connected".to_owned()),
            (Standing::Open, Some(server)) => ("open", format!("Connected to server {server}")),
            (Standing::Lost(why), _) => ("lost", why.clone()),
        };
        dom::set_state(&self.standing, Some(state));
        // A screen reader reads out what is set, even to what it was.
        if self.text.text_content().as_deref() != Some(text.as_str()) {
            self.text.set_text_content(Some(&text));
        }
        self.storm.set_hidden(servers.parts.is_empty());
        self.storm.set_disabled(servers.is_storm);
        self.parts.show(servers, here);
        self.count(chat);
    }

    fn count(&self, chat: &Chat) {
        let counts = [
            chat.said(),
            chat.said() - chat.unconfirmed(),
            words::missing(chat),
            words::repeated(chat),
            chat.lagged(),
            chat.reconnects(),
        ];
        for (element, count) in self.counts.iter().zip(counts) {
            element.set_text_content(Some(&count.to_string()));
        }
        let state = match (chat.said(), words::faults(chat)) {
            (0, 0) => None,
            (_, 0) => Some("done"),
            _ => Some("failed"),
        };
        dom::set_state(&self.proof, state);
        self.proof.set_text_content(Some(&words::proof(chat)));
    }
}
