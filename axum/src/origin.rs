//! The pages that may talk to a server.

use std::task::{Context, Poll};

use axum::response::{IntoResponse, Response};
use futures::future::{Either, Ready, ready};
use http::{
    HeaderMap, Request, StatusCode, Uri,
    header::{HOST, ORIGIN},
    uri::Authority,
};
use tower_layer::Layer;
use tower_service::Service;

/// The pages that may talk to a server (RFC 6455 § 10.2), as a tower layer.
///
/// A browser lets every page open a WebSocket to every server, and sends the server's cookies
/// along; it only names the page's origin in the `Origin` header. Only a browser sends that header
/// truthfully, so a request without one is always allowed: the policy protects the users of
/// browsers, and is no authentication.
///
/// [`Server`](crate::Server) applies its policy to every request. In any other application, add
/// the policy as a layer; a refused request is answered with 403:
///
/// ```
/// use axum::{Router, routing::any};
/// use wsio_axum::{OriginPolicy, WsUpgrade};
///
/// let chat = any(async |upgrade: WsUpgrade| upgrade.on_upgrade(async |_meta, _stream| {}));
/// let router: Router = Router::new().route("/chat", chat).layer(OriginPolicy::SameHost);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// Allows pages from the host of the request, on any port and by any scheme; the default.
    ///
    /// The host is that of the request's URI (HTTP/2) or `Host` header. A server that must not be
    /// reached under a foreign name (DNS rebinding) needs a [`List`](Self::List).
    #[default]
    SameHost,
    /// Allows all pages.
    Any,
    /// Allows pages from these origins and no others, each as a browser writes it:
    /// `https://example.com`, `http://localhost:8080`. Case does not matter.
    List(Vec<String>),
}

impl OriginPolicy {
    /// Returns whether a request with this URI and these headers is allowed.
    ///
    /// ```
    /// use axum::http::{HeaderMap, Uri};
    /// use wsio_axum::OriginPolicy;
    ///
    /// let uri = Uri::from_static("/chat");
    /// let mut headers = HeaderMap::new();
    /// headers.insert("host", "example.com:8080".parse()?);
    /// headers.insert("origin", "https://example.com".parse()?);
    /// assert!(OriginPolicy::SameHost.allows(&uri, &headers));
    /// headers.insert("origin", "https://evil.example".parse()?);
    /// assert!(!OriginPolicy::SameHost.allows(&uri, &headers));
    /// # Ok::<_, axum::http::header::InvalidHeaderValue>(())
    /// ```
    #[must_use]
    pub fn allows(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return true;
        };
        if *self == Self::Any {
            return true;
        }
        // No browser sends two origins.
        let (Ok(origin), None) = (origin.to_str(), origins.next()) else {
            return false;
        };
        match self {
            Self::Any => true,
            Self::List(allowed) => allowed.iter().any(|it| it.eq_ignore_ascii_case(origin)),
            Self::SameHost => match (host_of_origin(origin), host_of_request(uri, headers)) {
                (Some(page), Some(server)) => page.eq_ignore_ascii_case(&server),
                _ => false,
            },
        }
    }
}

/// Returns the host of an origin, or `None` for `null`, which a sandboxed page has, and for
/// anything that is no origin.
fn host_of_origin(origin: &str) -> Option<String> {
    let uri: Uri = origin.parse().ok()?;
    let plain = uri.scheme().is_some() && uri.path() == "/" && uri.query().is_none();
    plain.then(|| host(uri.authority()?)).flatten()
}

/// HTTP/2 has `:authority`, and an absolute URI takes precedence over `Host` (RFC 9112 § 3.2.2).
fn host_of_request(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    if let Some(authority) = uri.authority() {
        return host(authority);
    }
    let authority: Authority = headers.get(HOST)?.to_str().ok()?.parse().ok()?;
    host(&authority)
}

/// Returns the host without the port; an IPv6 address stays in its brackets.
fn host(authority: &Authority) -> Option<String> {
    let host = authority.host();
    let plain = !host.is_empty() && !authority.as_str().contains('@');
    plain.then(|| host.to_owned())
}

impl<S> Layer<S> for OriginPolicy {
    type Service = OriginCheck<S>;

    fn layer(&self, service: S) -> OriginCheck<S> {
        OriginCheck {
            policy: self.clone(),
            service,
        }
    }
}

/// A service behind an [`OriginPolicy`]: answers requests that are not allowed with 403.
#[derive(Debug, Clone)]
pub struct OriginCheck<S> {
    policy: OriginPolicy,
    service: S,
}

