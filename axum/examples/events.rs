//! An event log in an axum application: what time it is, once a second.
//!
//! ```sh
//! cargo run -p wsio-axum --example events -- 127.0.0.1:8080
//! curl -N 'http://127.0.0.1:8080/time'
//! ```
//!
//! A browser's `EventSource` shows the same, and misses no second when it loses the connection;
//! so does an `EventSource` of wsio, over HTTP or over WebSocket. Ctrl-C ends the streams, and with
//! them the server.

use std::{
    env, io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::Router;
use futures::FutureExt;
use tokio::{
    net::TcpListener,
    signal,
    time::{MissedTickBehavior, interval},
};
use wsio::sse::SseEvent;
use wsio_axum::EventRoute;
use wsio_events::{EventLog, Limits};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("http://{}/time", listener.local_addr()?);

    // The last hour, and no more than 1 MiB of it.
    let log = EventLog::new(Limits::new().events(3600).bytes(1 << 20));
    tokio::spawn(tell_the_time(log.clone(), Duration::from_secs(1)));
    // Without a Ctrl-C to wait for, it stops at once.
    let stopping = signal::ctrl_c().map(|_| ());
    serve(listener, log, stopping).await
}

/// Until `stopping` resolves: that ends the streams, which the server waits for.
pub(crate) async fn serve(
    listener: TcpListener,
    log: EventLog,
    stopping: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let stopping = stopping.shared();
    let route = EventRoute::new().until(stopping.clone());
    let app = Router::new().route("/time", route.serve(log));
    axum::serve(listener, app)
        .with_graceful_shutdown(stopping)
        .await
}

pub(crate) async fn tell_the_time(log: EventLog, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = now.unwrap_or_default().as_secs();
        let event = SseEvent::new(seconds.to_string()).with_name("second");
        if let Err(error) = log.append(event).await {
            eprintln!("not appended: {error}");
        }
    }
}
