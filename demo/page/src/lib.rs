//! The page of the demo: the exchange in a browser, a line to talk over, a log of events, and servers
//! that can be killed.
//!
//! On any other target this crate is empty.
#![cfg(all(target_family = "wasm", target_os = "unknown"))]

mod chat;
mod check;
mod dom;
mod events;
mod line;
mod log;
mod plot;
mod state;
mod view;

use futures::{StreamExt, channel::mpsc::UnboundedReceiver};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{HtmlButtonElement, Location};
use wsio_demo_exchange::{Outcome, Plan};

use self::{log::Log, view::View};

/// The number of entries the log keeps.
const ENTRIES: u32 = 500;

/// Begins: connects the line, follows the events, joins the chat, and runs the exchange.
///
/// # Errors
///
/// The page lacks an element that the program needs.
#[wasm_bindgen(start)]
pub fn start() -> Result<(), JsValue> {
    let location = dom::window()?.location();
    let server = server(&location)?;
    let log = Log::new("log", ENTRIES)?.cleared_by("clear")?;
    line::start(&server, &log)?;
    let client = client();
    events::start(&server, &format!("{client}panel"))?;
    let figures = chat::start(&server, &format!("{client}chat"))?;

    let query = location.search()?;
    if check::is_asked(&query, "check=servers") {
        spawn_local(check::rehearse(figures));
        return Ok(());
    }
    let exchange = Exchange {
        plan: Plan {
            client: format!("{client}exchange"),
            ..Plan::new(server)
        },
        view: View::new(log)?,
        button: dom::element("run")?,
        check: check::is_asked(&query, "check"),
    };
    let clicks = dom::clicks(&exchange.button)?;
    spawn_local(exchange.run(clicks));
    Ok(())
}

/// A name that no other page has, so that none has its connections dropped by another.
fn client() -> String {
    format!(
        "page{:08x}",
        (js_sys::Math::random() * 2f64.powi(32)) as u32
    )
}

/// Returns the page's origin as the address of a WebSocket server.
fn server(location: &Location) -> Result<String, JsValue> {
    let secure = location.protocol()? == "https:";
    let scheme = if secure { "wss" } else { "ws" };
    Ok(format!("{scheme}://{}", location.host()?))
}

/// The exchange, with the button that runs it again.
struct Exchange {
    plan: Plan,
    view: View,
    button: HtmlButtonElement,
    /// Whether a check waits for the outcome.
    check: bool,
}

impl Exchange {
    /// Runs at once, and again at every click.
    async fn run(mut self, mut clicks: UnboundedReceiver<()>) {
        let mut outcome = self.run_once().await;
        if self.check {
            check::try_panel(&mut outcome).await;
            if let Err(error) = check::report(&outcome).await {
                self.view.trouble(&format!("no report: {error:?}"));
            }
        }
        while clicks.next().await.is_some() {
            self.run_once().await;
        }
    }

    async fn run_once(&mut self) -> Outcome {
        self.button.set_disabled(true);
        self.view.reset();
        let outcome = wsio_demo_exchange::run(&self.plan, &mut self.view).await;
        self.view.conclude(&outcome);
        self.button.set_disabled(false);
        outcome
    }
}
