//! A WebSocket as the bytes below it.

use std::{future::Future, io};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    response::{IntoResponse, Response},
};
use http::{Request, StatusCode, request::Parts};
use hyper::upgrade::OnUpgrade;
use wsio_axum::{ServerHandle, UpgradeRejection, WsUpgrade, transport};

use crate::stream::{CuttableStream, Peer};

/// An extractor as [`WsUpgrade`], for routes that write frames by hand.
#[derive(Debug)]
pub(crate) struct RawUpgrade {
    /// Answers the handshake, and gets no connection.
    answer: WsUpgrade,
    on_upgrade: OnUpgrade,
    peer: Peer,
    server: ServerHandle,
}

impl RawUpgrade {
    /// Holds the 101 back until [`CuttableStream::uncork`].
    pub(crate) fn corked(self) -> Self {
        self.peer.cork.set();
        self
    }

    /// Accepts the handshake, and gives `serve` the connection below the WebSocket.
    pub(crate) fn on_raw<F, Fut>(self, serve: F) -> Response
    where
        F: FnOnce(CuttableStream) -> Fut + Send + 'static,
        Fut: Future<Output = io::Result<()>> + Send + 'static,
    {
        let (on_upgrade, shutting_down) = (self.on_upgrade, self.server.shutting_down());
        self.server.spawn(async move {
            let Ok(upgraded) = on_upgrade.await else {
                return;
            };
            let Some((stream, read_ahead)) = transport::<CuttableStream>(upgraded) else {
                tracing::error!("this connection is not one of this server's own");
                return;
            };
            let stream = stream.with_read_ahead(read_ahead);
            tokio::select! {
                served = serve(stream) => {
                    if let Err(error) = served {
                        tracing::debug!(%error, "connection lost");
                    }
                }
                // In the middle of what breaks the protocol there is no place for a Close frame.
                () = shutting_down => {}
            }
        });
        self.answer.on_upgrade(async |_meta, _stream| {})
    }
}

impl<S: Sync> FromRequestParts<S> for RawUpgrade {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let extensions = &mut parts.extensions;
        let on_upgrade = extensions.remove::<OnUpgrade>();
        if on_upgrade.is_some() {
            // The extractor is left one that never comes about.
            extensions.insert(hyper::upgrade::on(Request::new(())));
        }
        let answer = WsUpgrade::from_request_parts(parts, state).await;
        let answer = answer.map_err(UpgradeRejection::into_response)?;
        let extensions = &parts.extensions;
        let (Some(on_upgrade), Some(ConnectInfo(peer)), Some(server)) = (
            on_upgrade,
            extensions.get::<ConnectInfo<Peer>>().cloned(),
            extensions.get::<ServerHandle>().cloned(),
        ) else {
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        Ok(Self {
            answer,
            on_upgrade,
            peer,
            server,
        })
    }
}
