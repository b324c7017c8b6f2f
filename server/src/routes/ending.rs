//! Routes that end a connection in every way.

use std::{io, time::Duration};

use axum::{
    extract::Query,
    response::{IntoResponse, Response},
    routing::{MethodRouter, any},
};
use futures::StreamExt;
use http::StatusCode;
use serde::Deserialize;
use tokio::{io::AsyncWriteExt, time::timeout};
use tokio_tungstenite::tungstenite::{self, protocol::CloseFrame};

use super::{
    Shared,
    peer::{discard, unchecked, write_numbers},
};
use crate::{raw::RawUpgrade, stream::CuttableStream};

/// The time a client has to end a connection that is over on this side.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn close() -> MethodRouter<Shared> {
    any(async |Query(query): Query<Close>, upgrade: RawUpgrade| {
        let Some(frame) = query.frame() else {
            let reason = "a reason has at most 123 bytes, and comes with a code\n";
            return (StatusCode::BAD_REQUEST, reason).into_response();
        };
        upgrade.on_raw(move |conn| close_with(conn, query.after, frame))
    })
}

#[derive(Debug, Deserialize)]
struct Close {
    code: Option<u16>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    after: u16,
}

impl Close {
    /// The frame's content, if any; `None` for what fits in no frame.
    fn frame(&self) -> Option<Option<CloseFrame>> {
        if self.reason.len() > 123 || (self.code.is_none() && !self.reason.is_empty()) {
            return None;
        }
        Some(self.code.map(|code| CloseFrame {
            code: code.into(),
            reason: self.reason.as_str().into(),
        }))
    }
}

async fn close_with(
    mut conn: CuttableStream,
    after: u16,
    frame: Option<CloseFrame>,
) -> io::Result<()> {
    write_numbers(&mut conn, after).await?;
    let mut socket = unchecked(conn).await;
    socket.close(frame).await.map_err(io_error)?;
    // Until the client has answered: to leave before would reset the connection under it.
    let answered = async { while let Some(Ok(_)) = socket.next().await {} };
    let _ = timeout(PATIENCE, answered).await;
    Ok(())
}

fn io_error(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        error => io::Error::other(error),
    }
}

#[derive(Debug, Deserialize)]
struct Abort {
    #[serde(default)]
    after: u16,
    #[serde(default)]
    wait: u16,
}

pub(super) fn abort() -> MethodRouter<Shared> {
    any(
        async |Query(query): Query<Abort>, upgrade: RawUpgrade| -> Response {
            upgrade.on_raw(async move |mut conn| {
                write_numbers(&mut conn, query.after).await?;
                let mut socket = unchecked(conn).await;
                for _ in 0..query.wait {
                    if !matches!(socket.next().await, Some(Ok(_))) {
                        break;
                    }
                }
                socket.into_inner().reset()
            })
        },
    )
}

#[derive(Debug, Deserialize)]
struct Drop {
    #[serde(default)]
    after: u16,
}

pub(super) fn drop() -> MethodRouter<Shared> {
    any(
        async |Query(query): Query<Drop>, upgrade: RawUpgrade| -> Response {
            upgrade.on_raw(async move |mut conn| {
                write_numbers(&mut conn, query.after).await?;
                conn.shutdown().await?;
                // What is not read would turn the orderly end into a reset.
                let _ = timeout(PATIENCE, discard(&mut conn)).await;
                Ok(())
            })
        },
    )
}

pub(super) fn silent() -> MethodRouter<Shared> {
    any(async |upgrade: RawUpgrade| -> Response {
        upgrade.on_raw(async |mut conn| discard(&mut conn).await)
    })
}
