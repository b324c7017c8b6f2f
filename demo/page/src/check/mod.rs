//! Telling the server what the page saw, for a check that waits for it.

mod servers;

use std::time::Duration;

use gloo_timers::future::sleep;
use js_sys::JsString;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, HtmlElement, Request, RequestInit, Response};
use wsio_demo_exchange::{
    EventFigures, Outcome,
    events::{PER_CONNECTION, Transport},
};

pub(crate) use self::servers::rehearse;
use crate::dom;

/// Returns whether the page's query, such as `?check`, asks for this report.
pub(crate) fn is_asked(query: &str, report: &str) -> bool {
    query
        .trim_start_matches('?')
        .split('&')
        .any(|part| part == report)
}

/// Posts the outcome.
///
/// # Errors
///
/// The server cannot be reached, or does not want it.
pub(crate) async fn report(outcome: &Outcome) -> Result<(), JsValue> {
    let body = serde_json::to_string(outcome).map_err(|error| error.to_string())?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&JsString::from(body));
    let request = Request::new_with_str_and_init("/demo/report", &init)?;
    request.headers().set("content-type", "application/json")?;
    let answer = JsFuture::from(dom::window()?.fetch_with_request(&request)).await?;
    let answer: Response = answer.dyn_into()?;
    if answer.ok() {
        Ok(())
    } else {
        Err(format!("the server answers {}", answer.status()).into())
    }
}

/// The time the panel may take for anything.
const LIMIT: Duration = Duration::from_secs(20);

/// The interval at which the panel is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Uses the panel of events as a visitor does, and reads from it what it shows. What goes wrong
/// is the failure of the outcome, unless it has one.
pub(crate) async fn try_panel(outcome: &mut Outcome) {
    for transport in Transport::ALL {
        match drop_once(transport).await {
            Ok(figures) => outcome.panel.push(figures),
            Err(error) => {
                let error = in_words(&error);
                let text = format!("the panel, over {}: {error}", transport.name());
                outcome.failure.get_or_insert(text);
            }
        }
    }
}

/// Chooses a transport, drops the connection, and waits for it to come back.
async fn drop_once(transport: Transport) -> Result<EventFigures, JsValue> {
    let id = match transport {
        Transport::WebSocket => "events-over-websocket",
        Transport::Http => "events-over-http",
    };
    dom::element::<HtmlElement>(id)?.click();
    let connected = format!("Connected over {}", transport.name());
    until(&connected, "events-text", || {
        Ok(text("events-text")? == connected)
    })
    .await?;
    let before = Shown::read()?;
    until("events", "events-text", || {
        Ok(Shown::read()?.received >= before.received + PER_CONNECTION)
    })
    .await?;
    dom::element::<HtmlElement>("events-drop")?.click();
    until("a reconnect", "events-text", || {
        Ok(Shown::read()?.reconnects > before.reconnects)
    })
    .await?;
    let again = Shown::read()?.received;
    until("events again", "events-text", || {
        Ok(Shown::read()?.received >= again + PER_CONNECTION)
    })
    .await?;
    let after = Shown::read()?;
    Ok(EventFigures {
        transport,
        received: after.received - before.received,
        drops: 1,
        reconnects: after.reconnects - before.reconnects,
        gaps: after.gaps,
        repeats: after.repeats,
    })
}

/// Waits for something; `says` is the element that tells why it does not come.
async fn until(
    what: &str,
    says: &str,
    mut is_so: impl FnMut() -> Result<bool, JsValue>,
) -> Result<(), JsValue> {
    let mut waited = Duration::ZERO;
    while !is_so()? {
        if waited >= LIMIT {
            let limit = LIMIT.as_secs();
            let state = text(says)?;
            return Err(format!("not within {limit} s: {what}; it says {state:?}").into());
        }
        sleep(LOOK).await;
        waited += LOOK;
    }
    Ok(())
}

/// The panel's counters.
struct Shown {
    received: u64,
    gaps: u64,
    repeats: u64,
    reconnects: u64,
}

impl Shown {
    fn read() -> Result<Self, JsValue> {
        Ok(Self {
            received: number("events-received")?,
            gaps: number("events-gaps")?,
            repeats: number("events-repeats")?,
            reconnects: number("events-reconnects")?,
        })
    }
}

fn in_words(error: &JsValue) -> String {
    error.as_string().unwrap_or_else(|| format!("{error:?}"))
}

fn number(id: &str) -> Result<u64, JsValue> {
    let text = text(id)?;
    let number = text.parse();
    number.map_err(|_| format!("#{id} is no number: {text:?}").into())
}

fn text(id: &str) -> Result<String, JsValue> {
    let element: Element = dom::element(id)?;
    Ok(element.text_content().unwrap_or_default())
}
