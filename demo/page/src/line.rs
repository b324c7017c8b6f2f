//! The line: a standing connection over which the user's lines go there and back.

use futures::{
    SinkExt, Stream, StreamExt,
    channel::mpsc::UnboundedReceiver,
    stream::{self, FusedStream},
};
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::{HtmlButtonElement, HtmlInputElement};
use wsio::{
    WsMeta, WsStream,
    pharos::{Observable, ObserveConfig},
};

use crate::{
    dom,
    log::{Log, Way},
    state::{Banner, describe},
};

/// The word for it in the log.
const FROM: &str = "line";

/// Connects the line, and keeps it until the page goes.
pub(crate) fn start(server: &str, log: &Log) -> Result<(), JsValue> {
    let form = Form::new()?;
    let banner = Banner::new()?;
    let reconnects = dom::clicks(banner.reconnect())?;
    let said = form.said()?;
    let line = Line {
        url: format!("{server}/echo-bytes"),
        banner,
        form,
        log: log.clone(),
    };
    spawn_local(line.keep(said, reconnects));
    Ok(())
}

struct Line {
    url: String,
    banner: Banner,
    form: Form,
    log: Log,
}

impl Line {
    /// Connects, carries lines until the connection is over, and begins anew at a click.
    async fn keep(self, mut said: UnboundedReceiver<String>, mut clicks: UnboundedReceiver<()>) {
        loop {
            self.banner.connecting(&self.url);
            match WsMeta::builder(self.url.as_str()).connect().await {
                Ok((meta, stream)) => self.carry(meta, stream, &mut said).await,
                Err(error) => {
                    self.log.write(Way::Trouble, FROM, &error.to_string());
                    self.banner.refused(&self.url, &error);
                }
            }
            if clicks.next().await.is_none() {
                return;
            }
        }
    }

    async fn carry(
        &self,
        mut meta: WsMeta,
        stream: WsStream,
        said: &mut UnboundedReceiver<String>,
    ) {
        if let Ok(mut events) = meta.observe(ObserveConfig::default()).await {
            let (banner, url) = (self.banner.clone(), self.url.clone());
            spawn_local(async move {
                while let Some(event) = events.next().await {
                    banner.tell(&url, &event);
                }
            });
        }
        self.form.enable(true);
        self.log.write(Way::Note, FROM, "connected");
        let lines = Framed::new(stream.into_io(), LinesCodec::new_with_max_length(4096));
        if let Err(error) = self.talk(lines, said).await {
            self.log.write(Way::Trouble, FROM, &error.to_string());
        }
        self.form.enable(false);
        let end = describe(&meta.closed().await);
        self.log.write(Way::Note, FROM, &end);
    }

    /// Carries lines until the server ends the connection.
    async fn talk<L>(
        &self,
        lines: L,
        said: &mut UnboundedReceiver<String>,
    ) -> Result<(), LinesCodecError>
    where
        L: Stream<Item = Result<String, LinesCodecError>>
            + futures::Sink<String, Error = LinesCodecError>,
    {
        let (mut sink, echoes) = lines.split();
        let echoes = echoes
            .map(|echo| Some(Heard::Echo(echo)))
            .chain(stream::once(async { None }));
        let said = said.map(|line| Some(Heard::Said(line)));
        let mut heard = Box::pin(stream::select(echoes, said));
        while !heard.is_terminated() {
            match heard.next().await.flatten() {
                Some(Heard::Said(line)) => {
                    self.log.write(Way::Sent, FROM, &line);
                    sink.send(line).await?;
                }
                Some(Heard::Echo(echo)) => self.log.write(Way::Received, FROM, &echo?),
                None => break,
            }
        }
        Ok(())
    }
}

enum Heard {
    /// The user said something.
    Said(String),
    /// The server said something.
    Echo(Result<String, LinesCodecError>),
}

/// The field in which the user types.
#[derive(Debug)]
struct Form {
    text: HtmlInputElement,
    send: HtmlButtonElement,
}

impl Form {
    fn new() -> Result<Self, JsValue> {
        Ok(Self {
            text: dom::element("say-text")?,
            send: dom::element("say-send")?,
        })
    }

    fn enable(&self, enabled: bool) {
        self.text.set_disabled(!enabled);
        self.send.set_disabled(!enabled);
    }

    /// The user's input, a line at a time.
    fn said(&self) -> Result<UnboundedReceiver<String>, JsValue> {
        let text = self.text.clone();
        dom::events(&dom::element("say")?, "submit", move |event| {
            event.prevent_default();
            let line = text.value();
            text.set_value("");
            (!line.is_empty()).then_some(line)
        })
    }
}
