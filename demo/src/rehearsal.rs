//! The check of the demo with several servers: the page kills and starts them, and the engine, while
//! it and the native client send lines and follow the log.

use std::{fmt, net::SocketAddr, pin::pin, time::Duration};

use anyhow::{Context, Result, anyhow};
use futures::StreamExt;
use tokio::{
    sync::{mpsc, watch},
    time::{interval, timeout},
};
use wsio::sse::Reconnect;
use wsio_demo_exchange::{
    Outcome,
    chat::{Chat, ChatFigures, Heard, Line, Lines},
    events::Place,
};
use wsio_events::EventLog;

use crate::{Args, run_page};

/// The time for all of it.
const LIMIT: Duration = Duration::from_secs(90);

/// The time after the page's report until the last line has arrived.
const REST: Duration = Duration::from_secs(15);

/// The interval at which the native client says a line.
const PACE: Duration = Duration::from_millis(150);

/// Runs the page and the native client at once, and returns whether both saw what they should.
pub(crate) async fn check(
    args: &Args,
    site: SocketAddr,
    log: &EventLog,
    reported: &mut mpsc::Receiver<Outcome>,
) -> Result<bool> {
    let (page_done, native_may_end) = watch::channel(None);
    let (native_opened, mut opened) = watch::channel(false);
    let native = tokio::spawn(talk(site, native_opened, native_may_end));
    opened.wait_for(|is_open| *is_open).await?;
    let url = format!("http://{site}/?check=servers");
    let page = timeout(LIMIT, run_page(args, &url, reported)).await;
    let page = page.context("the page did not report in time")??;
    if let Some(failure) = page.failure {
        return Err(anyhow!("the page failed: {failure}"));
    }
    let page = page.chat.context("the page reports nothing")?;
    page_done.send_replace(Some(page.clone()));
    let native = timeout(REST, native).await.context("lines are missing")??;
    let kept = timeout(REST, read(log, [&native, &page])).await;
    let kept = kept.context("the log ends too early")??;
    let verdict = Verdict { native, page, kept };
    println!("{verdict}");
    Ok(verdict.passed())
}

/// The native client: it says lines until the page is done, and then waits for every line of both.
async fn talk(
    site: SocketAddr,
    opened: watch::Sender<bool>,
    mut page: watch::Receiver<Option<ChatFigures>>,
) -> ChatFigures {
    let reconnect = Reconnect::new()
        .delay(Duration::from_millis(100))
        .delay_max(Duration::from_secs(1));
    let mut chat = Chat::new(&format!("ws://{site}"), "terminal", reconnect);
    let mut pace = interval(PACE);
    loop {
        let done = page.borrow_and_update().clone();
        if let Some(page) = &done
            && chat.unconfirmed() == 0
            && chat.lines().last(&page.name) >= page.said
        {
            return chat.figures();
        }
        tokio::select! {
            heard = chat.next() => match heard {
                Some(Heard::Open) => {
                    opened.send_replace(true);
                    println!("  ← connected");
                }
                Some(heard) => tell(&heard),
                None => return chat.figures(),
            },
            _ = pace.tick(), if done.is_none() => {
                let text = format!("line {} from the terminal", chat.said() + 1);
                if let Err(error) = chat.say(&text) {
                    eprintln!("{error}");
                }
            }
            _ = page.changed(), if done.is_none() => {}
        }
    }
}

fn tell(heard: &Heard) {
    match heard {
        Heard::Open | Heard::Tick(_, Place::Next) | Heard::Line(_, Place::Next) => {}
        Heard::Tick(tick, place) => println!("  ✗ tick {}: {place:?}", tick.number),
        Heard::Line(line, place) => println!("  ✗ {} {}: {place:?}", line.from, line.number),
        Heard::Lagged => println!("  ✗ lagged"),
        Heard::Failed(error) => println!("  ← {error}"),
        Heard::Unreadable(error) => println!("  ✗ {error}"),
    }
}

/// Reads the log from its beginning until it has every line of these.
async fn read(log: &EventLog, authors: [&ChatFigures; 2]) -> Result<Lines> {
    let mut lines = Lines::default();
    let mut events = pin!(log.subscribe_from_oldest());
    let is_over = |lines: &Lines| authors.iter().all(|it| lines.last(&it.name) >= it.said);
    while !is_over(&lines) {
        let event = events.next().await.context("the log has ended")??;
        if let Some(line) = Line::from_event(&event) {
            lines.add(&line?);
        }
    }
    Ok(lines)
}

/// What both ends saw, and what is in the log.
struct Verdict {
    native: ChatFigures,
    page: ChatFigures,
    kept: Lines,
}

impl Verdict {
    fn passed(&self) -> bool {
        [&self.native, &self.page]
            .into_iter()
            .all(|it| self.is_due(it))
    }

    /// Whether a client lost its connection, saw all there was, and was heard once.
    fn is_due(&self, figures: &ChatFigures) -> bool {
        let kept = self.kept.author(&figures.name);
        let is_kept_once = kept.is_some_and(|author| {
            let tally = author.tally();
            (author.first(), author.last(), tally.received) == (1, figures.said, figures.said)
        });
        is_kept_once && figures.is_flawless() && figures.reconnects > 0 && figures.ticks > 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for figures in [&self.native, &self.page] {
            let mark = if self.is_due(figures) { '✓' } else { '✗' };
            let kept = self.kept.author(&figures.name);
            let kept = kept.map_or(0, |author| author.tally().received);
            writeln!(
                f,
                "{mark} {:<14} {} reconnects, {} of {} ticks, {} lines sent, {kept} in the log",
                figures.name, figures.reconnects, figures.ticks, figures.tick_span, figures.said,
            )?;
            if !self.is_due(figures) {
                writeln!(f, "    {figures:?}")?;
            }
        }
        f.write_str(if self.passed() {
            "\nboth ends saw every event once, and each line was handled once"
        } else {
            "\nthe check failed"
        })
    }
}
