//! Routes that send messages of every form.

use std::{collections::BTreeMap, io, time::Duration};

use axum::{
    extract::Query,
    response::Response,
    routing::{MethodRouter, any},
};
use futures::{StreamExt, stream};
use http::HeaderMap;
use serde::Deserialize;
use tokio::{io::AsyncWriteExt, time::sleep};
use wsio::WsMessage;

use super::{
    Pattern, Shared,
    peer::{adopt, drain, send_all},
};
use wsio_axum::WsUpgrade;

use crate::{
    frame::{BINARY, CONTINUATION, FIN, PING, TEXT, frame, head},
    raw::RawUpgrade,
    stream::CuttableStream,
};

pub(super) fn text() -> MethodRouter<Shared> {
    any(async |upgrade: WsUpgrade| fixed(upgrade, ["hello ".into(), "wörld".into()]))
}

pub(super) fn empty() -> MethodRouter<Shared> {
    let binary = |bytes: &'static [u8]| WsMessage::Binary(bytes.into());
    any(async move |upgrade: WsUpgrade| {
        let messages = ["a".into(), "".into(), binary(b""), binary(b"b"), "".into()];
        fixed(upgrade, messages)
    })
}

fn fixed<const N: usize>(upgrade: WsUpgrade, messages: [WsMessage; N]) -> Response {
    upgrade.on_upgrade(|meta, stream| send_all(meta, stream, stream::iter(messages)))
}

#[derive(Debug, Deserialize)]
struct Slow {
    text: String,
    #[serde(default)]
    interval_ms: u64,
}

pub(super) fn slow() -> MethodRouter<Shared> {
    any(
        async |Query(query): Query<Slow>, upgrade: WsUpgrade| -> Response {
            let interval = Duration::from_millis(query.interval_ms);
            let bytes = stream::iter(query.text.into_bytes()).then(move |byte| async move {
                sleep(interval).await;
                WsMessage::from(vec![byte])
            });
            upgrade.on_upgrade(|meta, stream| send_all(meta, stream, bytes))
        },
    )
}

pub(super) fn headers() -> MethodRouter<Shared> {
    any(async |upgrade: WsUpgrade| {
        let headers = joined(upgrade.headers());
        let json = serde_json::to_string(&headers).unwrap_or_default();
        fixed(upgrade, [json.into()])
    })
}

/// Each header once, with all its values.
pub(super) fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::<_, String>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let values = joined.entry(name.to_string()).or_default();
        if !values.is_empty() {
            values.push_str(", ");
        }
        values.push_str(&value);
    }
    joined
}

#[derive(Debug, Deserialize)]
struct Huge {
    bytes: usize,
}

pub(super) fn huge() -> MethodRouter<Shared> {
    any(
        async |Query(query): Query<Huge>, upgrade: RawUpgrade| -> Response {
            upgrade.on_raw(move |conn| one_message(conn, query.bytes))
        },
    )
}

/// Written by hand so that the message need not fit into memory here.
async fn one_message(mut conn: CuttableStream, len: usize) -> io::Result<()> {
    const CHUNK: usize = 64 * 1024;
    let pattern = Pattern::new(CHUNK);
    conn.write_all(&head(FIN | BINARY, len as u64)).await?;
    for offset in (0..len).step_by(CHUNK) {
        let chunk = pattern.at(offset, CHUNK.min(len - offset));
        conn.write_all(&chunk).await?;
    }
    let (_meta, stream) = adopt(conn).await?;
    drain(stream).await;
    Ok(())
}

pub(super) fn fragments() -> MethodRouter<Shared> {
    any(async |upgrade: RawUpgrade| -> Response { upgrade.on_raw(in_pieces) })
}

async fn in_pieces(mut conn: CuttableStream) -> io::Result<()> {
    let frames = [
        frame(TEXT, b"a"),
        frame(FIN | PING, b"in between"),
        frame(CONTINUATION, b"b"),
        frame(CONTINUATION, b""),
        frame(FIN | CONTINUATION, b"c"),
        frame(BINARY, b"\x01"),
        frame(FIN | CONTINUATION, b"\x02\x03"),
    ];
    for frame in frames {
        conn.write_all(&frame).await?;
    }
    let (meta, stream) = adopt(conn).await?;
    send_all(meta, stream, stream::empty()).await;
    Ok(())
}
