//! Which of the browser's sockets is used.

use std::error::Error as _;

use js_sys::{Function, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wsio::{ErrorKind, WsMeta, browser::Transport};

use crate::support::{Server, has_streams, test, transports, unique};

/// A property of the page that a test has changed, or deleted. Dropping it puts back what was
/// there, and nothing where there was nothing.
struct Changed {
    object: Object,
    name: JsValue,
    before: JsValue,
}

impl Changed {
    fn to(object: &JsValue, name: &str, value: Option<&JsValue>) -> Self {
        let object: Object = object.clone().unchecked_into();
        let name = JsValue::from(name);
        let before = Object::get_own_property_descriptor(&object, &name);
        let changed = Self {
            object,
            name,
            before,
        };
        changed.delete();
        if let Some(value) = value {
            let descriptor = Object::new();
            Reflect::set(&descriptor, &"value".into(), value).unwrap();
            Reflect::set(&descriptor, &"configurable".into(), &true.into()).unwrap();
            Object::define_property(&changed.object, &changed.name, &descriptor);
        }
        changed
    }

    fn delete(&self) {
        assert!(Reflect::delete_property(&self.object, &self.name).unwrap());
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        self.delete();
        if !self.before.is_undefined() {
            Object::define_property(&self.object, &self.name, self.before.unchecked_ref());
        }
    }
}

fn streams_are(value: Option<&JsValue>) -> Changed {
    Changed::to(&js_sys::global(), "WebSocketStream", value)
}

/// As in a browser whose `WebSocketStream` can be trusted, which by its name Chromium is not.
fn another_browser() -> Changed {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).unwrap();
    Changed::to(&navigator, "userAgent", Some(&"another browser".into()))
}

fn browser_name() -> String {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).unwrap();
    let name = Reflect::get(&navigator, &"userAgent".into()).unwrap();
    name.as_string().unwrap()
}

#[test]
async fn c1_the_choice_is_the_stream_except_in_chromium() {
    let server = Server::start().await;
    let throwing = Function::new_no_args("throw new TypeError('called')");
    let _streams = streams_are(Some(&throwing));
    let forced = server.builder("/echo").transport(Transport::WebSocket);
    assert!(forced.connect().await.is_ok());
    // Firefox and Safari have none, so that what they are called does not matter.
    let is_chromium = !has_streams() && browser_name().contains("Chrome/");
    let connected = server.builder("/echo").connect().await;
    assert_eq!(connected.is_ok(), is_chromium);
    let _name = another_browser();
    assert!(server.builder("/echo").connect().await.is_err());
}

#[test]
async fn c1_a_transport_that_the_page_does_not_have_is_an_error() {
    let server = Server::start().await;
    let _name = another_browser();
    for value in [
        None,
        Some(JsValue::UNDEFINED),
        Some(JsValue::NULL),
        Some(JsValue::from(1)),
        Some(Object::new().into()),
    ] {
        let _streams = streams_are(value.as_ref());
        let builder = server.builder("/echo");
        assert!(builder.clone().connect().await.is_ok(), "{value:?}");
        let forced = builder.transport(Transport::WebSocketStream).connect();
        let error = forced.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{value:?}");
    }
}

#[test]
async fn c1_both_transports_tell_the_same_of_a_handshake() {
    let server = Server::start().await;
    for transport in transports() {
        let builder = server
            .builder("/subprotocol?accept=b")
            .protocols(["a", "b"]);
        let (meta, _stream) = builder.transport(transport).connect().await.unwrap();
        assert_eq!(meta.protocol(), Some("b"));
        assert_eq!(meta.extensions(), None);
        assert_eq!(meta.url(), server.url("/subprotocol?accept=b"));
    }
}

/// As in Firefox, which opens the connection if the server selects none of those on offer, or
/// another one.
#[test]
async fn c5_a_browser_that_opens_without_a_subprotocol_is_not_believed() {
    let server = Server::start().await;
    let forgetful = Function::new_with_args(
        "Constructor",
        "return function (url) { return new Constructor(url); };",
    );
    for transport in transports() {
        let name = format!("{transport:?}");
        let constructor = Reflect::get(&js_sys::global(), &name.as_str().into()).unwrap();
        let replaced = forgetful.call1(&JsValue::NULL, &constructor).unwrap();
        let constructor = Changed::to(&js_sys::global(), &name, Some(&replaced));
        let id = unique("c5");
        let builder = server
            .builder(&format!("/watch?id={id}"))
            .transport(transport);
        let error = builder.clone().protocols(["a", "b"]).connect();
        let error = error.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ProtocolRefused, "{transport:?}");
        // The socket that was opened is closed.
        assert_eq!(server.watched(&id).await["clean"], true);
        assert!(builder.connect().await.is_ok());
        drop(constructor);
    }
}

#[test]
async fn c1_no_transport_panics_on_what_the_browser_throws() {
    for transport in transports() {
        // Known only to the browser to be no address.
        let builder = WsMeta::builder("ws://127.0.0.1:80:80/").transport(transport);
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{transport:?}");
    }
}

#[test]
async fn c9_an_address_that_the_browser_refuses_is_not_repeated_in_full() {
    for transport in transports() {
        let url = "ws://user:secret@127.0.0.1:80:80/chat?token=secret";
        let error = WsMeta::builder(url).transport(transport).connect().await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl);
        let shown = format!("{error} {error:?} {:?}", error.source());
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("127.0.0.1:80:80/chat"), "{shown}");
    }
}

#[test]
async fn c9_nor_is_what_an_exception_says_of_it() {
    let refusing = Function::new_with_args(
        "url",
        "throw new DOMException(`Refused to connect to '${url}'.`, 'SecurityError');",
    );
    for transport in transports() {
        let _socket = Changed::to(
            &js_sys::global(),
            &format!("{transport:?}"),
            Some(&refusing),
        );
        let url = "ws://user:secret@127.0.0.1/chat?token=secret";
        let error = WsMeta::builder(url).transport(transport).connect().await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network);
        let source = error.source().unwrap().to_string();
        assert_eq!(source, "SecurityError", "{transport:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}
