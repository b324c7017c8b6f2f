//! An event stream as the body of an answer.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures::Stream;
use tokio::{
    sync::OwnedSemaphorePermit,
    task::AbortHandle,
    time::{Instant, sleep, sleep_until},
};
use wsio_events::EventFeed;

use crate::connection::{ConnectionHandle, LINGER, ReadEndHold};

/// The largest piece of a chunk, in bytes: HTTP asks for the next one when it has written most of
/// those before it, which is how progress shows.
const PIECE: usize = 16 * 1024;

/// The pause between the two comments that show whether a client that has ended its sending side is
/// still there: the first makes a client that is gone reset the connection, the second fails then.
const PROBE: Duration = Duration::from_secs(1);

/// Returns the feed as a body, which holds the slot until it ends.
///
/// A body cannot notice by itself that nobody polls it any more: a task drops the feed, and with it
/// the slot, when the client does not take anything for `write_timeout`. It also drops the
/// connection, where it is known.
pub(crate) fn events(
    feed: EventFeed,
    slot: OwnedSemaphorePermit,
    write_timeout: Option<Duration>,
    connection: Option<ConnectionHandle>,
) -> Body {
    let stopped = feed.stopped();
    let progress = Arc::new(BodyProgress(Mutex::new(BodyState {
        feed: Some((feed, slot)),
        rest: Bytes::new(),
        yielded_at: None,
        probe: false,
        waker: None,
    })));
    let hold = connection.as_ref().map(|connection| {
        connection.set_streaming();
        connection.hold()
    });
    let watching = watch(Arc::clone(&progress), write_timeout, stopped, connection);
    Body::from_stream(EventBody {
        progress,
        watchdog: tokio::spawn(watching).abort_handle(),
        _hold: hold,
    })
}

struct EventBody {
    progress: Arc<BodyProgress>,
    watchdog: AbortHandle,
    _hold: Option<ReadEndHold>,
}

/// The part of a body that its watchdog sees.
struct BodyProgress(Mutex<BodyState>);

struct BodyState {
    /// `None` after the watchdog has given up.
    feed: Option<(EventFeed, OwnedSemaphorePermit)>,
    /// The rest of a chunk.
    rest: Bytes,
    /// The time of the last piece, if the next one has not been asked for.
    yielded_at: Option<Instant>,
    /// Whether a comment is to be sent to see whether the client is there.
    probe: bool,
    waker: Option<Waker>,
}

impl BodyProgress {
    fn lock(&self) -> MutexGuard<'_, BodyState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nothing has been taken for so long.
    async fn stalled(&self, limit: Option<Duration>) {
        let Some(limit) = limit else {
            return std::future::pending().await;
        };
        loop {
            let since = self.lock().yielded_at;
            let now = Instant::now();
            let due = since.unwrap_or(now).checked_add(limit);
            match due {
                Some(due) if due > now => sleep_until(due).await,
                Some(_) => return,
                // A time too far off for the clock.
                None => return std::future::pending().await,
            }
        }
    }

    /// Sends a comment where the stream would be silent.
    fn probe(&self) {
        let mut state = self.lock();
        state.probe = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

async fn watch(
    progress: Arc<BodyProgress>,
    write_timeout: Option<Duration>,
    stopped: impl Future<Output = ()>,
    connection: Option<ConnectionHandle>,
) {
    let overdue = async {
        stopped.await;
        sleep(LINGER).await;
    };
    let probing = async {
        if let Some(connection) = &connection {
            connection.half_closed().await;
            progress.probe();
            sleep(PROBE).await;
            progress.probe();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = progress.stalled(write_timeout) => {}
        () = overdue => {}
        () = probing => {}
    }
    tracing::debug!("a subscriber does not read");
    let feed = progress.lock().feed.take();
    drop(feed);
    if let Some(connection) = connection {
        connection.abort();
    }
}

impl Stream for EventBody {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.progress.lock();
        let state = &mut *state;
        state.yielded_at = None;
        let Some((feed, _)) = &mut state.feed else {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        };
        if state.rest.is_empty() {
            let chunk = match Pin::new(feed).poll_next(cx) {
                Poll::Pending if std::mem::take(&mut state.probe) => {
                    Some(Ok(Bytes::from_static(b":\n\n")))
                }
                Poll::Pending => {
                    state.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(chunk) => chunk,
            };
            match chunk {
                Some(Ok(chunk)) => state.rest = chunk,
                None => return Poll::Ready(None),
            }
        }
        state.yielded_at = Some(Instant::now());
        let len = state.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(state.rest.split_to(len))))
    }
}

impl Drop for EventBody {
    fn drop(&mut self) {
        self.watchdog.abort();
    }
}
