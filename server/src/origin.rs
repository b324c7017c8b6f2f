//! Which pages may talk to a server.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderName, StatusCode, Uri,
    header::{HOST, ORIGIN, RETRY_AFTER},
    uri::Authority,
};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

/// Which pages may talk to the server (RFC 6455 § 10.2).
///
/// A browser lets every page open a WebSocket to every server, and sends the server's cookies
/// along; all it does is to say in the `Origin` header where the page is from. Only a browser
/// sends that header truthfully, so a request without one is always allowed: this protects the
/// users of browsers, and is no authentication.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OriginPolicy {
    /// Pages from the host that the request is for, on any port and by any scheme; the default.
    ///
    /// The host is that of the request's `Host` header. A server that must not be reached under
    /// a foreign name (DNS rebinding) needs a [`List`](Self::List).
    #[default]
    SameHost,
    /// All pages.
    Any,
    /// Pages from these origins and no others, each as a browser writes it:
    /// `https://example.com`, `http://localhost:8080`. Case does not matter.
    List(Vec<String>),
}

impl OriginPolicy {
    /// Whether a request with these headers is allowed.
    ///
    /// ```
    /// use axum::http::HeaderMap;
    /// use wsio_server::OriginPolicy;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("host", "example.com:8080".parse()?);
    /// headers.insert("origin", "https://example.com".parse()?);
    /// assert!(OriginPolicy::SameHost.allows(&headers));
    /// headers.insert("origin", "https://evil.example".parse()?);
    /// assert!(!OriginPolicy::SameHost.allows(&headers));
    /// # Ok::<_, axum::http::header::InvalidHeaderValue>(())
    /// ```
    #[must_use]
    pub fn allows(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return true;
        };
        if *self == Self::Any {
            return true;
        }
        // Two origins are none that a browser would send.
        let (Ok(origin), None) = (origin.to_str(), origins.next()) else {
            return false;
        };
        match self {
            Self::Any => true,
            Self::List(allowed) => allowed.iter().any(|it| it.eq_ignore_ascii_case(origin)),
            Self::SameHost => match (host_of_origin(origin), host_asked_for(headers)) {
                (Some(page), Some(server)) => page.eq_ignore_ascii_case(&server),
                _ => false,
            },
        }
    }
}

impl OriginPolicy {
    /// Lets the pages that are allowed read answers over HTTP, which a browser lets no page do
    /// that is from another origin, and be it another port (WHATWG Fetch § 3.3). Cookies are not
    /// part of it.
    pub(crate) fn cors(&self) -> CorsLayer {
        let policy = self.clone();
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(move |_, request| {
                policy.allows(&request.headers)
            }))
            .allow_methods(AllowMethods::mirror_request())
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(EXPOSED)
    }
}

/// The headers of answers that a page may read, besides those that it always may.
const EXPOSED: [HeaderName; 4] = [
    RETRY_AFTER,
    HeaderName::from_static("the-answer-you-are-looking-for"),
    HeaderName::from_static("x-accel-buffering"),
    HeaderName::from_static("x-wsio-reason"),
];

/// The host of an origin; `None` for `null`, which a sandboxed page has, and for what is none.
fn host_of_origin(origin: &str) -> Option<String> {
    let uri: Uri = origin.parse().ok()?;
    let plain = uri.scheme().is_some() && uri.path() == "/" && uri.query().is_none();
    plain.then(|| host(uri.authority()?)).flatten()
}

fn host_asked_for(headers: &HeaderMap) -> Option<String> {
    let authority: Authority = headers.get(HOST)?.to_str().ok()?.parse().ok()?;
    host(&authority)
}

/// The host without the port; an IPv6 address stays in its brackets.
fn host(authority: &Authority) -> Option<String> {
    let host = authority.host();
    let plain = !host.is_empty() && !authority.as_str().contains('@');
    plain.then(|| host.to_owned())
}

/// Answers requests from other pages with 403.
pub(crate) async fn check(
    State(policy): State<OriginPolicy>,
    request: Request,
    next: Next,
) -> Response {
    if policy.allows(request.headers()) {
        return next.run(request).await;
    }
    let origin = request.headers().get(ORIGIN);
    tracing::info!(?origin, path = request.uri().path(), "origin refused");
    (StatusCode::FORBIDDEN, "this origin is not allowed\n").into_response()
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
        policy.allows(&headers)
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
}
