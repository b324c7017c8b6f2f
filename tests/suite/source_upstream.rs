//! R8. Events of an event source, each handled once.

use std::{convert::Infallible, pin::pin, time::Duration};

use futures::{
    SinkExt, StreamExt,
    future::{Either, join, select},
};
use wsio::sse::{Connector, EventSource, SourceErrorKind, SourceEvent, SourceState, SseEvent};

use crate::{
    source_both::{at_once, http_url},
    support::{Server, may_break, pause, post, seed, test, unique},
};

/// A topic of the server, whose log shows each call of the handler.
struct Topic {
    server: Server,
    name: String,
}

impl Topic {
    async fn new(name: &str) -> Self {
        Self {
            server: Server::start().await,
            name: unique(name),
        }
    }

    fn source(&self, query: &str) -> EventSource {
        let route = format!("/events?topic={}&upstream=log&{query}", self.name);
        EventSource::ws(self.server.url(&route))
            .configure(may_break)
            .reconnect(at_once())
            .build()
    }

    /// What the handler was called with, as the log has it.
    async fn handled(&self) -> Vec<String> {
        let publish = format!("/events/publish?topic={}&event=end", self.name);
        post(&http_url(&self.server, &publish), "").await;
        let route = format!("/events?topic={}&replay=true", self.name);
        let source = EventSource::http(http_url(&self.server, &route)).build();
        let events = source.filter_map(async |item| item.unwrap().into_event());
        let events = events.take_while(|event| std::future::ready(event.name != "end"));
        events.map(|event| event.data).collect().await
    }
}

fn numbered(count: u32) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

async fn opened<C: Connector>(source: &mut EventSource<C>) {
    while source.next().await.unwrap().ok() != Some(SourceEvent::Open) {}
}

async fn feed(source: &mut EventSource, count: u32) {
    for number in 0..count {
        let event = SseEvent::new(number.to_string());
        source.feed(event).await.unwrap();
    }
}

/// Numbers that look random, another sequence in each run.
struct Dice(u32);

impl Dice {
    fn new() -> Self {
        Self(seed() | 1)
    }

    fn roll(&mut self, sides: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % sides
    }
}

#[test]
async fn r8_connections_cut_at_random_lose_and_double_nothing() {
    const COUNT: u32 = 500;
    let topic = Topic::new("random").await;
    let (base, mut dice) = (topic.server.url(""), Dice::new());
    let query = format!("topic={}&upstream=log&replay=true", topic.name);
    let flaky = unique("flaky");
    // Two routes by turns, and each breaks off before it confirms.
    let source = EventSource::ws(base.clone()).url_with(move |attempt| {
        let path = match attempt.number() % 2 {
            0 => format!("/flaky?id={flaky}&times=3&retry_ms=1"),
            _ => "/events?".to_owned(),
        };
        let cut = 1 + dice.roll(20);
        let url = format!("{base}{path}&{query}&cut_upstream={cut}");
        async move { Ok::<_, Infallible>(url) }
    });
    let source = source.configure(may_break).reconnect(at_once());
    let (mut sink, mut stream) = source.send_limit(1000).build().split();
    let sending = async {
        for number in 0..COUNT {
            let event = SseEvent::new(number.to_string());
            sink.send(event).await.unwrap();
        }
    };
    let receiving = async {
        let (mut data, mut losses) = (Vec::new(), 0);
        while data.len() < COUNT as usize {
            match stream.next().await.unwrap() {
                Ok(item) => data.extend(item.into_event().map(|event| event.data)),
                Err(error) => {
                    assert!(!error.is_final(), "{error}");
                    losses += 1;
                }
            }
        }
        (data, losses)
    };
    // And all are cut from outside, whatever they are doing.
    let cutting = async {
        let mut dice = Dice::new();
        let drop = format!("/events/drop?topic={}", topic.name);
        loop {
            pause(Duration::from_millis(10 + u64::from(dice.roll(50)))).await;
            post(&http_url(&topic.server, &drop), "").await;
        }
    };
    let (data, losses) = {
        let working = pin!(join(sending, receiving));
        let Either::Left((((), received), _)) = select(working, pin!(cutting)).await;
        received
    };
    assert_eq!(data, numbered(COUNT));
    // What a connection had received before it was cut is still handled.
    assert!(losses >= 5, "{losses}");
    let (closed, _) = join(sink.close(), stream.collect::<Vec<_>>()).await;
    closed.unwrap();
    assert_eq!(topic.handled().await, numbered(COUNT));
}

