use std::{
    future::Future,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use crate::report::{Quartiles, quartiles};

/// What a contender did in one round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// What is measured, in the unit of the case.
    pub value: f64,
    /// The processor time that it took, user and system, of both ends, in seconds.
    pub cpu: Option<f64>,
}

impl Sample {
    /// Runs `work` against the clocks.
    ///
    /// # Errors
    ///
    /// Those of `work`.
    pub async fn of<E>(work: impl Future<Output = Result<(), E>>) -> Result<(Duration, f64), E> {
        let (begin, cpu) = (Instant::now(), cpu_seconds());
        work.await?;
        Ok((begin.elapsed(), cpu_seconds() - cpu))
    }
}

/// The samples of one contender, in the order of the rounds.
#[derive(Debug, Clone, Default)]
pub struct Measured(Vec<Sample>);

/// Runs all contenders once per round, in turn, after a first round that does not count.
///
/// # Errors
///
/// The first error of `run`.
pub fn interleave<T, E>(
    rounds: usize,
    contenders: &[T],
    mut run: impl FnMut(&T) -> Result<Sample, E>,
) -> Result<Vec<Measured>, E> {
    let mut measured = vec![Measured::default(); contenders.len()];
    for round in 0..=rounds {
        // Nobody always follows the same one.
        for turn in 0..contenders.len() {
            let index = (turn + round) % contenders.len();
            let sample = run(&contenders[index])?;
            if round > 0 {
                measured[index].0.push(sample);
            }
        }
    }
    Ok(measured)
}

impl Measured {
    /// What half of the rounds stayed below, and its quartiles.
    #[must_use]
    pub fn values(&self) -> Quartiles {
        quartiles(self.0.iter().map(|sample| sample.value))
    }

    /// Processor seconds, if they were measured.
    #[must_use]
    pub fn cpu(&self) -> Option<Quartiles> {
        let seconds: Option<Vec<f64>> = self.0.iter().map(|sample| sample.cpu).collect();
        seconds.map(quartiles)
    }

    /// By how much this one's values are those of another, round by round: what slows both down
    /// for a while has no part in it.
    #[must_use]
    pub fn ratio(&self, other: &Self) -> Quartiles {
        let rounds = self.0.iter().zip(&other.0);
        quartiles(rounds.map(|(ours, theirs)| ours.value / theirs.value))
    }

    /// The same of the processor time.
    #[must_use]
    pub fn cpu_ratio(&self, other: &Self) -> Option<Quartiles> {
        let rounds = self.0.iter().zip(&other.0);
        let ratios: Option<Vec<f64>> = rounds
            .map(|(ours, theirs)| Some(ours.cpu? / theirs.cpu?))
            .collect();
        ratios.map(quartiles)
    }
}

/// The processor time of this process, in seconds.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(value: f64) -> Sample {
        let cpu = Some(value / 2.0);
        Sample { value, cpu }
    }

    #[test]
    fn the_first_round_does_not_count_and_everybody_has_a_turn() {
        let mut calls = 0;
        let measured = interleave(5, &[10.0, 20.0], |contender| {
            calls += 1;
            let outlier = if calls < 3 { 1000.0 } else { 0.0 };
            Ok::<_, ()>(sample(contender + outlier))
        });
        let measured = measured.unwrap();
        let medians: Vec<_> = measured.iter().map(|it| it.values().median).collect();
        assert_eq!(medians, [10.0, 20.0]);
        assert_eq!(calls, 12);
    }

    #[test]
    fn a_slow_while_is_no_part_of_the_ratio() {
        let ours = Measured([1.0, 2.0, 100.0].map(sample).into());
        let theirs = Measured([2.0, 4.0, 200.0].map(sample).into());
        assert_eq!(ours.ratio(&theirs), quartiles([0.5]));
        assert_eq!(ours.cpu_ratio(&theirs), Some(quartiles([0.5])));
    }
}
