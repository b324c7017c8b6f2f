//! The client that the README shows, to the letter (a native test compares the two).

use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio_util::codec::Framed;
use wsio::{WsMeta, codec::JsonCodec};

#[derive(Serialize, Deserialize)]
struct Order {
    id: u32,
    item: String,
}

/// Sends an order as a line of JSON, and returns the one that comes back.
async fn order(url: &str) -> Result<Order, Box<dyn std::error::Error>> {
    let (meta, stream) = WsMeta::connect(url, ["orders.v1"]).await?;
    let mut orders = Framed::new(stream.into_io(), JsonCodec::<Order>::new());
    let item = "tea".into();
    orders.send(Order { id: 1, item }).await?;
    let answer = orders.next().await.ok_or("the server closed early")???;
    meta.close_reason(1000, "thank you").await?;
    Ok(answer)
}

#[crate::support::test]
async fn readme_client_works() {
    let server = crate::support::Server::start().await;
    let url = server.url("/subprotocol?accept=orders.v1");
    let answer = order(&url).await.unwrap();
    assert_eq!((answer.id, answer.item.as_str()), (1, "tea"));
}
