//! The opening handshake of a WebSocket.

use std::{error, fmt, future::Future, pin::pin};

use axum::{
    body::Body,
    extract::{FromRequestParts, OriginalUri},
    response::{IntoResponse, Response},
};
use data_encoding::BASE64;
use futures::join;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version,
    header::{self, InvalidHeaderValue},
    request::Parts,
};
use hyper::{
    ext::Protocol,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wsio::{
    CloseCode, WsMeta, WsStream,
    native::{Acceptor, Role},
};

use crate::{
    ServerHandle,
    transport::{AnyTransport, BareTransport},
};

/// An axum extractor for the opening handshake of a WebSocket, over HTTP/1.1 (RFC 6455 § 4.2) or
/// HTTP/2 (RFC 8441).
///
/// It works in every axum application. Route it with [`any`](axum::routing::any): over HTTP/2 the
/// method is CONNECT, over HTTP/1.1 GET, and the extractor refuses all others. Served by a
/// [`Server`](crate::Server), the connection takes part in its shutdown: the client is sent a Close
/// frame with code 1001. The extractor does not check the `Origin`; see
/// [`OriginPolicy`](crate::OriginPolicy).
///
/// ```
/// use axum::{Router, response::Response, routing::any};
/// use futures::{SinkExt, StreamExt};
/// use wsio_axum::WsUpgrade;
///
/// async fn chat(upgrade: WsUpgrade) -> Response {
///     let upgrade = upgrade.protocols(["chat.v2", "chat.v1"]);
///     upgrade.on_upgrade(|_meta, mut stream| async move {
///         while let Some(Ok(message)) = stream.next().await {
///             if stream.send(message).await.is_err() {
///                 break;
///             }
///         }
///     })
/// }
///
/// let router: Router = Router::new().route("/chat", any(chat));
/// ```
#[must_use = "an upgrade that is not answered with `on_upgrade` does not happen"]
pub struct WsUpgrade {
    on_upgrade: OnUpgrade,
    uri: Uri,
    headers: HeaderMap,
    /// The answer to the key; over HTTP/2 there is none.
    accept: Option<HeaderValue>,
    protocol: Option<String>,
    acceptor: Acceptor,
    server: Option<ServerHandle>,
    bare: Option<BareTransport>,
    /// Whether the connection is closed for its user when the server is shut down.
    closes_at_shutdown: bool,
}

impl WsUpgrade {
    /// Returns the URI of the request.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Returns the headers of the request.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the subprotocols the client offers, its preferred one first.
    pub fn offered_protocols(&self) -> impl Iterator<Item = &str> {
        tokens(&self.headers, header::SEC_WEBSOCKET_PROTOCOL)
    }

    /// Selects the offered subprotocol that the client prefers among those supported, if there is
    /// one in common. [`selected_protocol`](Self::selected_protocol) tells.
    pub fn protocols<I>(mut self, supported: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let supported: Vec<I::Item> = supported.into_iter().collect();
        let selected = self
            .offered_protocols()
            .find(|offered| supported.iter().any(|it| it.as_ref() == *offered));
        self.protocol = selected.map(str::to_owned);
        self
    }

    /// Selects a subprotocol, one of [`offered_protocols`](Self::offered_protocols): a client
    /// fails the connection if the server selects another.
    pub fn protocol(mut self, selected: impl Into<String>) -> Self {
        self.protocol = Some(selected.into());
        self
    }

    /// Returns the subprotocol selected so far.
    #[must_use]
    pub fn selected_protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Sets the options of the connection; the default is [`Acceptor::new`]. The handshake timeout
    /// does not apply, since the HTTP server does the handshake.
    pub fn acceptor(mut self, acceptor: Acceptor) -> Self {
        self.acceptor = acceptor;
        self
    }

    /// Accepts the connection. Return the answer from the handler; once it has been sent, `serve`
    /// runs with the connection, in a task of its own.
    ///
    /// If the selected subprotocol cannot be the value of a header, the answer has status 500, and
    /// `serve` does not run.
    #[must_use = "the answer has to be sent"]
    pub fn on_upgrade<F, Fut>(self, serve: F) -> Response
    where
        F: FnOnce(WsMeta, WsStream) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let url = self.uri.to_string();
        let protocol = self.protocol.clone().unwrap_or_default();
        let acceptor = self.acceptor.clone();
        let server = self.server.clone().filter(|_| self.closes_at_shutdown);
        let bare = self.bare;
        self.upgrade(async move |upgraded| {
            let io: Box<dyn AnyTransport> = match bare {
                Some(bare) => bare.below(upgraded),
                None => Box::new(TokioIo::new(upgraded)),
            };
            match acceptor.adopt(io, Role::Server, url, protocol).await {
                Ok((meta, stream)) => {
                    // Boxed, as below, so that it is not in the memory of the task several times.
                    let serving = Box::pin(serve(meta.clone(), stream));
                    until_shutdown(server, meta, serving).await;
                }
                Err(error) => tracing::warn!(%error, "the connection cannot be adopted"),
            }
        })
    }

    /// Leaves it to the one who is given the connection to close it at a shutdown.
    pub(crate) fn closes_itself(mut self) -> Self {
        self.closes_at_shutdown = false;
        self
    }

    fn upgrade<F, Fut>(self, serve: F) -> Response
    where
        F: FnOnce(Upgraded) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let Ok(response) = answer(self.accept, self.protocol) else {
            tracing::error!("the selected subprotocol cannot be the value of a header");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let on_upgrade = self.on_upgrade;
        let task = async move {
            match on_upgrade.await {
                Ok(upgraded) => Box::pin(serve(upgraded)).await,
                Err(error) => tracing::debug!(%error, "the client went away"),
            }
        };
        match self.server {
            Some(server) => server.spawn(task),
            None => drop(tokio::spawn(task)),
        }
        response
    }
}

