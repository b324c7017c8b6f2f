//! The promises that hold in every store, as tests over an [`Engine`].
//!
//! A store's tests include this file, implement `Engine`, and call `every_store!`.
#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::unwrap_used)]

pub mod appending;
pub mod many;
pub mod reading;
pub mod retention;

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use tokio::time::timeout;
use wsio::sse::SseEvent;
use wsio_events::{EventId, EventLog, EventLogs, Lagged, Limits, Subscription};

/// A place where events are kept, of a test's own.
pub trait Engine: Sized {
    /// Whether events outlive the process.
    const IS_DURABLE: bool;
    /// Whether several servers can use it at the same time.
    const IS_SHARED: bool;

    async fn start(limits: Limits) -> Self;

    /// Returns the logs as a server of its own has them, where the engine is shared; otherwise the
    /// same ones.
    async fn logs(&self) -> EventLogs;

    /// Ends what uses the engine, and starts it again, where events outlive that.
    async fn restart(self) -> Self;
}

/// Makes a test of every promise over the given [`Engine`].
#[macro_export]
macro_rules! every_store {
    ($engine:ty) => {
        every_store!($engine;
            reading: d1_what_was_missed_comes_first_and_then_what_is_new,
            reading: d1_what_is_older_than_the_window_comes_from_the_store,
            reading: d1_ids_that_the_log_does_not_know_are_told,
            reading: d1_a_log_ends_for_everybody,
            reading: d3_a_restart_tells_nobody_anything,
            reading: d4_any_server_serves_any_client,
            reading: d4_an_id_that_this_server_has_not_seen_yet_is_good,
            reading: d7_an_event_is_encoded_once,
            appending: d2_an_event_is_there_when_it_has_been_appended,
            appending: d2_the_same_key_appends_once,
            appending: d2_appends_at_the_same_time_are_each_there_once_and_in_order,
            appending: d2_the_smallest_and_the_largest_event,
            appending: d2_a_dropped_append_is_there_or_not,
            retention: d6_events_are_bounded,
            retention: d6_bytes_are_bounded,
            retention: d6_age_is_bounded,
            retention: d6_what_a_subscriber_missed_is_told,
            many: d6_logs_are_apart_whatever_their_names,
            many: d6_names_that_no_log_can_have_are_refused,
            many: d6_logs_are_opened_once_and_closed_when_idle,
            many: d6_logs_are_bounded,
        );
    };
    ($engine:ty; $($module:ident: $name:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                suite::$module::$name::<$engine>().await;
            }
        )*
    };
}

/// More than anything takes.
pub const LONG: Duration = Duration::from_secs(30);

pub async fn soon<F: Future>(future: F) -> F::Output {
    timeout(LONG, future).await.expect("in time")
}

/// Appends the numbers as events, and returns their ids.
pub async fn append(log: &EventLog, numbers: std::ops::Range<u64>) -> Vec<String> {
    let mut ids = Vec::new();
    for number in numbers {
        let id = soon(log.append(SseEvent::new(number.to_string()))).await;
        ids.push(id.unwrap().to_string());
    }
    ids
}

/// Returns the next number of a subscription.
pub async fn next(subscription: &mut Subscription) -> Result<u64, Lagged> {
    let event = soon(subscription.next()).await.unwrap()?;
    Ok(event.data.parse().unwrap())
}

/// Reads these numbers and no others.
#[track_caller]
pub fn expect(
    subscription: &mut Subscription,
    numbers: std::ops::Range<u64>,
) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for number in numbers {
            assert_eq!(next(subscription).await, Ok(number), "{caller}");
        }
    }
}

/// Reads the report of a gap.
pub async fn expect_lagged(subscription: &mut Subscription) -> Lagged {
    match soon(subscription.next()).await.unwrap() {
        Err(lagged) => lagged,
        Ok(event) => panic!("not told of a gap before {event:?}"),
    }
}

/// Returns whether the subscription has nothing to yield now.
pub fn is_silent(subscription: &mut Subscription) -> bool {
    subscription.next().now_or_never().is_none()
}

pub fn id(text: &str) -> EventId {
    text.parse().unwrap()
}
