//! The server's side: accepting connections, and adopting those that something else has accepted.

use std::{future::ready, time::Duration};

use http::Response;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;

use super::{
    Refusal, UpgradeRequest, UpgradeResponse,
    backend::{
        AdoptedLink, FramedLink, Link, NativeSocket,
        connect::limits,
        server_handshake::{self, Unopened},
        transport::ByteTransport,
    },
};
use crate::{
    Error, WsMeta, WsStream, address,
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

/// Accepts or refuses a WebSocket connection as `answer` decides, with the default options.
///
/// # Errors
///
/// See [`Acceptor::accept_with`].
pub async fn accept_with<S, F, A>(io: S, answer: F) -> Result<(WsMeta, WsStream), Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: FnOnce(UpgradeRequest) -> A,
    A: Future<Output = Result<UpgradeResponse, Refusal>>,
{
    Acceptor::new().accept_with(io, answer).await
}

/// Adopts a WebSocket that tokio-tungstenite has opened, with the default options. See
/// [`Acceptor::adopt_tungstenite`].
pub fn from_tungstenite<S>(socket: WebSocketStream<S>) -> (WsMeta, WsStream)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    Acceptor::new().open_tungstenite(socket)
}

/// Accepts and adopts connections with options. It can be used for any number of them.
///
/// ```no_run
/// use std::time::Duration;
/// use wsio::native::{Acceptor, Refusal, UpgradeResponse, http::StatusCode};
///
/// # async fn is_known(_: Option<&str>) -> bool { true }
/// # async fn example(tcp: tokio::net::TcpStream) -> Result<(), wsio::Error> {
/// let acceptor = Acceptor::new()
///     .protocols(["chat.v2", "chat.v1"])
///     .keepalive(Duration::from_secs(30), Duration::from_secs(10));
/// let (meta, stream) = acceptor
///     .accept_with(tcp, async |request| {
///         if request.path() != "/chat" {
///             return Err(Refusal::new(StatusCode::NOT_FOUND));
///         }
///         if !is_known(request.header("authorization")).await {
///             return Err(Refusal::new(StatusCode::UNAUTHORIZED));
///         }
///         Ok(UpgradeResponse::new())
///     })
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "an acceptor does nothing until `accept` is called"]
pub struct Acceptor {
    options: Options,
    protocols: Vec<String>,
    handshake_timeout: Option<Duration>,
    keepalive: Option<(Duration, Duration)>,
}

impl Default for Acceptor {
    fn default() -> Self {
        Self {
            options: Options::default(),
            protocols: Vec::new(),
            handshake_timeout: Some(CONNECT_TIMEOUT),
            keepalive: None,
        }
    }
}

impl Acceptor {
    /// Creates an acceptor with the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the subprotocols that this server supports; none by default.
    ///
    /// The client's preferred one among them is selected, whatever their order here. A client that
    /// offers others only is accepted without a subprotocol, and closes the connection then, as
    /// every browser does.
    pub fn protocols(mut self, protocols: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Limits the time for the opening handshake, including the program's answer; `None` for no
    /// limit. The default is 30 seconds.
    pub fn handshake_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.handshake_timeout = timeout.into();
        self
    }

