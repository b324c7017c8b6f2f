//! Any user of a duplex byte stream works over a `WsIo`: B6.

use std::{future::poll_fn, io};

use bytes::Bytes;
use futures::{AsyncWriteExt as _, SinkExt, StreamExt, future::try_join_all, join};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::codec::{Framed, LinesCodec};
use wsio::{
    WsIo, WsMeta, WsStream,
    native::{Acceptor, Role},
};

use crate::{
    support::{LONG, pattern},
    tls::Identity,
};

type Pair = (WsMeta, WsStream);

/// The client's and the server's end of a connection over a pipe, past the handshake.
async fn ends(acceptor: &Acceptor) -> (Pair, Pair) {
    let (near, far) = duplex(16 * 1024);
    let client = acceptor.adopt(near, Role::Client, "", "").await.unwrap();
    let server = acceptor.adopt(far, Role::Server, "", "").await.unwrap();
    (client, server)
}

/// The same as bytes.
async fn io_ends() -> (WsIo, WsIo) {
    let ((_, client), (_, server)) = ends(&Acceptor::new()).await;
    (client.into_io(), server.into_io())
}

fn bytes(len: usize, salt: usize) -> Vec<u8> {
    (salt..salt + len).map(pattern).collect()
}

async fn send<W: AsyncWrite + Unpin>(mut write: W, len: usize, salt: usize) -> W {
    let sent = bytes(len, salt);
    write.write_all(&sent).await.unwrap();
    write.flush().await.unwrap();
    write
}

async fn receive<R: AsyncRead + Unpin>(mut read: R, len: usize, salt: usize) -> R {
    let mut received = vec![0; len];
    read.read_exact(&mut received).await.unwrap();
    assert!(received == bytes(len, salt));
    read
}

/// Sends `len` bytes in each direction, all at the same time, in a task for each half.
async fn exchange<A, B>(near: A, far: B, len: usize) -> (A, B)
where
    A: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (near_read, near_write) = tokio::io::split(near);
    let (far_read, far_write) = tokio::io::split(far);
    let tasks = async {
        tokio::try_join!(
            tokio::spawn(send(near_write, len, 0)),
            tokio::spawn(send(far_write, len, 100)),
            tokio::spawn(receive(near_read, len, 100)),
            tokio::spawn(receive(far_read, len, 0)),
        )
    };
    let done = tokio::time::timeout(LONG, tasks).await.unwrap();
    let (near_write, far_write, near_read, far_read) = done.unwrap();
    (near_read.unsplit(near_write), far_read.unsplit(far_write))
}

#[tokio::test]
async fn b6_tls_runs_inside() {
    let (near, far) = io_ends().await;
    let identity = Identity::of("inner.example");
    let name = "inner.example".try_into().unwrap();
    let connecting = TlsConnector::from(identity.client.clone()).connect(name, near);
    let accepting = TlsAcceptor::from(identity.server.clone()).accept(far);
    let (near, far) = join!(connecting, accepting);
    let (mut near, mut far) = exchange(near.unwrap(), far.unwrap(), 1 << 20).await;

    // TLS has an end of its own; that of the connection below needs both ends.
    let ending = async {
        assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0);
        far.shutdown().await
    };
    let (shut, ended) = join!(near.shutdown(), ending);
    shut.unwrap();
    ended.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b6_two_tasks_read_and_write_at_once() {
    let (near, far) = io_ends().await;
    let (mut near, mut far) = exchange(near, far, 4 << 20).await;
    let (shut, end) = join!(near.shutdown(), far.read_u8());
    shut.unwrap();
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn b6_a_proxy_stands_between_two_connections() {
    const LEN: usize = 1 << 20;
    let (near, mut inward) = io_ends().await;
    let (mut outward, far) = io_ends().await;
    let proxy =
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut inward, &mut outward).await });
    let (mut near, mut far) = exchange(near, far, LEN).await;
    let mut rest = Vec::new();
    let (shut, end) = join!(near.shutdown(), far.read_to_end(&mut rest));
    shut.unwrap();
    assert_eq!(end.unwrap(), 0);
    let copied = proxy.await.unwrap().unwrap();
    assert_eq!(copied, (LEN as u64, LEN as u64));
}

