//! The process of a server: it sends events to everybody, and measures itself.

use std::{convert::Infallible, fs, net::SocketAddr, ops::Range, time::Instant};

use anyhow::{Context as _, Result, bail};
use axum::{
    Router,
    response::sse::{Event, KeepAlive, Sse},
    routing::get,
    serve::ListenerExt as _,
};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use rustix::time::{ClockId, clock_gettime};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, stdin},
    net::{TcpListener, TcpStream},
    sync::{broadcast, watch},
    time::{Duration, sleep},
};
use wsio::sse::SseEvent;
use wsio_axum::{EventRoute, Running};
use wsio_events::EventLog;

use crate::{Contender, framing};

/// More subscribers than there are.
const MAX_SUBSCRIBERS: usize = 100_000;

/// The events that a broadcast channel holds: more than a burst has.
const CHANNEL: usize = 2048;

/// The time in which tasks that have nothing left to send come to rest.
const REST: Duration = Duration::from_millis(20);

/// Serves until standard input ends, and does what it says.
pub(crate) async fn run(contender: Contender) -> Result<()> {
    let (source, address) = Source::start(contender).await?;
    let control = TcpListener::bind("127.0.0.1:0").await?;
    println!("{address} {}", control.local_addr()?);
    let mut server = Server {
        source,
        control,
        clients: Vec::new(),
        newest: 0,
    };
    // In a task, as the handlers of a server are.
    tokio::spawn(async move {
        let mut lines = BufReader::new(stdin()).lines();
        while let Some(line) = lines.next_line().await? {
            println!("{}", server.perform(&line).await?);
        }
        anyhow::Ok(())
    })
    .await?
}

struct Server {
    source: Source,
    control: TcpListener,
    /// The processes of subscribers.
    clients: Vec<TcpStream>,
    newest: u64,
}

impl Server {
    async fn perform(&mut self, line: &str) -> Result<String> {
        let (command, count) = line.split_once(' ').unwrap_or((line, "0"));
        let count: u64 = count.parse()?;
        match command {
            "join" => self.join().await.map(|()| String::new()),
            "memory" => Ok(resident()?.to_string()),
            "burst" => self.measure(1, count).await,
            "single" => self.measure(count, 1).await,
            _ => bail!("unknown: {line}"),
        }
    }

    /// Accepts another process of subscribers.
    async fn join(&mut self) -> Result<()> {
        let (mut client, _) = self.control.accept().await?;
        client.set_nodelay(true)?;
        client.write_u64(self.newest).await?;
        self.clients.push(client);
        Ok(())
    }

    /// Sends so many bursts, each when everybody has the one before. Returns the seconds until
    /// everybody has the last one, and those of the processor.
    async fn measure(&mut self, bursts: u64, events: u64) -> Result<String> {
        let prepared: Vec<_> = (0..bursts)
            .map(|burst| {
                let first = self.newest + burst * events + 1;
                self.source.prepare(first..first + events)
            })
            .collect();
        sleep(REST).await;
        let (begin, cpu) = (Instant::now(), cpu_seconds());
        for burst in prepared {
            self.newest += events;
            for client in &mut self.clients {
                client.write_u64(self.newest).await?;
            }
            self.source.send(burst).await?;
            for client in &mut self.clients {
                client.read_u8().await.context("the subscribers are gone")?;
            }
        }
        let elapsed = begin.elapsed();
        sleep(REST).await;
        Ok(format!("{} {}", elapsed.as_secs_f64(), cpu_seconds() - cpu))
    }
}

/// The place where events come from.
enum Source {
    Log(
        EventLog,
        #[expect(unused, reason = "dropping it stops the server")] Running,
    ),
    Channel(broadcast::Sender<Numbered>),
    Bytes(watch::Sender<Bytes>),
}

/// An event in a channel; a clone is cheap.
#[derive(Clone)]
struct Numbered {
    number: u64,
    data: Bytes,
}

/// A burst, made before the clock starts as far as a program would have it.
enum Burst {
    Events(Vec<SseEvent>),
    Numbered(Vec<Numbered>),
    Bytes(Bytes),
}

