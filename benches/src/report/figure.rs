use serde::{Deserialize, Serialize};

/// A median, and the values that a quarter stayed below and above.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quartiles {
    /// A quarter is below.
    pub low: f64,
    /// Half is below.
    pub median: f64,
    /// A quarter is above.
    pub high: f64,
}

/// The quartiles of some values; of none, zeros.
pub fn quartiles(values: impl IntoIterator<Item = f64>) -> Quartiles {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let at = |quarter: usize| {
        let index = values.len() * quarter / 4;
        values.get(index).copied().unwrap_or_default()
    };
    Quartiles {
        low: at(1),
        median: at(2),
        high: at(3),
    }
}

impl Quartiles {
    /// A value that is always the same.
    #[must_use]
    pub fn exactly(value: f64) -> Self {
        Self {
            low: value,
            median: value,
            high: value,
        }
    }

    /// The distance between the first and the third quartile, as a part of the median.
    #[must_use]
    pub fn spread(&self) -> f64 {
        (self.high - self.low) / self.median.abs().max(f64::MIN_POSITIVE)
    }
}

/// What a value is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes per second.
    BytesPerSecond,
    /// Things per second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Bytes of memory, in units of 1024.
    Bytes,
    /// Bytes of a file or a transfer, in units of a thousand.
    FileSize,
    /// Processor instructions.
    Instructions,
}

impl Unit {
    /// A value as text.
    #[must_use]
    pub fn text(self, value: f64) -> String {
        match self {
            Self::BytesPerSecond if value < 1e7 => format!("{:.2} MB/s", value / 1e6),
            Self::BytesPerSecond => format!("{:.0} MB/s", value / 1e6),
            Self::PerSecond => format!("{value:.0}/s"),
            Self::Seconds if value < 1e-3 => format!("{:.1} µs", value * 1e6),
            Self::Seconds => format!("{:.2} ms", value * 1e3),
            Self::Bytes => format!("{:.1} KiB", value / 1024.0),
            Self::FileSize => format!("{:.1} kB", value / 1e3),
            Self::Instructions => format!("{value:.0}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_the_middle_half() {
        let measured = quartiles([8, 1, 10, 12, 100, 11, 9, 10].map(f64::from));
        assert_eq!(measured.median, 10.0);
        assert!((measured.spread() - 0.3).abs() < 1e-9);
    }
}
