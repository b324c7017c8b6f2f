//! Ways to prepare an attempt.

use std::{
    convert::Infallible,
    error::Error as StdError,
    fmt,
    future::{Future, Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use super::{Attempt, Prepare};

/// Nothing is done before an attempt: each asks for the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fixed;

impl<T> Prepare<T> for Fixed {
    type Error = Infallible;
    type Preparing = Ready<Result<T, Infallible>>;

    fn prepare(&mut self, request: T, _attempt: Attempt) -> Self::Preparing {
        ready(Ok(request))
    }
}

/// A closure makes the URL of each attempt; see
/// [`SourceBuilder::url_with`](super::SourceBuilder::url_with).
#[derive(Clone)]
pub struct UrlWith<F>(pub(super) F);

impl<F, T, Fut, U, E> Prepare<T> for UrlWith<F>
where
    F: FnMut(Attempt) -> Fut,
    Fut: Future<Output = Result<U, E>>,
    T: HasUrl,
    U: Into<String>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    type Error = E;
    type Preparing = PreparingUrl<T, Fut>;

    fn prepare(&mut self, request: T, attempt: Attempt) -> Self::Preparing {
        PreparingUrl {
            request: Some(request),
            url: Box::pin(self.0(attempt)),
        }
    }
}

impl<F> fmt::Debug for UrlWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlWith").finish_non_exhaustive()
    }
}

/// The future of [`UrlWith`].
pub struct PreparingUrl<T, Fut> {
    request: Option<T>,
    url: Pin<Box<Fut>>,
}

/// Its fields are not pinned in place.
impl<T, Fut> Unpin for PreparingUrl<T, Fut> {}

impl<T, Fut, U, E> Future for PreparingUrl<T, Fut>
where
    Fut: Future<Output = Result<U, E>>,
    T: HasUrl,
    U: Into<String>,
{
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.url.as_mut().poll(cx) {
            Poll::Ready(Ok(url)) => match self.request.take() {
                Some(request) => Poll::Ready(Ok(request.with_url(url.into()))),
                None => Poll::Pending,
            },
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T, Fut> fmt::Debug for PreparingUrl<T, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparingUrl").finish_non_exhaustive()
    }
}

/// A request whose URL can be replaced: a [`Builder`](crate::Builder) or an `HttpRequest`.
pub trait HasUrl: sealed::Sealed {
    #[doc(hidden)]
    #[must_use]
    fn with_url(self, url: String) -> Self;
}

pub(super) mod sealed {
    pub trait Sealed {}
}
