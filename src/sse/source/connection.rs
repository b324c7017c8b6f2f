//! One connection of an event source: being made, and made.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures::Stream as _;

use super::{Connector, SourceError, SourceErrorKind};
use crate::{
    backend::{Alarm as _, Clock as _, Moment, Timer},
    pair::Idle,
};

/// A connection that is being made, and the timer that limits how long this may take.
pub(super) struct PendingConnection<C: Connector> {
    future: Pin<Box<C::Connecting>>,
    timer: Option<Timer>,
}

impl<C: Connector> PendingConnection<C> {
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

/// A connection that was made.
pub(super) struct EstablishedConnection<C: Connector> {
    pub(super) body: Pin<Box<C::Body>>,
    since: Moment,
    last_activity: Moment,
    idle: Option<Idle>,
    failed_send: Option<FailedSend>,
    /// The timer of [`poll_age`](Self::poll_age), once it is waited for.
    aging: Option<Timer>,
    /// The end of the body, which is not to be polled again. Kept until it is asked for.
    end: Option<SourceError>,
}

/// An error of the sink, while the stream has not reported the end yet.
struct FailedSend {
    error: SourceError,
    timer: Timer,
}

/// The time that the stream has to end after sending has failed.
const END_AFTER_FAILED_SEND: Duration = Duration::from_secs(5);

impl<C: Connector> EstablishedConnection<C> {
    pub(super) fn new(body: Pin<Box<C::Body>>, idle_timeout: Option<Duration>) -> Self {
        let now = Moment::now();
        Self {
            body,
            since: now,
            last_activity: now,
            idle: idle_timeout.map(Idle::new),
            failed_send: None,
            aging: None,
            end: None,
        }
    }

    /// Returns how long the connection has been open.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Waits until the connection has been open for this long.
    pub(super) fn poll_age(&mut self, cx: &mut Context<'_>, age: Duration) -> Poll<()> {
        let left = age.saturating_sub(self.since.elapsed());
        if left.is_zero() {
            return Poll::Ready(());
        }
        let timer = self.aging.get_or_insert_with(|| Timer::after(left));
        Pin::new(timer).poll(cx)
    }

    /// Returns the next piece, or why the connection ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, SourceError>> {
        if let Some(end) = self.end.take() {
            return Poll::Ready(Err(end));
        }
        match self.body.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                if self.idle.is_some() {
                    self.last_activity = Moment::now();
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(error.into())),
            Poll::Ready(None) => Poll::Ready(Err(SourceError::bare(SourceErrorKind::Ended))),
            Poll::Pending => self.poll_timers(cx).map(Err),
        }
    }

    /// Keeps the end, which the next poll returns.
    pub(super) fn keep_end(&mut self, end: SourceError) {
        self.end = Some(end);
    }

    /// Returns why the connection ended, if a timer ended it.
    fn poll_timers(&mut self, cx: &mut Context<'_>) -> Poll<SourceError> {
        if let Some(failed) = &mut self.failed_send
            && Pin::new(&mut failed.timer).poll(cx).is_ready()
        {
            return Poll::Ready(failed.error.clone());
        }
        if let Some(idle) = &mut self.idle {
            loop {
                ready!(idle.poll_timer(cx));
                if !idle.restart(self.last_activity.elapsed()) {
                    return Poll::Ready(SourceError::bare(SourceErrorKind::Idle));
                }
            }
        }
        Poll::Pending
    }

    pub(super) fn has_failed_to_send(&self) -> bool {
        self.failed_send.is_some()
    }

    /// Notes that sending failed. The stream gets some time to report more, above all how the
    /// connection ended.
    pub(super) fn note_failed_send(&mut self, error: SourceError) {
        self.failed_send.get_or_insert_with(|| FailedSend {
            error,
            timer: Timer::after(END_AFTER_FAILED_SEND),
        });
    }
}