    /// Sends Pings to a silent peer, as [`Builder::keepalive`](crate::Builder::keepalive) does.
    pub fn keepalive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.keepalive = Some((interval, timeout));
        self
    }

    option_setters!();

    /// Accepts a connection for any path and from any origin.
    ///
    /// # Errors
    ///
    /// See [`Acceptor::accept_with`].
    pub async fn accept<S>(&self, io: S) -> Result<(WsMeta, WsStream), Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.accept_with(io, |_| ready(Ok(UpgradeResponse::new())))
            .await
    }

    /// Accepts or refuses a connection as `answer` decides, which gets the request and may wait.
    ///
    /// A request that is not one for a WebSocket never reaches `answer`. It is refused with status
    /// 400, 405, 426 or 431 (RFC 6455 § 4.2). After a refusal the client gets a second to read it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::HandshakeRefused`](crate::ErrorKind::HandshakeRefused) if the connection was
    /// refused, with the status and a [`RefusedHandshake`](super::RefusedHandshake) as the source;
    /// [`ErrorKind::Network`](crate::ErrorKind::Network) if the client disconnected;
    /// [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) after the handshake timeout;
    /// [`ErrorKind::InvalidOption`](crate::ErrorKind::InvalidOption) and
    /// [`ErrorKind::InvalidProtocol`](crate::ErrorKind::InvalidProtocol) before anything is read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the transport.
    pub async fn accept_with<S, F, A>(&self, io: S, answer: F) -> Result<(WsMeta, WsStream), Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        F: FnOnce(UpgradeRequest) -> A,
        A: Future<Output = Result<UpgradeResponse, Refusal>>,
    {
        self.options.check()?;
        address::check_protocols(&self.protocols)?;
        let mut io: Box<dyn ByteTransport> = Box::new(io);
        let handshake = self.handshake(&mut io, answer);
        match within(self.handshake_timeout, handshake).await? {
            Ok((negotiated, read)) => Ok(self.open_framed(io, Role::Server, &read, negotiated)),
            Err(Unopened::Refused(response)) => Err(server_handshake::refuse(io, *response).await),
            Err(Unopened::Broken(error)) => Err(server_handshake::broken(error)),
        }
    }

    /// Runs the opening handshake. Returns what it settled, and the bytes that were read behind it.
    async fn handshake<F, A>(
        &self,
        io: &mut Box<dyn ByteTransport>,
        answer: F,
    ) -> Result<(Negotiated, Vec<u8>), Unopened>
    where
        F: FnOnce(UpgradeRequest) -> A,
        A: Future<Output = Result<UpgradeResponse, Refusal>>,
    {
        let refused = |refusal: Refusal| Unopened::Refused(Box::new(refusal.into_response()));
        let (request, read) = server_handshake::read_request(io).await?;
        let url = request.uri().to_string();
        let mut response: Response<()> = server_handshake::switch(&request);
        let request = UpgradeRequest::new(request);
        let preferred = request.preferred_of(&self.protocols);
        let answer = answer(request).await.map_err(refused)?;
        let protocol = answer.complete(&mut response, preferred).map_err(refused)?;
        server_handshake::write_head(io, &response).await?;
        let negotiated = Negotiated {
            url,
            protocol: protocol.unwrap_or_default(),
            extensions: String::new(),
        };
        Ok((negotiated, read))
    }

    /// Adopts a transport on which something else has done the opening handshake: an HTTP server
    /// that has answered with status 101, for example. `url` is the one that was requested,
    /// `protocol` the selected one, or empty.
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

    /// Adopts a WebSocket that tokio-tungstenite has opened, from either side, with everything that
    /// it has already read.
    ///
    /// Its own configuration applies to the sizes of messages and frames, instead of
    /// [`max_message_size`](Self::max_message_size). A message that does not fit into its write
    /// buffer is sent in fragments. `idle_timeout` and `keepalive` count messages and control
    /// frames, not bytes. [`WsMeta::url`] and [`WsMeta::protocol`] are unknown.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidOption`](crate::ErrorKind::InvalidOption).
    pub fn adopt_tungstenite<S>(
        &self,
        socket: WebSocketStream<S>,
    ) -> Result<(WsMeta, WsStream), Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.options.check()?;
        Ok(self.open_tungstenite(socket))
    }

    fn open_tungstenite<S>(&self, socket: WebSocketStream<S>) -> (WsMeta, WsStream)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.open(Box::new(AdoptedLink::new(socket)), Negotiated::default())
    }

    fn open_framed(
        &self,
        io: Box<dyn ByteTransport>,
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
