//! Everybody who decodes event streams, each driven by what it has for that.

use std::{
    convert::Infallible,
    future,
    pin::pin,
    time::{Duration, Instant},
};

use anyhow::Result;
use bytes::Bytes;
use eventsource_client::{Client as _, ClientBuilder, Error, ReconnectOptions, SSE};
use eventsource_stream::Eventsource as _;
use futures::{Stream, StreamExt, stream};
use launchdarkly_sdk_transport::{ByteStream, HttpTransport, ResponseFuture};
use sse_stream::SseByteStream;
use tokio_util::{codec::FramedRead, io::StreamReader};
use wsio::sse::{SseCodec, SseDecoder, SseItem, SseReader};

/// Everybody who is measured, and first who the others are compared with.
pub(crate) const DECODERS: &[Decoder] = &[
    Decoder::Reader,
    Decoder::Codec,
    Decoder::Feed,
    Decoder::EventsourceStream,
    Decoder::SseStream,
    Decoder::EventsourceClient,
];

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Decoder {
    /// `SseReader`, over a stream of pieces like the other crates.
    Reader,
    /// `SseCodec`, as for an HTTP body.
    Codec,
    /// `SseDecoder`, fed by hand.
    Feed,
    /// `eventsource_stream`.
    EventsourceStream,
    /// `sse_stream`.
    SseStream,
    /// `eventsource_client`. Its parser is private: it is reached through the client, connected to
    /// a transport that answers with the stream at once.
    EventsourceClient,
}

impl Decoder {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reader => "wsio",
            Self::Codec => "wsio, SseCodec",
            Self::Feed => "wsio, SseDecoder",
            Self::EventsourceStream => "eventsource-stream",
            Self::SseStream => "sse-stream",
            Self::EventsourceClient => "eventsource-client",
        }
    }

    /// Decodes all the pieces and hands out every event's name, data and id, which is empty if
    /// there is none.
    pub(crate) async fn run(
        self,
        pieces: Vec<Bytes>,
        mut each: impl FnMut(&str, &str, &str),
    ) -> Result<Duration> {
        let mut item = |item| {
            if let SseItem::Event(event) = item {
                let id = event.id.as_deref().unwrap_or_default();
                each(&event.name, &event.data, id);
            }
        };
        match self {
            Self::Reader => drain(SseReader::new(body(pieces)), item).await,
            Self::Codec => {
                let body = body(pieces).map(|piece| piece.map_err(std::io::Error::other));
                drain(
                    FramedRead::new(StreamReader::new(body), SseCodec::new()),
                    item,
                )
                .await
            }
            Self::Feed => {
                let mut decoder = SseDecoder::new();
                let begin = Instant::now();
                for piece in pieces {
                    decoder.feed(&piece);
                    while let Some(next) = decoder.next().transpose()? {
                        item(next);
                    }
                }
                Ok(begin.elapsed())
            }
            Self::EventsourceStream => {
                let events = body(pieces).eventsource();
                drain(events, |it| each(&it.event, &it.data, &it.id)).await
            }
            Self::SseStream => {
                let blocks = SseByteStream::new(body(pieces));
                drain(blocks, |block| {
                    let name = block.event.as_deref().unwrap_or("message");
                    let data = block.data.as_deref().unwrap_or_default();
                    each(name, data, block.id.as_deref().unwrap_or_default());
                })
                .await
            }
            Self::EventsourceClient => eventsource_client(pieces, each).await,
        }
    }
}

fn body(pieces: Vec<Bytes>) -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin {
    stream::iter(pieces).map(Ok)
}

async fn drain<T, E>(
    events: impl Stream<Item = Result<T, E>>,
    mut each: impl FnMut(T),
) -> Result<Duration>
where
    anyhow::Error: From<E>,
{
    let mut events = pin!(events);
    let begin = Instant::now();
    while let Some(event) = events.next().await {
        each(event?);
    }
    Ok(begin.elapsed())
}

async fn eventsource_client(
    pieces: Vec<Bytes>,
    mut each: impl FnMut(&str, &str, &str),
) -> Result<Duration> {
    let client = ClientBuilder::for_url("http://localhost/")?
        .reconnect(ReconnectOptions::reconnect(false).build())
        .build_with_transport(Canned(pieces));
    let mut events = client.stream();
    // It has the body from here on.
    events.next().await.transpose()?;
    let begin = Instant::now();
    loop {
        match events.next().await {
            Some(Ok(SSE::Event(event))) => {
                let id = event.id.as_deref().unwrap_or_default();
                each(&event.event_type, &event.data, id);
            }
            Some(Ok(_)) => {}
            Some(Err(Error::Eof)) | None => return Ok(begin.elapsed()),
            Some(Err(error)) => return Err(error.into()),
        }
    }
}

/// Answers every request with a stream of these pieces.
#[derive(Clone)]
struct Canned(Vec<Bytes>);

impl HttpTransport for Canned {
    fn request(&self, _request: http::Request<Option<Bytes>>) -> ResponseFuture {
        let body: ByteStream = Box::pin(stream::iter(self.0.clone()).map(Ok));
        Box::pin(future::ready(Ok(http::Response::new(body))))
    }
}
