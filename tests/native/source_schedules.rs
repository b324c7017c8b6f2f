//! R8. An event source and a server that confirms, under schedules that look random: connections
//! that break anywhere, that take and flush what they like, and say what they are when they like.

use std::{
    collections::{HashMap, VecDeque},
    future::{Ready, ready},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Sink, SinkExt, Stream, StreamExt, future::join};
use wsio::sse::{
    Attempt, Connector, EventSource, SourceError, SseDecoder, SseEvent, SseItem, upstream,
};

use crate::script::{broken, seconds, steady};

const EVENTS: u32 = 40;

/// A server, or several of one log.
#[derive(Clone)]
struct Model(Arc<Mutex<ModelState>>);

struct ModelState {
    random: u64,
    seen: HashMap<String, u64>,
    handled: Vec<String>,
    connections: u32,
}

impl Model {
    fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(ModelState {
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            seen: HashMap::new(),
            handled: Vec::new(),
            connections: 0,
        })))
    }

    fn roll(&self, sides: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        state.random ^= state.random << 13;
        state.random ^= state.random >> 7;
        state.random ^= state.random << 17;
        state.random % sides
    }
}

impl Connector for Model {
    type Error = SourceError;
    type Body = ModelBody;
    type Connecting = Ready<Result<ModelBody, SourceError>>;

    fn connect(&mut self, _: Attempt) -> Self::Connecting {
        if self.roll(5) == 0 {
            return ready(Err(broken()));
        }
        self.0.lock().unwrap().connections += 1;
        ready(Ok(ModelBody {
            model: self.clone(),
            has_offered: false,
            in_transit: VecDeque::new(),
            decoder: SseDecoder::new(),
            source: None,
            unconfirmed: None,
        }))
    }
}

struct ModelBody {
    model: Model,
    has_offered: bool,
    /// What the client has sent and the server has not read.
    in_transit: VecDeque<Bytes>,
    decoder: SseDecoder,
    source: Option<(String, u64)>,
    unconfirmed: Option<u64>,
}

impl ModelBody {
    /// Reads a piece, and handles its events.
    fn handle(&mut self) {
        let Some(piece) = self.in_transit.pop_front() else {
            return;
        };
        self.decoder.feed(&piece);
        for item in self.decoder.by_ref() {
            let mut state = self.model.0.lock().unwrap();
            match item.unwrap() {
                SseItem::Comment(comment) => {
                    let (id, first) = upstream::parse_source(&comment).unwrap();
                    assert!(self.source.is_none());
                    self.source = Some((id.to_owned(), first));
                }
                SseItem::Event(event) => {
                    let (id, next) = self.source.as_mut().unwrap();
                    let seen = state.seen.entry(id.clone()).or_default();
                    // Nothing is left out.
                    assert!(*next <= *seen + 1, "{next} after {seen}");
                    let is_new = *next > *seen;
                    *seen = (*seen).max(*next);
                    self.unconfirmed = Some(*next);
                    *next += 1;
                    if is_new {
                        state.handled.push(event.data);
                    }
                }
                item => panic!("{item:?}"),
            }
        }
    }
}

impl Stream for ModelBody {
    type Item = Result<Bytes, SourceError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match this.model.roll(12) {
            0 => return Poll::Ready(Some(Err(broken()))),
            1 => return Poll::Ready(None),
            2..=5 => this.handle(),
            6..=8 if !this.has_offered => {
                this.has_offered = true;
                let offer = format!(": {}\n\n", upstream::OFFER);
                return Poll::Ready(Some(Ok(offer.into())));
            }
            9 if this.has_offered => {
                return Poll::Ready(Some(Ok("data: down\n\n: beat\n\n".into())));
            }
            10.. if this.has_offered => {
                if let Some(number) = this.unconfirmed.take() {
                    let comment = format!(": {}\n\n", upstream::handled_comment(number));
                    return Poll::Ready(Some(Ok(comment.into())));
                }
            }
            _ => {}
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl ModelBody {
    fn poll_sink(&self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        match self.model.roll(8) {
            0 => Poll::Ready(Err(broken())),
            1..=3 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl Sink<Bytes> for ModelBody {
    type Error = SourceError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.poll_sink(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, bytes: Bytes) -> Result<(), SourceError> {
        self.in_transit.push_back(bytes);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.poll_sink(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        assert!(self.in_transit.is_empty());
        Poll::Ready(Ok(()))
    }
}

fn source(model: &Model) -> EventSource<Model> {
    let reconnect = steady().backoff_factor(1.0);
    let builder = EventSource::builder(model.clone()).reconnect(reconnect);
    builder.send_limit(60).build()
}

fn check(seed: u64, model: &Model) {
    let state = model.0.lock().unwrap();
    let expected: Vec<_> = (0..EVENTS).map(|number| number.to_string()).collect();
    assert_eq!(state.handled, expected, "seed {seed}");
    assert!(state.connections > 1, "seed {seed}");
}

/// Closes the sink while the stream is read, or while nobody reads it.
async fn run(seed: u64, reads_on: bool) {
    let model = Model::new(seed);
    let (mut sink, mut stream) = source(&model).split();
    let (done, mut is_done) = tokio::sync::oneshot::channel();
    let sending = async {
        for number in 0..EVENTS {
            let event = SseEvent::new(number.to_string());
            if model.roll(3) == 0 {
                sink.send(event).await.unwrap();
            } else {
                sink.feed(event).await.unwrap();
            }
        }
        if reads_on {
            sink.close().await.unwrap();
        } else {
            sink.flush().await.unwrap();
        }
        let _ = done.send(());
        sink
    };
    let reading = async {
        loop {
            tokio::select! {
                item = stream.next() => if item.is_none() { break },
                _ = &mut is_done, if !reads_on => break,
            }
        }
        stream
    };
    let all = join(sending, reading);
    let (mut sink, stream) = tokio::time::timeout(seconds(100_000), all).await.unwrap();
    if !reads_on {
        let closing = tokio::time::timeout(seconds(100_000), sink.close());
        closing.await.unwrap().unwrap();
    }
    drop(stream);
    check(seed, &model);
}

#[tokio::test(start_paused = true)]
async fn r8_every_schedule_handles_each_event_once_and_in_order() {
    for seed in 1..=300 {
        run(seed, true).await;
        run(seed, false).await;
    }
}
