//! An event stream as the body of an answer.

mod watched;

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures::{FutureExt, Stream, future::select};
use hyper::body::Frame;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};
use wsio_events::EventFeed;

use crate::connection::{ConnectionHandle, LINGER, ReadEndHold};

/// The pause between the two comments that show whether a client that has ended its sending side is
/// still there: the first makes a client that is gone reset the connection, the second fails then.
const PROBE: Duration = Duration::from_secs(1);

/// Returns the feed as a body, which holds the slot until it ends.
///
/// A body cannot notice by itself that nobody polls it any more, because the client does not take
/// anything for `write_timeout`. Where the connection is known, that is noticed there; otherwise a
/// task drops the feed, and with it the slot.
pub(crate) fn events(
    feed: EventFeed,
    slot: OwnedSemaphorePermit,
    write_timeout: Option<Duration>,
    connection: Option<&ConnectionHandle>,
) -> Body {
    let Some(connection) = connection else {
        return watched::events(feed, slot, write_timeout);
    };
    let stopped = feed.stopped();
    connection.set_streaming(move || overdue(stopped.clone(), write_timeout).boxed());
    Body::new(EventBody {
        feed,
        _slot: slot,
        hold: connection.hold(),
        probe: Probe::Idle,
    })
}

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
    select(std::pin::pin!(stopped), std::pin::pin!(stalled)).await;
}

/// The body on a connection of a [`Server`](crate::Server).
struct EventBody {
    feed: EventFeed,
    _slot: OwnedSemaphorePermit,
    hold: ReadEndHold,
    probe: Probe,
}

/// Comments to a client that has ended its sending side.
enum Probe {
    Idle,
    Waiting(Pin<Box<Sleep>>),
    Done,
}

impl EventBody {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        match Pin::new(&mut self.feed).poll_next(cx) {
            Poll::Pending if self.hold.is_half_closed() => {
                ready!(self.probe.poll(cx));
                Poll::Ready(Some(Ok(Bytes::from_static(b":\n\n"))))
            }
            chunk => chunk,
        }
    }
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
        let chunk = ready!(self.poll_chunk(cx));
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }
}
