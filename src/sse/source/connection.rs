//! One connection of an event source, on its way and open.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::Stream as _;

use super::{Connector, SourceError, SourceErrorKind};
use crate::{
    backend::{Alarm as _, Clock as _, Moment, Timer},
    pair::Idle,
};

/// A connection on its way, against the clock.
pub(super) struct Connecting<C: Connector> {
    future: Pin<Box<C::Connecting>>,
    timer: Option<Timer>,
}

impl<C: Connector> Connecting<C> {
    pub(super) fn new(future: C::Connecting, timeout: Option<Duration>) -> Self {
        Self {
            future: Box::pin(future),
            timer: timeout.map(Timer::after),
        }
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Pin<Box<C::Body>>, SourceError>> {
        if let Poll::Ready(connected) = self.future.as_mut().poll(cx) {
            return Poll::Ready(connected.map(Box::pin).map_err(Into::into));
        }
        match &mut self.timer {
            Some(timer) => Pin::new(timer)
                .poll(cx)
                .map(|()| Err(SourceError::bare(SourceErrorKind::TimedOut))),
            None => Poll::Pending,
        }
    }
}

/// An open connection.
pub(super) struct Open<C: Connector> {
    pub(super) body: Pin<Box<C::Body>>,
    since: Moment,
    last_activity: Moment,
    idle: Option<Idle>,
    broken: Option<Broken>,
}

/// Sending failed, and the stream has not told of the end yet.
struct Broken {
    error: SourceError,
    timer: Timer,
}

/// How long the stream of a connection that cannot be sent over may take to end.
const LAST_WORDS: Duration = Duration::from_secs(5);

impl<C: Connector> Open<C> {
    pub(super) fn new(body: Pin<Box<C::Body>>, idle_timeout: Option<Duration>) -> Self {
        let now = Moment::now();
        Self {
            body,
            since: now,
            last_activity: now,
            idle: idle_timeout.map(Idle::new),
            broken: None,
        }
    }

    /// How long it has been open.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// The next piece, or how it ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, SourceError>> {
        match self.body.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                if self.idle.is_some() {
                    self.last_activity = Moment::now();
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(error.into())),
            Poll::Ready(None) => Poll::Ready(Err(SourceError::bare(SourceErrorKind::Ended))),
            Poll::Pending => self.poll_clocks(cx).map(Err),
        }
    }

    /// How it ended, if it is for a clock to say.
    fn poll_clocks(&mut self, cx: &mut Context<'_>) -> Poll<SourceError> {
        if let Some(broken) = &mut self.broken
            && Pin::new(&mut broken.timer).poll(cx).is_ready()
        {
            return Poll::Ready(broken.error.clone());
        }
        match &mut self.idle {
            Some(idle) => idle
                .poll(cx, self.last_activity)
                .map(|()| SourceError::bare(SourceErrorKind::Idle)),
            None => Poll::Pending,
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Sending failed: the stream may still have something to say, how it ended above all.
    pub(super) fn note_broken(&mut self, error: SourceError) {
        self.broken.get_or_insert_with(|| Broken {
            error,
            timer: Timer::after(LAST_WORDS),
        });
    }
}
