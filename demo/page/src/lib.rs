//! The page of the demo: the exchange in a browser, and a line to talk over.
//!
//! On any other target this crate is empty.
#![cfg(all(target_family = "wasm", target_os = "unknown"))]

mod check;
mod dom;
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

/// Begins: connects the line, and runs the exchange.
///
/// # Errors
///
/// The page lacks an element that the program needs.
#[wasm_bindgen(start)]
pub fn start() -> Result<(), JsValue> {
    let location = dom::window()?.location();
    let server = server(&location)?;
    let log = Log::new()?;
    line::start(&server, &log)?;

    let exchange = Exchange {
        plan: Plan::new(server),
        view: View::new(log)?,
        button: dom::element("run")?,
        check: check::is_asked(&location.search()?),
    };
    let clicks = dom::clicks(&exchange.button)?;
    spawn_local(exchange.run(clicks));
    Ok(())
}

/// Where this page came from, as the address of a WebSocket server.
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
        let outcome = self.run_once().await;
        if self.check
            && let Err(error) = check::report(&outcome).await
        {
            self.view.trouble(&format!("no report: {error:?}"));
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