#[test]
async fn r8_an_event_whose_handler_fails_comes_again() {
    let topic = Topic::new("fails").await;
    let mut source = topic.source("fail=2&replay=true");
    opened(&mut source).await;
    feed(&mut source, 3).await;
    source.flush().await.unwrap();
    let (mut data, mut statuses) = (Vec::new(), Vec::new());
    while data.len() < 3 {
        match source.next().await.unwrap() {
            Ok(item) => data.extend(item.into_event().map(|event| event.data)),
            Err(error) => {
                assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
                statuses.push(error.http_status());
            }
        }
    }
    assert_eq!(data, numbered(3));
    assert_eq!(statuses, [Some(503), Some(503)]);
    assert_eq!(topic.handled().await, numbered(3));
}

#[test]
async fn r8_closing_waits_until_everything_is_handled() {
    let topic = Topic::new("closes").await;
    let mut source = topic.source("");
    opened(&mut source).await;
    feed(&mut source, 200).await;
    SinkExt::close(&mut source).await.unwrap();
    assert_eq!(source.ready_state(), SourceState::Closed);
    assert_eq!(topic.handled().await, numbered(200));
    // The events came back meanwhile.
    let mut data = Vec::new();
    while let Some(item) = source.next().await {
        data.extend(item.unwrap().into_event().map(|event| event.data));
    }
    assert_eq!(data, numbered(data.len() as u32));
}

#[test]
async fn r8_closing_goes_on_over_connections_that_are_lost() {
    let topic = Topic::new("closes-cut").await;
    let mut source = topic.source("cut_upstream=7");
    opened(&mut source).await;
    feed(&mut source, 50).await;
    SinkExt::close(&mut source).await.unwrap();
    assert_eq!(topic.handled().await, numbered(50));
    let mut losses = 0;
    while let Some(item) = source.next().await {
        losses += u32::from(item.is_err());
    }
    assert!(losses >= 1, "{losses}");
}

#[test]
async fn r8_closing_fails_where_the_server_is_gone_for_good() {
    let topic = Topic::new("closes-gone").await;
    let route = format!("/events?topic={}&upstream=log&fail=1000", topic.name);
    let builder = EventSource::ws(topic.server.url(&route)).configure(may_break);
    let reconnect = at_once().max_retries(2).delay_max(Duration::from_millis(1));
    let mut source = builder.reconnect(reconnect).build();
    opened(&mut source).await;
    feed(&mut source, 1).await;
    let error = SinkExt::close(&mut source).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::NotOpen);
    let mut last = None;
    while let Some(item) = source.next().await {
        last = item.err();
    }
    assert!(last.unwrap().is_final());
    assert!(topic.handled().await.is_empty());
}

#[test]
async fn r8_a_server_that_is_not_ours_sees_plain_events() {
    let server = Server::start().await;
    // It sends back what it is sent.
    let url = server.url("/echo-bytes");
    let mut source = EventSource::ws(url).reconnect(at_once()).build();
    opened(&mut source).await;
    let events = [
        SseEvent::new("a\nb").with_id("7").with_name("x"),
        SseEvent::new(""),
        SseEvent::new("c"),
    ];
    let (mut comments, mut seen) = (Vec::new(), Vec::new());
    for event in &events {
        source.send(event.clone()).await.unwrap();
        let before = seen.len();
        while seen.len() == before {
            match source.next().await.unwrap().unwrap() {
                SourceEvent::Event(event) => seen.push(event),
                SourceEvent::Comment(comment) => comments.push(comment),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(seen, events);
    // A comment before the first event is all there is besides.
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].starts_with("wsio source="));
    SinkExt::close(&mut source).await.unwrap();
}
