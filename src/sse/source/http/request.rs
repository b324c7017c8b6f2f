//! Requests over HTTP.

use std::fmt;

use bytes::Bytes;
use reqwest::{
    Method, Url,
    header::{ACCEPT, HeaderMap, HeaderName, HeaderValue},
};

use super::{
    super::{SourceError, SourceErrorKind, query},
    http_client,
};
use crate::{address::redacted, target::basic_auth};

/// An HTTP request: a URL, a method, headers and a body.
///
/// It is checked when it is sent. If it is invalid, the attempt fails with an error of kind
/// [`Invalid`](SourceErrorKind::Invalid), which is final.
#[derive(Clone)]
#[must_use]
pub struct HttpRequest {
    url: String,
    method: String,
    headers: Vec<(String, String)>,
    body: Option<Bytes>,
}

impl HttpRequest {
    /// Creates a GET request for `url`, an absolute `http:` or `https:` URL, that accepts a
    /// `text/event-stream`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// Sets the URL.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// Sets the method.
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = method.into();
        self
    }

    /// Sets a header, and replaces its earlier value. A browser omits the headers that only it may
    /// set, such as `Cookie`; before it sends any but the safelisted headers to another origin, it
    /// asks that server for permission (Fetch § 2.2.2, § 4.8).
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.headers
            .retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        self.headers.push((name, value.into()));
        self
    }

    /// Sets the header `Authorization` to a name and a password (RFC 7617). Those in a URL, as in
    /// `https://name:password@example.com/`, have the same effect unless the header is set.
    pub fn basic_auth(self, name: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        let value = basic_auth::basic(name.as_ref().as_bytes(), password.as_ref().as_bytes());
        self.header("Authorization", value)
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the id to resume after: in the header `Last-Event-ID`, or, if a header cannot carry
    /// it unchanged, in the query parameter `lastEventId`.
    pub(super) fn resuming_after(self, id: &str) -> Self {
        // A header's value is trimmed on its way.
        if id.trim_matches([' ', '\t']) == id && http_client::header_value(id).is_some() {
            self.header("Last-Event-ID", id)
        } else {
            let url = query::set(&self.url, "lastEventId", id);
            self.url(url)
        }
    }

    /// Checks the request.
    ///
    /// # Errors
    ///
    /// [`Invalid`](SourceErrorKind::Invalid), without a word of what may be secret.
    pub(super) fn parse(self) -> Result<CheckedHttpRequest, SourceError> {
        let mut url: Url = self.url.parse().map_err(invalid)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("the URL is not an http: or https: URL"));
        }
        let method: Method = self.method.parse().map_err(invalid)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(super::EVENT_STREAM));
        let credentials = credentials(&mut url).map(|value| ("authorization".to_owned(), value));
        for (name, value) in credentials.into_iter().chain(self.headers) {
            let name: HeaderName = name.parse().map_err(invalid)?;
            let value = http_client::header_value(&value)
                .ok_or_else(|| invalid(format!("the value of the header {name} is invalid")))?;
            headers.insert(name, value);
        }
        Ok(CheckedHttpRequest {
            url,
            method,
            headers,
            body: self.body,
        })
    }
}

/// Shows the URL without user, password, query and fragment, and of the headers only the names.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.headers.iter().map(|(name, _)| name);
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &redacted(&self.url))
            .field("headers", &names.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A request that can be sent.
#[derive(Clone)]
pub(crate) struct CheckedHttpRequest {
    pub(crate) url: Url,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
}

/// Takes the name and the password out of a URL: no browser accepts a URL with them, and natively
/// they must not follow a redirect to another origin.
fn credentials(url: &mut Url) -> Option<String> {
    let value = basic_auth::from_userinfo(url.username(), url.password())?;
    // These fail only for a URL without a host, which has no userinfo either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(value)
}

fn invalid(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SourceError {
    SourceError::new(SourceErrorKind::Invalid, source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorization(request: HttpRequest) -> (String, String) {
        let request = request.parse().unwrap();
        let value = request.headers.get("authorization").unwrap();
        let value = value.to_str().unwrap().to_owned();
        (request.url.into(), value)
    }

    #[test]
    fn r5_credentials_are_a_header_wherever_they_come_from() {
        // The example of RFC 7617 § 2.
        let aladdin = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        let request = HttpRequest::new("http://a.b/").basic_auth("Aladdin", "open sesame");
        let expected = ("http://a.b/".to_owned(), aladdin.to_owned());
        assert_eq!(authorization(request.clone()), expected);
        let in_url = HttpRequest::new("http://Aladdin:open%20sesame@a.b/");
        assert_eq!(authorization(in_url), expected);
        let both = request.url("http://x:y@a.b/");
        assert_eq!(authorization(both), expected);

        for (url, value) in [
            ("http://%C3%BC%3A@a.b/", "Basic w7w6Og=="),
            ("http://:p@a.b/", "Basic OnA="),
            ("http://100%:p@a.b/", "Basic MTAwJTpw"),
        ] {
            assert_eq!(authorization(HttpRequest::new(url)).1, value, "{url}");
        }
        let none = HttpRequest::new("http://@a.b/").parse().unwrap();
        assert!(none.headers.get("authorization").is_none());
    }
}
