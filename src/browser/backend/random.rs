//! Random numbers from the page.

use js_sys::Uint32Array;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = crypto, js_name = getRandomValues)]
    fn fill_with_random_values(array: &Uint32Array) -> Result<(), JsValue>;
}

/// Returns a number that differs from call to call.
pub(crate) fn random_seed() -> u64 {
    js_sys::Math::random().to_bits()
}

/// Returns 128 bits that nobody can guess.
pub(crate) fn random_words() -> [u32; 4] {
    let array = Uint32Array::new_with_length(4);
    // Pages and workers have `crypto` on every address. Elsewhere the numbers differ, at least.
    let is_filled = fill_with_random_values(&array).is_ok();
    [0, 1, 2, 3].map(|index| match is_filled {
        true => array.get_index(index),
        false => (js_sys::Math::random() * f64::from(u32::MAX)) as u32,
    })
}
