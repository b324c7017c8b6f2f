//! Many bytes up, many bytes down.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::io::AsyncBufReadExt;
use wsio::{WsMessage, WsMeta};

use crate::{CHUNK, Figures, Pattern, Plan, Report, Step, error::Failure, pattern::PatternDigest};

/// The answer of the server's sink when it is told that all is sent.
#[derive(Debug, Deserialize)]
struct Receipt {
    bytes: u64,
    sha256: String,
}

/// Sends the pattern, and has the server say what arrived. The time is from the first byte to the
/// server's answer.
pub(crate) async fn up<R: Report>(plan: &Plan, report: &mut R) -> Result<Figures, Failure> {
    let pattern = Pattern::new(CHUNK);
    let (meta, mut stream) = WsMeta::builder(plan.url("/sink")).connect().await?;
    let began = report.now();
    let mut accepted = 0;
    while accepted < plan.bytes {
        let chunk = pattern.at(accepted, plan.bytes - accepted);
        accepted += chunk.len() as u64;
        stream.send(chunk.into()).await?;
        let left = accepted.saturating_sub(meta.buffered_amount() as u64);
        report.progress(Step::Up, left, plan.bytes);
    }
    stream.send("done".into()).await?;
    let answer = stream.next().await.ok_or_else(Failure::ended)??;
    let time = report.now().saturating_sub(began);
    report.progress(Step::Up, plan.bytes, plan.bytes);
    end(&meta).await?;

    let receipt = receipt(&answer)?;
    check_receipt(&receipt, plan.bytes, report).await?;
    Ok(Figures {
        sent: receipt.bytes,
        digest: Some(receipt.sha256),
        time: Some(time),
        ..Figures::new(rate("up", plan.bytes, time))
    })
}

/// Reads the server's pattern to its end, and compares every byte. The time is from the first
/// read to the end of the file.
pub(crate) async fn down<R: Report>(plan: &Plan, report: &mut R) -> Result<Figures, Failure> {
    let pattern = Pattern::new(CHUNK);
    let route = format!("/flood?bytes={}&chunk={CHUNK}", plan.bytes);
    let (meta, stream) = WsMeta::builder(plan.url(&route)).connect().await?;
    let mut io = stream.into_io();
    let began = report.now();
    let mut received = 0;
    loop {
        let bytes = io.fill_buf().await?;
        let len = bytes.len();
        if len == 0 {
            break;
        }
        if let Some(offset) = pattern.mismatch(received, bytes) {
            return Err(Failure::new(format!("byte {offset} is wrong")));
        }
        io.consume(len);
        received += len as u64;
        report.progress(Step::Down, received, plan.bytes);
    }
    let time = report.now().saturating_sub(began);
    if received != plan.bytes {
        let due = plan.bytes;
        return Err(Failure::new(format!("{received} bytes came of {due}")));
    }
    end(&meta).await?;
    Ok(Figures {
        received,
        time: Some(time),
        ..Figures::new(rate("down", received, time))
    })
}

/// Closes, unless the server has, and sees that the closing handshake was completed.
async fn end(meta: &WsMeta) -> Result<(), Failure> {
    let event = meta.close().await;
    if event.is_success() {
        Ok(())
    } else {
        Err(Failure::new(format!("the connection ended with {event}")))
    }
}

fn receipt(answer: &WsMessage) -> Result<Receipt, Failure> {
    serde_json::from_slice(answer.as_ref())
        .map_err(|error| Failure::new(format!("the server's receipt: {error}")))
}

/// Outside the time of the transfer: hashing takes longer than sending.
async fn check_receipt<R: Report>(
    receipt: &Receipt,
    bytes: u64,
    report: &R,
) -> Result<(), Failure> {
    if receipt.bytes != bytes {
        let got = receipt.bytes;
        return Err(Failure::new(format!("{got} bytes arrived of {bytes}")));
    }
    let mut digest = PatternDigest::new(bytes);
    while digest.advance() {
        report.pause().await;
    }
    let expected = digest.finish();
    if !receipt.sha256.eq_ignore_ascii_case(&expected) {
        let got = &receipt.sha256;
        return Err(Failure::new(format!(
            "the server hashed {got}, not {expected}"
        )));
    }
    Ok(())
}

fn rate(way: &str, bytes: u64, time: Duration) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    let speed = bytes as f64 / 1e6 / time.as_secs_f64().max(1e-6);
    format!("{mib:.0} MiB {way} at {speed:.0} MB/s")
}
