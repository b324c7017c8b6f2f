//! A client for event streams over either transport, with bare hyper and bare tokio-tungstenite.

use std::net::SocketAddr;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use wsio::sse::{SseDecoder, SseEvent, SseItem, upstream};

use super::{Client, connect_to, soon};

pub use self::Transport::{Http, WebSocket};

pub const BOTH: [Transport; 2] = [Http, WebSocket];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Http,
    WebSocket,
}

/// How an event stream has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Over HTTP the orderly end of the body.
    Body,
    /// Over WebSocket a Close frame.
    Code(u16),
    /// Anything else.
    BrokenOff,
}

/// An event stream that is open.
pub struct Feed {
    source: Source,
    decoder: SseDecoder,
}

enum Source {
    Http(Incoming),
    WebSocket(Box<Client>),
}

impl Feed {
    pub async fn item(&mut self) -> Result<SseItem, End> {
        loop {
            if let Some(item) = self.decoder.next() {
                return Ok(item.expect("an item"));
            }
            let bytes = self.bytes().await?;
            self.decoder.feed(&bytes);
        }
    }

    /// The next chunk or message.
    pub async fn bytes(&mut self) -> Result<Bytes, End> {
        match &mut self.source {
            Source::Http(body) => match soon(body.frame()).await {
                Some(Ok(frame)) => Ok(frame.into_data().expect("data")),
                Some(Err(_)) => Err(End::BrokenOff),
                None => Err(End::Body),
            },
            Source::WebSocket(client) => match soon(client.next()).await {
                Some(Ok(Message::Binary(bytes))) => Ok(bytes),
                Some(Ok(Message::Close(Some(frame)))) => Err(End::Code(frame.code.into())),
                Some(Ok(Message::Close(None))) => Err(End::Code(1005)),
                Some(Ok(other)) => panic!("{other:?}"),
                Some(Err(_)) | None => Err(End::BrokenOff),
            },
        }
    }

    /// The next event; ids by themselves and comments are passed over.
    pub async fn event(&mut self) -> Result<SseEvent, End> {
        loop {
            if let SseItem::Event(event) = self.item().await? {
                return Ok(event);
            }
        }
    }

    /// The data of the next events.
    pub async fn data(&mut self, events: usize) -> Vec<String> {
        let mut data = Vec::new();
        for _ in 0..events {
            data.push(self.event().await.expect("an event").data);
        }
        data
    }

    /// Everything up to the end.
    pub async fn rest(&mut self) -> (Vec<SseItem>, End) {
        let mut items = Vec::new();
        loop {
            match self.item().await {
                Ok(item) => items.push(item),
                Err(end) => return (items, end),
            }
        }
    }

    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id().unwrap_or_default()
    }

    /// Sends bytes, over WebSocket.
    pub async fn send(&mut self, bytes: impl Into<Bytes>) {
        let Source::WebSocket(client) = &mut self.source else {
            panic!("nothing can be sent over HTTP");
        };
        let message = Message::Binary(bytes.into());
        soon(client.send(message)).await.expect("sends");
    }
}

/// Opens an event stream, and waits until it begins, with the id of the place in the log.
pub async fn begin(transport: Transport, server: SocketAddr, route: &str) -> Feed {
    let mut feed = open(transport, server, route).await;
    let mut item = feed.item().await;
    if item == Ok(SseItem::Comment(upstream::OFFER.to_owned())) {
        item = feed.item().await;
    }
    match item {
        Ok(SseItem::Id(_)) => feed,
        other => panic!("{transport:?} {route} begins elsewhere: {other:?}"),
    }
}

pub async fn open(transport: Transport, server: SocketAddr, route: &str) -> Feed {
    open_with(transport, server, route, &[]).await
}

pub async fn open_with(
    transport: Transport,
    server: SocketAddr,
    route: &str,
    headers: &[(&'static str, &str)],
) -> Feed {
    let source = match transport {
        Http => {
            let response = get(server, route, headers).await;
            assert_eq!(response.status(), StatusCode::OK, "{route}");
            Source::Http(response.into_body())
        }
        WebSocket => match connect_to(server, route, headers).await {
            Ok((client, _)) => Source::WebSocket(Box::new(client)),
            Err(refused) => panic!("{route}: {refused:?}"),
        },
    };
    Feed {
        source,
        decoder: SseDecoder::new(),
    }
}

pub async fn get(
    server: SocketAddr,
    route: &str,
    headers: &[(&'static str, &str)],
) -> Response<Incoming> {
    request(server, Method::GET, route, headers, "").await
}

/// A request on a connection of its own, which ends with the body of the answer.
pub async fn request(
    server: SocketAddr,
    method: Method,
    route: &str,
    headers: &[(&'static str, &str)],
    body: impl Into<Bytes>,
) -> Response<Incoming> {
    let tcp = soon(TcpStream::connect(server)).await.expect("connects");
    let (mut sender, connection) = soon(http1::handshake(TokioIo::new(tcp)))
        .await
        .expect("handshake");
    // Its error is also that of the body.
    tokio::spawn(connection);
    let mut request = Request::new(Full::new(body.into()));
    *request.method_mut() = method;
    *request.uri_mut() = route.parse().expect("a path");
    let host = server.to_string();
    for (name, value) in [("host", &*host)].iter().chain(headers) {
        let value = value.parse().expect("a value");
        request.headers_mut().append(*name, value);
    }
    soon(sender.send_request(request)).await.expect("an answer")
}

/// Publishes an event; its id.
pub async fn publish(server: SocketAddr, query: &str, data: impl Into<Bytes>) -> String {
    let route = format!("/events/publish?{query}");
    let response = request(server, Method::POST, &route, &[], data).await;
    assert_eq!(response.status(), StatusCode::OK);
    text(response).await
}

/// The whole body.
pub async fn text(response: Response<Incoming>) -> String {
    let body = soon(response.into_body().collect()).await.expect("a body");
    String::from_utf8(body.to_bytes().into()).expect("UTF-8")
}

pub async fn json(response: Response<Incoming>) -> serde_json::Value {
    let text = text(response).await;
    serde_json::from_str(&text).expect("JSON")
}

/// The one value of a header.
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().expect("ASCII");
    assert!(values.next().is_none(), "{name} is there twice");
    Some(value)
}
