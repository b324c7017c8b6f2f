//! A server, and its end.

use std::{
    convert::Infallible, fmt, future::Future, io, net::SocketAddr, pin::pin, time::Duration,
};

use axum::{
    Router,
    extract::ConnectInfo,
    response::Response,
    serve::{Listener, ListenerExt},
};
use hyper::{Request, body::Incoming, rt::Executor, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, ToSocketAddrs},
    time::timeout,
};
use tower_service::Service as _;

use crate::{OriginPolicy, ServerHandle};

/// The time a client may take to send the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP server for a [`Router`] that shuts down gracefully, WebSockets and event streams
/// included.
///
/// It serves HTTP/1.1 and, with the feature `http2`, HTTP/2 without TLS as well as WebSockets over
/// it (RFC 8441). It has no routes of its own.
#[derive(Debug)]
pub struct Server(());

impl Server {
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
///
/// ```
/// use axum::{Router, routing::get};
/// use wsio_axum::{OriginPolicy, Server};
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
    /// Sets the pages that may talk to the server, for every route and every request; the default
    /// is [`OriginPolicy::SameHost`].
    pub fn origins(mut self, policy: OriginPolicy) -> Self {
        self.origins = policy;
        self
    }

    /// Sets the routes of the server.
    ///
    /// Their handlers can extract a [`WsUpgrade`](crate::WsUpgrade), whose connection then ends
    /// with the server, a [`ServerHandle`] as `Extension<ServerHandle>`, and the client's address
    /// as `ConnectInfo<SocketAddr>`.
    pub fn routes(mut self, routes: Router) -> Self {
        self.routes = routes;
        self
    }

    /// Sets the time [`Running::shutdown`] waits for connections to end; the default is 5 seconds.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Starts the server on a TCP address. With port 0 the system chooses a free port, which is in
    /// [`Running::addr`].
    ///
    /// # Errors
    ///
    /// The address cannot be bound.
    pub async fn start(self, addr: impl ToSocketAddrs) -> io::Result<Running> {
        let listener = TcpListener::bind(addr).await?;
        // Small messages are to leave at once; that it cannot be set is no reason to refuse.
        self.serve(listener.tap_io(|tcp| drop(tcp.set_nodelay(true))))
    }

    /// Starts the server on connections from any listener, such as a Unix socket, or TCP with TLS.
    ///
    /// Handlers obtain the peer's address as `ConnectInfo<L::Addr>`.
    ///
    /// # Errors
    ///
    /// The listener's own address cannot be obtained.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    pub fn serve<L>(self, listener: L) -> io::Result<Running<L::Addr>>
    where
        L: Listener,
        L::Addr: Clone + Sync + 'static,
    {
        let addr = listener.local_addr()?;
        let handle = ServerHandle::default();
        let router = self.routes.layer(self.origins);
        handle.spawn(listen(listener, router, handle.clone()));
        Ok(Running {
            addr,
            grace: self.grace,
            handle,
        })
    }
}

/// A running server. Dropping it ends every connection at once, without a Close frame.
#[must_use = "dropping it stops the server"]
pub struct Running<A = SocketAddr> {
    /// The address the server listens on.
    pub addr: A,
    grace: Duration,
    handle: ServerHandle,
}

impl<A> Running<A> {
    /// Shuts the server down.
    ///
    /// It accepts no more connections, sends every open WebSocket a Close frame with code 1001, and
    /// drops the connections that are left after the [grace period](ServerBuilder::grace). When the
    /// future resolves, no task of the server is left.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends every connection at once.
    pub async fn shutdown(self) {
        self.handle.close();
        if timeout(self.grace, self.handle.ended()).await.is_err() {
            tracing::info!("dropping the connections that did not close in time");
        }
        self.handle.kill();
        self.handle.ended().await;
    }
}

impl<A> Drop for Running<A> {
    fn drop(&mut self) {
        self.handle.kill();
    }
}

impl<A: fmt::Debug> fmt::Debug for Running<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("addr", &self.addr)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

async fn listen<L>(mut listener: L, router: Router, handle: ServerHandle)
where
    L: Listener,
    L::Addr: Clone + Sync + 'static,
{
    loop {
        tokio::select! {
            (io, peer) = listener.accept() => {
                handle.spawn(serve(io, peer, router.clone(), handle.clone()));
            }
            () = handle.shutting_down() => return,
        }
    }
}

async fn serve<I, A>(io: I, peer: A, router: Router, handle: ServerHandle)
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    A: Clone + Send + Sync + 'static,
{
    let for_requests = handle.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let extensions = request.extensions_mut();
        extensions.insert(for_requests.clone());
        extensions.insert(ConnectInfo(peer.clone()));
        answer(router.clone(), request)
    });
    let builder = builder(&handle);
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(io), service);
    let mut serving = pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = handle.shutting_down() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "connection failed");
    }
}

fn builder(handle: &ServerHandle) -> Builder<ConnectionTasks> {
    let mut builder = Builder::new(ConnectionTasks(handle.clone()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    #[cfg(feature = "http2")]
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_TIMEOUT)
        .enable_connect_protocol();
    #[cfg(not(feature = "http2"))]
    let builder = builder.http1_only();
    builder
}

/// The tasks of HTTP/2 streams, which are the server's.
#[derive(Clone)]
struct ConnectionTasks(ServerHandle);

impl<F> Executor<F> for ConnectionTasks
where
    F: Future + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(async move { drop(task.await) });
    }
}

async fn answer(mut router: Router, request: Request<Incoming>) -> Result<Response, Infallible> {
    // A query may carry a token: only the path is logged.
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = router.call(request).await?;
    tracing::info!(%method, %path, status = response.status().as_u16(), "request");
    Ok(response)
}
