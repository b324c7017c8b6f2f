//! What other crates of this kind get wrong, each shown to be right here, over a pipe to a plain
//! tokio-tungstenite.

mod ending;
mod io_stream;
mod messages;
mod observers;
mod opening;
mod silence;

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::io::{DuplexStream, duplex};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{self, CloseFrame},
    },
};
use wsio::{
    WsMeta, WsStream,
    native::{Acceptor, Role},
};

type Far = WebSocketStream<DuplexStream>;

const PIPE: usize = 16 * 1024;
const SECOND: Duration = Duration::from_secs(1);

async fn with(options: Acceptor) -> (WsMeta, WsStream, Far) {
    let (near, far) = duplex(PIPE);
    let adopted = options.adopt(near, Role::Client, "", "").await;
    let far = WebSocketStream::from_raw_socket(far, protocol::Role::Server, None).await;
    let (meta, stream) = adopted.unwrap();
    (meta, stream, far)
}

async fn connected() -> (WsMeta, WsStream, Far) {
    with(Acceptor::new()).await
}

fn close(code: u16) -> Message {
    Message::Close(Some(CloseFrame {
        code: code.into(),
        reason: "".into(),
    }))
}

async fn next(far: &mut Far) -> Message {
    let message = far.next().await.unwrap().unwrap();
    if message.is_close() {
        // tungstenite's answer waits for this; that the connection is over then is no error.
        let _ = far.flush().await;
    }
    message
}

/// What the peer hears until the Close frame, and the code in that.
async fn hears(far: &mut Far) -> (Vec<Message>, Option<u16>) {
    let mut messages = Vec::new();
    loop {
        match next(far).await {
            Message::Close(frame) => return (messages, frame.map(|it| it.code.into())),
            message => messages.push(message),
        }
    }
}
