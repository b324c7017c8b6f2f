//! The routes: each shows one behaviour that a client can be tested against.

mod content;
mod cut;
mod echo;
mod ending;
mod events;
mod flow;
mod handshake;
mod malformed;
mod peer;
mod plain;
mod raw;
mod registry;
mod remembered;
mod topics;
mod visits;
mod watch;

use std::sync::Arc;

use axum::{Router, extract::FromRef, routing::MethodRouter};
use bytes::Bytes;

use self::{registry::Registry, topics::Topics, visits::Visits};

/// The state that the routes of one server share.
#[derive(Debug, Clone, Default)]
struct Shared {
    watched: Arc<Registry<watch::Watched>>,
    flooded: Arc<Registry<flow::Flooded>>,
    topics: Arc<Topics>,
    visits: Arc<Visits>,
}

impl FromRef<Shared> for Arc<Topics> {
    fn from_ref(shared: &Shared) -> Self {
        Self::clone(&shared.topics)
    }
}

impl FromRef<Shared> for Arc<Visits> {
    fn from_ref(shared: &Shared) -> Self {
        Self::clone(&shared.visits)
    }
}

/// One of the [`ROUTES`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Route {
    /// The path.
    pub path: &'static str,
    /// The parameters it takes, as a query.
    pub query: &'static str,
    /// The behaviour, in a line.
    pub help: &'static str,
    handler: fn() -> MethodRouter<Shared>,
}

