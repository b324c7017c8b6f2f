//! Event streams over HTTP: everything of HTTP is in this folder.
//!
//! `crate::target` selects the client: `native_client`, which follows redirects, or
//! `fetch_client`, for which the browser does. Each also has the builder methods that exist on its
//! target alone.

mod connector;
mod request;
mod response;

use self::response::HttpBody;
pub use self::{connector::HttpConnector, request::HttpRequest};
pub(crate) use self::{request::CheckedHttpRequest, response::HttpFailure};
use crate::target::http_client::{self, HttpClient, HttpOptions};

/// The MIME type of an event stream.
const EVENT_STREAM: &str = "text/event-stream";
