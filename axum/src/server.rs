//! A server, and its end.

use std::{
    fmt,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use axum::{
    Router,
    extract::ConnectInfo,
    response::Response,
    serve::{Listener, ListenerExt},
};
use futures::FutureExt;
use http::Version;
use hyper::{Request, body::Incoming, rt::Executor, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, ToSocketAddrs},
    time::{sleep, timeout},
};
use tower_service::Service as _;
use wsio_events::Seldom;

use crate::{
    OriginPolicy, ServerHandle,
    body::EventStream,
    connection::{ConnectionHandle, Exit, HoldableIo},
    transport::BareTransport,
};

/// The time a client may take to send the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// The time a client that has ended its sending side waits for the head of an answer.
const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(1);

/// An HTTP server for a [`Router`] that shuts down gracefully, WebSockets and event streams
/// included.
///
/// It serves HTTP/1.1 and, with the feature `http2`, HTTP/2 and WebSockets over it (RFC 8441). It
/// has no routes of its own.
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
        let handle = ServerHandle::new();
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
    let connection = ConnectionHandle::default();
    let (io, exit) = HoldableIo::new(io, connection.clone(), HEADER_TIMEOUT);
    let stream = StreamSlot::default();
    let (for_requests, of_requests, to_stream) =
        (connection.clone(), handle.clone(), stream.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        let extensions = request.extensions_mut();
        extensions.insert(of_requests.clone());
        extensions.insert(ConnectInfo(peer.clone()));
        extensions.insert(BareTransport::of::<I>());
        // Boxed, since it would take its memory as long as the connection lasts.
        respond(router.clone(), request, &for_requests, to_stream.clone()).boxed()
    });
    let builder = builder(&handle);
    let mut serving = Box::pin(builder.serve_connection_with_upgrades(TokioIo::new(io), service));
    let mut closing = Seldom::new(handle.shutting_down());
    let served = tokio::select! {
        biased;
        () = &mut closing => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                served = until_left(serving.as_mut(), &exit) => served,
                () = connection.overdue() => Ok(None),
            }
        }
        served = until_left(serving.as_mut(), &exit) => served,
    };
    // With its buffers.
    drop(serving);
    let written = match served {
        Ok(Some(io)) => match stream.take() {
            Some(stream) => stream.write(io).await,
            None => Ok(()),
        },
        Ok(None) => Ok(()),
        Err(error) => Err(io::Error::other(error)),
    };
    if let Err(error) = written {
        tracing::debug!(%error, "connection failed");
    }
}

/// The event stream that is written after HTTP has left the connection.
#[derive(Clone, Default)]
struct StreamSlot(Arc<Mutex<Option<EventStream>>>);

impl StreamSlot {
    fn set(&self, stream: EventStream) {
        let before = self.lock().replace(stream);
        drop(before);
    }

    fn take(&self) -> Option<EventStream> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<EventStream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves HTTP until the connection is over, or left: then it returns the transport.
async fn until_left<I, E>(
    mut serving: Pin<&mut impl Future<Output = Result<(), E>>>,
    exit: &Exit<I>,
) -> Result<Option<I>, E> {
    poll_fn(|cx| match serving.as_mut().poll(cx) {
        Poll::Ready(served) => Poll::Ready(served.map(|()| None)),
        Poll::Pending => match exit.take() {
            Some(io) => Poll::Ready(Ok(Some(io))),
            None => Poll::Pending,
        },
    })
    .await
}

/// Answers a request. Over HTTP/1 the end of the client's sending side does not end that at once.
fn respond(
    router: Router,
    mut request: Request<Incoming>,
    connection: &ConnectionHandle,
    stream: StreamSlot,
) -> impl Future<Output = io::Result<Response>> + Send + use<> {
    // HTTP/2 has many streams on a connection, and ends each by itself.
    connection.set_requested();
    let is_http1 = request.version() != Version::HTTP_2;
    if is_http1 {
        request.extensions_mut().insert(connection.clone());
    }
    // Begins now: behind the request the end may have arrived already.
    let patience = is_http1.then(|| patience(connection));
    let answer = answer(router, request);
    let connection = connection.clone();
    async move {
        let Some(patience) = patience else {
            return answer.await;
        };
        let mut answer = tokio::select! {
            answer = answer => answer,
            gone = patience => Err(gone),
        }?;
        if let Some(events) = EventStream::take_from(&mut answer, &connection) {
            stream.set(events);
        }
        Ok(answer)
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

/// Waits until a client that has ended its sending side has waited long enough for the head of an
/// answer. Whether it has gone altogether cannot be seen.
fn patience(connection: &ConnectionHandle) -> impl Future<Output = io::Error> + Send + use<> {
    let (hold, half_closed) = (connection.hold(), connection.half_closed());
    async move {
        let _hold = hold;
        half_closed.await;
        sleep(HALF_CLOSED_TIMEOUT).await;
        io::ErrorKind::ConnectionAborted.into()
    }
}

async fn answer(mut router: Router, request: Request<Incoming>) -> io::Result<Response> {
    // A query may carry a token: only the path is logged.
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = match router.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    tracing::info!(%method, %path, status = response.status().as_u16(), "request");
    Ok(response)
}