/// The routes of every [`Server`](crate::Server).
pub const ROUTES: &[Route] = &[
    route("/echo", "", "sends every message back as it is", echo::echo),
    route(
        "/echo-bytes",
        "",
        "sends the bytes back, whatever messages they came in",
        echo::echo_bytes,
    ),
    route(
        "/subprotocol",
        "?accept=NAME",
        "chooses NAME, offered or not; none if empty, the first one offered if left out; then echoes",
        handshake::subprotocol,
    ),
    route(
        "/reject",
        "?status=N",
        "answers with this HTTP status and a header x-wsio-reason",
        handshake::reject,
    ),
    route(
        "/slow-handshake",
        "?ms=",
        "waits before it accepts, then echoes",
        handshake::slow_handshake,
    ),
    route(
        "/headers",
        "",
        "sends the headers of the request as a JSON object in a text",
        content::headers,
    ),
    route(
        "/text",
        "",
        "sends the texts \"hello \" and \"wörld\", closes",
        content::text,
    ),
    route(
        "/empty",
        "",
        "sends text \"a\", two empty messages, binary \"b\", an empty text, closes",
        content::empty,
    ),
    route(
        "/slow",
        "?text=&interval_ms=",
        "sends one byte at a time, each a binary message, closes",
        content::slow,
    ),
    route(
        "/fragments",
        "",
        "sends a text \"abc\" in four frames with a Ping among them, a binary in two, closes",
        content::fragments,
    ),
    route(
        "/huge",
        "?bytes=",
        "sends one binary message of this size, waits for the client to close",
        content::huge,
    ),
    route(
        "/early",
        "?n=",
        "sends n numbered texts in the same write as the 101, then echoes",
        flow::early,
    ),
    route(
        "/flood",
        "?bytes=&chunk=&id=",
        "sends so many bytes in binary messages of one size, closes; remembers under the id, if there is one, how far it came",
        flow::flood,
    ),
    route(
        "/flooded",
        "?id=&still_ms=",
        "waits until the flood with that id is over or has not moved for so long (500), and tells of it as JSON; also over plain HTTP",
        flow::flooded,
    ),
    route(
        "/sink",
        "",
        "counts and hashes binary messages; answers the text \"done\" with the result as JSON",
        flow::sink,
    ),
    route("/stall", "", "never reads", flow::stall),
    route(
        "/silent",
        "",
        "reads, but never answers, not even a Close",
        ending::silent,
    ),
    route(
        "/close",
        "?code=&reason=&after=N",
        "sends N numbered texts, then a Close with any code, or with none",
        ending::close,
    ),
    route(
        "/abort",
        "?after=N&wait=M",
        "sends N numbered texts, waits for M messages, resets the TCP connection",
        ending::abort,
    ),
    route(
        "/drop",
        "?after=N",
        "sends N numbered texts, ends the TCP connection without a Close",
        ending::drop,
    ),
    route(
        "/malformed",
        "?kind=&wait=",
        "sends the text \"before\", then breaks the protocol: reserved-opcode, rsv, bad-utf8, masked, fragmented-control, close-1005, close-len-1, oversize-header",
        malformed::malformed,
    ),
    route(
        "/watch",
        "?id=&mode=",
        "echoes, or with mode read only reads, and remembers under the id how it ended",
        watch::watch,
    ),
    route(
        "/watched",
        "?id=",
        "waits until every connection with that id has ended, tells as JSON how many there were and how the last one ended; also over plain HTTP",
        watch::watched,
    ),
    route(
        "/events",
        "?topic=&replay=true&drop_after=N&status=N&retry_after=S&count=N&interval_ms=&keep=&heartbeat_ms=&retry_ms=&upstream=append|log&fail=N&cut_upstream=N",
        "serves an event log over WebSocket and HTTP; count appends numbers up to N, drop_after drops the connection, status refuses (over WebSocket: Close 4000 + status); upstream appends what clients send, under their keys or (log) for each call, fail fails N calls first, cut_upstream drops the connection after N events",
        events::events,
    ),
    route(
        "/events/publish",
        "?topic=&event=&keep=&end=true",
        "POST: appends the body as an event, answers with its id; end ends the log",
        events::publish,
    ),
    route(
        "/events/drop",
        "?topic=",
        "POST: drops the TCP connection of all who subscribe to the topic",
        events::drop,
    ),
    route(
        "/sse-raw",
        "?body=|hex=&then=&id=&type=&status=&chunk=&interval_ms=&end=close|hold|drop",
        "sends any bytes as an event stream over WebSocket and HTTP; then is the body for the second and later connects under the id",
        raw::sse_raw,
    ),
    route(
        "/flaky",
        "?id=&times=N&fail_status=&retry_after=S&…",
        "answers with 503 (over WebSocket: Close 4503) N times under the id, then as /events",
        visits::flaky,
    ),
    route(
        "/accept-close",
        "?id=",
        "accepts an event stream over WebSocket and HTTP, and ends it at once",
        visits::accept_close,
    ),
    route(
        "/accept-close/count",
        "?id=",
        "tells as JSON how often /accept-close, /flaky or /sse-raw was connected to under the id, and with which last event ids",
        visits::count,
    ),
    route(
        "/redirect",
        "?status=N&to=ADDRESS",
        "redirects, with 302 if nothing is said, and to itself if no address is given",
        plain::redirect,
    ),
    route(
        "/teapot",
        "?ms=",
        "answers with 418, The-Answer-You-Are-Looking-For: 42, and 12345, a byte each 1000 ms",
        plain::teapot,
    ),
    route(
        "/echo-headers",
        "",
        "tells method, uri, headers and body of the request as JSON; as an event if that is accepted, or over WebSocket",
        plain::echo_headers,
    ),
];

const fn route(
    path: &'static str,
    query: &'static str,
    help: &'static str,
    handler: fn() -> MethodRouter<Shared>,
) -> Route {
    Route {
        path,
        query,
        help,
        handler,
    }
}

/// All of them, with their state.
pub(crate) fn router() -> Router {
    let router = ROUTES.iter().fold(Router::new(), |router, route| {
        router.route(route.path, (route.handler)())
    });
    router.with_state(Shared::default())
}

/// The byte at `offset` of the stream of bytes that `/flood` and `/huge` send.
///
/// The period is a prime, so that no frame, chunk or buffer of an ordinary size repeats it.
#[must_use]
pub const fn pattern(offset: usize) -> u8 {
    (offset % Pattern::PERIOD) as u8
}

/// Pieces of that stream of bytes, all of one memory.
struct Pattern(Bytes);

impl Pattern {
    const PERIOD: usize = 251;

    /// For pieces of up to `len` bytes.
    fn new(len: usize) -> Self {
        Self((0..len + Self::PERIOD).map(pattern).collect())
    }

    fn at(&self, offset: usize, len: usize) -> Bytes {
        let start = offset % Self::PERIOD;
        self.0.slice(start..start + len)
    }
}
