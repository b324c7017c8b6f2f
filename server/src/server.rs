//! Serving, and coming to an end.

use std::{convert::Infallible, fmt, io, net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, extract::ConnectInfo, middleware, response::Response};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream, ToSocketAddrs},
    time::timeout,
};
use tower_service::Service as _;

use crate::{
    conn::{Conn, Cork, Cut},
    origin::{self, OriginPolicy},
    routes,
    tasks::Tasks,
};

/// How long a client may take to send the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// A WebSocket and HTTP/1.1 server with the [routes](crate::ROUTES) of this crate.
#[derive(Debug)]
pub struct Server(());

impl Server {
    /// Starts a server with the default options. With port 0 it gets a free port of the system's
    /// choice, which is in [`Running::addr`].
    ///
    /// # Errors
    ///
    /// The address cannot be bound.
    pub async fn start(addr: impl ToSocketAddrs) -> io::Result<Running> {
        Self::builder().start(addr).await
    }

    /// Everything that can be said about a server before it is started.
    pub fn builder() -> ServerBuilder {
        ServerBuilder {
            origins: OriginPolicy::default(),
            routes: Router::new(),
            grace: Duration::from_secs(5),
        }
    }
}

/// The options of a [`Server`].
///
/// ```
/// use axum::{Router, routing::get};
/// use wsio_server::{OriginPolicy, Server};
///
/// # async fn example() -> std::io::Result<()> {
/// let server = Server::builder()
///     .origins(OriginPolicy::List(vec!["https://example.com".into()]))
///     .routes(Router::new().route("/health", get(|| async { "well" })))
///     .start("127.0.0.1:0")
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a server does nothing until it is started"]
pub struct ServerBuilder {
    origins: OriginPolicy,
    routes: Router,
    grace: Duration,
}

impl ServerBuilder {
    /// Which pages may talk to the server. It holds for every route and every request, and what
    /// it refuses is answered with 403. The default is [`OriginPolicy::SameHost`].
    pub fn origins(mut self, policy: OriginPolicy) -> Self {
        self.origins = policy;
        self
    }

    /// Serves these routes too, with their fallback, wherever this crate has none of its own.
    /// Their handlers can extract a [`WsUpgrade`](crate::WsUpgrade), whose connection then ends
    /// with the server, and the client's address as `ConnectInfo<SocketAddr>`.
    ///
    /// The headers with which a page of another origin, be it another port, may read their answers
    /// over HTTP (CORS) are theirs to set; the routes of this crate have them for every page that
    /// [may talk to the server](Self::origins).
    pub fn routes(mut self, routes: Router) -> Self {
        self.routes = routes;
        self
    }

    /// How long [`Running::shutdown`] waits for connections to end by themselves; the default is
    /// 5 seconds.
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
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let router = routes::router()
            .layer(self.origins.cors())
            .fallback_service(self.routes)
            .layer(middleware::from_fn_with_state(self.origins, origin::check));
        let tasks = Tasks::default();
        tasks.spawn(listen(listener, router, tasks.clone()));
        Ok(Running {
            addr,
            grace: self.grace,
            tasks,
        })
    }
}

/// A running server. Dropping it ends every connection where it is, without a Close frame.
#[must_use = "dropping it stops the server"]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    grace: Duration,
    tasks: Tasks,
}

impl Running {
    /// Stops the server: no new connections, a Close frame with code 1001 to every open one, and
    /// after the [grace period](ServerBuilder::grace) the end of those that are still there.
    /// Nothing of the server runs any more when it resolves.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends every connection where it is.
    pub async fn shutdown(self) {
        self.tasks.close();
        if timeout(self.grace, self.tasks.ended()).await.is_err() {
            tracing::info!("ending the connections that did not close in time");
        }
        self.tasks.kill();
        self.tasks.ended().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.kill();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("addr", &self.addr)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

async fn listen(listener: TcpListener, router: Router, tasks: Tasks) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = tasks.closing() => return,
        };
        match accepted {
            Ok((tcp, peer)) => tasks.spawn(serve(tcp, peer, router.clone(), tasks.clone())),
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept");
                // Out of file descriptors, most likely: they come back when connections end.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Whether the client that was to be accepted has already gone.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn serve(tcp: TcpStream, peer: SocketAddr, router: Router, tasks: Tasks) {
    // Small messages are to leave at once; that it cannot be set is no reason to refuse.
    let _ = tcp.set_nodelay(true);
    let cork = Cork::default();
    let cut = Cut::default();
    let conn = Conn::new(tcp, cork.clone(), cut.clone());
    let for_requests = tasks.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let extensions = request.extensions_mut();
        extensions.insert(for_requests.clone());
        extensions.insert(cork.clone());
        extensions.insert(cut.clone());
        extensions.insert(ConnectInfo(peer));
        answer(router.clone(), request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(conn), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = tasks.closing() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "connection failed");
    }
}

async fn answer(mut router: Router, request: Request<Incoming>) -> Result<Response, Infallible> {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let response = router.call(request).await?;
    tracing::info!(%method, %uri, status = response.status().as_u16(), "request");
    Ok(response)
}
