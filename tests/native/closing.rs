//! What is read after one's own Close frame. A browser drops it (WHATWG WebSockets: a message
//! that arrives in another state than OPEN is ignored), a native client does not.

use futures::{SinkExt, StreamExt};
use wsio::WsMeta;

use crate::support::{Server, drain, test};

#[test]
async fn e4_what_the_peer_sent_before_it_saw_our_close_can_be_read() {
    let server = Server::start().await;
    let (meta, mut stream) = server.connect("/early?n=10").await;
    assert_eq!(meta.close_code(1000).await.unwrap().code, 1000);
    let (messages, error) = drain(&mut stream).await;
    assert_eq!(messages.len(), 10);
    assert!(error.is_none());
}

#[test]
async fn e4_an_answer_that_crosses_our_close_can_be_read() {
    let server = Server::start().await;
    let (_meta, mut stream) = server.connect("/echo").await;
    stream.feed("last".into()).await.unwrap();
    stream.close().await.unwrap();
    let (messages, error) = drain(&mut stream).await;
    assert_eq!(messages, ["last".into()]);
    assert!(error.is_none());
}

#[test]
async fn e2_what_came_in_one_piece_with_a_bad_frame_is_not_lost() {
    let server = Server::start().await;
    for kind in ["rsv", "bad-utf8", "fragmented-control", "oversize-header"] {
        let (_meta, mut stream): (WsMeta, _) =
            server.connect(&format!("/malformed?kind={kind}")).await;
        assert_eq!(
            stream.next().await.unwrap().unwrap(),
            "before".into(),
            "{kind}"
        );
        assert!(stream.next().await.unwrap().is_err(), "{kind}");
        assert!(stream.next().await.is_none(), "{kind}");
    }
}
