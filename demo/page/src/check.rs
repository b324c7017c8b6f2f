//! Telling the server what the page saw, for a check that waits for it.

use js_sys::JsString;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestInit, Response};
use wsio_demo_exchange::Outcome;

use crate::dom;

/// Whether the page's query, such as `?check`, asks for a report.
pub(crate) fn is_asked(query: &str) -> bool {
    query
        .trim_start_matches('?')
        .split('&')
        .any(|part| part == "check")
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
