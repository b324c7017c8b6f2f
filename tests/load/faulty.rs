//! A transport with a fault.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    time::{Sleep, sleep},
};

use crate::dice::Dice;

/// What happens to a cable after so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is only slow, and gives and takes in pieces.
    None,
    /// Both ends are reset.
    Reset,
    /// Both ends are ended, without a Close frame.
    End,
    /// It is cut: nothing arrives any more, and nobody is told.
    Cut,
}

/// How many bytes an operating system takes for a peer that is not there any more.
const BUFFER: usize = 16 << 10;

static ENDS: AtomicUsize = AtomicUsize::new(0);

/// How many ends there are at the moment.
pub(crate) fn ends() -> usize {
    ENDS.load(Ordering::SeqCst)
}

/// Both ends of a cable that has its fault after `bytes` in both directions together.
pub(crate) fn cable(fault: Fault, bytes: usize, dice: &mut Dice) -> (Faulty, Faulty) {
    let (near, far) = tokio::io::duplex(1 + dice.below(20_000));
    let cable = Arc::new(Mutex::new(Cable {
        fault,
        left: bytes,
        wakers: Vec::new(),
    }));
    let mut end = |io| Faulty::new(io, Arc::clone(&cable), dice.fork());
    (end(near), end(far))
}

struct Cable {
    fault: Fault,
    left: usize,
    /// Those who wait for something that a fault would change.
    wakers: Vec<Waker>,
}

impl Cable {
    fn fault(&self) -> Option<Fault> {
        (self.left == 0 && self.fault != Fault::None).then_some(self.fault)
    }

    fn carried(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
        if self.fault().is_some() {
            self.wakers.drain(..).for_each(Waker::wake);
        }
    }
}

/// An end of a cable.
pub(crate) struct Faulty {
    io: DuplexStream,
    cable: Arc<Mutex<Cable>>,
    dice: Dice,
    /// Reading waits, and writing does.
    waits: [Option<Pin<Box<Sleep>>>; 2],
    /// How many bytes were taken after the cable was cut.
    taken: usize,
}

impl Faulty {
    fn new(io: DuplexStream, cable: Arc<Mutex<Cable>>, dice: Dice) -> Self {
        ENDS.fetch_add(1, Ordering::SeqCst);
        Self {
            io,
            cable,
            dice,
            waits: [None, None],
            taken: 0,
        }
    }

    /// Takes its time now and then.
    fn poll_delay(&mut self, cx: &mut Context<'_>, direction: usize) -> Poll<()> {
        let wait = &mut self.waits[direction];
        if wait.is_none() && self.dice.one_in(8) {
            let delay = Duration::from_millis(self.dice.below(20) as u64);
            *wait = Some(Box::pin(sleep(delay)));
        }
        if let Some(sleep) = wait {
            ready!(sleep.as_mut().poll(cx));
            *wait = None;
        }
        Poll::Ready(())
    }

    /// The fault, if it is there; else whoever waits is to be told of it.
    fn fault(&self, cx: &Context<'_>) -> Option<Fault> {
        let mut cable = self.cable.lock().unwrap();
        let fault = cable.fault();
        if fault.is_none() && cable.fault != Fault::None {
            let waits = cable.wakers.iter().any(|it| it.will_wake(cx.waker()));
            if !waits {
                cable.wakers.push(cx.waker().clone());
            }
        }
        fault
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        ENDS.fetch_sub(1, Ordering::SeqCst);
    }
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_delay(cx, 0));
        match self.fault(cx) {
            None => {}
            Some(Fault::Reset) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(Fault::Cut) => return Poll::Pending,
            Some(Fault::End | Fault::None) => return Poll::Ready(Ok(())),
        }
        let mut space = [0; 2_000];
        let room = self.dice.size(space.len()).min(buf.remaining());
        let mut some = ReadBuf::new(&mut space[..room]);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut some))?;
        buf.put_slice(some.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_delay(cx, 1));
        match self.fault(cx) {
            None => {}
            Some(Fault::Reset) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(Fault::End | Fault::None) => {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            Some(Fault::Cut) => {
                let room = bytes.len().min(BUFFER - self.taken);
                if room == 0 {
                    return Poll::Pending;
                }
                self.taken += room;
                return Poll::Ready(Ok(room));
            }
        }
        let some = self.dice.size(2_000).min(bytes.len());
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, &bytes[..some]))?;
        self.cable.lock().unwrap().carried(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
