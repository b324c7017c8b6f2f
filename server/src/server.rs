//! The server that serves the routes.

use std::{io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    middleware::{self, Next},
    response::Response,
};
use http::{HeaderName, header::RETRY_AFTER};
use tokio::net::{TcpListener, ToSocketAddrs};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};
use wsio_axum::OriginPolicy;

use crate::{
    routes,
    stream::{CuttableListener, Peer},
};

/// The companion server: a [`wsio_axum::Server`] with the [`ROUTES`](crate::ROUTES).
#[derive(Debug)]
pub struct Server(());

impl Server {
    /// Starts a server with the default options. With port 0 the system chooses a free port, which
    /// is in [`Running::addr`].
    ///
    /// # Errors
    ///
    /// The address cannot be bound.
    pub async fn start(addr: impl ToSocketAddrs) -> io::Result<Running> {
        Self::builder().start(addr).await
    }

    /// Creates a builder.
    pub fn builder() -> ServerBuilder {
        ServerBuilder {
            origins: OriginPolicy::default(),
            routes: Router::new(),
            grace: Duration::from_secs(5),
        }
    }
}

/// The options of a [`Server`].
#[derive(Debug, Clone)]
#[must_use = "a server does nothing until it is started"]
pub struct ServerBuilder {
    origins: OriginPolicy,
    routes: Router,
    grace: Duration,
}

impl ServerBuilder {
    /// Sets the pages that may talk to the server, and read its answers over HTTP (CORS); the
    /// default is [`OriginPolicy::SameHost`].
    pub fn origins(mut self, policy: OriginPolicy) -> Self {
        self.origins = policy;
        self
    }

    /// Serves these routes too, with their fallback, wherever this crate has none of its own.
    pub fn routes(mut self, routes: Router) -> Self {
        self.routes = routes;
        self
    }

    /// Sets the time [`Running::shutdown`] waits for connections to end; the default is 5 seconds.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Starts the server.
    ///
    /// # Errors
    ///
    /// The address cannot be bound.
    pub async fn start(self, addr: impl ToSocketAddrs) -> io::Result<Running> {
        let listener = CuttableListener(TcpListener::bind(addr).await?);
        let router = routes::router()
            .layer(cors(self.origins.clone()))
            .fallback_service(self.routes)
            .layer(middleware::from_fn(with_address));
        let server = wsio_axum::Server::builder()
            .origins(self.origins)
            .routes(router)
            .grace(self.grace)
            .serve(listener)?;
        Ok(Running {
            addr: server.addr.addr,
            server,
        })
    }
}

/// A running server. Dropping it ends every connection at once, without a Close frame.
#[derive(Debug)]
#[must_use = "dropping it stops the server"]
pub struct Running {
    /// The address the server listens on.
    pub addr: SocketAddr,
    server: wsio_axum::Running<Peer>,
}

impl Running {
    /// Shuts the server down, as [`wsio_axum::Running::shutdown`] does.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }
}

/// Gives routes that were written for any server the client's address.
async fn with_address(
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(ConnectInfo(peer.addr));
    next.run(request).await
}

/// Lets the pages that are allowed read answers over HTTP, which a browser lets no page of another
/// origin do, be it another port (WHATWG Fetch § 3.3). Cookies are not part of it.
fn cors(policy: OriginPolicy) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |_, request| {
            policy.allows(&request.uri, &request.headers)
        }))
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
}

/// The headers of answers that a page may read, besides those that it always may.
const EXPOSED: [HeaderName; 4] = [
    RETRY_AFTER,
    HeaderName::from_static("the-answer-you-are-looking-for"),
    HeaderName::from_static("x-accel-buffering"),
    HeaderName::from_static("x-wsio-reason"),
];