/// Makes the answer: 101 over HTTP/1.1, 200 over HTTP/2, which knows no upgrades (RFC 8441 § 5).
fn answer(
    accept: Option<HeaderValue>,
    protocol: Option<String>,
) -> Result<Response, InvalidHeaderValue> {
    let mut response = Response::new(Body::empty());
    if let Some(accept) = accept {
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = protocol {
        let protocol = HeaderValue::try_from(protocol)?;
        let headers = response.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok(response)
}

/// Runs `serving`; when the server is shut down, closes the connection under it.
async fn until_shutdown(
    server: Option<ServerHandle>,
    meta: WsMeta,
    serving: impl Future<Output = ()>,
) {
    let Some(server) = server else {
        return serving.await;
    };
    let mut serving = pin!(serving);
    tokio::select! {
        () = serving.as_mut() => return,
        () = server.shutting_down() => {}
    }
    // Both: `serving` still has what arrived last, and the client has to answer the Close frame.
    let (closed, ()) = join!(meta.close_code(CloseCode::GOING_AWAY), serving);
    if let Err(error) = closed {
        tracing::debug!(%error, "not closed");
    }
}

impl<S: Sync> FromRequestParts<S> for WsUpgrade {
    type Rejection = UpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let http2 = parts.version == Version::HTTP_2;
        let rejection = |refusal| UpgradeRejection { refusal, http2 };
        let accept = check(parts).map_err(rejection)?;
        let extensions = &mut parts.extensions;
        let on_upgrade = extensions.remove::<OnUpgrade>();
        let on_upgrade = on_upgrade.ok_or(rejection(UpgradeRefusal::NotUpgradable))?;
        let uri = extensions.get::<OriginalUri>();
        Ok(Self {
            on_upgrade,
            uri: uri.map_or_else(|| parts.uri.clone(), |original| original.0.clone()),
            headers: parts.headers.clone(),
            accept,
            protocol: None,
            acceptor: Acceptor::new(),
            server: extensions.get().cloned(),
            bare: extensions.get().copied(),
            closes_at_shutdown: true,
        })
    }
}

impl fmt::Debug for WsUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsUpgrade")
            // A query may carry a token.
            .field("path", &self.uri.path())
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// Checks a request against RFC 6455 § 4.2.1, or RFC 8441 § 5 over HTTP/2, and returns the answer
/// to its key, if there is one.
fn check(parts: &Parts) -> Result<Option<HeaderValue>, UpgradeRefusal> {
    let headers = &parts.headers;
    let version = || match headers.get(header::SEC_WEBSOCKET_VERSION) {
        Some(version) if version == "13" => Ok(()),
        _ => Err(UpgradeRefusal::UnsupportedVersion),
    };
    if parts.version == Version::HTTP_2 {
        if parts.method != Method::CONNECT {
            return Err(UpgradeRefusal::NotConnect);
        }
        let protocol = parts.extensions.get::<Protocol>();
        if protocol.is_none_or(|protocol| protocol.as_str() != "websocket") {
            return Err(UpgradeRefusal::UnknownProtocol);
        }
        return version().map(|()| None);
    }
    if parts.method != Method::GET {
        return Err(UpgradeRefusal::NotGet);
    }
    let names = |name, value| tokens(headers, name).any(|it| it.eq_ignore_ascii_case(value));
    if parts.version < Version::HTTP_11
        || !names(header::UPGRADE, "websocket")
        || !names(header::CONNECTION, "upgrade")
    {
        return Err(UpgradeRefusal::NotAnUpgrade);
    }
    version()?;
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(UpgradeRefusal::InvalidKey);
    };
    if !BASE64.decode(key.as_bytes()).is_ok_and(|it| it.len() == 16) {
        return Err(UpgradeRefusal::InvalidKey);
    }
    let accept = derive_accept_key(key.as_bytes());
    let accept = HeaderValue::try_from(accept).map_err(|_| UpgradeRefusal::InvalidKey)?;
    Ok(Some(accept))
}

