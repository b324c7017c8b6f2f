//! An event stream as the body of an answer.

mod direct;
mod watched;

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Extension,
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{FutureExt, Stream, future::select};
use http::{HeaderValue, Version, header};
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};
use wsio_events::EventFeed;

use crate::connection::{ConnectionHandle, LINGER, ReadEndHold, WriteLimit};

/// The pause between the two comments that show whether a client that has ended its sending side is
/// still there: the first makes a client that is gone reset the connection, the second fails then.
const PROBE: Duration = Duration::from_secs(1);

/// The upper limit of the size of a body that nothing has changed: a layer that encodes it in
/// another way knows of no limit, or of another one.
const AS_IT_IS: u64 = u64::MAX - 0x7773_696f;

/// Returns an answer with the feed as its body, which holds the slot until it ends.
///
/// A body cannot notice by itself that nobody polls it any more, because the client does not take
/// anything for `write_timeout`. Where the connection is known, that is noticed there; otherwise a
/// task drops the feed, and with it the slot.
pub(crate) fn events(
    feed: EventFeed,
    slot: OwnedSemaphorePermit,
    write_timeout: Option<Duration>,
    connection: Option<&ConnectionHandle>,
) -> Response {
    let Some(connection) = connection else {
        return watched::events(feed, slot, write_timeout).into_response();
    };
    let stopped = feed.stopped();
    let limit: WriteLimit = Arc::new(move || overdue(stopped.clone(), write_timeout).boxed());
    let feed = Arc::new(Mutex::new(Some((feed, slot))));
    let stream = EventStream {
        feed: Arc::clone(&feed),
        limit: Arc::clone(&limit),
    };
    connection.set_streaming(limit);
    let body = Body::new(EventBody {
        feed,
        hold: connection.hold(),
        probe: Probe::Idle,
    });
    (Extension(stream), body).into_response()
}

/// The event stream that is the body of an answer.
#[derive(Clone)]
pub(crate) struct EventStream {
    feed: SharedFeed,
    limit: WriteLimit,
}

type SharedFeed = Arc<Mutex<Option<(EventFeed, OwnedSemaphorePermit)>>>;

impl EventStream {
    /// Takes the event stream out of an answer, if it is the body as it is.
    ///
    /// The body that is left lets `connection` [leave](ConnectionHandle::leave) HTTP.
    pub(crate) fn take_from(
        response: &mut Response,
        connection: &ConnectionHandle,
    ) -> Option<Self> {
        let stream = response.extensions_mut().remove::<Self>()?;
        if response.version() != Version::HTTP_11
            || response.body().size_hint().upper() != Some(AS_IT_IS)
        {
            return None;
        }
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        *response.body_mut() = Body::new(LeftBody(connection.clone()));
        Some(stream)
    }

    /// Writes the stream to the connection, behind the head of the answer.
    pub(crate) async fn write<I>(self, io: I) -> io::Result<()>
    where
        I: AsyncRead + AsyncWrite + Send + Unpin,
    {
        let Some((feed, slot)) = lock(&self.feed).take() else {
            return Ok(());
        };
        let written = direct::write(io, feed, self.limit).await;
        drop(slot);
        written
    }
}

fn lock(feed: &SharedFeed) -> MutexGuard<'_, Option<(EventFeed, OwnedSemaphorePermit)>> {
    feed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The body of an answer of which HTTP writes the head only.
struct LeftBody(ConnectionHandle);

impl hyper::body::Body for LeftBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // The head is on its way.
        self.0.leave();
        Poll::Pending
    }
}

/// A comment that shows whether the client is there.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// Waits until a client has had its time to take something.
async fn overdue(stopped: impl Future<Output = ()>, write_timeout: Option<Duration>) {
    let stopped = async {
        stopped.await;
        sleep(LINGER).await;
    };
    let stalled = async {
        match write_timeout {
            Some(limit) => sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    select(pin!(stopped), pin!(stalled)).await;
}

/// The body on a connection of a [`Server`](crate::Server).
struct EventBody {
    feed: SharedFeed,
    hold: ReadEndHold,
    probe: Probe,
}

/// Comments to a client that has ended its sending side.
enum Probe {
    Idle,
    Waiting(Pin<Box<Sleep>>),
    Done,
}

impl Probe {
    /// Ready when a comment is due.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        *self = match self {
            Self::Idle => Self::Waiting(Box::pin(sleep(PROBE))),
            Self::Waiting(pause) => {
                ready!(pause.as_mut().poll(cx));
                Self::Done
            }
            Self::Done => return Poll::Pending,
        };
        Poll::Ready(())
    }
}

impl hyper::body::Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let chunk = match &mut *lock(&this.feed) {
            Some((feed, _)) => Pin::new(feed).poll_next(cx),
            None => return Poll::Ready(None),
        };
        let chunk = match chunk {
            Poll::Pending if this.hold.is_half_closed() => {
                ready!(this.probe.poll(cx));
                Some(Ok(COMMENT))
            }
            chunk => ready!(chunk),
        };
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_upper(AS_IT_IS);
        hint
    }
}
