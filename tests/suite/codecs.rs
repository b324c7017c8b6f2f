//! The codecs over a real connection.

use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio_util::codec::Framed;
use wsio::codec::{CborCodec, JsonCodec};

use crate::support::{Server, test};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    item: String,
    tags: Vec<String>,
}

fn order(id: u64) -> Order {
    Order {
        id,
        item: "tea\nwith milk".into(),
        tags: vec!["hot".into(); (id % 5) as usize],
    }
}

#[test]
async fn codec_json_values_travel_both_ways() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/echo-bytes").await;
    let mut values = Framed::new(stream.into_io(), JsonCodec::<Order, Order>::new());
    for id in 0..200 {
        values.send(order(id)).await.unwrap();
    }
    for id in 0..200 {
        assert_eq!(values.next().await.unwrap().unwrap().unwrap(), order(id));
    }
}

#[test]
async fn codec_a_bad_json_line_leaves_the_stream_usable() {
    let server = Server::start().await;
    let (_meta, mut stream) = server.connect("/echo").await;
    stream.send("{\"id\":1}\nnot json\n".into()).await.unwrap();
    let good = serde_json::to_string(&order(2)).unwrap() + "\n";
    stream.send(good.into()).await.unwrap();
    let mut values = Framed::new(stream.into_io(), JsonCodec::<Order, Order>::new());
    let missing = values.next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(missing.position(), 0);
    let bad = values.next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(bad.position(), 9);
    assert_eq!(values.next().await.unwrap().unwrap().unwrap(), order(2));
}

#[test]
async fn codec_cbor_values_travel_both_ways() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/echo-bytes").await;
    let mut values = Framed::new(stream.into_io(), CborCodec::<Order, Order>::new());
    for id in 0..200 {
        values.send(order(id)).await.unwrap();
    }
    for id in 0..200 {
        assert_eq!(values.next().await.unwrap().unwrap().unwrap(), order(id));
    }
}
