//! Connections over bad cables, to slow readers, and with whatever end: all that was received is
//! what was sent, an end without an error means all of it, everything ends, and nothing is left.

use std::{io, sync::Mutex, time::Duration};

use futures::join;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::Handle,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use wsio::{WsIo, WsMeta, native::Acceptor};

use crate::{
    dice::Dice,
    faulty::{self, Fault, Faulty},
    heap,
};

const CONNECTIONS: u64 = 200;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);
const BEAT: Duration = Duration::from_secs(5);
/// What tokio's clock is late at most.
const LATE: Duration = Duration::from_millis(5);
/// What all of it takes at most, on the connections' own clock.
const PATIENCE: Duration = Duration::from_secs(600);
/// What may be left of all connections, in bytes: what a runtime keeps for next time.
const LEFT: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Close,
    Shutdown,
    Drop,
    /// Leaves it to the other side.
    Wait,
}

/// What a side has seen of its connection.
#[derive(Debug, Default)]
struct Seen {
    /// What it wanted to send, and what the connection took.
    offered: usize,
    sent: usize,
    received: usize,
    /// Whether reading came to an end, and without an error.
    clean: Option<bool>,
}

/// The byte at an offset of what a side sends.
fn pattern(offset: usize) -> u8 {
    (offset % 253) as u8
}

async fn live(io: WsIo, ending: Ending, mut dice: Dice) -> Seen {
    let meta = io.meta();
    let (mut reader, mut writer) = tokio::io::split(io);
    let total = dice.below(150_000);
    let pause = Duration::from_millis(if dice.one_in(3) { 30 } else { 0 });
    let mut seen = Seen::default();
    let writing = async {
        let (mut offered, mut sent) = (0, 0);
        while sent < total {
            let size = dice.size(20_000).min(total - sent);
            offered = sent + size;
            let chunk: Vec<_> = (sent..offered).map(pattern).collect();
            match writer.write(&chunk).await {
                Ok(written) => sent += written,
                Err(_) => break,
            }
        }
        let begin = Instant::now();
        match ending {
            Ending::Close => drop(meta.close().await),
            // Whether it was an orderly end is what the reader knows.
            Ending::Shutdown => drop(writer.shutdown().await),
            Ending::Drop => drop(timeout(CLOSE_TIMEOUT, writer.flush()).await),
            Ending::Wait => drop(meta.closed().await),
        }
        assert!(ending == Ending::Wait || begin.elapsed() <= CLOSE_TIMEOUT + LATE);
        (offered, sent)
    };
    let reading = async {
        let mut buffer = [0; 2_000];
        let mut received = 0;
        loop {
            sleep(pause).await;
            match reader.read(&mut buffer).await {
                Ok(0) => return (received, true),
                Ok(read) => {
                    let expected = (received..received + read).map(pattern);
                    assert!(buffer[..read].iter().copied().eq(expected));
                    received += read;
                }
                Err(_) => return (received, false),
            }
        }
    };
    if ending == Ending::Drop {
        // Nobody reads.
        (seen.offered, seen.sent) = writing.await;
    } else {
        let clean;
        ((seen.offered, seen.sent), (seen.received, clean)) = join!(writing, reading);
        seen.clean = Some(clean);
    }
    seen
}

async fn client(end: Faulty, ending: Ending, dice: Dice) -> Option<Seen> {
    let end = Mutex::new(Some(end));
    let connecting = WsMeta::builder("ws://cable/")
        .connector(move |_, _| {
            let end = end.lock().unwrap().take();
            async move { end.ok_or_else(|| io::ErrorKind::Other.into()) }
        })
        .close_timeout(CLOSE_TIMEOUT)
        .keepalive(BEAT, BEAT)
        .connect();
    let (_, stream) = connecting.await.ok()?;
    Some(live(stream.into_io(), ending, dice).await)
}

async fn server(end: Faulty, ending: Ending, dice: Dice) -> Option<Seen> {
    let acceptor = Acceptor::new()
        .close_timeout(CLOSE_TIMEOUT)
        .idle_timeout(2 * BEAT);
    let (_, stream) = acceptor.accept(end).await.ok()?;
    Some(live(stream.into_io(), ending, dice).await)
}

/// A connection from its opening handshake to its end; whether the sides saw a clean one.
async fn connection(seed: u64) -> [Option<bool>; 2] {
    let mut dice = Dice::new(seed);
    let fault = [Fault::None, Fault::Reset, Fault::End, Fault::Cut][seed as usize % 4];
    let endings = [
        [Ending::Close, Ending::Wait],
        [Ending::Wait, Ending::Shutdown],
        [Ending::Close, Ending::Close],
        [Ending::Drop, Ending::Wait],
        [Ending::Shutdown, Ending::Close],
    ][seed as usize / 4 % 5];
    let bytes = 1 + dice.below(200_000);
    let (near, far) = faulty::cable(fault, bytes, &mut dice);
    let near = tokio::spawn(client(near, endings[0], dice.fork()));
    let far = tokio::spawn(server(far, endings[1], dice.fork()));
    let (near, far) = join!(near, far);
    let (near, far) = (near.unwrap(), far.unwrap());
    let context = || format!("seed {seed}, {fault:?} after {bytes}, {endings:?}: {near:?} {far:?}");
    if fault == Fault::None {
        assert!(near.is_some() && far.is_some(), "{}", context());
    }
    let nothing = Seen::default();
    let sides = [near.as_ref(), far.as_ref()].map(|side| side.unwrap_or(&nothing));
    for (receiver, sender) in [(sides[0], sides[1]), (sides[1], sides[0])] {
        assert!(receiver.received <= sender.offered, "{}", context());
        if receiver.clean == Some(true) {
            assert_eq!(receiver.received, sender.sent, "{}", context());
        }
        if fault == Fault::None && endings[0] != Ending::Drop {
            assert_eq!(receiver.clean, Some(true), "{}", context());
        }
    }
    sides.map(|side| side.clean)
}

/// All of them at once; how many sides saw a clean end, another one, and none.
async fn connections() -> [usize; 3] {
    let mut all = JoinSet::new();
    for seed in 0..CONNECTIONS {
        all.spawn(connection(seed));
    }
    let mut counts = [0; 3];
    while let Some(sides) = timeout(PATIENCE, all.join_next()).await.expect("an end") {
        for side in sides.unwrap() {
            counts[match side {
                Some(true) => 0,
                Some(false) => 1,
                None => 2,
            }] += 1;
        }
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn load_two_hundred_bad_connections_lose_nothing_and_leave_nothing() {
    let _alone = heap::alone().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let tasks_before = tasks();
    // What a process and a runtime have once, and keep.
    let counts = connections().await;

    let heap_before = heap::allocated();
    assert_eq!(connections().await, counts, "the same seeds, the same ends");
    let left = heap::allocated().saturating_sub(heap_before);
    println!("{counts:?} clean, with an error, without a reader; {left} bytes left");
    assert!(counts.iter().all(|count| *count >= 20), "{counts:?}");
    assert!(left < LEFT, "{left} bytes are left");
    assert_eq!(tasks(), tasks_before);
    assert_eq!(faulty::ends(), 0);
}
