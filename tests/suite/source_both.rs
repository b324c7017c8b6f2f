//! What the tests of event sources have in common, over WebSocket and over HTTP.

use std::{convert::Infallible, fmt::Display, time::Duration};

use futures::{StreamExt, stream::FusedStream};
use wsio::{
    Builder,
    sse::{
        Attempt, Connector, EventSource, HttpConnector, HttpRequest, Policy, Reconnect,
        SourceBuilder, SourceError, SourceEvent, SourceHandle, SourceState, WsConnector,
    },
};

use crate::support::{Server, get, test};

/// What the connections are made by.
pub(crate) trait Transport {
    type Connector: Connector;

    fn at(address: impl Display, route: &str) -> SourceBuilder<Self::Connector>;

    fn source(server: &Server, route: &str) -> SourceBuilder<Self::Connector> {
        Self::at(server.address(), route).reconnect(at_once())
    }
}

pub(crate) struct OverWs;

impl Transport for OverWs {
    type Connector = WsConnector;

    fn at(address: impl Display, route: &str) -> SourceBuilder<WsConnector> {
        EventSource::ws(format!("ws://{address}{route}"))
    }
}

pub(crate) struct OverHttp;

impl Transport for OverHttp {
    type Connector = HttpConnector;

    fn at(address: impl Display, route: &str) -> SourceBuilder<HttpConnector> {
        EventSource::http(format!("http://{address}{route}"))
    }
}

pub(crate) fn http_url(server: &Server, route: &str) -> String {
    format!("http://{}{route}", server.address())
}

/// No test waits longer than it has to.
pub(crate) fn at_once() -> Reconnect {
    let moment = Duration::from_millis(1);
    let reconnect = Reconnect::new().delay(moment).delay_min(moment);
    reconnect
        .delay_max(Duration::from_secs(2))
        .backoff_factor(1.0)
}

/// What is percent-encoded in a query.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The data of so many events, and the errors in between.
pub(crate) async fn events<C: Connector>(
    source: &mut EventSource<C>,
    count: usize,
) -> (Vec<String>, Vec<SourceError>) {
    let (mut events, mut errors) = (Vec::new(), Vec::new());
    while events.len() < count {
        match source.next().await.expect("not the end") {
            Ok(SourceEvent::Event(event)) => events.push(event.data),
            Ok(_) => {}
            Err(error) => {
                assert!(!error.is_final(), "{error:?}");
                errors.push(error);
            }
        }
    }
    (events, errors)
}

/// All errors until the end.
pub(crate) async fn errors<C: Connector>(source: &mut EventSource<C>) -> Vec<SourceError> {
    let mut errors = Vec::new();
    while let Some(item) = source.next().await {
        errors.extend(item.err());
    }
    assert!(source.is_terminated());
    assert_eq!(source.ready_state(), SourceState::Closed);
    let (last, others) = errors.split_last().expect("an error");
    assert!(last.is_final());
    assert!(others.iter().all(|error| error.retry_in().is_some()));
    errors
}

/// Who came under an id: how many, and what they had seen.
pub(crate) async fn visits(server: &Server, id: &str) -> (u64, Vec<Option<String>>) {
    let url = http_url(server, &format!("/accept-close/count?id={id}"));
    let text = get(&url).await.text().await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let seen = json["lastEventIds"].as_array().unwrap().iter();
    let seen = seen.map(|id| id.as_str().map(str::to_owned)).collect();
    (json["connects"].as_u64().unwrap(), seen)
}

/// Each of these is a test of its own over each transport.
macro_rules! over_both {
    ($($name:ident)*) => {
        mod ws {
            use crate::{source_both::OverWs, support::test};
            $(#[test] async fn $name() { super::$name::<OverWs>().await })*
        }
        mod http {
            use crate::{source_both::OverHttp, support::test};
            $(#[test] async fn $name() { super::$name::<OverHttp>().await })*
        }
    };
}

pub(crate) use over_both;

#[test]
async fn r0_types_are_send_on_every_target() {
    fn handle<T: Send + Sync + Unpin>() {}
    fn stream<T: Send + Unpin>() {}
    handle::<SourceHandle>();
    handle::<SourceEvent>();
    handle::<SourceState>();
    handle::<SourceError>();
    handle::<Reconnect>();
    handle::<Policy>();
    handle::<HttpRequest>();
    handle::<SourceBuilder<WsConnector>>();
    handle::<SourceBuilder<HttpConnector>>();
    stream::<EventSource<WsConnector>>();
    stream::<EventSource<HttpConnector>>();

    fn sent<T: Send + Unpin>(_: T) {}
    let url = |_: Attempt| async { Ok::<_, Infallible>("") };
    sent(EventSource::ws("").url_with(url).build());
    sent(EventSource::http("").url_with(url).build());
    let ws = |builder: Builder, _: Attempt| async { Ok::<_, Infallible>(builder) };
    sent(EventSource::ws("").prepare_with(ws).build());
    let http = |request: HttpRequest, _: Attempt| async { Ok::<_, Infallible>(request) };
    sent(EventSource::http("").prepare_with(http).build());
}
