//! What comes out is what went in, whatever the schedule and however moody the transport: B, E4.

mod dice;
mod schedule;
mod transport;

use std::future::Future;

use futures::{SinkExt, StreamExt, future::join_all, join};
use proptest::{prelude::*, test_runner::Config};
use tokio::io::duplex;
use wsio::{
    WsMessage, WsReceiver, WsSender, WsStream,
    native::{Acceptor, Role},
};

use self::{dice::Dice, schedule::End, transport::Moody};
use crate::support::LONG;

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    }
}

/// What is random about a case. Everything that happens in it follows from this.
#[derive(Debug, Clone)]
struct Case {
    seed: u64,
    /// How many bytes each end sends.
    lens: [usize; 2],
    /// How much the pipe holds in one direction.
    capacity: usize,
    write_chunk: usize,
    high_water_mark: usize,
    /// Whether reading and writing are two tasks, or one.
    split: bool,
}

prop_compose! {
    fn case()(
        seed in any::<u64>(),
        lens in [0..6_000_usize, 0..6_000_usize],
        capacity in prop_oneof![1..16_usize, 16..8_192_usize],
        write_chunk in prop_oneof![1..40_usize, 40..10_000_usize],
        high_water_mark in prop_oneof![1..200_usize, 200..50_000_usize],
        split in any::<bool>(),
    ) -> Case {
        Case { seed, lens, capacity, write_chunk, high_water_mark, split }
    }
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn b1_bytes_come_out_as_they_went_in(case in case()) {
        run(&case, |near, far| async {
            let (first, second) = (Dice::new(case.seed ^ 1), Dice::new(case.seed ^ 2));
            let [near_len, far_len] = case.lens;
            // The near end closes once it has everything; the far end reads to the end.
            let near = End::new(near.into_io(), first, near_len, Some(far_len));
            let far = End::new(far.into_io(), second, far_len, None);
            let (read, all) = join!(near.go(case.split), far.go(case.split));
            assert_eq!((read, all), (far_len, near_len));
        });
    }
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn e4_messages_come_out_as_they_went_in(
        case in case(),
        there in messages(),
        back in messages(),
    ) {
        run(&case, |near, far| async {
            let (near_meta, far_meta) = (near.meta(), far.meta());
            let mut dice = Dice::new(case.seed);
            let (near_write, near_read) = near.split();
            let (far_write, far_read) = far.split();
            let work = join_all([
                tokio::task::spawn_local(send(near_write, there.clone(), dice.fork())),
                tokio::task::spawn_local(send(far_write, back.clone(), dice.fork())),
            ]);
            let near_reading = receive(near_read, back.len());
            let far_reading = receive(far_read, there.len());
            let ((near_read, at_near), (far_read, at_far), writers) =
                join!(near_reading, far_reading, work);
            assert_eq!(at_near, back);
            assert_eq!(at_far, there);
            let (closed, end) = join!(near_meta.close_code(1000), far_read.into_future());
            assert!(closed.unwrap().was_clean && end.0.is_none());
            assert!(near_read.into_future().await.0.is_none());
            assert_eq!(far_meta.closed().await.code, 1000);
            drop(writers);
        });
    }
}

fn messages() -> impl Strategy<Value = Vec<WsMessage>> {
    let message = prop_oneof![
        1 => Just(WsMessage::from("")),
        1 => Just(WsMessage::from(Vec::new())),
        4 => "\\PC{0,80}".prop_map(WsMessage::from),
        4 => prop::collection::vec(any::<u8>(), 0..600).prop_map(WsMessage::from),
    ];
    prop::collection::vec(message, 0..24)
}

async fn send(mut sink: WsSender, messages: Vec<WsMessage>, mut dice: Dice) -> WsSender {
    for message in messages {
        sink.feed(message).await.unwrap();
        if dice.one_in(3) {
            sink.flush().await.unwrap();
        }
    }
    sink.flush().await.unwrap();
    sink
}

async fn receive(mut stream: WsReceiver, count: usize) -> (WsReceiver, Vec<WsMessage>) {
    let mut received = Vec::new();
    while received.len() < count {
        received.push(stream.next().await.unwrap().unwrap());
    }
    (stream, received)
}

/// Runs a case on two ends of a connection. The clock stands still as long as anything moves, so
/// a wake-up that is missed ends the case at once.
fn run<F: Future<Output = ()>>(case: &Case, body: impl FnOnce(WsStream, WsStream) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let running = async {
        let (near, far) = duplex(case.capacity);
        let acceptor = Acceptor::new()
            .write_chunk(case.write_chunk)
            .high_water_mark(case.high_water_mark);
        let near = Moody::new(near, Dice::new(case.seed ^ 3));
        let far = Moody::new(far, Dice::new(case.seed ^ 4));
        let (_, near) = acceptor.adopt(near, Role::Client, "", "").await.unwrap();
        let (_, far) = acceptor.adopt(far, Role::Server, "", "").await.unwrap();
        let hanging = tokio::time::timeout(LONG, body(near, far)).await;
        hanging.expect("a wake-up was missed");
    };
    tokio::task::LocalSet::new().block_on(&runtime, running);
}
