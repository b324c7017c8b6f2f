//! A wire between the server and some of its routes, which can be cut.

use std::{future::Future, io};

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
    io::{DuplexStream, copy_bidirectional, duplex},
    sync::{broadcast, mpsc},
};

/// The bytes that are on a wire at most, one way.
const CAPACITY: usize = 64 << 10;

/// Passes requests on to routes as a proxy does, each over a connection in memory, so that what
/// it connects can be torn apart as by a failing network: a WebSocket without a Close frame, an
/// answer in the middle of its body. Neither the routes nor the server have a part in that.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    to_routes: mpsc::Sender<DuplexStream>,
    cuts: broadcast::Sender<Option<String>>,
}

impl Wire {
    /// A wire to these routes.
    pub(crate) fn to(routes: Router) -> Self {
        let (to_routes, connections) = mpsc::channel(16);
        tokio::spawn(async move { axum::serve(Connections(connections), routes).await });
        Self {
            to_routes,
            cuts: broadcast::Sender::new(16),
        }
    }

    /// Cuts the connections of this client, or of all.
    pub(crate) fn cut(&self, client: Option<String>) {
        // That there are none is no failure.
        let _ = self.cuts.send(client);
    }

    /// Passes a request of this client on. It is answered with 502 if that cannot be done.
    pub(crate) async fn pass(&self, client: String, request: Request) -> Response {
        let cut = cut(self.cuts.subscribe(), client);
        match self.try_pass(request, cut).await {
            Ok(response) => response,
            Err(error) => {
                eprintln!("a request cannot be passed on: {error:#}");
                let mut response = Response::default();
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                response
            }
        }
    }

    async fn try_pass(
        &self,
        mut request: Request,
        cut: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<Response> {
        let (near, far) = duplex(CAPACITY);
        self.to_routes.send(far).await?;
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
