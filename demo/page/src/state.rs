//! The banner: where the line's connection stands.

use wasm_bindgen::JsValue;
use web_sys::{Element, HtmlElement};
use wsio::{CloseCode, CloseEvent, Error, WsEvent};

use crate::dom;

/// Says in words where the connection stands, and offers to reconnect when it is over.
#[derive(Debug, Clone)]
pub(crate) struct Banner {
    banner: Element,
    text: Element,
    reconnect: HtmlElement,
}

impl Banner {
    pub(crate) fn new() -> Result<Self, JsValue> {
        Ok(Self {
            banner: dom::element("banner")?,
            text: dom::element("banner-text")?,
            reconnect: dom::element("reconnect")?,
        })
    }

    /// The button that asks for a new connection.
    pub(crate) fn reconnect(&self) -> &HtmlElement {
        &self.reconnect
    }

    pub(crate) fn connecting(&self, url: &str) {
        self.show("connecting", &format!("Connecting to {url} …"), false);
    }

    pub(crate) fn refused(&self, url: &str, error: &Error) {
        self.show("lost", &format!("No connection to {url}: {error}"), true);
    }

    /// Shows what happened to the connection to `url`.
    pub(crate) fn tell(&self, url: &str, event: &WsEvent) {
        match event {
            WsEvent::Open => self.show("open", &format!("Connected to {url}"), false),
            WsEvent::Closing => self.show("connecting", "Closing …", false),
            WsEvent::Closed(event) => self.show("lost", &describe(event), true),
            // The end that follows says it.
            _ => {}
        }
    }

    fn show(&self, state: &str, text: &str, over: bool) {
        dom::set_state(&self.banner, Some(state));
        self.text.set_text_content(Some(text));
        self.reconnect.set_hidden(!over);
    }
}

/// Describes the end of a connection for a reader who does not know the codes.
pub(crate) fn describe(event: &CloseEvent) -> String {
    if !event.was_clean {
        return format!("Connection lost: {event}. Has the server stopped?");
    }
    match event.code {
        CloseCode::GOING_AWAY => format!("The server is shutting down: {event}."),
        CloseCode::RESTART => format!("The server restarts: {event}."),
        _ => format!("The connection was closed: {event}."),
    }
}
