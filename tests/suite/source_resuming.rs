//! R1. What an event source remembers from one connection to the next, over each transport.

use futures::StreamExt;
use wsio::sse::SourceErrorKind;

use crate::{
    source_both::{Transport, encoded, events, over_both, visits},
    support::{Server, unique},
};

over_both! {
    r1_it_resumes_without_a_gap_and_without_a_repeat
    r1_it_goes_on_from_a_given_id
    r1_any_id_travels
    r1_an_empty_id_is_not_sent
    r1_malformed_streams_are_survived
    r1_connections_without_an_id_do_not_make_it_forget
    r7_a_gap_that_the_server_cannot_fill_is_told
}

async fn r1_it_resumes_without_a_gap_and_without_a_repeat<T: Transport>() {
    let server = Server::start().await;
    let topic = unique("resume");
    let route = format!("/events?topic={topic}&count=100&drop_after=7");
    let mut source = T::source(&server, &route).build();
    let (events, errors) = events(&mut source, 100).await;
    let expected: Vec<_> = (1..=100).map(|number| number.to_string()).collect();
    assert_eq!(events, expected);
    // A browser drops what it has received and not yet given when a response breaks off, so that
    // there it may take more of them.
    assert!(errors.len() >= 14, "{}", errors.len());
    for error in errors {
        assert_eq!(error.kind(), SourceErrorKind::Network);
    }
}

async fn r1_it_goes_on_from_a_given_id<T: Transport>() {
    let server = Server::start().await;
    let topic = unique("given");
    let route = format!("/events?topic={topic}&count=10");
    let mut first = T::source(&server, &route).build();
    let (seen, _) = events(&mut first, 4).await;
    let id = first.last_event_id();
    assert!(id.is_some());
    let mut second = T::source(&server, &route).last_event_id(id).build();
    let (rest, _) = events(&mut second, 6).await;
    assert_eq!([seen, rest].concat().join(" "), "1 2 3 4 5 6 7 8 9 10");
}

async fn r1_any_id_travels<T: Transport>() {
    let server = Server::start().await;
    for id in [
        "plain",
        "a b&c=d%20+/?#",
        "\u{1F980} größe",
        "\u{7f}",
        "\u{1}\u{1f}",
        " around ",
        "\"quoted\\",
    ] {
        let visit = unique("id");
        let body = encoded(&format!("id: {id}\ndata: x\n\n"));
        let route = format!("/sse-raw?id={visit}&body={body}");
        let mut source = T::source(&server, &route).build();
        events(&mut source, 2).await;
        let (count, seen) = visits(&server, &visit).await;
        assert_eq!(count, 2);
        assert_eq!(seen, [None, Some(id.to_owned())]);
    }
}

async fn r1_an_empty_id_is_not_sent<T: Transport>() {
    let server = Server::start().await;
    let visit = unique("empty");
    let body = encoded("data: x\n\nid: 5\n\nid\ndata: y\n\n");
    let route = format!("/sse-raw?id={visit}&body={body}");
    let mut source = T::source(&server, &route).build();
    events(&mut source, 4).await;
    assert_eq!(source.last_event_id(), None);
    assert_eq!(visits(&server, &visit).await, (2, vec![None, None]));
}

async fn r1_malformed_streams_are_survived<T: Transport>() {
    let server = Server::start().await;
    for hex in [
        // A byte order mark, invalid UTF-8, control characters, bare CRs, fields without names.
        "efbbbf",
        "646174613a20fffe0a0a",
        "0001020a0d0d0d0a",
        "3a0a3a3a0a3a",
        "65762065760a0a",
        "72657472793a20780a0a69643a20000a0a6576656e743a0a0a",
    ] {
        let after = "0a0a646174613a2061667465720a0a";
        let route = format!("/sse-raw?hex={hex}{after}&chunk=1&end=hold");
        let mut source = T::source(&server, &route).build();
        loop {
            let item = source.next().await.unwrap().unwrap();
            if item.into_event().is_some_and(|event| event.data == "after") {
                break;
            }
        }
    }
}

async fn r1_connections_without_an_id_do_not_make_it_forget<T: Transport>() {
    let server = Server::start().await;
    let visit = unique("keeps");
    let (first, then) = (encoded("id: 7\ndata: x\n\n"), encoded("data: y\n\n"));
    let route = format!("/sse-raw?id={visit}&body={first}&then={then}");
    let mut source = T::source(&server, &route).build();
    assert_eq!(events(&mut source, 4).await.0, ["x", "y", "y", "y"]);
    assert_eq!(source.last_event_id(), Some("7"));
    let seven = || Some("7".to_owned());
    let (count, seen) = visits(&server, &visit).await;
    assert_eq!((count, seen), (4, vec![None, seven(), seven(), seven()]));
}

async fn r7_a_gap_that_the_server_cannot_fill_is_told<T: Transport>() {
    let server = Server::start().await;
    let route = format!("/events?topic={}&keep=5", unique("gap"));
    let mut source = T::source(&server, &format!("{route}&count=1")).build();
    events(&mut source, 1).await;
    let seen = source.last_event_id().unwrap().to_owned();
    drop(source);

    let builder = T::source(&server, &format!("{route}&count=20"));
    let mut source = builder.last_event_id(&*seen).build();
    let (events, errors) = events(&mut source, 6).await;
    let lagged: serde_json::Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(lagged["lastEventId"], seen);
    assert_eq!(events[1..], ["16", "17", "18", "19", "20"]);
    assert!(errors.is_empty(), "{errors:?}");
}
