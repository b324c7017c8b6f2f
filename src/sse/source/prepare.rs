//! The preparation of an attempt by a built-in connector.
//!
//! The types here are public without a public name: they are the bounds and the futures of the
//! connectors.

use std::{
    convert::Infallible,
    error::Error as StdError,
    future::{Future, Ready, ready},
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::future::BoxFuture;

use super::{Attempt, SourceError};

/// Makes the request of an attempt from the configured one: `()` leaves it as it is, a closure
/// changes it.
pub trait Prepare<T> {
    /// The error of the preparation. A [`SourceError`] stays what it is; everything else becomes one of
    /// kind [`Prepare`](super::SourceErrorKind::Prepare).
    type Error: Into<Box<dyn StdError + Send + Sync>>;

    /// The future of the request.
    type Preparing: Future<Output = Result<T, Self::Error>>;

    /// Begins to prepare an attempt.
    fn prepare(&mut self, request: T, attempt: Attempt) -> Self::Preparing;
}

impl<T> Prepare<T> for () {
    type Error = Infallible;
    type Preparing = Ready<Result<T, Infallible>>;

    fn prepare(&mut self, request: T, _attempt: Attempt) -> Self::Preparing {
        ready(Ok(request))
    }
}

impl<T, F, Fut, E> Prepare<T> for F
where
    F: FnMut(T, Attempt) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    type Error = E;
    type Preparing = Fut;

    fn prepare(&mut self, request: T, attempt: Attempt) -> Fut {
        self(request, attempt)
    }
}

/// The connection of a built-in connector: its request is prepared first, then sent. Dropping the
/// future closes a connection that is half open.
#[must_use = "futures do nothing unless polled"]
pub struct PreparedConnection<Fut, T, B> {
    preparing: Pin<Box<Fut>>,
    connect: Option<Connect<T, B>>,
    connecting: Option<BoxFuture<'static, Result<B, SourceError>>>,
}

/// Begins to connect with a prepared request.
type Connect<T, B> = Box<dyn FnOnce(T) -> BoxFuture<'static, Result<B, SourceError>> + Send>;

impl<Fut, T, B> PreparedConnection<Fut, T, B> {
    pub(super) fn new<F>(preparing: Fut, connect: impl FnOnce(T) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<B, SourceError>> + Send + 'static,
    {
        Self {
            preparing: Box::pin(preparing),
            connect: Some(Box::new(move |request| Box::pin(connect(request)))),
            connecting: None,
        }
    }
}

impl<Fut, T, B, E> Future for PreparedConnection<Fut, T, B>
where
    Fut: Future<Output = Result<T, E>>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    type Output = Result<B, SourceError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.connecting.is_none() {
            let request = ready!(self.preparing.as_mut().poll(cx))
                .map_err(|error| SourceError::preparing(error.into()))?;
            self.connecting = self.connect.take().map(|connect| connect(request));
        }
        match &mut self.connecting {
            Some(connecting) => connecting.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<Fut, T, B> std::fmt::Debug for PreparedConnection<Fut, T, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedConnection").finish_non_exhaustive()
    }
}
