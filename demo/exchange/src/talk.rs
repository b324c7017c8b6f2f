//! The connection that carries lines, then JSON values, and is closed at the end.

use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio_util::codec::{Framed, LinesCodec};
use wsio::{CloseCode, WsIo, WsMeta, codec::JsonCodec};

use crate::{Figures, Report, Step, error::Failure};

/// The lines that are said: plain, empty, and in more than one script.
const LINES: [&str; 5] = [
    "hello over a WebSocket",
    "",
    "a line is a line, whatever messages carry it",
    "grüße · привет · こんにちは · 👋",
    "goodbye",
];

/// A value that goes there and back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Reading {
    id: u32,
    place: String,
    celsius: f64,
    tags: Vec<String>,
}

fn readings() -> Vec<Reading> {
    let places = [
        ("Nairobi", 24.5, vec!["dry"]),
        ("Tromsø", -7.25, vec!["snow", "dark"]),
        ("Lima\n(coast)", 19.0, vec![]),
    ];
    places
        .into_iter()
        .zip(1..)
        .map(|((place, celsius, tags), id)| Reading {
            id,
            place: place.to_owned(),
            celsius,
            tags: tags.into_iter().map(str::to_owned).collect(),
        })
        .collect()
}

/// The open connection, between two codecs.
pub(crate) struct Talk {
    meta: WsMeta,
    io: WsIo,
}

impl Talk {
    pub(crate) async fn connect(url: &str) -> Result<(Self, Figures), Failure> {
        let (meta, stream) = WsMeta::builder(url).connect().await?;
        let figures = Figures::new("the connection is open");
        let io = stream.into_io();
        Ok((Self { meta, io }, figures))
    }

    pub(crate) async fn lines<R: Report>(self, report: &mut R) -> Result<(Self, Figures), Failure> {
        let mut lines = Framed::new(self.io, LinesCodec::new_with_max_length(1024));
        let mut figures = Figures::new(format!("{} lines there and back", LINES.len()));
        for line in LINES {
            report.sent(Step::Lines, line);
            lines.send(line).await?;
            let echo = lines.next().await.ok_or_else(Failure::ended)??;
            report.received(Step::Lines, &echo);
            if echo != line {
                return Err(Failure::new(format!("sent {line:?}, got {echo:?}")));
            }
            figures.sent += line.len() as u64 + 1;
            figures.received += echo.len() as u64 + 1;
        }
        let io = unframe(lines)?;
        Ok((Self { io, ..self }, figures))
    }

    pub(crate) async fn values<R: Report>(
        self,
        report: &mut R,
    ) -> Result<(Self, Figures), Failure> {
        let readings = readings();
        let mut values = Framed::new(self.io, JsonCodec::<Reading, Reading>::new());
        let mut figures = Figures::new(format!("{} values there and back", readings.len()));
        for reading in readings {
            let text = to_json(&reading)?;
            report.sent(Step::Json, &text);
            values.send(reading.clone()).await?;
            let echo = values.next().await.ok_or_else(Failure::ended)???;
            let echo_text = to_json(&echo)?;
            report.received(Step::Json, &echo_text);
            if echo != reading {
                return Err(Failure::new(format!("sent {text}, got {echo_text}")));
            }
            figures.sent += text.len() as u64 + 1;
            figures.received += echo_text.len() as u64 + 1;
        }
        let io = unframe(values)?;
        Ok((Self { io, ..self }, figures))
    }

    pub(crate) async fn close(mut self) -> Result<Figures, Failure> {
        let event = self.meta.close_code(CloseCode::NORMAL).await?;
        if !event.was_clean || event.code != CloseCode::NORMAL {
            return Err(Failure::new(format!("the connection ended with {event}")));
        }
        let rest = self.io.read(&mut [0; 64]).await?;
        if rest != 0 {
            return Err(Failure::new(format!("{rest} bytes came unasked")));
        }
        Ok(Figures {
            close_code: Some(event.code.into()),
            ..Figures::new(format!("{event}, clean"))
        })
    }
}

/// The bytes under a codec that has nothing left over.
fn unframe<C>(framed: Framed<WsIo, C>) -> Result<WsIo, Failure> {
    let parts = framed.into_parts();
    if !parts.read_buf.is_empty() {
        let len = parts.read_buf.len();
        return Err(Failure::new(format!("{len} bytes came unasked")));
    }
    Ok(parts.io)
}

fn to_json(reading: &Reading) -> Result<String, Failure> {
    serde_json::to_string(reading).map_err(|error| Failure::new(error.to_string()))
}
