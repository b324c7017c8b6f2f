//! Routes that break the protocol.

use axum::{
    extract::Query,
    response::Response,
    routing::{MethodRouter, any},
};
use futures::StreamExt;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;

use super::{
    Shared,
    peer::{discard, unchecked},
};
use crate::{
    frame::{BINARY, CLOSE, FIN, PING, RSV1, TEXT, frame, head},
    raw::RawUpgrade,
};

#[derive(Debug, Deserialize)]
struct Malformed {
    kind: Kind,
    #[serde(default)]
    wait: u16,
}

/// The rule that is broken.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// An opcode that has no meaning (RFC 6455 § 5.2).
    ReservedOpcode,
    /// A reserved bit without an extension (§ 5.2).
    Rsv,
    /// A text that is not UTF-8 (§ 8.1).
    BadUtf8,
    /// A frame masked by a server (§ 5.1).
    Masked,
    /// A control frame in fragments (§ 5.4).
    FragmentedControl,
    /// A code that is not for the wire (§ 7.4.1).
    #[serde(rename = "close-1005")]
    Close1005,
    /// A length with the highest bit set (§ 5.2).
    OversizeHeader,
    /// Half a close code (§ 5.5.1).
    #[serde(rename = "close-len-1")]
    CloseLen1,
}

impl Kind {
    fn frame(self) -> Vec<u8> {
        match self {
            Self::ReservedOpcode => frame(FIN | 0x3, b"what"),
            Self::Rsv => frame(FIN | RSV1 | TEXT, b"what"),
            Self::BadUtf8 => frame(FIN | TEXT, b"\xc3\x28"),
            // The highest bit of the length says that a mask follows; all zero changes nothing.
            Self::Masked => [&[FIN | TEXT, 0x80 | 4, 0, 0, 0, 0], b"what".as_slice()].concat(),
            Self::FragmentedControl => frame(PING, b"what"),
            Self::Close1005 => frame(FIN | CLOSE, &1005_u16.to_be_bytes()),
            Self::OversizeHeader => head(FIN | BINARY, u64::MAX),
            Self::CloseLen1 => frame(FIN | CLOSE, b"\x03"),
        }
    }
}

pub(super) fn malformed() -> MethodRouter<Shared> {
    any(
        async |Query(query): Query<Malformed>, upgrade: RawUpgrade| -> Response {
            upgrade.on_raw(async move |mut conn| {
                conn.write_all(&frame(FIN | TEXT, b"before")).await?;
                let mut socket = unchecked(conn).await;
                for _ in 0..query.wait {
                    if !matches!(socket.next().await, Some(Ok(_))) {
                        break;
                    }
                }
                let mut conn = socket.into_inner();
                conn.write_all(&query.kind.frame()).await?;
                discard(&mut conn).await
            })
        },
    )
}
