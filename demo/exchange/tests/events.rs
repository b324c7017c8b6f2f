//! The step that follows the event log notices what is wrong with it.
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{cell::Cell, time::Duration};

use axum::{Router, http::StatusCode, routing::post};
use wsio::sse::SseEvent;
use wsio_axum::EventRoute;
use wsio_demo_exchange::{Outcome, Plan, Report, Step, StepOutcome, events::Tick};
use wsio_events::EventLog;
use wsio_server::Server;

/// Has a clock that goes on by 20 milliseconds whenever it is looked at.
#[derive(Default)]
struct Hurried(Cell<u64>);

impl Report for Hurried {
    fn now(&self) -> Duration {
        self.0.set(self.0.get() + 1);
        Duration::from_millis(20 * self.0.get())
    }

    async fn pause(&self) {}

    fn started(&mut self, _step: Step) {}

    fn sent(&mut self, _step: Step, _text: &str) {}

    fn received(&mut self, _step: Step, _text: &str) {}

    fn progress(&mut self, _step: Step, _bytes: u64, _total: u64) {}

    fn status(&mut self, _step: Step, _text: &str) {}

    fn finished(&mut self, _outcome: &StepOutcome) {}
}

/// A log that has these events: that is, what each belongs to and its number.
async fn log_of(ticks: impl IntoIterator<Item = (u64, u64)>) -> EventLog {
    let log = EventLog::default();
    for (began, number) in ticks {
        log.append(tick(began, number)).await.unwrap();
    }
    log
}

fn tick(log: u64, number: u64) -> SseEvent {
    let tick = Tick { log, number, at: 0 };
    tick.to_event().unwrap()
}

/// A server with this log, which drops no connection.
fn serving(log: EventLog) -> Router {
    let events = EventRoute::new().replay(true).serve(log);
    Router::new().route("/demo/events", events)
}

/// Runs the exchange with a server that has these routes.
async fn run(routes: Router) -> Outcome {
    // The exchange uses reqwest, which panics without if other packages turned on its rustls.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = Server::builder().routes(routes);
    let server = server.start("127.0.0.1:0").await.unwrap();
    let plan = Plan {
        bytes: 1000,
        ..Plan::new(format!("ws://{}", server.addr))
    };
    wsio_demo_exchange::run(&plan, &mut Hurried::default()).await
}

fn failure(outcome: &Outcome) -> &str {
    assert!(!outcome.is_success());
    assert!(outcome.step(Step::Down).unwrap().ok, "{outcome:?}");
    assert!(!outcome.step(Step::Events).unwrap().ok, "{outcome:?}");
    outcome.failure.as_ref().unwrap()
}

#[tokio::test]
async fn a_missing_event_fails_the_events() {
    let outcome = run(serving(log_of([(1, 5), (1, 6), (1, 9)]).await)).await;
    assert!(failure(&outcome).contains("event 9: Gap(2)"), "{outcome:?}");
}

#[tokio::test]
async fn an_event_that_comes_twice_fails_the_events() {
    let outcome = run(serving(log_of([(1, 1), (1, 2), (1, 2)]).await)).await;
    assert!(failure(&outcome).contains("event 2: Repeat"), "{outcome:?}");
}

#[tokio::test]
async fn a_log_that_begins_anew_fails_the_events() {
    let outcome = run(serving(log_of([(1, 1), (1, 2), (7, 1)]).await)).await;
    assert!(failure(&outcome).contains("event 1: Anew"), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_does_not_drop_fails_the_events() {
    let log = EventLog::default();
    let appended = log.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(1));
        for number in 1.. {
            ticks.tick().await;
            appended.append(tick(1, number)).await.unwrap();
        }
    });
    let lying = post(async || StatusCode::NO_CONTENT);
    let outcome = run(serving(log).route("/demo/events/drop", lying)).await;
    assert!(failure(&outcome).contains("after 1 drops"), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_refuses_to_drop_fails_the_events() {
    let outcome = run(serving(log_of((1..=30).map(|number| (1, number))).await)).await;
    assert!(failure(&outcome).contains("404"), "{outcome:?}");
}

#[tokio::test]
async fn what_is_no_number_fails_the_events() {
    let log = EventLog::default();
    log.append(SseEvent::new("five").with_name("tick"))
        .await
        .unwrap();
    let outcome = run(serving(log)).await;
    assert!(failure(&outcome).contains("expected"), "{outcome:?}");
}

#[tokio::test]
async fn a_server_without_a_log_fails_the_events() {
    let outcome = run(Router::new()).await;
    assert!(failure(&outcome).contains("404"), "{outcome:?}");
}
