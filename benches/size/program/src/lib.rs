//! Programs whose size as wasm is compared: an empty export, and one that connects and echoes,
//! by one library or the other. On any other target this crate is empty.
#![cfg(all(target_family = "wasm", target_os = "unknown"))]

#[cfg(any(feature = "wsio-io", feature = "wsstream-io"))]
mod io;
#[cfg(feature = "wsio")]
pub mod wsio;
#[cfg(feature = "wsstream")]
pub mod wsstream;

use wasm_bindgen::prelude::*;

/// What every program has: something asynchronous that is called from JavaScript.
///
/// # Errors
///
/// When the text is empty.
#[wasm_bindgen]
pub async fn empty(text: String) -> Result<String, JsError> {
    if text.is_empty() {
        return Err(JsError::new("empty"));
    }
    Ok(text)
}
