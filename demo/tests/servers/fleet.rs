//! Parts that are killed and started, and the wire that spreads clients over them.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::time::timeout;
use wsio_demo_exchange::{
    chat::{Chat, Heard},
    servers::{Condition, Part},
};

use crate::Site;

const LIMIT: Duration = Duration::from_secs(60);

/// Waits until a connection is open.
async fn open(chat: &mut Chat) {
    while !matches!(chat.next().await.unwrap(), Heard::Open) {}
}

/// Returns the numbers of the servers to which clients are connected.
fn servers(site: &Site) -> Vec<u32> {
    let passages = site.wire.passages().borrow().clone();
    let mut servers: Vec<u32> = passages.iter().map(|passage| passage.server).collect();
    servers.sort_unstable();
    servers
}

fn condition(site: &Site, part: Part) -> Condition {
    let states = site.fleet.states();
    let state = states.iter().find(|state| state.part == part);
    state.unwrap().condition
}

async fn until(site: &Site, part: Part, wanted: Condition) {
    let mut changes = site.fleet.changes();
    while condition(site, part) != wanted {
        assert!(changes.next().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_is_passed_over_until_it_is_started() {
    timeout(LIMIT, pass_over()).await.unwrap();
}

async fn pass_over() {
    let site = Site::start().await;
    let mut chats: Vec<Chat> = (0..3).map(|it| site.chat(&format!("client{it}"))).collect();
    join_all(chats.iter_mut().map(open)).await;
    assert_eq!(servers(&site), [1, 2, 3]);

    let killed = site.wire.passages().borrow()[0].clone();
    site.fleet
        .kill_part(Part::Server(killed.server))
        .await
        .unwrap();
    assert_eq!(
        condition(&site, Part::Server(killed.server)),
        Condition::Dead
    );
    let lost = chats.iter_mut().find(|chat| chat.name() == killed.client);
    open(lost.unwrap()).await;
    let left = servers(&site);
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(!left.contains(&killed.server), "{left:?}");

    site.fleet
        .start_part(Part::Server(killed.server))
        .await
        .unwrap();
    let mut more: Vec<Chat> = (3..6).map(|it| site.chat(&format!("client{it}"))).collect();
    join_all(more.iter_mut().map(open)).await;
    assert!(servers(&site).contains(&killed.server));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_waits_for_the_engine_and_can_be_killed_meanwhile() {
    timeout(LIMIT, wait()).await.unwrap();
}

async fn wait() {
    let (site, part) = (Site::start().await, Part::Server(2));
    site.fleet.kill_part(Part::Engine).await.unwrap();
    site.fleet.kill_part(part).await.unwrap();

    let fleet = Arc::clone(&site.fleet);
    let started = tokio::spawn(async move { fleet.start_part(part).await });
    until(&site, part, Condition::Starting).await;
    site.fleet.kill_part(part).await.unwrap();
    assert!(started.await.unwrap().is_err());
    assert_eq!(condition(&site, part), Condition::Dead);

    let fleet = Arc::clone(&site.fleet);
    let started = tokio::spawn(async move { fleet.start_part(part).await });
    site.fleet.start_part(Part::Engine).await.unwrap();
    started.await.unwrap().unwrap();
    assert_eq!(condition(&site, part), Condition::Running);
    // It is running already.
    site.fleet.start_part(part).await.unwrap();
    for unknown in [Part::Server(0), Part::Server(4), Part::Server(u32::MAX)] {
        assert!(site.fleet.kill_part(unknown).await.is_err());
    }
}
