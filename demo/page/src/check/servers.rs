//! The check of the demo with several servers: uses the panel of the chat as a visitor does.

use std::time::Duration;

use gloo_timers::future::sleep;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, HtmlButtonElement, HtmlElement, HtmlInputElement};
use wsio_demo_exchange::{Outcome, servers::Part};

use super::{in_words, number, report, text, until};
use crate::{chat::SharedFigures, dom};

/// The interval at which a line is typed.
const PACE: Duration = Duration::from_millis(150);

/// The time the engine stays away.
const OUTAGE: Duration = Duration::from_millis(1500);

/// The lines that have to be confirmed after each fault.
const LINES: u64 = 5;

/// Kills and starts servers and the engine, at last at random, while lines are typed, and reports what the chat has seen.
pub(crate) async fn rehearse(figures: SharedFigures) {
    let (typist, stop) = futures::channel::oneshot::channel();
    spawn_local(type_lines(stop));
    let failure = go_through(typist).await.err();
    let outcome = Outcome {
        failure: failure.map(|error| in_words(&error)),
        chat: Some(figures.borrow().clone()),
        ..Outcome::default()
    };
    if let Err(error) = report(&outcome).await {
        let shown = dom::element::<Element>("chat-text");
        if let Ok(shown) = shown {
            shown.set_text_content(Some(&format!("no report: {error:?}")));
        }
    }
}

/// Types lines until nobody holds the other end.
async fn type_lines(mut stop: futures::channel::oneshot::Receiver<()>) {
    let mut count = 0;
    while let Ok(None) = stop.try_recv() {
        count += 1;
        if type_line(&format!("line {count} from the page")).is_err() {
            return;
        }
        sleep(PACE).await;
    }
}

fn type_line(text: &str) -> Result<(), JsValue> {
    dom::element::<HtmlInputElement>("chat-line")?.set_value(text);
    click("chat-send")
}

async fn go_through(typist: futures::channel::oneshot::Sender<()>) -> Result<(), JsValue> {
    connected().await?;
    goes_on().await?;
    kill_here().await?;

    let before = number("chat-reconnects")?;
    click("chat-drop")?;
    until("a reconnect after the drop", "chat-text", || {
        Ok(number("chat-reconnects")? > before)
    })
    .await?;
    goes_on().await?;

    click("kill-engine")?;
    is("part-engine", "dead").await?;
    sleep(OUTAGE).await;
    click("start-engine")?;
    is("part-engine", "running").await?;
    goes_on().await?;

    kill_here().await?;
    click("chat-storm")?;
    until("the storm", "chat-text", is_storm).await?;
    until("the end of the storm", "chat-text", || Ok(!is_storm()?)).await?;
    connected().await?;
    goes_on().await?;
    drop(typist);
    until("the confirmation of every line", "chat-proof", || {
        Ok(number("chat-confirmed")? == number("chat-said")?)
    })
    .await
}

/// Kills the server to which the page is connected, and starts it again when the page has another.
async fn kill_here() -> Result<(), JsValue> {
    let text = text("chat-text")?;
    let server = text.strip_prefix("Connected to server ").map(str::parse);
    let Some(Ok(number)) = server else {
        return Err(format!("it does not say to which server: {text:?}").into());
    };
    let part = Part::Server(number);
    click(&format!("kill-{part}"))?;
    is(&format!("part-{part}"), "dead").await?;
    connected().await?;
    goes_on().await?;
    click(&format!("start-{part}"))?;
    is(&format!("part-{part}"), "running").await
}

async fn connected() -> Result<(), JsValue> {
    until("a server", "chat-text", || {
        let number = text("chat-text")?;
        let number = number.strip_prefix("Connected to server ").map(str::parse);
        let Some(Ok(number)) = number else {
            return Ok(false);
        };
        let item: Element = dom::element(&format!("part-{}", Part::Server(number)))?;
        Ok(item.get_attribute("data-state").as_deref() == Some("running"))
    })
    .await
}

/// Waits until more lines are confirmed.
async fn goes_on() -> Result<(), JsValue> {
    let before = number("chat-said")?;
    until("confirmed lines", "chat-proof", || {
        Ok(number("chat-confirmed")? >= before + LINES)
    })
    .await
}

fn is_storm() -> Result<bool, JsValue> {
    Ok(dom::element::<HtmlButtonElement>("chat-storm")?.disabled())
}

/// Waits until a part is shown in this state.
async fn is(id: &str, state: &str) -> Result<(), JsValue> {
    until(&format!("{id} {state}"), "chat-text", || {
        let item: Element = dom::element(id)?;
        Ok(item.get_attribute("data-state").as_deref() == Some(state))
    })
    .await
}

fn click(id: &str) -> Result<(), JsValue> {
    let button = dom::element::<HtmlElement>(id)?;
    button.click();
    Ok(())
}
