//! What an event source over HTTP can be told natively.

use crate::{
    native::backend::http,
    sse::{HttpConnector, SourceBuilder},
};

/// Native only.
impl<P> SourceBuilder<HttpConnector<P>> {
    /// How many redirects are followed; the default is 20. One more is an error of kind
    /// [`Redirect`](crate::sse::SourceErrorKind::Redirect); with 0 none is followed, and the first
    /// one an error of kind [`Status`](crate::sse::SourceErrorKind::Status).
    pub fn redirect_limit(self, redirects: usize) -> Self {
        self.map(|mut connector| {
            connector.setup.redirect_limit = redirects;
            connector
        })
    }

    /// Makes requests with a client that is configured otherwise than the one that `configure` is
    /// given: with a proxy, cookies, a TLS configuration of the program's own.
    ///
    /// Redirects stay a matter of [`redirect_limit`](Self::redirect_limit), whatever it says about
    /// them. A header that it adds to every request is added after a redirect to another origin,
    /// too: give an `Authorization` by [`header`](Self::header) instead.
    ///
    /// ```
    /// use wsio::sse::EventSource;
    ///
    /// let source = EventSource::http("http://example.com/events")
    ///     .client(|client| client.user_agent("example/1.0").no_proxy())
    ///     .build();
    /// ```
    pub fn client(
        self,
        configure: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Self {
        self.map(|mut connector| {
            connector.setup.client = Some(http::build(configure));
            connector
        })
    }
}
