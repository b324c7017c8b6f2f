//! What an event source over HTTP can be told in a browser.

use crate::sse::{HttpConnector, SourceBuilder};

/// Browser only.
impl<P> SourceBuilder<HttpConnector<P>> {
    /// Whether cookies and other credentials go along to another origin, as with the
    /// `withCredentials` of the page's own `EventSource`. By default they only go to the page's
    /// own origin.
    pub fn with_credentials(self, with: bool) -> Self {
        self.map(|mut connector| {
            connector.setup.with_credentials = with;
            connector
        })
    }
}
