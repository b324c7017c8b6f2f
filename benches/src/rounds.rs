use std::time::Duration;

/// The times of one contender, shortest first.
#[derive(Debug, Clone, Default)]
pub struct Measured(Vec<Duration>);

/// Runs all contenders once per round, in turn, after a first round that does not count.
///
/// # Errors
///
/// The first error of `run`.
pub fn interleave<T, E>(
    rounds: usize,
    contenders: &[T],
    mut run: impl FnMut(&T) -> Result<Duration, E>,
) -> Result<Vec<Measured>, E> {
    let mut measured = vec![Measured::default(); contenders.len()];
    for round in 0..=rounds {
        // Nobody always follows the same one.
        for turn in 0..contenders.len() {
            let index = (turn + round) % contenders.len();
            let time = run(&contenders[index])?;
            if round > 0 {
                measured[index].add(time);
            }
        }
    }
    Ok(measured)
}

impl Measured {
    fn add(&mut self, time: Duration) {
        let at = self.0.partition_point(|other| *other <= time);
        self.0.insert(at, time);
    }

    /// The time that half of the rounds stayed below.
    #[must_use]
    pub fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    /// The distance between the first and the third quartile, as a part of the median.
    #[must_use]
    pub fn spread(&self) -> f64 {
        let quartile = |quarter: usize| {
            let index = self.0.len() * quarter / 4;
            self.0.get(index).copied().unwrap_or_default().as_secs_f64()
        };
        (quartile(3) - quartile(1)) / self.median().as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_round_does_not_count_and_everybody_has_a_turn() {
        let mut calls = Vec::new();
        let measured = interleave(5, &[10, 20], |contender| {
            calls.push(*contender);
            let outlier = if calls.len() < 3 { 1000 } else { 0 };
            Ok::<_, ()>(Duration::from_secs(contender + outlier))
        });
        let medians: Vec<_> = measured.unwrap().iter().map(Measured::median).collect();
        assert_eq!(medians, [Duration::from_secs(10), Duration::from_secs(20)]);
        assert_eq!(calls.len(), 12);
    }

    #[test]
    fn the_spread_is_that_of_the_middle_half() {
        let mut measured = Measured::default();
        for seconds in [8, 1, 10, 12, 100, 11, 9, 10] {
            measured.add(Duration::from_secs(seconds));
        }
        assert_eq!(measured.median(), Duration::from_secs(10));
        assert!((measured.spread() - 0.3).abs() < 1e-9);
    }
}
