//! The plot of throughput: megabytes per second over the mebibytes transferred.
//!
//! Over bytes rather than seconds, so that both ways fill the plot and lie above one another
//! however fast they are; a stall is a dip.

use std::{fmt::Write as _, time::Duration};

use wasm_bindgen::JsValue;
use web_sys::Element;

use crate::dom;

/// The edges of the plot's area in the units of its view box.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 546.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 292.0;

/// Parts of each axis.
const PARTS: u32 = 4;

/// Points of a curve at most.
const POINTS: u64 = 100;

/// The least time between two points: a browser's clock is not exact enough for less.
const LEAST: Duration = Duration::from_millis(4);

/// The least time between two drawings: one frame of a usual screen.
const FRAME: Duration = Duration::from_millis(16);

/// Both curves on their axes.
#[derive(Debug)]
pub(crate) struct Plot {
    grid: Element,
    labels: Element,
    up: Curve,
    down: Curve,
    /// The end of the x axis, in bytes.
    total: u64,
    drawn: Duration,
}

/// The curve.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Up,
    Down,
}

impl Plot {
    pub(crate) fn new() -> Result<Self, JsValue> {
        let plot = Self {
            grid: dom::element("plot-grid")?,
            labels: dom::element("plot-labels")?,
            up: Curve::new("plot-up")?,
            down: Curve::new("plot-down")?,
            total: wsio_demo_exchange::TRANSFER,
            drawn: Duration::ZERO,
        };
        plot.draw();
        Ok(plot)
    }

    /// Takes both curves away.
    pub(crate) fn clear(&mut self) {
        self.up.clear();
        self.down.clear();
        self.draw();
    }

    /// `bytes` of `total` have been transferred by `now`.
    pub(crate) fn add(&mut self, way: Way, bytes: u64, total: u64, now: Duration) {
        self.total = total;
        let curve = match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        };
        curve.add(bytes, total, now);
        if bytes == total || now.saturating_sub(self.drawn) >= FRAME {
            self.drawn = now;
            self.draw();
        }
    }

    fn draw(&self) {
        let top = round_up(self.up.highest().max(self.down.highest()));
        self.draw_axes(top);
        self.up.draw(self.total, top);
        self.down.draw(self.total, top);
    }

    /// `top` is the speed at the upper edge, in megabytes per second.
    fn draw_axes(&self, top: f64) {
        let (mut grid, mut labels) = (String::new(), String::new());
        let mebibytes = self.total as f64 / f64::from(1 << 20);
        for part in 0..=PARTS {
            let share = f64::from(part) / f64::from(PARTS);
            let (x, y) = at(share, share);
            // Writing to a string does not fail.
            let _ = write!(
                grid,
                r#"<line x1="{LEFT}" x2="{RIGHT}" y1="{y:.1}" y2="{y:.1}"/>"#
            );
            let (side, below) = (LEFT - 8.0, y + 4.0);
            let speed = label(top * share);
            let _ = write!(
                labels,
                r#"<text x="{side}" y="{below:.1}" text-anchor="end">{speed}</text>"#
            );
            let (anchor, unit) = match part {
                PARTS => ("end", " MiB"),
                _ => ("middle", ""),
            };
            let amount = label(mebibytes * share);
            let below = BOTTOM + 20.0;
            let _ = write!(
                labels,
                r#"<text x="{x:.1}" y="{below}" text-anchor="{anchor}">{amount}{unit}</text>"#
            );
        }
        self.grid.set_inner_html(&grid);
        self.labels.set_inner_html(&labels);
    }
}

/// The speed of one transfer.
#[derive(Debug)]
struct Curve {
    line: Element,
    /// Bytes transferred, and megabytes per second up to there.
    points: Vec<(u64, f64)>,
    /// The place and the time at which the next point begins.
    mark: Option<(u64, Duration)>,
}

impl Curve {
    fn new(id: &str) -> Result<Self, JsValue> {
        Ok(Self {
            line: dom::element(id)?,
            points: Vec::new(),
            mark: None,
        })
    }

    fn clear(&mut self) {
        self.points.clear();
        self.mark = None;
    }

    fn add(&mut self, bytes: u64, total: u64, now: Duration) {
        let (from, since) = *self.mark.get_or_insert((bytes, now));
        let (more, time) = (bytes.saturating_sub(from), now.saturating_sub(since));
        if more >= total / POINTS && time >= LEAST {
            let speed = more as f64 / 1e6 / time.as_secs_f64();
            self.points.push((bytes, speed));
            self.mark = Some((bytes, now));
        }
    }

    fn highest(&self) -> f64 {
        self.points.iter().map(|point| point.1).fold(0.0, f64::max)
    }

    fn draw(&self, total: u64, top: f64) {
        let points: Vec<String> = self
            .points
            .iter()
            .map(|&(bytes, speed)| {
                let (x, y) = at(bytes as f64 / total.max(1) as f64, speed / top);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        // The name is a valid one, so this cannot fail.
        let _ = self.line.set_attribute("points", &points.join(" "));
    }
}

/// The place of two shares of the axes, each from 0 to 1.
fn at(along: f64, high: f64) -> (f64, f64) {
    let x = LEFT + (RIGHT - LEFT) * along;
    let y = BOTTOM - (BOTTOM - TOP) * high;
    (x, y)
}

/// The next of 4, 8, 20, 40, 80, 200 … that is not less: a quarter of it is a round number too.
fn round_up(speed: f64) -> f64 {
    let mut decade = 1.0;
    loop {
        for step in [4.0, 8.0, 20.0] {
            if speed <= step * decade {
                return step * decade;
            }
        }
        decade *= 10.0;
        if !decade.is_finite() {
            return f64::MAX;
        }
    }
}

fn label(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}
