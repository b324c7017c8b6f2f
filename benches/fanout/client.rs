//! The process of the subscribers: connections that read, and check what they read.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::LocalSet,
};

use crate::{
    Contender,
    framing::{Framing, Numbers, Part},
};

/// The size of the buffer that all subscribers share, in bytes.
const BUFFER: usize = 64 * 1024;

/// An empty Pong: a client's frames have a mask, here of zeros.
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];

/// The time between two looks at all connections. To wake a thread that waits would be work of the
/// server's process, which clients on other machines do not cost it.
const LOOK: Duration = Duration::from_micros(500);

/// Where the server is, and who subscribes.
pub(crate) struct Subscribers {
    pub(crate) contender: Contender,
    pub(crate) server: SocketAddr,
    pub(crate) control: SocketAddr,
    pub(crate) count: usize,
}

/// What all subscribers share.
struct Shared {
    buffer: RefCell<Vec<u8>>,
    /// The event that is waited for, and the subscribers that do not have it yet.
    awaited: Cell<u64>,
    missing: Cell<usize>,
    complete: tokio::sync::Notify,
}

impl Subscribers {
    /// Subscribes, prints a line when that is done, and then confirms to the server every event that
    /// it asks for as soon as everybody has it.
    pub(crate) async fn run(self) -> Result<()> {
        LocalSet::new().run_until(self.subscribe()).await
    }

    async fn subscribe(self) -> Result<()> {
        let shared = Rc::new(Shared {
            buffer: RefCell::new(vec![0; BUFFER]),
            awaited: Cell::new(0),
            missing: Cell::new(0),
            complete: tokio::sync::Notify::new(),
        });
        let mut control = TcpStream::connect(self.control).await?;
        control.set_nodelay(true)?;
        // Those who come later begin behind the events so far.
        let newest = control.read_u64().await?;
        let mut numbers = Vec::with_capacity(self.count);
        for _ in 0..self.count {
            let (tcp, framing) = self.connect().await?;
            let newest = Rc::new(Cell::new(newest));
            numbers.push(Rc::clone(&newest));
            let shared = Rc::clone(&shared);
            tokio::task::spawn_local(async move {
                if let Err(error) = shared.read(tcp, framing, &newest).await {
                    eprintln!("a subscriber failed: {error:#}");
                    std::process::exit(1);
                }
            });
        }
        println!("{}", self.count);
        tokio::task::spawn_local(async {
            loop {
                thread::sleep(LOOK);
                tokio::task::yield_now().await;
            }
        });
        while let Ok(awaited) = control.read_u64().await {
            let missing = numbers.iter().filter(|it| it.get() < awaited).count();
            shared.awaited.set(awaited);
            shared.missing.set(missing);
            if missing > 0 {
                shared.complete.notified().await;
            }
            control.write_u8(1).await?;
        }
        Ok(())
    }

    /// Connects and reads the head of the answer, and nothing behind it.
    async fn connect(&self) -> Result<(TcpStream, Framing)> {
        let mut tcp = TcpStream::connect(self.server).await?;
        tcp.set_nodelay(true)?;
        let (more, framing) = match self.contender {
            Contender::Bare => ("", Framing::Bare),
            Contender::WsioHttp | Contender::Axum => {
                ("accept: text/event-stream\r\n", Framing::chunks())
            }
            Contender::WsioWebSocket => (UPGRADE, Framing::messages()),
        };
        let request = format!("GET / HTTP/1.1\r\nhost: {}\r\n{more}\r\n", self.server);
        if self.contender != Contender::Bare {
            tcp.write_all(request.as_bytes()).await?;
        }
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tcp.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head);
        let is_accepted = ["HTTP/1.1 200", "HTTP/1.1 101", "bare"]
            .iter()
            .any(|it| head.starts_with(it));
        ensure!(is_accepted, "refused: {head}");
        Ok((tcp, framing))
    }
}

const UPGRADE: &str = "\
connection: upgrade\r
upgrade: websocket\r
sec-websocket-version: 13\r
sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r
";

impl Shared {
    /// Reads to the end, which is none that is expected.
    async fn read(&self, tcp: TcpStream, mut framing: Framing, newest: &Cell<u64>) -> Result<()> {
        let mut numbers = Numbers::new(newest.get());
        loop {
            tcp.readable().await?;
            let mut buffer = self.buffer.borrow_mut();
            let read = match tcp.try_read(&mut buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                read => read?,
            };
            if read == 0 {
                bail!("the server is gone");
            }
            let mut bytes = &buffer[..read];
            while let Some(part) = framing.next(&mut bytes)? {
                match part {
                    Part::Stream(bytes) => numbers.read(bytes)?,
                    Part::Ping => {
                        let written = tcp.try_write(&PONG).context("no room for a Pong")?;
                        ensure!(written == PONG.len(), "a part of a Pong");
                    }
                }
            }
            drop(buffer);
            self.note(newest.replace(numbers.newest), numbers.newest);
        }
    }

    /// Notes that a subscriber has come from one event to another.
    fn note(&self, from: u64, to: u64) {
        if (from + 1..=to).contains(&self.awaited.get()) {
            let missing = self.missing.get() - 1;
            self.missing.set(missing);
            if missing == 0 {
                self.complete.notify_one();
            }
        }
    }
}