impl<S, B> Service<Request<B>> for OriginCheck<S>
where
    S: Service<Request<B>, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.policy.allows(request.uri(), request.headers()) {
            return Either::Left(self.service.call(request));
        }
        let origin = request.headers().get(ORIGIN);
        tracing::info!(?origin, path = request.uri().path(), "origin refused");
        let refusal = (StatusCode::FORBIDDEN, "this origin is not allowed\n");
        Either::Right(ready(Ok(refusal.into_response())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(policy: &OriginPolicy, host: Option<&str>, origins: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(HOST, host.parse().unwrap());
        }
        for origin in origins {
            headers.append(ORIGIN, origin.parse().unwrap());
        }
        policy.allows(&Uri::from_static("/"), &headers)
    }

    #[test]
    fn no_origin_is_no_browser() {
        for policy in [
            OriginPolicy::SameHost,
            OriginPolicy::Any,
            OriginPolicy::List(Vec::new()),
        ] {
            assert!(allows(&policy, Some("example.com"), &[]));
            assert!(allows(&policy, None, &[]));
        }
    }

    #[test]
    fn same_host_ignores_port_scheme_and_case() {
        let allowed = [
            ("example.com", "https://example.com"),
            ("example.com:8080", "http://EXAMPLE.com"),
            ("Example.com", "http://example.COM:3000"),
            ("127.0.0.1:8080", "http://127.0.0.1:44321"),
            ("[::1]:8080", "http://[::1]:9"),
            ("[2001:DB8::1]", "https://[2001:db8::1]"),
        ];
        for (host, origin) in allowed {
            let same = OriginPolicy::SameHost;
            assert!(allows(&same, Some(host), &[origin]), "{host} {origin}");
        }
    }

    #[test]
    fn same_host_refuses_everything_else() {
        let refused = [
            (Some("example.com"), "https://evil.example"),
            (Some("example.com"), "https://example.com.evil.example"),
            (Some("example.com"), "https://evil-example.com"),
            (Some("example.com"), "https://www.example.com"),
            (Some("example.com"), "https://example.com@evil.example"),
            (Some("example.com"), "https://evil.example@example.com"),
            (Some("example.com"), "https://evil.example/example.com"),
            (Some("example.com"), "https://example.com/path"),
            (Some("example.com"), "example.com"),
            (Some("example.com"), "null"),
            (Some("null"), "null"),
            (Some("example.com"), ""),
            (Some("[::1]:8080"), "http://[::2]:8080"),
            (Some("[::1]"), "http://127.0.0.1"),
            (Some("localhost"), "http://127.0.0.1"),
            (None, "https://example.com"),
            (Some(""), "https://example.com"),
        ];
        for (host, origin) in refused {
            let same = OriginPolicy::SameHost;
            assert!(!allows(&same, host, &[origin]), "{host:?} {origin}");
        }
    }

    #[test]
    fn two_origins_are_refused() {
        let origins = ["https://example.com", "https://example.com"];
        let same = OriginPolicy::SameHost;
        assert!(!allows(&same, Some("example.com"), &origins));
        assert!(allows(&OriginPolicy::Any, Some("example.com"), &origins));
    }

    #[test]
    fn a_list_is_exact() {
        let list = OriginPolicy::List(vec!["https://example.com:8443".into()]);
        let allowed = ["https://example.com:8443", "HTTPS://Example.com:8443"];
        for origin in allowed {
            assert!(allows(&list, None, &[origin]), "{origin}");
        }
        let refused = [
            "https://example.com",
            "http://example.com:8443",
            "https://example.com:84430",
            "null",
        ];
        for origin in refused {
            assert!(!allows(&list, Some("example.com"), &[origin]), "{origin}");
        }
    }

    #[test]
    fn any_allows_all() {
        for origin in ["https://evil.example", "null", ""] {
            assert!(allows(&OriginPolicy::Any, Some("example.com"), &[origin]));
        }
    }

    #[test]
    fn c7_over_http2_the_host_is_that_of_the_uri() {
        let uri = Uri::from_static("https://example.com:8443/chat");
        let allows = |origin: &str| {
            let headers = HeaderMap::from_iter([(ORIGIN, origin.parse().unwrap())]);
            OriginPolicy::SameHost.allows(&uri, &headers)
        };
        assert!(allows("https://example.com"));
        assert!(!allows("https://evil.example"));
    }
}