/// Returns the members of a header that is a list.
pub(crate) fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// The answer to a request that is not one for a WebSocket, by its [status](Self::status).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpgradeRejection {
    refusal: UpgradeRefusal,
    http2: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UpgradeRefusal {
    NotGet,
    NotConnect,
    NotAnUpgrade,
    UnknownProtocol,
    UnsupportedVersion,
    InvalidKey,
    /// The connection is not HTTP's, or something else has taken the upgrade.
    NotUpgradable,
}

impl UpgradeRejection {
    /// Returns the status of the answer.
    ///
    /// - 405 if the method is not GET, or over HTTP/2 not CONNECT;
    /// - 426 if the request does not ask for an upgrade to WebSocket, or for a version other than
    ///   13; over HTTP/2, which has no upgrades, 400;
    /// - 400 if `Sec-WebSocket-Key` is not the base64 of 16 bytes;
    /// - 501 if the request asks for another protocol over HTTP/2;
    /// - 500 if the connection below cannot be upgraded.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self.refusal {
            UpgradeRefusal::NotGet | UpgradeRefusal::NotConnect => StatusCode::METHOD_NOT_ALLOWED,
            UpgradeRefusal::UnsupportedVersion if self.http2 => StatusCode::BAD_REQUEST,
            UpgradeRefusal::NotAnUpgrade | UpgradeRefusal::UnsupportedVersion => {
                StatusCode::UPGRADE_REQUIRED
            }
            UpgradeRefusal::InvalidKey => StatusCode::BAD_REQUEST,
            UpgradeRefusal::UnknownProtocol => StatusCode::NOT_IMPLEMENTED,
            UpgradeRefusal::NotUpgradable => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl fmt::Display for UpgradeRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.refusal {
            UpgradeRefusal::NotGet => "the method of a WebSocket request is GET",
            UpgradeRefusal::NotConnect => {
                "the method of a WebSocket request over HTTP/2 is CONNECT"
            }
            UpgradeRefusal::NotAnUpgrade => "this resource is a WebSocket",
            UpgradeRefusal::UnknownProtocol => "the :protocol of a WebSocket request is websocket",
            UpgradeRefusal::UnsupportedVersion => "Sec-WebSocket-Version must be 13",
            UpgradeRefusal::InvalidKey => "Sec-WebSocket-Key must be the base64 of 16 bytes",
            UpgradeRefusal::NotUpgradable => "this connection cannot be upgraded",
        })
    }
}

impl error::Error for UpgradeRejection {}

impl IntoResponse for UpgradeRejection {
    fn into_response(self) -> Response {
        let mut response = (self.status(), format!("{self}\n")).into_response();
        let headers = response.headers_mut();
        let version = HeaderValue::from_static("13");
        match self.refusal {
            UpgradeRefusal::NotGet => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET"));
            }
            UpgradeRefusal::NotConnect => {
                headers.insert(header::ALLOW, HeaderValue::from_static("CONNECT"));
            }
            UpgradeRefusal::UnsupportedVersion if self.http2 => {
                headers.insert(header::SEC_WEBSOCKET_VERSION, version);
            }
            UpgradeRefusal::NotAnUpgrade | UpgradeRefusal::UnsupportedVersion => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
                headers.insert(header::SEC_WEBSOCKET_VERSION, version);
            }
            _ => {}
        }
        response
    }
}
