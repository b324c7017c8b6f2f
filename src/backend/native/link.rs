//! A WebSocket with the type of its transport erased.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message},
};

use super::{Moment, transport::Metered};

/// What the socket needs of tokio-tungstenite. Erased here, at the level of messages, and not at
/// that of the transport, so that a stream that somebody else made can be adopted as it is, with
/// whatever it has already read.
pub(crate) trait Link: Send {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<tungstenite::Result<Message>>>;

    fn start_send(&mut self, message: Message) -> tungstenite::Result<()>;

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<tungstenite::Result<()>>;

    /// Ends the sending direction of the transport.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Reads and throws away, past tungstenite, until the transport ends.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// When the transport last received something, if it is one that remembers.
    fn last_read(&self) -> Option<Moment>;
}

/// An adopted stream, over a transport that is not ours.
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Link for WebSocketStream<S> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<tungstenite::Result<Message>>> {
        Pin::new(self).poll_next(cx)
    }

    fn start_send(&mut self, message: Message) -> tungstenite::Result<()> {
        Pin::new(self).start_send(message)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<tungstenite::Result<()>> {
        Pin::new(self).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(self.get_mut()).poll_shutdown(cx).map(drop)
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(self.get_mut()).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn last_read(&self) -> Option<Moment> {
        None
    }
}

/// A stream over a transport of ours.
pub(crate) fn metered(socket: WebSocketStream<Metered>) -> Box<dyn Link> {
    Box::new(MeteredLink(socket))
}

struct MeteredLink(WebSocketStream<Metered>);

impl Link for MeteredLink {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<tungstenite::Result<Message>>> {
        Link::poll_next(&mut self.0, cx)
    }

    fn start_send(&mut self, message: Message) -> tungstenite::Result<()> {
        Link::start_send(&mut self.0, message)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<tungstenite::Result<()>> {
        Link::poll_flush(&mut self.0, cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_shutdown(cx)
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_drain(cx)
    }

    fn last_read(&self) -> Option<Moment> {
        Some(self.0.get_ref().last_read())
    }
}
