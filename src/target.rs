//! The modules that exist on one target only, and are absent elsewhere.

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
#[path = "browser/mod.rs"]
pub mod browser;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#[path = "frames/mod.rs"]
pub(crate) mod frames;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#[path = "native/mod.rs"]
pub mod native;

#[cfg(any(
    feature = "http",
    not(all(target_family = "wasm", target_os = "unknown"))
))]
#[path = "basic_auth.rs"]
pub(crate) mod basic_auth;

#[cfg(all(feature = "http", target_family = "wasm", target_os = "unknown"))]
#[path = "sse/source/http/fetch_client.rs"]
pub(crate) mod http_client;
#[cfg(all(
    feature = "http",
    not(all(target_family = "wasm", target_os = "unknown"))
))]
#[path = "sse/source/http/native_client.rs"]
pub(crate) mod http_client;
