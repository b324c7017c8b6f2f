//! R2, R3, R6. When an event source connects again, and when it does not, over each transport.

use std::time::Duration;

use futures::{StreamExt, future::join};
use wsio::sse::{Policy, Reconnect, SourceError, SourceErrorKind, SourceEvent, SourceState};

use crate::{
    source_both::{Transport, at_once, encoded, errors, events, over_both, visits},
    support::{SHORT, Server, unique},
};

over_both! {
    r2_who_accepts_and_closes_is_not_hammered
    r2_an_unreachable_server_is_tried_again
    r2_the_servers_retry_is_honoured_and_clamped
    r2_a_good_connection_resets_the_backoff
    r3_no_content_is_final
    r3_what_the_server_refuses_is_judged_by_status
    r3_a_refused_source_is_never_open
    r3_the_letter_of_the_standard_gives_up_sooner
    r3_a_busy_server_is_waited_for
    r3_a_clean_end_is_a_reconnect
    r3_close_ends_it
    r3_a_handle_closes_it_from_elsewhere
    r6_silence_is_a_reconnect
    r6_comments_are_life
}

async fn r2_who_accepts_and_closes_is_not_hammered<T: Transport>() {
    let server = Server::start().await;
    let id = unique("hammer");
    // A power of two of a second, so that doubling it is exact.
    let reconnect = Reconnect::new()
        .delay(Duration::from_micros(31_250))
        .jitter(false);
    let builder = T::source(&server, &format!("/accept-close?id={id}"));
    let mut source = builder.reconnect(reconnect).build();
    let mut delays = Vec::new();
    while delays.len() < 5 {
        if let Err(error) = source.next().await.unwrap() {
            assert_eq!(error.kind(), SourceErrorKind::Ended);
            delays.push(error.retry_in().unwrap().as_millis());
        }
    }
    assert_eq!(delays, [31, 62, 125, 250, 500]);
    assert_eq!(visits(&server, &id).await.0, 5);
}

async fn r2_an_unreachable_server_is_tried_again<T: Transport>() {
    // Nobody listens there.
    let builder = T::at("127.0.0.1:2", "/");
    let mut source = builder.reconnect(at_once().max_retries(2)).build();
    let errors = errors(&mut source).await;
    assert_eq!(errors.len(), 3);
    for error in errors {
        assert_eq!(error.kind(), SourceErrorKind::Network, "{error:?}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

async fn r2_the_servers_retry_is_honoured_and_clamped<T: Transport>() {
    let server = Server::start().await;
    for (retry, expected) in [(30, 30), (0, 20), (4_000_000_000_u64, 40)] {
        let body = encoded(&format!("retry: {retry}\n\n"));
        let reconnect = Reconnect::new()
            .delay(Duration::from_millis(1))
            .delay_min(Duration::from_millis(20))
            .delay_max(Duration::from_millis(40))
            .backoff_factor(1.0)
            .jitter(false);
        let builder = T::source(&server, &format!("/sse-raw?body={body}"));
        let mut source = builder.reconnect(reconnect.max_retries(2)).build();
        let errors = errors(&mut source).await;
        let delays: Vec<_> = errors.iter().filter_map(SourceError::retry_in).collect();
        assert_eq!(delays, [Duration::from_millis(expected); 2], "{retry}");
    }
}

async fn r2_a_good_connection_resets_the_backoff<T: Transport>() {
    let server = Server::start().await;
    let long = Duration::from_secs(60);
    for (reset_after, expected) in [(SHORT / 2, [16, 16, 16]), (long, [16, 32, 64])] {
        let reconnect = Reconnect::new()
            .delay(Duration::from_millis(16))
            .jitter(false)
            .reset_after(reset_after);
        // Each connection is open for as long as it may be silent.
        let builder = T::source(&server, "/sse-raw?body=&end=hold");
        let builder = builder.idle_timeout(SHORT).reconnect(reconnect);
        let mut source = builder.build();
        let mut delays = Vec::new();
        while delays.len() < 3 {
            if let Err(error) = source.next().await.unwrap() {
                assert_eq!(error.kind(), SourceErrorKind::Idle);
                delays.push(error.retry_in().unwrap().as_millis());
            }
        }
        assert_eq!(delays, expected);
    }
}

async fn r3_no_content_is_final<T: Transport>() {
    let server = Server::start().await;
    for policy in [Policy::default(), Policy::whatwg()] {
        let mut source = T::source(&server, "/events?status=204")
            .policy(policy)
            .build();
        let errors = errors(&mut source).await;
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].kind(), SourceErrorKind::Status);
        assert_eq!(errors[0].http_status(), Some(204));
    }
}

async fn r3_what_the_server_refuses_is_judged_by_status<T: Transport>() {
    let server = Server::start().await;
    let retried = [408, 425, 429, 500, 502, 503, 504, 599];
    let is_final = [201, 205, 300, 304, 400, 401, 403, 404, 410, 418, 426];
    for (statuses, tries) in [(&retried[..], 2), (&is_final[..], 1)] {
        for status in statuses {
            let route = format!("/events?status={status}");
            let builder = T::source(&server, &route);
            let mut source = builder.reconnect(at_once().max_retries(1)).build();
            let errors = errors(&mut source).await;
            assert_eq!(errors.len(), tries, "{status}");
            let expected = Some(*status);
            assert!(errors.iter().all(|error| error.http_status() == expected));
        }
    }
}

async fn r3_a_refused_source_is_never_open<T: Transport>() {
    let server = Server::start().await;
    let reconnect = at_once().max_retries(3);
    let builder = T::source(&server, "/events?status=503");
    let mut source = builder.reconnect(reconnect).build();
    while let Some(item) = source.next().await {
        assert_eq!(item.unwrap_err().http_status(), Some(503));
    }
}

async fn r3_the_letter_of_the_standard_gives_up_sooner<T: Transport>() {
    let server = Server::start().await;
    for status in [408, 429, 500, 503] {
        let builder = T::source(&server, &format!("/events?status={status}"));
        let mut source = builder.policy(Policy::whatwg()).build();
        assert_eq!(errors(&mut source).await.len(), 1, "{status}");
    }
}

async fn r3_a_busy_server_is_waited_for<T: Transport>() {
    let server = Server::start().await;
    let id = unique("busy");
    let route = format!("/flaky?id={id}&times=2&retry_after=1&topic={id}&count=3");
    let mut source = T::source(&server, &route).build();
    let (events, errors) = events(&mut source, 3).await;
    assert_eq!(events, ["1", "2", "3"]);
    assert_eq!(errors.len(), 2);
    for error in errors {
        assert_eq!(error.http_status(), Some(503));
        assert!(error.retry_in().unwrap() >= Duration::from_secs(1));
    }
}

async fn r3_a_clean_end_is_a_reconnect<T: Transport>() {
    let server = Server::start().await;
    let id = unique("clean");
    let (first, then) = (encoded("data: 1\n\n"), encoded("data: 2\n\n"));
    let route = format!("/sse-raw?id={id}&body={first}&then={then}");
    let mut source = T::source(&server, &route).build();
    let (events, errors) = events(&mut source, 2).await;
    assert_eq!(events, ["1", "2"]);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].kind(), SourceErrorKind::Ended);
}

