//! A bulk export of a million rows, as JSON lines and as a CBOR sequence, in constant memory.
//!
//! ```text
//! cargo run --release --example export
//! ```
//!
//! An argument after `--` sets the number of rows. The server produces rows only as fast as the
//! client reads them. The connection is lost midway, perhaps within a row; this is an error and never
//! looks like the end of the export. The client reconnects and requests the rows `since` its last
//! one.
#![cfg_attr(all(target_family = "wasm", target_os = "unknown"), no_main)]
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]

#[path = "support/memory.rs"]
mod memory;
#[path = "support/network.rs"]
mod network;

use std::{env, error::Error, time::Instant};

use axum::{
    Router,
    extract::{Query, State},
    response::Response,
    routing::any,
};
use futures::{SinkExt, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio_util::codec::{Decoder, Encoder, FramedRead, FramedWrite};
use wsio::{
    WsMeta, WsStream,
    codec::{CborCodec, CodecError, JsonCodec},
};
use wsio_axum::{Server, WsUpgrade};

use self::network::Network;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut options = Options::default();
    if let Some(rows) = env::args().nth(1) {
        options.rows = rows.parse()?;
    }
    let summary = run(options).await?;
    for export in &summary.exports {
        println!(
            "{} rows over {} connections",
            export.rows, export.connections
        );
    }
    Ok(())
}

type Failure = Box<dyn Error + Send + Sync>;

pub(crate) struct Options {
    pub(crate) rows: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { rows: 1_000_000 }
    }
}

#[derive(Debug)]
pub(crate) struct Summary {
    /// The exports as JSON and as CBOR.
    pub(crate) exports: [Export; 2],
}

/// The progress of the client.
#[derive(Debug, Default)]
pub(crate) struct Export {
    pub(crate) rows: u64,
    pub(crate) connections: u64,
}

/// The largest growth of the memory of the whole program after the first row, in bytes.
const MEMORY: u64 = 16 << 20;

pub(crate) async fn run(options: Options) -> Result<Summary, Failure> {
    let routes = Router::new()
        .route("/rows", any(rows))
        .with_state(options.rows);
    let server = Server::builder()
        .routes(routes)
        .start("127.0.0.1:0")
        .await?;
    let before = memory::peak();
    let mut exports = [Export::default(), Export::default()];
    for (export, format) in exports.iter_mut().zip([Format::Json, Format::Cbor]) {
        // A row has about 80 bytes, so that the connection is lost midway.
        let network = Network::failing_once(server.addr, options.rows * 40).await?;
        let url = format!("ws://{}/rows?format={format:?}", network.addr);
        let began = Instant::now();
        match format {
            Format::Json => export.complete(&url, JsonCodec::<Row>::new).await?,
            Format::Cbor => export.complete(&url, CborCodec::<Row>::new).await?,
        }
        println!(
            "{format:?}: {} rows in {:.1?}",
            export.rows,
            began.elapsed()
        );
        if export.rows != options.rows || export.connections < 2 {
            return Err(format!(
                "expected {} rows over several connections: {export:?}",
                options.rows
            )
            .into());
        }
    }
    server.shutdown().await;

    if let (Some(before), Some(peak)) = (before, memory::peak()) {
        println!(
            "{} MiB of memory at most, {} MiB before",
            peak >> 20,
            before >> 20
        );
        if peak - before > MEMORY {
            return Err("the memory is not constant".into());
        }
    }
    Ok(Summary { exports })
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    id: u64,
    name: String,
    balance: f64,
    active: bool,
}

impl Row {
    /// Returns a row; a real server would query its database.
    fn read(id: u64) -> Self {
        Self {
            id,
            name: format!("customer no. {id}"),
            balance: id as f64 * 0.25,
            active: !id.is_multiple_of(3),
        }
    }
}

/// The server.
#[derive(Debug, Clone, Copy, Deserialize)]
enum Format {
    Json,
    Cbor,
}

#[derive(Deserialize)]
struct Selection {
    format: Format,
    /// The last row that the client has received.
    #[serde(default)]
    since: u64,
}

async fn rows(
    State(last): State<u64>,
    Query(selection): Query<Selection>,
    upgrade: WsUpgrade,
) -> Response {
    let Selection { format, since } = selection;
    upgrade.on_upgrade(async move |_, stream| {
        let sent = match format {
            Format::Json => send(stream, JsonCodec::<(), Row>::new(), since, last).await,
            Format::Cbor => send(stream, CborCodec::<(), Row>::new(), since, last).await,
        };
        if let Err(error) = sent {
            println!("  server: {}", chain(&error));
        }
    })
}

/// Sends the rows. It waits whenever the client is slower, so that rows are produced as they are
/// read.
async fn send<C>(stream: WsStream, codec: C, since: u64, last: u64) -> Result<(), CodecError>
where
    C: Encoder<Row, Error = CodecError>,
{
    let mut sink = FramedWrite::new(stream.into_io(), codec);
    // Collects rows up to this size: a message for every row would cost more than the row.
    sink.set_backpressure_boundary(64 * 1024);
    let mut rows = stream::iter(since + 1..=last).map(|id| Ok(Row::read(id)));
    sink.send_all(&mut rows).await?;
    // A clean end shows the client that the export is complete.
    sink.close().await
}

/// The client.
impl Export {
    /// Reads all rows, and reconnects as long as each connection yields some.
    async fn complete<C>(&mut self, url: &str, codec: impl Fn() -> C) -> Result<(), Failure>
    where
        C: Decoder<Item = Result<Row, CodecError>, Error = CodecError>,
    {
        loop {
            let since = self.rows;
            match self.read(&format!("{url}&since={since}"), codec()).await {
                Err(error) if self.rows > since => {
                    println!("  {}; resuming after row {}", chain(&*error), self.rows);
                }
                result => return result,
            }
        }
    }

    /// Reads rows until the connection ends.
    async fn read<C>(&mut self, url: &str, codec: C) -> Result<(), Failure>
    where
        C: Decoder<Item = Result<Row, CodecError>, Error = CodecError>,
    {
        let (_, stream) = WsMeta::builder(url).connect().await?;
        self.connections += 1;
        let mut rows = FramedRead::new(stream.into_io(), codec);
        while let Some(row) = rows.try_next().await? {
            let row = row?;
            if row != Row::read(self.rows + 1) {
                return Err(format!("wrong row after row {}: {row:?}", self.rows).into());
            }
            self.rows = row.id;
        }
        Ok(())
    }
}

/// Returns the message of an error and of its causes.
fn chain(mut error: &dyn Error) -> String {
    let mut chain = error.to_string();
    while let Some(cause) = error.source() {
        error = cause;
        let cause = error.to_string();
        // The messages of some errors end with that of their cause.
        if !chain.ends_with(&cause) {
            chain = format!("{chain}: {cause}");
        }
    }
    chain
}
