//! The server's side of the opening handshake (RFC 6455 § 4.2).

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    time::Duration,
};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use futures::future::select;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{
        ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, SEC_WEBSOCKET_ACCEPT,
        SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
    },
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{
    self,
    error::ProtocolError,
    handshake::{derive_accept_key, machine::TryParse as _},
};

use super::{NativeTimer, link::poll_discard, refused::refused_with, transport::ByteTransport};
use crate::{Error, ErrorKind, backend::Alarm as _};

/// The largest head of a request, in bytes.
const MAX_HEAD: usize = 32 * 1024;

/// How many bytes the first read asks for.
const FIRST_READ: usize = 2 * 1024;

/// How long a client that is refused may take to read why.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many bytes that such a client still sends are read, at most.
const MAX_DISCARDED: usize = 1 << 20;

/// An opening handshake that did not open a connection.
pub(crate) enum Unopened {
    /// The request is to be answered with this.
    Refused(Box<Response<Vec<u8>>>),
    Broken(io::Error),
}

impl From<io::Error> for Unopened {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// A refusal by this library.
fn refused(status: StatusCode, reason: &str) -> Unopened {
    // The response to HEAD must not have a body.
    let body = match status {
        StatusCode::METHOD_NOT_ALLOWED => Vec::new(),
        _ => format!("{reason}\n").into_bytes(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    Unopened::Refused(Box::new(response))
}

/// Reads a request for a WebSocket. Returns it with the bytes behind it, which are frames already.
pub(crate) async fn read_request(
    io: &mut Box<dyn ByteTransport>,
) -> Result<(Request<()>, Vec<u8>), Unopened> {
    let mut read = Vec::with_capacity(FIRST_READ);
    loop {
        let before = read.len();
        if io.read_buf(&mut read).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        // The first bytes tell whether this is HTTP, and every line whether it is well-formed.
        let is_worth_parsing = before == 0 || read[before..].contains(&b'\n');
        if is_worth_parsing && let Some((len, request)) = parse(&read)? {
            check(request.headers())?;
            return Ok((request, read.split_off(len)));
        }
        if read.len() >= MAX_HEAD {
            return Err(too_large());
        }
    }
}

/// Parses a request and returns it with the length of its head, if that is there whole.
fn parse(read: &[u8]) -> Result<Option<(usize, Request<()>)>, Unopened> {
    Request::try_parse(read).map_err(|error| match error {
        tungstenite::Error::Capacity(_) => too_large(),
        tungstenite::Error::Protocol(ProtocolError::WrongHttpMethod) => {
            refused(StatusCode::METHOD_NOT_ALLOWED, "")
        }
        _ => refused(StatusCode::BAD_REQUEST, "not a request of HTTP/1.1"),
    })
}

fn too_large() -> Unopened {
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    refused(status, "the head of the request is too large")
}

/// Checks the headers that the handshake requires (RFC 6455 § 4.2.1).
fn check(headers: &HeaderMap) -> Result<(), Unopened> {
    let bad = |reason| Err(refused(StatusCode::BAD_REQUEST, reason));
    let required = |reason| Err(refused(StatusCode::UPGRADE_REQUIRED, reason));
    if single(headers, HOST).is_none() {
        return bad("a request has one Host header");
    }
    let length = headers.get(CONTENT_LENGTH);
    if headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != "0") {
        return bad("a request for a WebSocket has no body");
    }
    if !lists(headers, CONNECTION, "upgrade") || !lists(headers, UPGRADE, "websocket") {
        return required("only WebSocket connections are accepted here");
    }
    if single(headers, SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return required("only version 13 of WebSocket is supported");
    }
    let key = single(headers, SEC_WEBSOCKET_KEY).and_then(|key| BASE64_STANDARD.decode(key).ok());
    if key.is_none_or(|key| key.len() != 16) {
        return bad("a request has one Sec-WebSocket-Key header, 16 bytes in base64");
    }
    Ok(())
}

/// Returns the value of a header that must be there once.
fn single(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Returns whether the comma-separated values of a header contain `token`.
fn lists(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

/// Returns the response that opens the connection asked for by `request`.
pub(crate) fn switch(request: &Request<()>) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let key = request.headers().get(SEC_WEBSOCKET_KEY);
    let accept = derive_accept_key(key.map_or(b"", HeaderValue::as_bytes));
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    // Base64, which every header can carry.
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

pub(crate) async fn write_head<T>(
    io: &mut Box<dyn ByteTransport>,
    response: &Response<T>,
) -> io::Result<()> {
    io.write_all(&head(response)).await?;
    io.flush().await
}

fn head<T>(response: &Response<T>) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Answers a request with a refusal, and returns the error for it.
pub(crate) async fn refuse(
    mut io: Box<dyn ByteTransport>,
    mut response: Response<Vec<u8>>,
) -> Error {
    complete(&mut response);
    let mut bytes = head(&response);
    bytes.extend_from_slice(response.body());
    {
        let answering = pin!(answer(&mut io, &bytes));
        // Whether the client reads it is its own affair.
        let _ = select(answering, NativeTimer::after(PATIENCE)).await;
    }
    refused_with(response)
}

/// Adds the headers that a refusal needs, in place of those that would contradict its body.
fn complete(response: &mut Response<Vec<u8>>) {
    let (status, length) = (response.status(), response.body().len());
    let headers = response.headers_mut();
    let mut default = |name, value| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    match status {
        StatusCode::METHOD_NOT_ALLOWED => default(ALLOW, "GET"),
        StatusCode::UPGRADE_REQUIRED => {
            default(UPGRADE, "websocket");
            default(SEC_WEBSOCKET_VERSION, "13");
        }
        _ => {}
    }
    default(CONTENT_TYPE, "text/plain; charset=utf-8");
    let connection = match headers.contains_key(UPGRADE) {
        true => "close, upgrade",
        false => "close",
    };
    headers.insert(CONNECTION, HeaderValue::from_static(connection));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.remove(TRANSFER_ENCODING);
}

/// Writes a response and ends the connection. What the client still sends is read, since closing a
/// TCP connection with unread data resets it, and the response could get lost.
async fn answer(io: &mut Box<dyn ByteTransport>, bytes: &[u8]) -> io::Result<()> {
    io.write_all(bytes).await?;
    io.flush().await?;
    io.shutdown().await?;
    let mut left = MAX_DISCARDED;
    loop {
        match poll_fn(|cx| poll_discard(Pin::new(&mut *io), cx)).await {
            read @ 1.. if read < left => left -= read,
            _ => return Ok(()),
        }
    }
}

/// Returns the error for a handshake that broke off.
pub(crate) fn broken(error: io::Error) -> Error {
    let message = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the connection ended during the opening handshake",
        _ => "the connection broke during the opening handshake",
    };
    Error::new(ErrorKind::Network, message).caused_by(error)
}
