//! E8. What observers are told.

use futures::{SinkExt, StreamExt};
use wsio::{
    ErrorKind, WsEvent,
    pharos::{Channel, Observable, ObserveConfig},
};

use crate::support::{Server, drain, test};

#[test]
async fn e8_observers_are_told_everything() {
    let server = Server::start().await;
    let (mut meta, _stream) = server.connect("/echo").await;
    let events = meta.observe(ObserveConfig::default()).await.unwrap();
    let bounded = meta.observe(Channel::Bounded(1).into()).await.unwrap();
    let closings = ObserveConfig::default().filter(WsEvent::is_closing);
    let closings = meta.observe(closings).await.unwrap();
    let closed = meta.close_code(1000).await.unwrap();

    for events in [events, bounded] {
        let events: Vec<_> = events.collect().await;
        let [WsEvent::Open, WsEvent::Closing, WsEvent::Closed(event)] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(event, &closed);
    }
    assert_eq!(closings.count().await, 1);

    // Who comes late is told how it ended.
    let late = meta.observe(ObserveConfig::default()).await.unwrap();
    let late: Vec<_> = late.collect().await;
    assert!(matches!(&late[..], [WsEvent::Closed(event)] if *event == closed));
}

#[test]
async fn e8_observers_are_told_of_a_lost_connection() {
    let server = Server::start().await;
    let (mut meta, mut stream) = server.connect("/abort?after=0&wait=1").await;
    let events = meta.observe(ObserveConfig::default()).await.unwrap();
    stream.send("now".into()).await.unwrap();
    drain(&mut stream).await;
    let events: Vec<_> = events.collect().await;
    let [WsEvent::Open, WsEvent::Error(error), WsEvent::Closed(event)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Lost);
    assert_eq!(event.code, 1006);
}
