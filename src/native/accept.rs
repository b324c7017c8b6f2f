//! The server's side: accepting connections.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::handshake::server::{self, ErrorResponse},
};

use super::{
    Refusal, Request, Response,
    backend::{
        AdoptedLink, FramedLink, Link, NativeSocket,
        connect::{limits, refused},
        transport::{HandshakeTransport, Transport},
    },
};
use crate::{
    Error, WsMeta, WsStream,
    backend::Negotiated,
    options::{CONNECT_TIMEOUT, Options, option_setters},
    pair::{Core, within},
    target::frames::Role,
};

/// Accepts a WebSocket connection on a byte transport, with the default options.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// let (tcp, _) = listener.accept().await?;
/// let (meta, stream) = wsio::native::accept(tcp).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// See [`Acceptor::accept_with`].
pub async fn accept<S>(io: S) -> Result<(WsMeta, WsStream), Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    Acceptor::new().accept(io).await
}

/// Accepts a WebSocket connection after a look at the request, with the default options.
///
/// # Errors
///
/// See [`Acceptor::accept_with`].
pub async fn accept_with<S, F>(io: S, answer: F) -> Result<(WsMeta, WsStream), Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: FnOnce(&Request<'_>) -> Result<Response, Refusal> + Send,
{
    Acceptor::new().accept_with(io, answer).await
}

/// Adopts a WebSocket that tokio-tungstenite has opened, from either side, with whatever it has
/// already read. Its own configuration stays in force: sizes of messages and of its write buffer.
///
/// Its handshake being past, nothing is known of the URL and the subprotocol. `idle_timeout` and
/// `keepalive` count messages and control frames there, not bytes.
pub fn from_tungstenite<S>(socket: WebSocketStream<S>) -> (WsMeta, WsStream)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let acceptor = Acceptor::new();
    acceptor.open(Box::new(AdoptedLink::new(socket)), Negotiated::default())
}

/// Accepts connections with options of its own. Can be used for any number of connections.
///
/// ```no_run
/// use std::time::Duration;
/// use wsio::native::{Acceptor, Refusal, Response};
///
/// # async fn example(tcp: tokio::net::TcpStream) -> Result<(), wsio::Error> {
/// let acceptor = Acceptor::new().keepalive(Duration::from_secs(30), Duration::from_secs(10));
/// let (meta, stream) = acceptor
///     .accept_with(tcp, |request| {
///         if request.path() != "/chat" {
///             return Err(Refusal::new(404));
///         }
///         match request.protocols().find(|offered| *offered == "chat.v2") {
///             Some(chosen) => Ok(Response::new().protocol(chosen)),
///             None => Ok(Response::new()),
///         }
///     })
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "an acceptor does nothing until `accept` is called"]
pub struct Acceptor {
    options: Options,
    handshake_timeout: Option<Duration>,
    keepalive: Option<(Duration, Duration)>,
}

impl Default for Acceptor {
    fn default() -> Self {
        Self {
            options: Options::default(),
            handshake_timeout: Some(CONNECT_TIMEOUT),
            keepalive: None,
        }
    }
}

impl Acceptor {
    /// An acceptor with the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the client may take over the opening handshake; `None` for no limit. The default
    /// is 30 seconds.
    pub fn handshake_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.handshake_timeout = timeout.into();
        self
    }

    /// As [`Builder::keepalive`](crate::Builder::keepalive).
    pub fn keepalive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.keepalive = Some((interval, timeout));
        self
    }

    option_setters!();

    /// Accepts a connection, whatever it asks for, with no subprotocol.
    ///
    /// # Errors
    ///
    /// See [`Acceptor::accept_with`].
    pub async fn accept<S>(&self, io: S) -> Result<(WsMeta, WsStream), Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.accept_with(io, |_| Ok(Response::new())).await
    }

    /// Accepts a connection after a look at the request: `answer` chooses among the subprotocols,
    /// or refuses with an HTTP status.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::HandshakeRefused`](crate::ErrorKind::HandshakeRefused) if `answer` refused,
    /// with its status, or if the request was not one for a WebSocket;
    /// [`ErrorKind::Network`](crate::ErrorKind::Network) if the client went away;
    /// [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) after the handshake timeout;
    /// [`ErrorKind::InvalidOption`](crate::ErrorKind::InvalidOption).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the transport.
    pub async fn accept_with<S, F>(&self, io: S, answer: F) -> Result<(WsMeta, WsStream), Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        F: FnOnce(&Request<'_>) -> Result<Response, Refusal> + Send,
    {
        self.options.check()?;
        let mut negotiated = Negotiated::default();
        let callback = Answer {
            answer: Box::new(answer),
            negotiated: &mut negotiated,
        };
        let handshake = accept_hdr_async(HandshakeTransport::new(Box::new(io)), callback);
        let upgraded = within(self.handshake_timeout, handshake)
            .await?
            .map_err(refused)?;
        let (io, read) = upgraded.into_inner().into_parts();
        Ok(self.open_framed(io, Role::Server, &read, negotiated))
    }

    /// Adopts a transport on which somebody else has done the opening handshake: an HTTP server
    /// that has answered with 101. `url` is what was asked for, `protocol` what the answer chose,
    /// or nothing.
    pub async fn adopt<S>(
        &self,
        io: S,
        role: Role,
        url: impl Into<String>,
        protocol: impl Into<String>,
    ) -> Result<(WsMeta, WsStream), Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.options.check()?;
        let negotiated = Negotiated {
            url: url.into(),
            protocol: protocol.into(),
            extensions: String::new(),
        };
        Ok(self.open_framed(Box::new(io), role, &[], negotiated))
    }

    fn open_framed(
        &self,
        io: Box<dyn Transport>,
        role: Role,
        read: &[u8],
        negotiated: Negotiated,
    ) -> (WsMeta, WsStream) {
        let link = FramedLink::new(io, role, self.options.max_message_size, read);
        self.open(Box::new(link), negotiated)
    }

    fn open(&self, link: Box<dyn Link>, negotiated: Negotiated) -> (WsMeta, WsStream) {
        let socket = NativeSocket::new(link, limits(&self.options, self.keepalive));
        WsStream::pair(Core::new(socket, negotiated, &self.options))
    }
}

/// tungstenite's callback, around the user's; boxed, because it has to be `Unpin`.
struct Answer<'a, F> {
    answer: Box<F>,
    negotiated: &'a mut Negotiated,
}

impl<F> server::Callback for Answer<'_, F>
where
    F: FnOnce(&Request<'_>) -> Result<Response, Refusal>,
{
    fn on_request(
        self,
        request: &server::Request,
        mut response: server::Response,
    ) -> Result<server::Response, ErrorResponse> {
        let protocol = (self.answer)(&Request::new(request))
            .and_then(|answer| answer.apply(&mut response))
            .map_err(Refusal::into_response)?;
        self.negotiated.url = request.uri().to_string();
        self.negotiated.protocol = protocol;
        Ok(response)
    }
}
