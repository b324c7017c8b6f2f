//! The places of sources of events from clients, in a real engine.

use std::{sync::Arc, time::Duration};

use wsio_events::{Limits, LogName, SourceClaim, SourceGrant, SourceTable};

use crate::{
    engine::RedisEngine,
    keys::LogKeys,
    link::{self, RedisLink},
    script,
    support::RedisServer,
};

/// Two servers of one engine.
struct Servers {
    engines: [RedisEngine; 2],
    keys: LogKeys,
    redis: RedisServer,
}

impl Servers {
    fn start(limits: Limits) -> Self {
        let redis = RedisServer::start();
        let time = Duration::from_secs(5);
        let engines = [0, 1].map(|_| {
            let client = link::client(&redis.url()).unwrap();
            let link = RedisLink::new(client, time, &script::ALL, Arc::new(|_: &[_]| {}));
            RedisEngine::new(link, limits, time)
        });
        let keys = LogKeys::new("test", &LogName::new("log").unwrap());
        Self {
            engines,
            keys,
            redis,
        }
    }

    async fn claim(&self, server: usize, claim: &SourceClaim) -> SourceGrant {
        let granted = self.engines[server].claim(&self.keys, claim).await;
        granted.unwrap()
    }

    async fn advance(&self, server: usize, claim: &SourceClaim, seen: u64) -> bool {
        let goes_on = self.engines[server].advance(&self.keys, claim, seen);
        goes_on.await.unwrap()
    }

    async fn release(&self, server: usize, claim: &SourceClaim) {
        let released = self.engines[server].release(&self.keys, claim).await;
        released.unwrap();
    }
}

fn claim(source: &str, owner: u64) -> SourceClaim {
    SourceClaim {
        source: source.into(),
        owner,
    }
}

const GRANTED: fn(u64) -> SourceGrant = |seen| SourceGrant::Granted(Some(seen));

#[tokio::test]
async fn r8_what_one_server_has_handled_the_other_knows() {
    let servers = Servers::start(Limits::new());
    let (first, second) = (claim("s", 1), claim("s", 2));
    assert_eq!(servers.claim(0, &first).await, SourceGrant::Granted(None));
    assert_eq!(servers.claim(1, &second).await, SourceGrant::Held);
    // The first is told with its next event, which is recorded nevertheless.
    assert!(!servers.advance(0, &first, 7).await);
    assert_eq!(servers.claim(1, &second).await, SourceGrant::Held);
    servers.release(0, &first).await;
    assert_eq!(servers.claim(1, &second).await, GRANTED(7));
    assert!(servers.advance(1, &second, 8).await);
    // The first has nothing to say any more.
    assert!(!servers.advance(0, &first, 20).await);
    servers.release(0, &first).await;
    assert_eq!(servers.claim(0, &claim("s", 3)).await, SourceGrant::Held);
    // A repeated claim of the holder is granted, and nothing is handled backwards.
    assert_eq!(servers.claim(1, &second).await, GRANTED(8));
    assert!(servers.advance(1, &second, 3).await);
    assert_eq!(servers.claim(1, &second).await, GRANTED(8));
}

#[tokio::test]
async fn r8_a_claim_of_a_server_that_died_expires() {
    let servers = Servers::start(Limits::new());
    assert!(matches!(
        servers.claim(0, &claim("s", 1)).await,
        SourceGrant::Granted(None)
    ));
    assert!(servers.advance(0, &claim("s", 1), 5).await);
    let began = tokio::time::Instant::now();
    while servers.claim(1, &claim("s", 2)).await == SourceGrant::Held {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let waited = began.elapsed();
    assert!(waited > SourceClaim::LEASE.mul_f64(0.9), "{waited:?}");
    assert!(waited < SourceClaim::LEASE.mul_f64(2.0), "{waited:?}");
    assert_eq!(servers.claim(1, &claim("s", 2)).await, GRANTED(5));
}

#[tokio::test]
async fn r8_sources_are_bounded_by_number_and_age() {
    let limits = Limits::new().sources(10).memory(Duration::from_millis(400));
    let servers = Servers::start(limits);
    for number in 0..100 {
        let claim = claim(&number.to_string(), 1);
        servers.claim(0, &claim).await;
        assert!(servers.advance(0, &claim, number).await);
    }
    let count = || servers.redis.command("HLEN test:{log}:sources");
    assert_eq!(count(), redis::Value::Int(10));
    assert_eq!(
        servers.claim(0, &claim("89", 1)).await,
        SourceGrant::Granted(None)
    );
    assert_eq!(servers.claim(0, &claim("95", 1)).await, GRANTED(95));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(servers.redis.command("DBSIZE"), redis::Value::Int(0));
    assert_eq!(
        servers.claim(0, &claim("95", 1)).await,
        SourceGrant::Granted(None)
    );
    // One that was forgotten while it was in use is nobody else's.
    assert!(servers.advance(0, &claim("94", 1), 96).await);
    assert_eq!(servers.claim(0, &claim("94", 1)).await, GRANTED(96));
}

#[tokio::test]
async fn r8_any_source_and_any_number_is_taken_literally() {
    let servers = Servers::start(Limits::new());
    for source in ["", " ", "7 1 9 wanted", "\0\r\n", "ü"] {
        let claim = claim(source, u64::MAX);
        assert_eq!(servers.claim(0, &claim).await, SourceGrant::Granted(None));
        for seen in [0, 9, 10, (1 << 53) + 1, u64::MAX - 1, u64::MAX] {
            assert!(servers.advance(0, &claim, seen).await);
            assert_eq!(servers.claim(1, &claim).await, GRANTED(seen), "{source:?}");
        }
        assert!(servers.advance(0, &claim, 1 << 60).await);
        assert_eq!(servers.claim(1, &claim).await, GRANTED(u64::MAX));
    }
}

/// The script and the table in memory answer the same, whatever is asked.
#[tokio::test]
async fn r8_the_engine_answers_as_the_table_in_memory() {
    let servers = Servers::start(Limits::new());
    let table = SourceTable::new(Limits::new());
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..2000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let claim = claim(&(random % 3).to_string(), random / 3 % 3);
        let seen = random / 64 % 100;
        let server = usize::from((random / 32).is_multiple_of(2));
        match random / 1024 % 3 {
            0 => assert_eq!(servers.claim(server, &claim).await, table.claim(&claim)),
            1 => assert_eq!(
                servers.advance(server, &claim, seen).await,
                table.advance(&claim, seen)
            ),
            _ => {
                servers.release(server, &claim).await;
                table.release(&claim);
            }
        }
    }
}
