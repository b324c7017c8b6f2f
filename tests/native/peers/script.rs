//! A transport that follows a script, and the connection over it.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wsio::{
    WsMeta, WsStream,
    native::{Acceptor, Role},
};

use crate::frames::frames;

/// What a peer does next, as seen by who reads from it. After its last act it is silent for ever.
pub(super) enum Act {
    Send(Vec<u8>),
    /// Sends nothing, and is to be asked again.
    Hesitate,
    End,
    Fail(io::ErrorKind),
}

/// How a peer takes what is written to it.
#[derive(Clone, Copy)]
pub(super) enum Taking {
    /// At most that many bytes at a time.
    AtMost(usize),
    /// That many bytes in all, and then nothing for ever.
    InAll(usize),
    Failing(io::ErrorKind),
}

pub(super) const ALL: Taking = Taking::AtMost(usize::MAX);

/// A client's end of an open connection to such a peer.
pub(super) async fn meet(
    acts: impl Into<VecDeque<Act>>,
    taking: Taking,
) -> (WsMeta, WsStream, Taken) {
    meet_with(Acceptor::new(), acts, taking).await
}

pub(super) async fn meet_with(
    options: Acceptor,
    acts: impl Into<VecDeque<Act>>,
    taking: Taking,
) -> (WsMeta, WsStream, Taken) {
    let taken = Arc::default();
    let peer = Peer {
        acts: acts.into(),
        taking,
        taken: Arc::clone(&taken),
    };
    let (meta, stream) = options.adopt(peer, Role::Client, "", "").await.unwrap();
    (meta, stream, Taken(taken))
}

/// What was written to a peer.
pub(super) struct Taken(Arc<Mutex<Vec<u8>>>);

impl Taken {
    pub(super) fn frames(&self) -> Vec<(u8, Vec<u8>)> {
        frames(&self.0.lock().unwrap())
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A transport with a script.
struct Peer {
    acts: VecDeque<Act>,
    taking: Taking,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.acts.pop_front() {
            Some(Act::Send(mut bytes)) => {
                let rest = bytes.split_off(bytes.len().min(buf.remaining()));
                buf.put_slice(&bytes);
                if !rest.is_empty() {
                    self.acts.push_front(Act::Send(rest));
                }
                Poll::Ready(Ok(()))
            }
            Some(Act::Hesitate) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Act::End) => {
                self.acts.push_front(Act::End);
                Poll::Ready(Ok(()))
            }
            Some(Act::Fail(kind)) => {
                self.acts.push_front(Act::Fail(kind));
                Poll::Ready(Err(kind.into()))
            }
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut taken = self.taken.lock().unwrap();
        let room = match self.taking {
            Taking::AtMost(limit) => limit,
            Taking::InAll(limit) if taken.len() < limit => limit - taken.len(),
            Taking::InAll(_) => return Poll::Pending,
            Taking::Failing(kind) => return Poll::Ready(Err(kind.into())),
        };
        let len = bytes.len().min(room);
        taken.extend_from_slice(&bytes[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.taking {
            Taking::Failing(kind) => Poll::Ready(Err(kind.into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
