//! A real network that drops or resets: on Linux, as root, where `ip` and `nft` are installed.
//! Elsewhere the test says that it was skipped.

use std::{
    env,
    net::SocketAddr,
    process::{self, Command},
    time::Duration,
};

use futures::{SinkExt, StreamExt, future::join_all};
use tokio::{net::TcpListener, runtime::Handle, time::Instant};
use wsio::{CloseCode, ErrorKind, WsMessage, WsMeta, WsStream, native::Acceptor};

use crate::heap;

/// Set for the second process, which is inside.
const INSIDE: &str = "WSIO_NAMESPACE";
const CONNECTIONS: usize = 20;
const BEAT: Duration = Duration::from_millis(500);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Far more than it takes, far less than TCP would wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// A network of its own, removed when it is dropped.
struct Namespace(String);

impl Namespace {
    fn create() -> Result<Self, String> {
        tool("nft", "--version")?;
        let name = format!("wsio-{}", process::id());
        tool("ip", &format!("netns add {name}"))?;
        Ok(Self(name))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = tool("ip", &format!("netns del {}", self.0)) {
            println!("{error}");
        }
    }
}

/// Runs a tool, with arguments separated by blanks.
fn tool(program: &str, arguments: &str) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {arguments}: {errors}"))
}

/// What is to become of the packets from and to a port.
fn rule(address: SocketAddr, verdict: &str) {
    let port = address.port();
    tool("nft", "add table inet wsio").unwrap();
    let chain = "add chain inet wsio input { type filter hook input priority 0 ; }";
    tool("nft", chain).unwrap();
    for direction in ["dport", "sport"] {
        let rule = format!("add rule inet wsio input tcp {direction} {port} {verdict}");
        tool("nft", &rule).unwrap();
    }
}

/// A server that echoes and takes silence for the end, and connections to it.
async fn network() -> (SocketAddr, Vec<(WsMeta, WsStream)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = Acceptor::new()
        .idle_timeout(4 * BEAT)
        .close_timeout(CLOSE_TIMEOUT);
    tokio::spawn(async move {
        for _ in 0..CONNECTIONS {
            let (tcp, _) = listener.accept().await.unwrap();
            let (_, mut stream) = acceptor.accept(tcp).await.unwrap();
            tokio::spawn(async move {
                while let Some(Ok(message)) = stream.next().await {
                    let _ = stream.send(message).await;
                }
            });
        }
    });
    let connect = async |_| {
        let builder = WsMeta::builder(format!("ws://{address}/"))
            .keepalive(BEAT, BEAT)
            .close_timeout(CLOSE_TIMEOUT);
        let (meta, mut stream) = builder.connect().await.unwrap();
        stream.send("hello".into()).await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), "hello".into());
        (meta, stream)
    };
    (address, join_all((0..CONNECTIONS).map(connect)).await)
}

/// Every reader hears of it, and every close resolves.
async fn everything_ends(connections: Vec<(WsMeta, WsStream)>, limit: Duration) {
    let begin = Instant::now();
    join_all(
        connections
            .into_iter()
            .enumerate()
            .map(async |(index, (meta, mut stream))| {
                // Something on its way, which is either answered or not.
                let _ = stream.send(WsMessage::from(vec![7; 1000])).await;
                if index % 2 == 0 {
                    let error = stream.next().await.unwrap().unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Lost);
                    assert!(stream.next().await.is_none());
                }
                assert_eq!(meta.close().await.code, CloseCode::ABNORMAL);
            }),
    )
    .await;
    let time = begin.elapsed();
    assert!(time <= limit, "{time:?}");
}

async fn all_tasks_end() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let begin = Instant::now();
    while tasks() > 0 {
        assert!(begin.elapsed() < PATIENCE, "{} tasks are left", tasks());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
#[ignore = "the other test runs it in a network namespace"]
async fn inside() {
    assert!(env::var_os(INSIDE).is_some(), "only for the other test");
    tool("ip", "link set lo up").unwrap();

    let (address, connections) = network().await;
    rule(address, "drop");
    // A beat of silence, another one without an answer, and half a beat for a busy machine; those
    // who close have the close timeout.
    everything_ends(connections, 2 * BEAT + CLOSE_TIMEOUT + 10 * BEAT).await;
    all_tasks_end().await;

    let (address, connections) = network().await;
    rule(address, "reject with tcp reset");
    everything_ends(connections, CLOSE_TIMEOUT + 10 * BEAT).await;
    all_tasks_end().await;
}

#[tokio::test]
async fn load_a_network_that_drops_and_one_that_resets() {
    let _alone = heap::alone().await;
    let namespace = match Namespace::create() {
        Ok(namespace) => namespace,
        Err(error) => {
            println!("skipped: there is no network namespace to be had: {error}");
            return;
        }
    };
    let output = Command::new("ip")
        .args(["netns", "exec", &namespace.0])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "namespace::inside", "--ignored", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    assert!(text.contains("1 passed"), "{text}");
    println!("{text}");
}
