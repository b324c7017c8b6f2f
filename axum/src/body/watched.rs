//! A body on a connection that is not known.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
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

use crate::connection::LINGER;

/// The largest piece of a chunk, in bytes: HTTP asks for the next one when it has written most of
/// those before it, which is how progress shows.
const PIECE: usize = 16 * 1024;

/// Returns the feed as a body, which a task of its own watches.
pub(super) fn events(
    feed: EventFeed,
    slot: OwnedSemaphorePermit,
    write_timeout: Option<Duration>,
) -> Body {
    let stopped = feed.stopped();
    let progress = Arc::new(BodyProgress(Mutex::new(BodyState {
        feed: Some((feed, slot)),
        rest: Bytes::new(),
        yielded_at: None,
    })));
    let watching = watch(Arc::clone(&progress), write_timeout, stopped);
    Body::from_stream(WatchedBody {
        progress,
        watchdog: tokio::spawn(watching).abort_handle(),
    })
}

struct WatchedBody {
    progress: Arc<BodyProgress>,
    watchdog: AbortHandle,
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
}

async fn watch(
    progress: Arc<BodyProgress>,
    write_timeout: Option<Duration>,
    stopped: impl Future<Output = ()>,
) {
    let overdue = async {
        stopped.await;
        sleep(LINGER).await;
    };
    tokio::select! {
        () = progress.stalled(write_timeout) => {}
        () = overdue => {}
    }
    tracing::debug!("a subscriber does not read");
    let feed = progress.lock().feed.take();
    drop(feed);
}

impl Stream for WatchedBody {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.progress.lock();
        let state = &mut *state;
        state.yielded_at = None;
        let Some((feed, _)) = &mut state.feed else {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        };
        if state.rest.is_empty() {
            match Pin::new(feed).poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(chunk))) => state.rest = chunk,
                Poll::Ready(None) => return Poll::Ready(None),
            }
        }
        state.yielded_at = Some(Instant::now());
        let len = state.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(state.rest.split_to(len))))
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.watchdog.abort();
    }
}
