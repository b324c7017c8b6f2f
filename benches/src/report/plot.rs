use anyhow::{Result, anyhow};
use plotters::{
    coord::{combinators::LogCoord, types::RangedCoordu32},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{Better, Comparison, Section};

const WIDTH: u32 = 900;
/// Left of the plot, for the titles, in pixels.
const MARGIN: i32 = 330;
const ROW: u32 = 34;
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<LogCoord<f64>, RangedCoordu32>>;

/// How good every contender is beside wsio, as an SVG: a row for each comparison, a dot for each
/// contender, and a line from quartile to quartile.
pub(super) fn draw(section: &Section) -> Result<String> {
    let mut svg = String::new();
    draw_into(&mut svg, section).map_err(|error| anyhow!("the plot: {error}"))?;
    Ok(svg)
}

fn draw_into(svg: &mut String, section: &Section) -> Result<(), Box<dyn std::error::Error>> {
    let contenders = contenders(section);
    let rows = u32::try_from(section.comparisons.len())?;
    let legend = u32::try_from(contenders.len().div_ceil(3))? * 22;
    let root = SVGBackend::with_string(svg, (WIDTH, rows * ROW + legend + 60)).into_drawing_area();
    root.fill(&WHITE)?;
    let (above, below) = root.split_vertically(legend + 8);
    for (index, name) in contenders.iter().enumerate() {
        let at = ((index % 3) as i32 * 290 + 20, (index / 3) as i32 * 22 + 16);
        above.draw(&Circle::new(at, 5, color(index).filled()))?;
        above.draw(&Text::new(
            *name,
            (at.0 + 12, at.1),
            label(HPos::Left).color(&BLACK),
        ))?;
    }
    let mut chart = ChartBuilder::on(&below)
        .margin_right(20)
        .set_label_area_size(LabelAreaPosition::Left, MARGIN)
        .set_label_area_size(LabelAreaPosition::Bottom, 40)
        .build_cartesian_2d(range(section).log_scale().base(2.0), 0..rows.max(1) * 2)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(RGBColor(235, 235, 235))
        .x_labels(8)
        .x_label_formatter(&|x| times(*x))
        .x_desc("as good as wsio: right is better")
        .draw()?;
    let one = vec![(1.0, 0), (1.0, rows.max(1) * 2)];
    chart.draw_series([PathElement::new(one, BLACK)])?;
    for (row, comparison) in section.comparisons.iter().enumerate() {
        // The first comparison is at the top.
        let y = (rows - u32::try_from(row)?) * 2 - 1;
        draw_row(&mut chart, comparison, y, &contenders)?;
    }
    drop(chart);
    root.present()?;
    drop(root);
    Ok(())
}

fn draw_row(
    chart: &mut Chart<'_, '_>,
    comparison: &Comparison,
    y: u32,
    contenders: &[&str],
) -> Result<(), Box<dyn std::error::Error>> {
    let left = chart.plotting_area().get_x_range().start;
    let title = EmptyElement::at((left, y))
        + Text::new(
            comparison.title.clone(),
            (-10, 0),
            label(HPos::Right).color(&BLACK),
        );
    chart.draw_series([title])?;
    for entry in &comparison.entries {
        let Some(index) = contenders.iter().position(|it| *it == entry.contender) else {
            continue;
        };
        let good = |ratio| good(comparison.better, ratio);
        let (low, high) = (good(entry.ratio.low), good(entry.ratio.high));
        let style = color(index).stroke_width(2);
        chart.draw_series([PathElement::new([(low, y), (high, y)], style)])?;
        let dot = Circle::new((good(entry.ratio.median), y), 5, color(index).filled());
        chart.draw_series([dot])?;
    }
    Ok(())
}

/// A ratio, which on the axis is a power of two.
fn times(ratio: f64) -> String {
    if ratio < 1.0 {
        format!("1/{} ×", ratio.recip())
    } else {
        format!("{ratio} ×")
    }
}

fn label(side: HPos) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", 13).into_font()).pos(Pos::new(side, VPos::Center))
}

fn color(index: usize) -> RGBColor {
    COLORS[index % COLORS.len()]
}

/// Everybody who takes part in anything, in the order of appearance.
fn contenders(section: &Section) -> Vec<&str> {
    let mut contenders = Vec::new();
    let entries = section.comparisons.iter().flat_map(|it| &it.entries);
    for entry in entries {
        if !contenders.contains(&entry.contender.as_str()) {
            contenders.push(&entry.contender);
        }
    }
    contenders
}

/// From the worst to the best, and a bit.
fn range(section: &Section) -> std::ops::Range<f64> {
    let entries = section.comparisons.iter().flat_map(|comparison| {
        let better = comparison.better;
        comparison.entries.iter().map(move |entry| (better, entry))
    });
    let values = entries.flat_map(|(better, entry)| {
        [entry.ratio.low, entry.ratio.high].map(|ratio| good(better, ratio))
    });
    let (low, high) = values
        .filter(|value| value.is_finite() && *value > 0.0)
        .fold((0.5_f64, 2.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    low / 1.2..high * 1.2
}

/// How good a contender is as a multiple of wsio, of wsio's value as a ratio of the contender's.
fn good(better: Better, ratio: f64) -> f64 {
    match better {
        Better::More => 1.0 / ratio,
        Better::Less => ratio,
    }
}
