//! Routes whose opening handshake is special.

use std::time::Duration;

use axum::{
    extract::Query,
    response::{IntoResponse, Response},
    routing::{MethodRouter, any},
};
use http::StatusCode;
use serde::Deserialize;
use tokio::time::sleep;
use wsio_axum::WsUpgrade;

use super::{Shared, echo};

#[derive(Debug, Deserialize)]
struct Subprotocol {
    accept: Option<String>,
}

pub(super) fn subprotocol() -> MethodRouter<Shared> {
    any(
        async |Query(query): Query<Subprotocol>, upgrade: WsUpgrade| {
            let offered = upgrade.offered_protocols().next().map(str::to_owned);
            match query.accept.or(offered) {
                Some(chosen) if !chosen.is_empty() => upgrade.protocol(chosen),
                _ => upgrade,
            }
            .on_upgrade(echo::messages)
        },
    )
}

#[derive(Debug, Deserialize)]
struct Reject {
    #[serde(default = "forbidden")]
    status: u16,
}

fn forbidden() -> u16 {
    StatusCode::FORBIDDEN.as_u16()
}

pub(super) fn reject() -> MethodRouter<Shared> {
    any(async |Query(query): Query<Reject>| -> Response {
        match StatusCode::from_u16(query.status) {
            Ok(status) if !status.is_informational() => {
                (status, [("x-wsio-reason", "as asked for")], "refused\n").into_response()
            }
            _ => (StatusCode::BAD_REQUEST, "the status has to be 200 to 999\n").into_response(),
        }
    })
}

#[derive(Debug, Deserialize)]
struct SlowHandshake {
    #[serde(default)]
    ms: u64,
}

pub(super) fn slow_handshake() -> MethodRouter<Shared> {
    any(
        async |Query(query): Query<SlowHandshake>, upgrade: WsUpgrade| -> Response {
            // The HTTP server drops this when the client goes away.
            sleep(Duration::from_millis(query.ms)).await;
            upgrade.on_upgrade(echo::messages)
        },
    )
}
