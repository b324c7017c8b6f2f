//! The messages of a connection.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{Sink, Stream, stream::FusedStream};

use super::{Core, WsMeta};
use crate::{Error, WsIo, WsMessage, WsState, address};

/// A connection as a stream and a sink of [`WsMessage`]s.
///
/// # The end
///
/// The stream gives `None` after a completed closing handshake with code 1000, 1001 or none.
/// Anything else, a lost connection or a close with an error code, is first given as one `Err`,
/// which carries the [`CloseEvent`](crate::CloseEvent), after all that arrived before. Then comes
/// `None`, for ever.
///
/// # Sending
///
/// `poll_ready` waits while more than the high-water mark is on its way
/// ([`Builder::high_water_mark`](crate::Builder::high_water_mark)), and `poll_flush` until all of
/// it is handed to the operating system; in a browser, where handing over is all a page can do,
/// that is at once. Natively an unflushed message may wait for company. From the moment a closing
/// handshake begins, from either side, sending is an error of kind
/// [`NotOpen`](crate::ErrorKind::NotOpen); flushing is one only if something that was accepted is
/// lost. `poll_close` closes as [`WsMeta::close`] does and fails
/// where the stream would.
///
/// # Halves and tasks
///
/// It can be split (`futures::StreamExt::split`), and reading and writing be done by two tasks.
///
/// # Dropping
///
/// Closes the connection without a code. In a browser the closing handshake is completed in the
/// background. Natively what waits to be sent and the Close frame are written as far as the
/// operating system takes them at once; to be sure, [`close`](WsMeta::close). Whoever waits for the end
/// with a [`WsMeta`] at that moment carries the closing handshake through.
///
/// # Cancel safety
///
/// No message is lost when a future of `StreamExt::next`, `SinkExt::flush` or the like is dropped.
pub struct WsStream {
    core: Arc<Core>,
}

impl WsStream {
    pub(crate) fn pair(core: Arc<Core>) -> (WsMeta, Self) {
        (WsMeta::new(Arc::clone(&core)), Self { core })
    }

    /// The handle of this connection.
    #[must_use]
    pub fn meta(&self) -> WsMeta {
        WsMeta::new(Arc::clone(&self.core))
    }

    /// Where the connection is in its life.
    #[must_use]
    pub fn ready_state(&self) -> WsState {
        self.core.state()
    }

    /// This connection as a stream of bytes.
    #[must_use]
    pub fn into_io(self) -> WsIo {
        WsIo::new(self)
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }
}

impl Stream for WsStream {
    type Item = Result<WsMessage, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.core.poll_recv(cx)
    }
}

impl FusedStream for WsStream {
    fn is_terminated(&self) -> bool {
        self.core.is_terminated()
    }
}

impl Sink<WsMessage> for WsStream {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.core.poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: WsMessage) -> Result<(), Error> {
        self.core.send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.core.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.core.poll_close(cx)
    }
}

impl Drop for WsStream {
    fn drop(&mut self) {
        Arc::clone(&self.core).release();
    }
}

impl fmt::Debug for WsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsStream")
            .field("url", &address::redacted(&self.core.negotiated().url))
            .field("ready_state", &self.ready_state())
            .finish_non_exhaustive()
    }
}
