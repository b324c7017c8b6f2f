//! A wire between the server and some of its routes, or other servers, which can be cut.

use std::{future::Future, io, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
    response::Response,
    serve::Listener,
};
use futures::{Stream, StreamExt, stream};
use hyper::{client::conn::http1, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, copy_bidirectional, duplex},
    sync::{broadcast, mpsc, watch},
};
use wsio_demo_exchange::servers::Passage;

use crate::Fleet;

/// The bytes that are on a wire at most, one way.
const CAPACITY: usize = 64 << 10;

/// Passes requests on to routes or servers as a proxy does, each over a connection of its own, so
/// that what it connects can be torn apart as by a failing network: a WebSocket without a Close
/// frame, an answer in the middle of its body. Neither the routes nor the server have a part in
/// that.
#[derive(Debug, Clone)]
pub struct Wire {
    far_end: FarEnd,
    cuts: broadcast::Sender<Option<String>>,
    passages: watch::Sender<Vec<Passage>>,
}

#[derive(Debug, Clone)]
enum FarEnd {
    Routes(mpsc::Sender<DuplexStream>),
    Servers(Arc<Fleet>),
}

impl Wire {
    /// Creates a wire to these routes, over connections in memory.
    #[must_use]
    pub fn to_routes(routes: Router) -> Self {
        let (to_routes, connections) = mpsc::channel(16);
        tokio::spawn(async move { axum::serve(Connections(connections), routes).await });
        Self::to(FarEnd::Routes(to_routes))
    }

    /// Creates a wire to servers, over which it spreads requests in turn. It passes over those that
    /// are not running.
    #[must_use]
    pub fn to_servers(fleet: Arc<Fleet>) -> Self {
        Self::to(FarEnd::Servers(fleet))
    }

    fn to(far_end: FarEnd) -> Self {
        Self {
            far_end,
            cuts: broadcast::Sender::new(16),
            passages: watch::Sender::new(Vec::new()),
        }
    }

    /// Cuts the connections of this client, or of all.
    pub fn cut(&self, client: Option<String>) {
        // That there are none is no failure.
        let _ = self.cuts.send(client);
    }

    /// Returns the connections to servers that are open, as they change.
    #[must_use]
    pub fn passages(&self) -> watch::Receiver<Vec<Passage>> {
        self.passages.subscribe()
    }

    /// Passes a request of this client on. It is answered with 502 if that cannot be done.
    pub(crate) async fn pass(&self, client: String, request: Request) -> Response {
        match self.try_pass(client, request).await {
            Ok(response) => response,
            Err(error) => {
                let mut response = Response::new(format!("{error:#}\n").into());
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                response
            }
        }
    }

    async fn try_pass(&self, client: String, request: Request) -> anyhow::Result<Response> {
        let cut = cut(self.cuts.subscribe(), client.clone());
        match &self.far_end {
            FarEnd::Routes(to_routes) => {
                let (near, far) = duplex(CAPACITY);
                to_routes.send(far).await?;
                pass(near, request, cut).await
            }
            FarEnd::Servers(fleet) => {
                let (server, near) = fleet.dial().await?;
                let passing = Passing::new(self.passages.clone(), Passage { client, server });
                let cut = async move {
                    let _passing = passing;
                    cut.await;
                };
                pass(near, request, cut).await
            }
        }
    }
}

/// Passes a request on over a connection, which lives until the cut.
async fn pass(
    near: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    mut request: Request,
    cut: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<Response> {
    let (mut requests, connection) = http1::handshake(TokioIo::new(near)).await?;
    tokio::spawn(connection.with_upgrades());
    let client = hyper::upgrade::on(&mut request);
    let mut response = requests.send_request(request).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let routes = hyper::upgrade::on(&mut response);
        tokio::spawn(connect(client, routes, cut));
        return Ok(response.map(|_| Body::empty()));
    }
    Ok(response.map(|body| Body::from_stream(until(cut, Body::new(body).into_data_stream()))))
}

/// A connection in the list of those that are open, until it is dropped.
struct Passing {
    list: watch::Sender<Vec<Passage>>,
    passage: Passage,
}

impl Passing {
    fn new(list: watch::Sender<Vec<Passage>>, passage: Passage) -> Self {
        list.send_modify(|open| open.push(passage.clone()));
        Self { list, passage }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.list.send_modify(|open| {
            if let Some(index) = open.iter().position(|it| *it == self.passage) {
                open.remove(index);
            }
        });
    }
}

/// Resolves when this client is cut off.
async fn cut(mut cuts: broadcast::Receiver<Option<String>>, client: String) {
    // One that has missed some may have missed its own.
    while let Ok(Some(other)) = cuts.recv().await {
        if other == client {
            return;
        }
    }
}

/// Connects two that have been upgraded, and leaves both where they are at the cut.
async fn connect(client: OnUpgrade, routes: OnUpgrade, cut: impl Future<Output = ()>) {
    let Ok((client, routes)) = futures::try_join!(client, routes) else {
        return;
    };
    let (mut client, mut routes) = (TokioIo::new(client), TokioIo::new(routes));
    tokio::select! {
        // However it ended, both are to know.
        _ = copy_bidirectional(&mut client, &mut routes) => {}
        () = cut => {}
    }
}

/// The body until the cut, which is an error, so that no end is sent.
fn until<S>(cut: impl Future<Output = ()>, body: S) -> impl Stream<Item = io::Result<Bytes>>
where
    S: Stream<Item = Result<Bytes, axum::Error>>,
{
    let torn = stream::once(async { Err(io::ErrorKind::ConnectionAborted.into()) });
    let body = body.map(|piece| piece.map_err(io::Error::other));
    body.take_until(cut).chain(torn)
}

/// The other end of a wire.
struct Connections(mpsc::Receiver<DuplexStream>);

impl Listener for Connections {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(connection) => (connection, ()),
            // Nobody is left to connect.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}
