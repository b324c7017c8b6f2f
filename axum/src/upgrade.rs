//! From a request to a WebSocket.

use std::{error, fmt, future::Future, pin::pin};

use axum::{
    body::Body,
    extract::{FromRequestParts, OriginalUri},
    response::{IntoResponse, Response},
};
use data_encoding::BASE64;
use futures::join;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header, request::Parts,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wsio::{
    CloseCode, WsMeta, WsStream,
    native::{Acceptor, Role},
};

use crate::ServerHandle;

/// An axum extractor for the opening handshake of a WebSocket (RFC 6455 § 4.2).
///
/// It works in every axum application served over HTTP/1.1. Served by a
/// [`Server`](crate::Server), the connection is also part of its shutdown: the client is sent a
/// Close frame with code 1001. It does not look at the `Origin`: that is for an
/// [`OriginPolicy`](crate::OriginPolicy).
///
/// ```
/// use axum::{Router, response::Response, routing::get};
/// use futures::{SinkExt, StreamExt};
/// use wsio_axum::WsUpgrade;
///
/// async fn chat(upgrade: WsUpgrade) -> Response {
///     let known = upgrade.protocols().find(|it| matches!(*it, "chat.v2" | "chat.v1"));
///     let Some(protocol) = known.map(str::to_owned) else {
///         return upgrade.on_upgrade(async |meta, _stream| {
///             let _ = meta.close_reason(1008, "no common subprotocol").await;
///         });
///     };
///     upgrade.protocol(protocol).on_upgrade(|_meta, mut stream| async move {
///         while let Some(Ok(message)) = stream.next().await {
///             if stream.send(message).await.is_err() {
///                 break;
///             }
///         }
///     })
/// }
///
/// let router: Router = Router::new().route("/chat", get(chat));
/// ```
#[must_use = "an upgrade that is not answered with `on_upgrade` does not happen"]
pub struct WsUpgrade {
    on_upgrade: OnUpgrade,
    uri: Uri,
    headers: HeaderMap,
    accept: HeaderValue,
    protocol: Option<String>,
    acceptor: Acceptor,
    server: Option<ServerHandle>,
}