#[tokio::test]
async fn b6_lines_in_both_directions() {
    // A line is several messages.
    let acceptor = Acceptor::new().write_chunk(5);
    let ((_, near), (_, far)) = ends(&acceptor).await;
    let mut near = Framed::new(near.into_io(), LinesCodec::new());
    let mut far = Framed::new(far.into_io(), LinesCodec::new());
    let answering = async {
        while let Some(line) = far.next().await {
            far.send(line.unwrap().to_uppercase()).await.unwrap();
        }
    };
    let asking = async {
        for n in 0..500 {
            near.send(format!("line {n} with ünïcode")).await.unwrap();
            let answer = near.next().await.unwrap().unwrap();
            assert_eq!(answer, format!("LINE {n} WITH ÜNÏCODE"));
        }
        SinkExt::<String>::close(&mut near).await.unwrap();
        assert!(near.next().await.is_none());
    };
    join!(answering, asking);
}

#[tokio::test]
async fn b6_http2_requests_and_responses() {
    let (near, far) = io_ends().await;
    let server = tokio::spawn(serve_http2(far));
    let (client, connection) = h2::client::handshake(near).await.unwrap();
    let connection = tokio::spawn(connection);

    for (round, len) in [1, 1 << 20, 100_000].into_iter().enumerate() {
        let mut client = client.clone().ready().await.unwrap();
        let uri = format!("http://inner.example/{round}");
        let request = http::Request::post(uri).body(()).unwrap();
        let (response, mut body) = client.send_request(request, false).unwrap();
        body.send_data(bytes(len, round).into(), true).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-path"], format!("/{round}"));
        let answer = collect(response.into_body()).await;
        let (received, rest) = answer.split_at(len);
        assert!(received == bytes(len, round) && rest == bytes(1 << 20, 7));
    }
    drop(client);
    connection.await.unwrap().unwrap();
    server.await.unwrap();
}

/// Answers every request with its body and 1 MiB more.
async fn serve_http2(io: WsIo) {
    let mut connection = h2::server::handshake(io).await.unwrap();
    while let Some(request) = connection.accept().await {
        let (request, mut respond) = request.unwrap();
        tokio::spawn(async move {
            let path = request.uri().path().to_owned();
            let received = collect(request.into_body()).await;
            let response = http::Response::builder().header("x-path", path);
            let mut body = respond
                .send_response(response.body(()).unwrap(), false)
                .unwrap();
            body.send_data(received.into(), false).unwrap();
            body.send_data(Bytes::from(bytes(1 << 20, 7)), true)
                .unwrap();
        });
    }
}

async fn collect(mut body: h2::RecvStream) -> Vec<u8> {
    let mut collected = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        collected.extend_from_slice(&data);
    }
    collected
}

#[tokio::test]
async fn b6_yamux_streams_in_both_directions() {
    let (near, far) = io_ends().await;
    let near = tokio::spawn(multiplex(near, yamux::Mode::Client));
    let far = tokio::spawn(multiplex(far, yamux::Mode::Server));
    // Both ends open streams, and each echoes those of the other.
    let mut using = Vec::new();
    let mut connections = Vec::new();
    for end in [near, far] {
        let (streams, connection) = end.await.unwrap();
        connections.push(connection);
        using.extend(streams.into_iter().enumerate().map(|(salt, stream)| {
            tokio::spawn(tokio::time::timeout(LONG, ask_for_an_echo(stream, salt)))
        }));
    }
    for used in try_join_all(using).await.unwrap() {
        used.unwrap();
    }
    for connection in connections {
        connection.abort();
    }
}

async fn ask_for_an_echo(stream: yamux::Stream, salt: usize) {
    let sent = bytes(400_000, salt);
    let (mut read, mut write) = futures::AsyncReadExt::split(stream);
    let writing = async {
        write.write_all(&sent).await.unwrap();
        write.close().await.unwrap();
    };
    let mut received = Vec::new();
    let (read, ()) = join!(
        futures::AsyncReadExt::read_to_end(&mut read, &mut received),
        writing
    );
    read.unwrap();
    assert!(received == sent);
}

/// Opens four streams, and echoes the peer's in the background.
async fn multiplex(
    io: WsIo,
    mode: yamux::Mode,
) -> (Vec<yamux::Stream>, tokio::task::JoinHandle<()>) {
    let mut connection = yamux::Connection::new(io, yamux::Config::default(), mode);
    let mut streams = Vec::new();
    for _ in 0..4 {
        let opened = poll_fn(|cx| connection.poll_new_outbound(cx)).await;
        streams.push(opened.unwrap());
    }
    let echoing = tokio::spawn(async move {
        while let Some(stream) = poll_fn(|cx| connection.poll_next_inbound(cx)).await {
            let (read, mut write) = futures::AsyncReadExt::split(stream.unwrap());
            tokio::spawn(async move {
                futures::io::copy(read, &mut write).await.unwrap();
                write.close().await.unwrap();
            });
        }
    });
    (streams, echoing)
}
