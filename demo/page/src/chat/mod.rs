//! The panel of the chat: lines that go upstream, and the servers and the engine on their way, which
//! can be killed.

mod panel;
mod parts;
mod words;

use std::{cell::RefCell, collections::BTreeMap, pin::pin, rc::Rc, time::Duration};

use futures::{
    Stream, StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    future::{self, Either},
    stream,
};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use wsio::sse::{EventSource, Reconnect, SourceError, SourceEvent};
use wsio_demo_exchange::{
    Failure,
    chat::{Chat, ChatFigures, Heard, Line},
    events::Place,
    servers::{self, Part, Servers},
};

use self::panel::{Panel, Standing};
use crate::log::{Entry, Way};

/// The delay before the first attempt after a loss, and the longest.
const DELAYS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(5)];

/// What has come, for those who want to see it.
pub(crate) type SharedFigures = Rc<RefCell<ChatFigures>>;

/// Joins the chat until the page goes. `name` is that of the author.
pub(crate) fn start(server: &str, name: &str) -> Result<SharedFigures, JsValue> {
    let (commands, commanded) = unbounded();
    let panel = Panel::new(commands.clone())?;
    let lines = panel.lines()?.map(Wish::Say);
    let drops = panel.drop_clicks()?.map(|()| Wish::Drop);
    let storms = panel.storm_clicks()?.map(|()| Wish::Storm);
    let states = follow_servers(server).map(Wish::Show);
    let wishes = stream::select(
        stream::select(lines, stream::select(drops, storms)),
        stream::select(commanded, states),
    );
    let [delay, delay_max] = DELAYS;
    let reconnect = Reconnect::new().delay(delay).delay_max(delay_max);
    let figures = SharedFigures::default();
    let conversation = Conversation {
        chat: Chat::new(server, name, reconnect),
        server: server.to_owned(),
        servers: Servers::default(),
        standing: Standing::Connecting,
        unconfirmed: BTreeMap::new(),
        figures: Rc::clone(&figures),
        panel,
    };
    spawn_local(conversation.run(wishes));
    Ok(figures)
}

/// Returns the state of the servers, as it changes.
fn follow_servers(server: &str) -> UnboundedReceiver<Servers> {
    let (sender, states) = unbounded();
    let reconnect = Reconnect::new().delay_max(DELAYS[1]);
    let url = format!("{server}{}", servers::PATH);
    let mut source = EventSource::ws(url).reconnect(reconnect).build();
    spawn_local(async move {
        while let Some(item) = source.next().await {
            if let Ok(SourceEvent::Event(event)) = item
                && let Some(Ok(servers)) = Servers::from_event(&event)
                && sender.unbounded_send(servers).is_err()
            {
                return;
            }
        }
    });
    states
}

/// An input of the user, or of the server.
#[derive(Debug)]
pub(crate) enum Wish {
    /// That a line is sent.
    Say(String),
    /// That every connection is dropped.
    Drop,
    /// That faults are made at random.
    Storm,
    /// That a part is killed.
    Kill(Part),
    /// That a part is started.
    Start(Part),
    /// That the engine is started without what it had kept.
    StartEmpty,
    /// That this state of the servers is shown.
    Show(Servers),
}

struct Conversation {
    chat: Chat,
    server: String,
    servers: Servers,
    standing: Standing,
    /// The lines that have not come back, by number.
    unconfirmed: BTreeMap<u64, Entry>,
    figures: SharedFigures,
    panel: Panel,
}

impl Conversation {
    async fn run(mut self, mut wishes: impl Stream<Item = Wish> + Unpin) {
        self.show();
        loop {
            let next = match future::select(pin!(self.chat.next()), wishes.next()).await {
                Either::Left((Some(heard), _)) => Either::Left(heard),
                // An error that is final has closed it.
                Either::Left((None, wish)) => Either::Right(wish.await),
                Either::Right((wish, _)) => Either::Right(wish),
            };
            match next {
                Either::Left(heard) => self.take(heard),
                Either::Right(Some(wish)) => self.grant(wish),
                Either::Right(None) => return,
            }
            self.show();
        }
    }

    fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Open => {
                let left = self.unconfirmed.len();
                self.note(Way::Note, "", &words::opened(left));
                self.standing = Standing::Open;
            }
            Heard::Tick(_, Place::Next) => {}
            Heard::Tick(tick, place) => {
                self.trouble(&format!("tick {}", tick.number), place);
            }
            Heard::Line(line, place) => self.hear(&line, place),
            Heard::Lagged => self.note(Way::Note, "", words::LAGGED),
            Heard::Failed(error) => self.fail(&error),
            Heard::Unreadable(error) => {
                self.note(
                    Way::Trouble,
                    "",
                    &format!("An event that makes no sense: {error}"),
                );
            }
        }
    }

    fn hear(&mut self, line: &Line, place: Place) {
        if place != Place::Next {
            self.trouble(&format!("line {}", line.number), place);
        }
        if line.from != self.chat.name() {
            self.note(Way::Received, &line.from, &line.text);
            return;
        }
        let later = self.unconfirmed.split_off(&line.number);
        for lost in std::mem::replace(&mut self.unconfirmed, later).into_values() {
            lost.turn(Way::Trouble);
        }
        if let Some(entry) = self.unconfirmed.remove(&line.number) {
            entry.turn(Way::Confirmed);
        }
    }

    fn trouble(&self, what: &str, place: Place) {
        let way = match place {
            Place::Next | Place::Forgotten(_) | Place::Anew(_) => Way::Note,
            Place::Gap(_) | Place::Repeat => Way::Trouble,
        };
        self.note(way, "", &words::misplaced(what, place));
    }

    fn fail(&mut self, error: &SourceError) {
        let text = words::failed(error, self.standing != Standing::Open);
        self.note(Way::Trouble, "", &text);
        self.standing = Standing::Lost(text);
    }

    fn grant(&mut self, wish: Wish) {
        let server = self.server.clone();
        match wish {
            Wish::Say(text) => self.say(&text),
            Wish::Show(servers) => self.servers = servers,
            Wish::Drop => self.command("Drop all connections", async move {
                servers::drop_all(&server).await
            }),
            Wish::Storm => self.command(words::STORM, async move { servers::storm(&server).await }),
            Wish::Kill(part) => self.command(&format!("Kill {}", words::part(part)), async move {
                servers::kill(&server, part).await
            }),
            Wish::StartEmpty => self.command(words::START_EMPTY, async move {
                servers::start_empty(&server).await
            }),
            Wish::Start(part) => self
                .command(&format!("Start {}", words::part(part)), async move {
                    servers::start(&server, part).await
                }),
        }
    }

    fn say(&mut self, text: &str) {
        let said = self.chat.say(text).map_err(|error| error.to_string());
        let entry = self.panel.list().entry(Way::Sent, "you", text);
        match (said, entry) {
            (Ok(number), Ok(entry)) => drop(self.unconfirmed.insert(number, entry)),
            (Err(error), _) => self.note(Way::Trouble, "", &error),
            (_, Err(_)) => {}
        }
    }

    /// Has the server do something.
    fn command(&self, what: &str, done: impl Future<Output = Result<(), Failure>> + 'static) {
        self.note(Way::Sent, "", what);
        let list = self.panel.list().clone();
        spawn_local(async move {
            if let Err(failure) = done.await {
                list.write(Way::Trouble, "", &format!("It was not done: {failure}"));
            }
        });
    }

    fn note(&self, way: Way, from: &str, text: &str) {
        self.panel.list().write(way, from, text);
    }

    fn show(&self) {
        let here = self.servers.server_of(self.chat.name());
        self.panel
            .show(&self.standing, &self.chat, &self.servers, here);
        *self.figures.borrow_mut() = self.chat.figures();
    }
}

/// Where the panel's buttons send what is wished.
pub(crate) type Wishes = UnboundedSender<Wish>;