impl Source {
    async fn start(contender: Contender) -> Result<(Self, SocketAddr)> {
        match contender {
            Contender::WsioHttp | Contender::WsioWebSocket => log().await,
            Contender::Axum => channel().await,
            Contender::Bare => bare().await,
        }
    }

    fn prepare(&self, numbers: Range<u64>) -> Burst {
        match self {
            Self::Log(..) => Burst::Events(numbers.map(framing::data).map(SseEvent::new).collect()),
            Self::Channel(_) => {
                let data = |number| framing::data(number).into();
                let numbered = |number| Numbered {
                    number,
                    data: data(number),
                };
                Burst::Numbered(numbers.map(numbered).collect())
            }
            Self::Bytes(_) => {
                let block = |number| {
                    format!(
                        "id: {}\ndata: {}\n\n",
                        framing::id(number),
                        framing::data(number)
                    )
                };
                Burst::Bytes(numbers.map(block).collect::<String>().into())
            }
        }
    }

    async fn send(&self, burst: Burst) -> Result<()> {
        match (self, burst) {
            (Self::Log(log, _), Burst::Events(events)) => {
                for event in events {
                    log.append(event).await?;
                }
            }
            (Self::Channel(sender), Burst::Numbered(events)) => {
                for event in events {
                    sender.send(event).ok().context("no subscribers")?;
                }
            }
            (Self::Bytes(sender), Burst::Bytes(bytes)) => sender.send(bytes)?,
            _ => bail!("a burst of another source"),
        }
        Ok(())
    }
}

/// The route of wsio, as it is by default.
async fn log() -> Result<(Source, SocketAddr)> {
    let log = EventLog::default();
    let route = EventRoute::new().max_subscribers(MAX_SUBSCRIBERS);
    let running = wsio_axum::Server::builder()
        .routes(Router::new().route("/", route.serve(log.clone())))
        .start("127.0.0.1:0")
        .await?;
    let address = running.addr;
    Ok((Source::Log(log, running), address))
}

/// axum's own, over a channel: every subscriber encodes every event.
async fn channel() -> Result<(Source, SocketAddr)> {
    let (sender, _) = broadcast::channel(CHANNEL);
    let subscribers = sender.clone();
    let handler = async move || {
        let events = stream::unfold(subscribers.subscribe(), async |mut events| {
            let Numbered { number, data } = events.recv().await.ok()?;
            let event = Event::default()
                .id(framing::id(number))
                .data(str::from_utf8(&data).unwrap_or_default());
            Some((Ok::<_, Infallible>(event), events))
        });
        Sse::new(events.boxed()).keep_alive(KeepAlive::default())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    let router = Router::new().route("/", get(handler));
    tokio::spawn(axum::serve(listener, router).into_future());
    Ok((Source::Channel(sender), address))
}

/// The least that can be done: a task for each connection, and one write for each burst.
async fn bare() -> Result<(Source, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (sender, _) = watch::channel(Bytes::new());
    let subscribers = sender.clone();
    tokio::spawn(async move {
        loop {
            let (mut tcp, _) = listener.accept().await?;
            tcp.set_nodelay(true)?;
            let mut receiver = subscribers.subscribe();
            tokio::spawn(async move {
                tcp.write_all(b"bare\r\n\r\n").await?;
                while receiver.changed().await.is_ok() {
                    let bytes = receiver.borrow_and_update().clone();
                    tcp.write_all(&bytes).await?;
                }
                anyhow::Ok(())
            });
        }
        #[expect(unreachable_code, reason = "the type of the errors")]
        anyhow::Ok(())
    });
    Ok((Source::Bytes(sender), address))
}

/// The processor time of this process, in seconds.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The memory that this process has in use, in bytes.
fn resident() -> Result<usize> {
    let status = fs::read_to_string("/proc/self/status").context("no /proc on this system")?;
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: usize = kibibytes.context("no VmRSS")?.trim().parse()?;
    Ok(kibibytes << 10)
}
