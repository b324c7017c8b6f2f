//! HTTP, as far as every target has it: reqwest, whose API is the same on all of them but for
//! what a browser does by itself.

use std::{io, sync::Arc};

use bytes::Bytes;
use reqwest::{Method, StatusCode, Url, header::HeaderMap};

pub(crate) use super::selected::http::{Client, Setup, body, header_value};

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) url: Url,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
}

/// Why there is no response.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// Of the library or the network, or what a browser does not tell apart.
    Reqwest(Arc<reqwest::Error>),
    /// The response says to look elsewhere, and that was not possible.
    #[allow(dead_code, reason = "a browser hides it")]
    Redirect(StatusCode, &'static str),
    /// `https:` in a build without TLS, or on a system without certificates.
    #[allow(dead_code, reason = "a browser sees to that")]
    Tls(Arc<io::Error>),
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        // There may be a token in the URL.
        Self::Reqwest(Arc::new(error.without_url()))
    }
}
