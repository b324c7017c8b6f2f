//! R1 at length: what the server numbers from 1 to 10 000 arrives once each and in order, while
//! 200 connections are dropped after a random number of events.

use std::{
    convert::Infallible,
    future::{Ready, ready},
};

use wsio::sse::{Attempt, Connector, EventSource};

use crate::{
    source_both::{at_once, http_url},
    support::{Server, count_to, seed, test, unique},
};

const EVENTS: u32 = 10_000;

/// How many connections are dropped, each after up to 80 events: all of them before the last one.
const LOSSES: u64 = 200;

/// Numbers that look random, from one that is printed when a test fails.
struct Random(u32);

impl Random {
    fn new() -> Self {
        let seed = seed();
        println!("seed: {seed}");
        Self(seed)
    }

    /// From 1 to `max`; numbers of Knuth's.
    fn up_to(&mut self, max: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) % max + 1
    }

    /// A URL per attempt, after which each connection is dropped at another place.
    fn urls(mut self, base: String) -> impl FnMut(Attempt) -> Ready<Result<String, Infallible>> {
        move |attempt| {
            let is_dropped = attempt.number() <= LOSSES;
            ready(Ok(match is_dropped {
                true => format!("{base}&drop_after={}", self.up_to(80)),
                false => base.clone(),
            }))
        }
    }
}

async fn soak<C: Connector>(mut source: EventSource<C>) {
    assert_eq!(count_to(&mut source, EVENTS).await, LOSSES);
}

fn route() -> String {
    format!("/events?topic={}&count={EVENTS}", unique("soak"))
}

#[test]
async fn r1_soak_over_websocket() {
    let server = Server::start().await;
    let url = server.url(&route());
    let urls = Random::new().urls(url.clone());
    let source = EventSource::ws(url).url_with(urls).reconnect(at_once());
    soak(source.build()).await;
}

#[test]
async fn r1_soak_over_http() {
    let server = Server::start().await;
    let url = http_url(&server, &route());
    let urls = Random::new().urls(url.clone());
    let source = EventSource::http(url).url_with(urls).reconnect(at_once());
    soak(source.build()).await;
}