impl WsUpgrade {
    /// What was asked for: the path and the query.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The headers of the request.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The subprotocols on offer, the client's preferred one first.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        tokens(&self.headers, header::SEC_WEBSOCKET_PROTOCOL)
    }

    /// Chooses a subprotocol, one of [`protocols`](Self::protocols): a client breaks off when it
    /// is told another.
    pub fn protocol(mut self, chosen: impl Into<String>) -> Self {
        self.protocol = Some(chosen.into());
        self
    }

    /// The options of the connection; those of [`Acceptor::new`] by default. Of them the
    /// handshake timeout does not apply, since the handshake is the HTTP server's.
    pub fn acceptor(mut self, acceptor: Acceptor) -> Self {
        self.acceptor = acceptor;
        self
    }

    /// Accepts. The answer is to be returned from the handler; as soon as it has been sent,
    /// `serve` runs with the connection, in a task of its own.
    ///
    /// It is an answer with status 500, and `serve` does not run, if the subprotocol that was
    /// chosen is not fit for a header.
    #[must_use = "the answer has to be sent"]
    pub fn on_upgrade<F, Fut>(self, serve: F) -> Response
    where
        F: FnOnce(WsMeta, WsStream) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let url = self.uri.to_string();
        let protocol = self.protocol.clone().unwrap_or_default();
        let acceptor = self.acceptor.clone();
        let server = self.server.clone();
        self.upgrade(async move |upgraded| {
            let io = TokioIo::new(upgraded);
            match acceptor.adopt(io, Role::Server, url, protocol).await {
                Ok((meta, stream)) => {
                    let serving = serve(meta.clone(), stream);
                    until_shutdown(server, meta, serving).await;
                }
                Err(error) => tracing::warn!(%error, "the connection cannot be adopted"),
            }
        })
    }

    fn upgrade<F, Fut>(self, serve: F) -> Response
    where
        F: FnOnce(Upgraded) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        if let Some(protocol) = &self.protocol {
            let Ok(protocol) = HeaderValue::from_str(protocol) else {
                tracing::error!(%protocol, "the subprotocol is not fit for a header");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            };
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        let on_upgrade = self.on_upgrade;
        let task = async move {
            match on_upgrade.await {
                Ok(upgraded) => serve(upgraded).await,
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
        let accept = check(parts)?;
        let extensions = &mut parts.extensions;
        let on_upgrade = extensions
            .remove::<OnUpgrade>()
            .ok_or(UpgradeRejection::NotUpgradable)?;
        let uri = extensions.get::<OriginalUri>();
        Ok(Self {
            on_upgrade,
            uri: uri.map_or_else(|| parts.uri.clone(), |original| original.0.clone()),
            headers: parts.headers.clone(),
            accept,
            protocol: None,
            acceptor: Acceptor::new(),
            server: extensions.get().cloned(),
        })
    }
}

impl fmt::Debug for WsUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsUpgrade")
            .field("uri", &self.uri)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// Checks a request against RFC 6455 § 4.2.1, and makes the answer to its key.
fn check(parts: &Parts) -> Result<HeaderValue, UpgradeRejection> {
    let headers = &parts.headers;
    if parts.method != Method::GET {
        return Err(UpgradeRejection::NotGet);
    }
    let names = |name, value| tokens(headers, name).any(|it| it.eq_ignore_ascii_case(value));
    if parts.version < Version::HTTP_11
        || !names(header::UPGRADE, "websocket")
        || !names(header::CONNECTION, "upgrade")
    {
        return Err(UpgradeRejection::NotAnUpgrade);
    }
    let version = headers.get(header::SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version != "13") {
        return Err(UpgradeRejection::UnsupportedVersion);
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(UpgradeRejection::InvalidKey);
    };
    if !BASE64.decode(key.as_bytes()).is_ok_and(|it| it.len() == 16) {
        return Err(UpgradeRejection::InvalidKey);
    }
    let accept = derive_accept_key(key.as_bytes());
    HeaderValue::try_from(accept).map_err(|_| UpgradeRejection::InvalidKey)
}

/// The members of a header that is a list.
pub(crate) fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// Why a request is not one for a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpgradeRejection {
    /// The method is not GET; answered with 405.
    NotGet,
    /// The request does not ask for an upgrade to a WebSocket; answered with 426.
    NotAnUpgrade,
    /// `Sec-WebSocket-Version` is not 13; answered with 426, and the header that says so.
    UnsupportedVersion,
    /// `Sec-WebSocket-Key` is not the base64 of 16 bytes; answered with 400.
    InvalidKey,
    /// The connection below cannot be upgraded: it is not HTTP/1.1, or something else has taken
    /// the upgrade; answered with 500.
    NotUpgradable,
}

impl UpgradeRejection {
    fn status(self) -> StatusCode {
        match self {
            Self::NotGet => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAnUpgrade | Self::UnsupportedVersion => StatusCode::UPGRADE_REQUIRED,
            Self::InvalidKey => StatusCode::BAD_REQUEST,
            Self::NotUpgradable => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl fmt::Display for UpgradeRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotGet => "a WebSocket is asked for with GET",
            Self::NotAnUpgrade => "this is an address for WebSockets",
            Self::UnsupportedVersion => "Sec-WebSocket-Version has to be 13",
            Self::InvalidKey => "Sec-WebSocket-Key has to be the base64 of 16 bytes",
            Self::NotUpgradable => "this connection cannot be upgraded",
        })
    }
}

impl error::Error for UpgradeRejection {}

impl IntoResponse for UpgradeRejection {
    fn into_response(self) -> Response {
        let mut response = (self.status(), format!("{self}\n")).into_response();
        let headers = response.headers_mut();
        match self.status() {
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET"));
            }
            StatusCode::UPGRADE_REQUIRED => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
                let version = HeaderValue::from_static("13");
                headers.insert(header::SEC_WEBSOCKET_VERSION, version);
            }
            _ => {}
        }
        response
    }
}
