//! Redirects, as the Fetch standard has them (§ 4.4, "HTTP-redirect fetch").

use reqwest::{
    Method, Response, StatusCode, Url,
    header::{
        AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION,
        CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
    },
};

use crate::sse::source::http::{CheckedHttpRequest, HttpFailure};

/// The outcome of looking for a redirect.
#[derive(Debug, PartialEq)]
pub(super) enum Redirected {
    /// The response is the answer.
    No,
    /// The request was changed into the next one, which is to be sent.
    Yes,
}

/// Changes `request` into the next one, if the response is a redirect.
pub(super) fn next(
    request: &mut CheckedHttpRequest,
    response: &Response,
) -> Result<Redirected, HttpFailure> {
    redirect(request, response.status(), response.headers())
}

fn redirect(
    request: &mut CheckedHttpRequest,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Redirected, HttpFailure> {
    // Without a location a redirect is an answer like any other.
    let (301..=303 | 307 | 308, Some(location)) = (status.as_u16(), headers.get(LOCATION)) else {
        return Ok(Redirected::No);
    };
    let url = std::str::from_utf8(location.as_bytes())
        .ok()
        .and_then(|location| request.url.join(location).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or(HttpFailure::Redirect(status, "the location is no HTTP URL"))?;
    go(request, status, url);
    Ok(Redirected::Yes)
}

fn go(request: &mut CheckedHttpRequest, status: StatusCode, url: Url) {
    let becomes_get = match status.as_u16() {
        301 | 302 => request.method == Method::POST,
        303 => !matches!(request.method, Method::GET | Method::HEAD),
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.body = None;
        for name in OF_THE_BODY {
            request.headers.remove(name);
        }
    }
    if url.origin() != request.url.origin() {
        // For good: coming back to the first origin does not bring them back.
        for name in CREDENTIALS {
            request.headers.remove(name);
        }
    }
    request.url = url;
}

const OF_THE_BODY: [reqwest::header::HeaderName; 6] = [
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_LOCATION,
    CONTENT_TYPE,
    TRANSFER_ENCODING,
];

const CREDENTIALS: [reqwest::header::HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn request(method: Method, url: &str) -> CheckedHttpRequest {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "cookie", "proxy-authorization"] {
            headers.insert(name, HeaderValue::from_static("secret"));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        headers.insert("x-mine", HeaderValue::from_static("kept"));
        CheckedHttpRequest {
            url: url.parse().unwrap(),
            method,
            headers,
            body: Some("body".into()),
        }
    }

    fn redirected(
        request: &mut CheckedHttpRequest,
        status: u16,
        location: &str,
    ) -> Result<Redirected, HttpFailure> {
        let location = HeaderValue::from_str(location).unwrap();
        let headers = HeaderMap::from_iter([(LOCATION, location)]);
        redirect(request, StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn r5_the_location_may_be_relative() {
        let cases = [
            ("/z", "http://a.b/z"),
            ("z?q", "http://a.b/x/z?q"),
            ("../z", "http://a.b/z"),
            ("?q", "http://a.b/x/y?q"),
            ("//c.d/z", "http://c.d/z"),
            ("https://a.b", "https://a.b/"),
        ];
        for (location, expected) in cases {
            let mut request = request(Method::GET, "http://a.b/x/y");
            assert_eq!(
                redirected(&mut request, 302, location).unwrap(),
                Redirected::Yes
            );
            assert_eq!(request.url.as_str(), expected);
        }
    }

    #[test]
    fn r5_what_is_not_a_redirect_is_an_answer() {
        for status in [200, 204, 300, 304, 305, 306, 309, 400] {
            let mut request = request(Method::GET, "http://a.b/");
            assert_eq!(
                redirected(&mut request, status, "/z").unwrap(),
                Redirected::No
            );
            assert_eq!(request.url.as_str(), "http://a.b/");
        }
        let mut request = request(Method::GET, "http://a.b/");
        let nowhere = redirect(&mut request, StatusCode::FOUND, &HeaderMap::new());
        assert_eq!(nowhere.unwrap(), Redirected::No);
    }

    #[test]
    fn r5_a_location_that_leads_nowhere_is_an_error() {
        for location in ["http://", "ftp://a.b/", "data:text/plain,x", "http://[::1"] {
            let mut request = request(Method::GET, "http://a.b/");
            assert!(
                redirected(&mut request, 302, location).is_err(),
                "{location}"
            );
        }
    }

    #[test]
    fn r5_the_method_changes_as_browsers_change_it() {
        let cases = [
            (301, Method::POST, Method::GET),
            (302, Method::POST, Method::GET),
            (303, Method::POST, Method::GET),
            (303, Method::PUT, Method::GET),
            (301, Method::PUT, Method::PUT),
            (302, Method::GET, Method::GET),
            (303, Method::HEAD, Method::HEAD),
            (307, Method::POST, Method::POST),
            (308, Method::POST, Method::POST),
        ];
        for (status, before, after) in cases {
            let mut request = request(before.clone(), "http://a.b/");
            redirected(&mut request, status, "/z").unwrap();
            assert_eq!(request.method, after);
            let kept = before == after;
            assert_eq!(request.body.is_some(), kept, "{status} {before}");
            assert_eq!(request.headers.contains_key(CONTENT_TYPE), kept);
        }
    }

    #[test]
    fn r5_credentials_do_not_leave_their_origin() {
        let foreign = ["http://a.c/", "https://a.b/", "http://a.b:81/", "//x.a.b/"];
        for location in foreign {
            let mut request = request(Method::GET, "http://user:password@a.b/");
            redirected(&mut request, 307, "/elsewhere").unwrap();
            assert!(request.headers.contains_key(AUTHORIZATION));
            redirected(&mut request, 307, location).unwrap();
            for name in CREDENTIALS {
                assert!(!request.headers.contains_key(name), "{location}");
            }
            assert_eq!(request.url.password(), None);
            assert!(request.headers.contains_key("x-mine"));
            // Nor on from there, nor back.
            redirected(&mut request, 307, "/next").unwrap();
            redirected(&mut request, 307, "http://a.b/").unwrap();
            assert!(!request.headers.contains_key(AUTHORIZATION));
        }
    }
}
