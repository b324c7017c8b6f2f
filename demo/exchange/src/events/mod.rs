//! The step that follows the server's event log while the server drops the connections.

mod tally;
mod tick;
mod watch;

use std::{pin::pin, time::Duration};

use futures::future::{self, Either};
use wsio::sse::Reconnect;

use crate::{EventFigures, Figures, Plan, Report, Step, error::Failure, servers::post};

pub(crate) use self::watch::{LAGGED, SILENCE};
pub use self::{
    tally::{Place, Run, Tally},
    tick::Tick,
    watch::{Happening, Transport, Watch},
};

/// The number of events each transport brings at least.
pub const EVENTS: u64 = 40;

/// The number of times the server drops the connection of each.
pub const DROPS: u64 = 3;

/// The number of events a connection brings at least before it is dropped.
pub const PER_CONNECTION: u64 = EVENTS / (DROPS + 1);

/// The time to notice a lost connection and to reconnect.
const LIMIT: Duration = Duration::from_secs(20);

/// The path of the log.
pub const PATH: &str = "/demo/events";

/// Has the server drop every event connection of a client, without a word.
///
/// # Errors
///
/// The server cannot be reached, or refuses.
pub async fn drop_connections(server: &str, client: &str) -> Result<(), Failure> {
    post(&format!("{}{PATH}/drop?client={client}", http(server))).await
}

/// The address for HTTP of what `url` is for WebSocket.
pub(crate) fn http(url: &str) -> String {
    url.replacen("ws", "http", 1)
}

/// Follows the log over both transports at once, with [`DROPS`] drops in between.
pub(crate) async fn follow<R: Report>(plan: &Plan, report: &mut R) -> Result<Figures, Failure> {
    let mut sides = Transport::ALL.map(|transport| Side::new(plan, transport));
    let (mut drops, mut dropped) = (0, report.now());
    loop {
        let [ws, http] = &mut sides;
        let (side, happening) =
            match future::select(pin!(ws.watch.next()), pin!(http.watch.next())).await {
                Either::Left((happening, _)) => (0, happening),
                Either::Right((happening, _)) => (1, happening),
            };
        let happening = happening.ok_or_else(Failure::ended)?;
        sides[side].take(happening, report)?;
        let received = sides.each_ref().map(|side| side.watch.tally().received);
        let [over_ws, over_http] = received;
        let status = format!("{over_ws} + {over_http} events, {drops} of {DROPS} drops");
        report.status(Step::Events, &status);

        if sides.iter().all(|side| side.is_due(drops)) {
            if drops == DROPS {
                break;
            }
            report.sent(Step::Events, &format!("POST {PATH}/drop"));
            drop_connections(&plan.server, &plan.client).await?;
            (drops, dropped) = (drops + 1, report.now());
        } else if report.now().saturating_sub(dropped) > LIMIT {
            let limit = LIMIT.as_secs();
            return Err(Failure::new(format!(
                "after {drops} drops: not {PER_CONNECTION} events over new connections in {limit} s"
            )));
        }
    }
    let events = sides.map(|side| side.figures(drops));
    let summary = format!(
        "{} events by WebSocket, {} by HTTP, {DROPS} drops each: no gap, no repeat",
        events[0].received, events[1].received
    );
    Ok(Figures {
        events: events.into(),
        ..Figures::new(summary)
    })
}

/// One of the transports.
struct Side {
    watch: Watch,
    /// Events since the connection was opened.
    since_open: u64,
}

impl Side {
    fn new(plan: &Plan, transport: Transport) -> Self {
        let reconnect = Reconnect::new()
            .delay(Duration::from_millis(200))
            .delay_max(Duration::from_secs(2))
            .max_retries(10);
        Self {
            watch: Watch::new(&plan.server, &plan.client, transport, reconnect),
            since_open: 0,
        }
    }

    fn take<R: Report>(&mut self, happening: Happening, report: &mut R) -> Result<(), Failure> {
        let name = self.watch.transport().name();
        match happening {
            Happening::Open => {
                self.since_open = 0;
                report.received(Step::Events, &format!("{name}: open"));
            }
            Happening::Tick(_, Place::Next) => self.since_open += 1,
            Happening::Tick(tick, place) => {
                let number = tick.number;
                return Err(Failure::new(format!("{name}: event {number}: {place:?}")));
            }
            Happening::Failed(error) if error.is_final() => {
                return Err(Failure::new(format!("{name}: {error}")));
            }
            Happening::Failed(error) => {
                report.received(Step::Events, &format!("{name}: {error}"));
            }
            Happening::Unreadable(error) => {
                return Err(Failure::new(format!("{name}: {error}")));
            }
        }
        Ok(())
    }

    /// Returns whether it has come back from so many drops, and seen enough since.
    fn is_due(&self, drops: u64) -> bool {
        self.watch.reconnects() >= drops && self.since_open >= PER_CONNECTION
    }

    fn figures(&self, drops: u64) -> EventFigures {
        let tally = self.watch.tally();
        EventFigures {
            transport: self.watch.transport(),
            received: tally.received,
            drops,
            reconnects: self.watch.reconnects(),
            gaps: tally.gaps,
            repeats: tally.repeats,
        }
    }
}
