//! An engine that comes back without its history: no client is given a silent gap.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;
use wsio_demo_exchange::chat::{Chat, Heard};

use crate::Site;

/// The lines that each client says before the loss, and after it.
const LINES: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_an_engine_that_has_lost_its_history_is_noticed_on_every_server() {
    timeout(Duration::from_secs(60), lose()).await.unwrap();
}

async fn lose() {
    let site = Site::start().await;
    // One on each server.
    let mut chats: Vec<Chat> = (0..3).map(|it| site.chat(&format!("client{it}"))).collect();

    let lagged = join_all(chats.iter_mut().map(talk)).await;
    assert_eq!(lagged, [0; 3]);
    site.fleet.start_engine_empty().await.unwrap();
    let lagged = join_all(chats.iter_mut().map(talk)).await;
    assert_eq!(lagged, [1; 3]);
    for chat in &chats {
        // A line that the engine had lost before its client knew that it was kept is kept again.
        let figures = chat.figures();
        assert!(figures.authors.iter().all(|it| it.gaps == 0), "{figures:?}");
    }
}

/// Says some lines, waits until they have come back, and returns how often the client was told that
/// it lagged.
async fn talk(chat: &mut Chat) -> u64 {
    for _ in 0..LINES {
        chat.say("a line").unwrap();
    }
    while chat.unconfirmed() > 0 {
        if let Heard::Unreadable(error) = chat.next().await.unwrap() {
            panic!("{error}");
        }
    }
    chat.lagged()
}