async fn r3_close_ends_it<T: Transport>() {
    let server = Server::start().await;
    let route = format!("/events?topic={}&count=5", unique("close"));
    let mut source = T::source(&server, &route).build();
    events(&mut source, 2).await;
    assert_eq!(source.ready_state(), SourceState::Open);
    source.close();
    assert_eq!(source.ready_state(), SourceState::Closed);
    assert!(source.next().await.is_none());
}

async fn r3_a_handle_closes_it_from_elsewhere<T: Transport>() {
    let server = Server::start().await;
    let mut source = T::source(&server, "/sse-raw?body=&end=hold").build();
    assert_eq!(source.next().await.unwrap().unwrap(), SourceEvent::Open);
    let handle = source.handle();
    let closing = async {
        assert_eq!(handle.ready_state(), SourceState::Open);
        handle.close();
    };
    // By now the source waits for something to come.
    let (item, ()) = join(source.next(), closing).await;
    assert!(item.is_none());
    assert_eq!(source.ready_state(), SourceState::Closed);
}

async fn r6_silence_is_a_reconnect<T: Transport>() {
    let server = Server::start().await;
    let id = unique("silence");
    let (first, then) = (encoded("data: 1\n\n"), encoded("data: 2\n\n"));
    let route = format!("/sse-raw?id={id}&body={first}&then={then}&end=hold");
    let mut source = T::source(&server, &route).idle_timeout(SHORT).build();
    let (events, errors) = events(&mut source, 2).await;
    assert_eq!(events, ["1", "2"]);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].kind(), SourceErrorKind::Idle);
}

async fn r6_comments_are_life<T: Transport>() {
    let server = Server::start().await;
    let topic = unique("heartbeat");
    let route = format!("/events?topic={topic}&heartbeat_ms=50");
    let builder = T::source(&server, &route);
    let mut source = builder.idle_timeout(SHORT * 5).build();
    let mut comments = 0;
    // For twice the timeout.
    while comments < 40 {
        match source.next().await.unwrap() {
            Ok(SourceEvent::Comment(_)) => comments += 1,
            Ok(_) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}
