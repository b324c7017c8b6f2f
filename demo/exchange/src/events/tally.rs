//! The proof that nothing is missing and nothing came twice.

use super::Tick;

/// Counts numbered events, and notices every one that is not the next.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// The log that is being followed, once an event of it has come.
    pub run: Option<Run>,
    /// The number of events that have come.
    pub received: u64,
    /// The number of events missing without a word from the server.
    pub gaps: u64,
    /// The number of events that had come already.
    pub repeats: u64,
    /// The number of events the server reported as no longer kept.
    pub forgotten: u64,
    /// The number of times the log was another one than before.
    pub anew: u64,
    /// Whether the server has just said that events are lost.
    is_told: bool,
}

/// The events that have come of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Which log: when it began, in milliseconds since 1970.
    pub log: u64,
    /// The number of the first event that came.
    pub first: u64,
    /// The greatest number so far.
    pub last: u64,
    /// The number of events that have come.
    pub received: u64,
}

/// The way an event follows those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is the next one, or the first.
    Next,
    /// So many before it are missing.
    Gap(u64),
    /// It came before, or after a later one.
    Repeat,
    /// So many before it are lost, as the server has said.
    Forgotten(u64),
    /// It is of another log. The log before it, which had come as far as this, is gone.
    Anew(Run),
}

impl Tally {
    /// The server says that it does not have what comes next.
    pub(crate) fn tell(&mut self) {
        self.is_told = true;
    }

    /// Takes the next event.
    pub fn add(&mut self, tick: &Tick) -> Place {
        self.add_number(tick.log, tick.number)
    }

    /// Takes the next event, which has a number in a log.
    pub(crate) fn add_number(&mut self, log: u64, number: u64) -> Place {
        let is_told = std::mem::take(&mut self.is_told);
        self.received += 1;
        let run = match &mut self.run {
            Some(run) if run.log == log => run,
            run => {
                let before = run.replace(Run::begun_by(log, number));
                return before.map_or(Place::Next, |before| {
                    self.anew += 1;
                    self.forgotten += number.saturating_sub(1);
                    Place::Anew(before)
                });
            }
        };
        run.received += 1;
        if number <= run.last {
            self.repeats += 1;
            return Place::Repeat;
        }
        let missing = number - run.last - 1;
        run.last = number;
        match (missing, is_told) {
            (0, _) => Place::Next,
            (_, true) => {
                self.forgotten += missing;
                Place::Forgotten(missing)
            }
            (_, false) => {
                self.gaps += missing;
                Place::Gap(missing)
            }
        }
    }
}

impl Run {
    fn begun_by(log: u64, number: u64) -> Self {
        Self {
            log,
            first: number,
            last: number,
            received: 1,
        }
    }

    /// Returns the number of events from the first to the last: as many as came, if each came once.
    #[must_use]
    pub fn span(&self) -> u64 {
        self.last - self.first + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(log: u64, number: u64) -> Tick {
        Tick { log, number, at: 0 }
    }

    fn places(tally: &mut Tally, numbers: &[u64]) -> Vec<Place> {
        let add = |number: &u64| tally.add(&tick(1, *number));
        numbers.iter().map(add).collect()
    }

    #[test]
    fn events_in_order_are_flawless_from_any_number_on() {
        let mut tally = Tally::default();
        assert_eq!(places(&mut tally, &[17, 18, 19, 20]), [Place::Next; 4]);
        assert_eq!((tally.received, tally.gaps, tally.repeats), (4, 0, 0));
        let run = tally.run.unwrap();
        assert_eq!((run.span(), run.received), (4, 4));
    }

    #[test]
    fn what_is_missing_and_what_comes_twice_is_counted() {
        let mut tally = Tally::default();
        let places = places(&mut tally, &[1, 4, 4, 2, 5]);
        let expected = [
            Place::Next,
            Place::Gap(2),
            Place::Repeat,
            Place::Repeat,
            Place::Next,
        ];
        assert_eq!(places, expected);
        assert_eq!((tally.received, tally.gaps, tally.repeats), (5, 2, 2));
    }

    #[test]
    fn what_the_server_owns_up_to_is_no_gap() {
        let mut tally = Tally::default();
        places(&mut tally, &[1, 2]);
        tally.tell();
        let after = places(&mut tally, &[10, 11, 13]);
        assert_eq!(after, [Place::Forgotten(7), Place::Next, Place::Gap(1)]);
        assert_eq!((tally.forgotten, tally.gaps), (7, 1));
    }

    #[test]
    fn another_log_is_counted_from_its_own_beginning() {
        let mut tally = Tally::default();
        places(&mut tally, &[5, 6]);
        let before = tally.run.unwrap();
        tally.tell();
        assert_eq!(tally.add(&tick(2, 1)), Place::Anew(before));
        assert_eq!(tally.add(&tick(2, 2)), Place::Next);
        assert_eq!(tally.add(&tick(2, 2)), Place::Repeat);
        assert_eq!((tally.anew, tally.gaps, tally.forgotten), (1, 0, 0));
        let run = tally.run.unwrap();
        assert_eq!((run.log, run.span(), run.received), (2, 2, 3));
    }
}
