//! A connector that plays a script, in process: what it is asked for and what it is sent is
//! written down.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, Sink, Stream, future::BoxFuture};
use tokio::time::{Instant, Sleep, sleep};
use wsio::sse::{
    Attempt, Connector, EventSource, Reconnect, SourceBuilder, SourceError, SourceEvent,
};

/// What happens to an attempt.
pub(crate) enum Scene {
    Refuse(SourceError),
    /// The attempt never comes to an end.
    Hang,
    Open(Vec<Line>),
}

/// What an open connection does; after the last line it stays silent.
pub(crate) enum Line {
    Send(&'static str),
    Bytes(Vec<u8>),
    Wait(Duration),
    End,
    Break(SourceError),
}

pub(crate) fn text(text: &'static str) -> Scene {
    Scene::Open(vec![Line::Send(text), Line::End])
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One attempt that was made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Made {
    pub(crate) at: Duration,
    pub(crate) number: u64,
    pub(crate) retries: usize,
    pub(crate) id: String,
}

/// How much a connection takes of what is sent over it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Taking {
    All,
    /// Accepts, but never flushes.
    NoFlush,
    /// Is not ready.
    Nothing,
    Fails,
}

#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<Inner>>);

struct Inner {
    scenes: VecDeque<Scene>,
    begun: Instant,
    made: Vec<Made>,
    /// What each connection was sent and has flushed.
    sent: Vec<String>,
    taking: Taking,
    dropped: usize,
    waker: Option<Waker>,
    /// What the open connection does after its lines.
    ad_libbed: VecDeque<Line>,
    reader: Option<Waker>,
}

impl Script {
    pub(crate) fn new(scenes: impl IntoIterator<Item = Scene>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            scenes: scenes.into_iter().collect(),
            begun: Instant::now(),
            made: Vec::new(),
            sent: Vec::new(),
            taking: Taking::All,
            dropped: 0,
            waker: None,
            ad_libbed: VecDeque::new(),
            reader: None,
        })))
    }

    /// An event source without jitter, so that its delays can be told in advance.
    pub(crate) fn source(&self) -> SourceBuilder<Self> {
        EventSource::builder(self.clone()).reconnect(steady())
    }

    pub(crate) fn made(&self) -> Vec<Made> {
        self.0.lock().unwrap().made.clone()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.made().into_iter().map(|made| made.id).collect()
    }

    /// The time of each attempt, in whole milliseconds.
    pub(crate) fn times(&self) -> Vec<u128> {
        self.made()
            .into_iter()
            .map(|made| made.at.as_millis())
            .collect()
    }

    /// What each connection was sent, without the comment that introduces the source.
    pub(crate) fn sent(&self) -> Vec<String> {
        let all = self.all_sent().into_iter();
        all.map(|sent| match sent.strip_prefix(": wsio source=") {
            Some(sent) => sent.split_once("\n\n").unwrap().1.to_owned(),
            None => sent,
        })
        .collect()
    }

    pub(crate) fn all_sent(&self) -> Vec<String> {
        self.0.lock().unwrap().sent.clone()
    }

    /// Has the open connection do one thing more.
    pub(crate) fn ad_lib(&self, line: Line) {
        let mut inner = self.0.lock().unwrap();
        inner.ad_libbed.push_back(line);
        if let Some(reader) = inner.reader.take() {
            reader.wake();
        }
    }

    pub(crate) fn dropped(&self) -> usize {
        self.0.lock().unwrap().dropped
    }

    pub(crate) fn take(&self, taking: Taking) {
        let mut inner = self.0.lock().unwrap();
        inner.taking = taking;
        if let Some(waker) = inner.waker.take() {
            waker.wake();
        }
    }
}

pub(crate) fn steady() -> Reconnect {
    Reconnect::new().jitter(false)
}

impl Connector for Script {
    type Error = SourceError;
    type Body = Body;
    type Connecting = BoxFuture<'static, Result<Body, SourceError>>;

    fn connect(&mut self, attempt: Attempt) -> Self::Connecting {
        let mut inner = self.0.lock().unwrap();
        let made = Made {
            at: inner.begun.elapsed(),
            number: attempt.number(),
            retries: attempt.retries(),
            id: attempt.last_event_id().unwrap_or_default().to_owned(),
        };
        inner.made.push(made);
        let body = match inner.scenes.pop_front() {
            Some(Scene::Refuse(error)) => Err(error),
            Some(Scene::Open(lines)) => {
                inner.sent.push(String::new());
                Ok(Body {
                    script: self.clone(),
                    lines: lines.into(),
                    waiting: None,
                    unflushed: Vec::new(),
                })
            }
            Some(Scene::Hang) | None => {
                let hanging = Hanging(self.clone());
                return async move {
                    let _hanging = hanging;
                    std::future::pending().await
                }
                .boxed();
            }
        };
        async { body }.boxed()
    }
}

/// Tells that an attempt was given up.
struct Hanging(Script);

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().dropped += 1;
    }
}

pub(crate) struct Body {
    script: Script,
    lines: VecDeque<Line>,
    waiting: Option<Pin<Box<Sleep>>>,
    unflushed: Vec<u8>,
}

impl Stream for Body {
    type Item = Result<Bytes, SourceError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                std::task::ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
            }
            let line = self.lines.pop_front().or_else(|| {
                let mut inner = self.script.0.lock().unwrap();
                inner.reader = Some(cx.waker().clone());
                inner.ad_libbed.pop_front()
            });
            return match line {
                Some(Line::Send(text)) => Poll::Ready(Some(Ok(text.into()))),
                Some(Line::Bytes(bytes)) => Poll::Ready(Some(Ok(bytes.into()))),
                Some(Line::Wait(time)) => {
                    self.waiting = Some(Box::pin(sleep(time)));
                    continue;
                }
                Some(Line::End) => Poll::Ready(None),
                Some(Line::Break(error)) => Poll::Ready(Some(Err(error))),
                None => Poll::Pending,
            };
        }
    }
}

impl Sink<Bytes> for Body {
    type Error = SourceError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        let mut inner = self.script.0.lock().unwrap();
        match inner.taking {
            Taking::All | Taking::NoFlush => Poll::Ready(Ok(())),
            Taking::Nothing => {
                inner.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Taking::Fails => Poll::Ready(Err(broken())),
        }
    }

    fn start_send(mut self: Pin<&mut Self>, bytes: Bytes) -> Result<(), SourceError> {
        self.unflushed.extend_from_slice(&bytes);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        let this = &mut *self;
        let mut inner = this.script.0.lock().unwrap();
        match inner.taking {
            Taking::All => {
                let text = String::from_utf8(std::mem::take(&mut this.unflushed)).unwrap();
                inner.sent.last_mut().unwrap().push_str(&text);
                Poll::Ready(Ok(()))
            }
            Taking::NoFlush | Taking::Nothing => {
                inner.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Taking::Fails => Poll::Ready(Err(broken())),
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.poll_flush(cx)
    }
}

pub(crate) fn broken() -> SourceError {
    std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()
}

impl Drop for Body {
    fn drop(&mut self) {
        self.script.0.lock().unwrap().dropped += 1;
    }
}

/// The data of an event, or what else it is, in short.
pub(crate) fn short(item: &Result<SourceEvent, SourceError>) -> String {
    match item {
        Ok(SourceEvent::Open) => "open".to_owned(),
        Ok(SourceEvent::Event(event)) => event.data.clone(),
        Ok(SourceEvent::Comment(comment)) => format!(":{comment}"),
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("{:?}", error.kind()),
    }
}
