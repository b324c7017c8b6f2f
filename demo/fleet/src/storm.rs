//! Faults at random: connections are cut, servers and the engine killed.

use std::{
    fmt,
    future::Future,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use futures::future::try_join;
use tokio::time::sleep;
use wsio_demo_exchange::servers::Part;

use crate::{Fleet, Wire};

/// Makes faults, and mends them.
#[derive(Debug)]
pub struct Storm {
    fleet: Arc<Fleet>,
    wire: Wire,
    random: Random,
    faults: Faults,
}

/// How many there were.
#[derive(Debug, Default)]
pub struct Faults {
    /// Cuts of the connections of one client, or of all.
    pub cuts: u64,
    /// Servers that were killed.
    pub servers: u64,
    /// Times that the engine was killed.
    pub engines: u64,
}

impl Storm {
    /// Prepares for faults on this wire and in this fleet, of a kind that the seed determines.
    #[must_use]
    pub fn new(fleet: Arc<Fleet>, wire: Wire, seed: u64) -> Self {
        Self {
            fleet,
            wire,
            random: Random(seed | 1),
            faults: Faults::default(),
        }
    }

    /// Makes faults until `end` resolves, and returns their number when everything is running again.
    ///
    /// # Errors
    ///
    /// Something does not start.
    pub async fn rage(mut self, end: impl Future<Output = ()>) -> Result<Faults> {
        let is_over = AtomicBool::new(false);
        let ending = async {
            end.await;
            is_over.store(true, Ordering::Relaxed);
            Ok(())
        };
        let raging = async {
            let mut round = 0;
            while !is_over.load(Ordering::Relaxed) {
                self.cut_some().await;
                self.kill_some(round % 3 == 1).await?;
                round += 1;
            }
            Ok(self.faults)
        };
        try_join(raging, ending).await.map(|(faults, ())| faults)
    }

    /// Cuts some connections, one after the other.
    async fn cut_some(&mut self) {
        for _ in 0..self.random.within(2..8) {
            self.pause(50..300).await;
            self.cut();
        }
    }

    /// Kills a server, perhaps the engine as well, and starts both.
    async fn kill_some(&mut self, and_engine: bool) -> Result<()> {
        let servers = u64::try_from(self.fleet.states().len())?;
        let server = Part::Server(u32::try_from(self.random.within(1..servers))?);
        self.fleet.kill_part(server).await?;
        self.faults.servers += 1;
        if and_engine {
            self.fleet.kill_part(Part::Engine).await?;
            self.faults.engines += 1;
            self.pause(100..1500).await;
            self.fleet.start_part(Part::Engine).await?;
        }
        self.pause(100..1000).await;
        self.fleet.start_part(server).await
    }

    /// Cuts the connections of one client, or once in a while of all.
    fn cut(&mut self) {
        let open = self.wire.passages().borrow().clone();
        let index = self.random.within(0..open.len() as u64 + 1);
        let client = usize::try_from(index).ok().and_then(|it| open.get(it));
        self.wire.cut(client.map(|passage| passage.client.clone()));
        self.faults.cuts += 1;
    }

    async fn pause(&mut self, milliseconds: Range<u64>) {
        let pause = self.random.within(milliseconds);
        sleep(Duration::from_millis(pause)).await;
    }
}

/// Marsaglia's xorshift: the same numbers for the same seed.
#[derive(Debug)]
struct Random(u64);

impl Random {
    /// Returns the next number, within a range that is not empty.
    fn within(&mut self, range: Range<u64>) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        range.start + self.0 % (range.end - range.start).max(1)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cuts, {} servers and {} engines killed",
            self.cuts, self.servers, self.engines
        )
    }
}
