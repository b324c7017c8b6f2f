//! The panel of events: the server's log, followed over connections that can be dropped.

mod panel;
pub(crate) mod words;

use std::{pin::pin, time::Duration};

use futures::{
    Stream, StreamExt,
    future::{self, Either},
    stream,
};
use gloo_timers::future::IntervalStream;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::Performance;
use wsio::sse::{Reconnect, SourceError, SourceState};
use wsio_demo_exchange::events::{Happening, Place, Transport, Watch, drop_connections};

use self::panel::{Panel, Standing};
use crate::log::Way;

/// How long to wait before the first attempt after a loss, and before any; a random part of the
/// same size is added.
const DELAYS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(20)];

/// How often the time that is left until the next attempt is shown, in milliseconds.
const BEAT: u32 = 100;

/// Follows the log until the page goes. `client` is the name under which the server drops the
/// panel's connections.
pub(crate) fn start(server: &str, client: &str) -> Result<(), JsValue> {
    let panel = Panel::new()?;
    let clicks = panel.drop_clicks()?.map(|()| Wish::Drop);
    let retries = panel.retry_clicks()?.map(|()| Wish::Retry);
    let choices = panel.choices()?.map(Wish::Over);
    let beats = IntervalStream::new(BEAT).map(|()| Wish::Beat);
    let wishes = stream::select(
        stream::select(clicks, retries),
        stream::select(choices, beats),
    );
    let [delay, delay_max] = DELAYS;
    let reconnect = Reconnect::new().delay(delay).delay_max(delay_max);
    let follower = Follower {
        watch: Watch::new(server, client, Transport::WebSocket, reconnect),
        server: server.to_owned(),
        client: client.to_owned(),
        clock: crate::dom::clock()?,
        standing: Standing::Connecting,
        lost: None,
        panel,
    };
    spawn_local(follower.run(wishes));
    Ok(())
}

/// An input of the user or the clock.
#[derive(Debug, Clone, Copy)]
enum Wish {
    /// That the server drops the connection.
    Drop,
    /// An attempt at once.
    Retry,
    /// Another transport.
    Over(Transport),
    /// That the time is shown.
    Beat,
}

struct Follower {
    watch: Watch,
    server: String,
    client: String,
    clock: Performance,
    standing: Standing,
    /// Since when there has been no connection where there was one.
    lost: Option<Duration>,
    panel: Panel,
}

impl Follower {
    async fn run(mut self, mut wishes: impl Stream<Item = Wish> + Unpin) {
        self.show();
        loop {
            let next = match future::select(pin!(self.watch.next()), wishes.next()).await {
                Either::Left((Some(happening), _)) => Either::Left(happening),
                // It stays closed until the user wants something else.
                Either::Left((None, wish)) => Either::Right(wish.await),
                Either::Right((wish, _)) => Either::Right(wish),
            };
            match next {
                Either::Left(happening) => self.take(happening),
                Either::Right(Some(wish)) => self.grant(wish),
                Either::Right(None) => return,
            }
        }
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Open => {
                let last = self.watch.tally().run.map(|run| run.last);
                let lost = self.lost.take();
                let after = lost.map(|lost| self.now().saturating_sub(lost));
                self.note(Way::Note, &words::opened(after, last));
                self.stand(Standing::Open { after });
            }
            Happening::Tick(tick, place) => {
                let way = match place {
                    Place::Next => Way::Received,
                    Place::Anew(_) | Place::Forgotten(_) => Way::Note,
                    Place::Gap(_) | Place::Repeat => Way::Trouble,
                };
                let age = js_sys::Date::now() - tick.at as f64;
                self.note(way, &words::event(&tick, place, age));
                self.panel.count(&self.watch);
            }
            Happening::Failed(error) => self.fail(&error),
            Happening::Unreadable(error) => {
                self.note(
                    Way::Trouble,
                    &format!("An event that makes no sense: {error}"),
                );
            }
        }
    }

    fn fail(&mut self, error: &SourceError) {
        let why = words::failure(error, self.watch.failed());
        let now = self.now();
        if matches!(self.standing, Standing::Open { .. }) && self.watch.state() != SourceState::Open
        {
            self.lost = Some(now);
        }
        if let Some(delay) = error.retry_in() {
            let attempt = self.watch.failed() + 1;
            self.note(Way::Trouble, &words::waiting(&why, attempt, delay));
            self.stand(Standing::Waiting {
                why,
                attempt,
                since: now,
                until: now + delay,
            });
            return;
        }
        self.note(Way::Trouble, &why);
        if error.is_final() {
            self.stand(Standing::Over(why));
        }
    }

    fn grant(&mut self, wish: Wish) {
        match wish {
            Wish::Beat => self.beat(),
            Wish::Retry => self.open(self.watch.transport()),
            Wish::Over(transport) => {
                self.note(Way::Note, &format!("From now on over {}", transport.name()));
                self.open(transport);
            }
            Wish::Drop => self.ask_for_drop(),
        }
    }

    fn beat(&mut self) {
        let now = self.now();
        match &self.standing {
            Standing::Waiting {
                why,
                attempt,
                until,
                ..
            } if *until <= now => {
                let standing = Standing::Trying {
                    why: why.clone(),
                    attempt: *attempt,
                };
                self.stand(standing);
            }
            Standing::Waiting { .. } => self.show(),
            _ => {}
        }
    }

    fn open(&mut self, transport: Transport) {
        self.watch.open(transport);
        self.stand(Standing::Connecting);
    }

    fn ask_for_drop(&self) {
        self.note(Way::Sent, "Drop the connection");
        let (server, client) = (self.server.clone(), self.client.clone());
        let (list, name) = (self.panel.list().clone(), self.watch.transport().name());
        spawn_local(async move {
            if let Err(failure) = drop_connections(&server, &client).await {
                list.write(
                    Way::Trouble,
                    name,
                    &format!("It was not dropped: {failure}"),
                );
            }
        });
    }

    fn stand(&mut self, standing: Standing) {
        self.standing = standing;
        self.show();
    }

    fn show(&self) {
        self.panel.show(&self.standing, &self.watch, self.now());
        self.panel.count(&self.watch);
    }

    fn note(&self, way: Way, text: &str) {
        let name = self.watch.transport().name();
        self.panel.list().write(way, name, text);
    }

    fn now(&self) -> Duration {
        Duration::from_secs_f64(self.clock.now() / 1e3)
    }
}
