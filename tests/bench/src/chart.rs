//! The plot of [`Scale`] as SVG: makespan, and calls for each interface, against nodes.
//!
//! GitHub shows it on white and on black, so it has no background, and its colours are neither
//! light nor dark.

use std::error::Error as StdError;

use anyhow::{Result, anyhow};
use hookline_simulator::strategy::Strategy;
use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged;
use plotters::prelude::*;

use crate::scale::{Point, Scale};

const SIZE: (u32, u32) = (1000, 480);
/// Room for the notes below both panels.
const NOTES: u32 = 40;
/// Text and axes.
const INK: RGBColor = RGBColor(125, 133, 144);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What a panel shows.
struct Panel {
    title: &'static str,
    unit: &'static str,
    value: fn(&Point) -> f64,
    /// The least that EC2 allows.
    bound: Vec<(f64, f64)>,
    bound_label: &'static str,
}

/// Draws the plot.
///
/// # Errors
/// If there are no data.
pub fn draw(scale: &Scale) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        paint(&root, scale).map_err(|error| anyhow!("drawing: {error}"))?;
        root.present()
            .map_err(|error| anyhow!("drawing: {error}"))?;
    }
    Ok(svg)
}

fn paint(root: &Area<'_>, scale: &Scale) -> Result<(), Box<dyn StdError>> {
    let (panels, notes) = root.split_vertically(SIZE.1 - NOTES);
    let nodes: Vec<usize> = scale
        .of(Strategy::Rank)
        .chain(&scale.points)
        .map(|point| point.nodes)
        .collect();
    let most = nodes
        .iter()
        .max()
        .copied()
        .ok_or("there are no runs to draw")?;
    let bound = scale
        .of(Strategy::Rank)
        .filter(|point| point.bound_s >= 1.0)
        .map(|point| (as_f64(point.nodes), point.bound_s))
        .collect();
    let fewest = scale.fewest_calls_per_interface;
    let both = [
        Panel {
            title: "Makespan",
            unit: "seconds of virtual time",
            value: |point| point.makespan_s,
            bound,
            bound_label: "bound: EC2's token buckets",
        },
        Panel {
            title: "Calls for each interface",
            unit: "calls to EC2 and Auto Scaling",
            value: |point| point.calls_per_interface,
            bound: vec![(1.0, fewest), (as_f64(most), fewest)],
            bound_label: "the fewest possible",
        },
    ];
    for (area, panel) in panels.split_evenly((1, 2)).iter().zip(both) {
        paint_panel(area, scale, &panel, most)?;
    }
    for (line, note) in notes_of(scale).iter().enumerate() {
        let y = i32::try_from(line)? * 17 + 4;
        notes.draw_text(note, &text(12), (12, y))?;
    }
    Ok(())
}

fn paint_panel(
    area: &Area<'_>,
    scale: &Scale,
    panel: &Panel,
    most: usize,
) -> Result<(), Box<dyn StdError>> {
    let values = || {
        let bound = panel.bound.iter().map(|(_, value)| *value);
        scale.points.iter().map(panel.value).chain(bound)
    };
    let low = values().fold(f64::INFINITY, f64::min).max(0.1) * 0.8;
    let high = values().fold(low * 10.0, f64::max) * 1.25;
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, text(17))
        .margin(8)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(
            (0.9..as_f64(most) * 1.15).log_scale(),
            (low..high).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("nodes launched at once")
        .y_desc(panel.unit)
        .axis_style(INK)
        .axis_desc_style(text(13))
        .label_style(text(12))
        .bold_line_style(INK.mix(0.35))
        .max_light_lines(0)
        .x_label_formatter(&|nodes| number(*nodes))
        .y_label_formatter(&|value| number(*value))
        .draw()?;

    chart
        .draw_series(DashedLineSeries::new(
            panel.bound.iter().copied(),
            6,
            4,
            INK.stroke_width(2),
        ))?
        .label(panel.bound_label)
        .legend(|(x, y)| {
            plotters::element::DashedPathElement::new(
                [(x, y), (x + 18, y)],
                6,
                4,
                INK.stroke_width(2),
            )
        });
    for strategy in Strategy::ALL {
        let (colour, label) = looks(strategy);
        let points: Vec<(f64, f64)> = scale
            .of(strategy)
            .map(|point| (as_f64(point.nodes), (panel.value)(point)))
            .collect();
        if points.is_empty() {
            continue;
        }
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        let place = |point: &Point| (as_f64(point.nodes), (panel.value)(point));
        let (cut, whole): (Vec<_>, Vec<_>) = scale.of(strategy).partition(|point| point.cut);
        chart.draw_series(
            whole
                .into_iter()
                .map(|point| Circle::new(place(point), 3, colour.filled())),
        )?;
        chart.draw_series(
            cut.into_iter()
                .map(|point| Cross::new(place(point), 6, colour.stroke_width(3))),
        )?;
    }
    legend(&mut chart)?;
    Ok(())
}

fn legend<'a, X, Y>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>,
) -> Result<(), Box<dyn StdError>>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .legend_area_size(24)
        .margin(8)
        .label_font(text(12))
        .background_style(TRANSPARENT)
        .border_style(TRANSPARENT)
        .draw()?;
    Ok(())
}

/// The notes below the panels.
fn notes_of(scale: &Scale) -> Vec<String> {
    let mut notes = vec![format!(
        "{} networks a node, {} AZ, /{} subnets, seed {}; real handlers and AWS SDK on a fake AWS (cargo xtask plot). \
         Bursts make the bound less than 1 s below some 14 nodes.",
        scale.networks, scale.azs, scale.subnet_prefix, scale.seed
    )];
    let mut left_out = String::new();
    if scale.points.iter().any(|point| point.cut) {
        left_out = format!(
            "Cross: not at rest after {} s, larger ones not run. ",
            scale.limit_s
        );
    }
    let most = |strategy| scale.of(strategy).map(|point| point.nodes).max();
    if Strategy::ALL
        .iter()
        .any(|strategy| most(*strategy) < most(Strategy::Rank))
    {
        left_out += &format!(
            "All but the product's are run up to {} nodes.",
            scale.most_nodes_of_others
        );
    }
    if !left_out.is_empty() {
        notes.push(left_out);
    }
    notes
}

fn looks(strategy: Strategy) -> (RGBColor, &'static str) {
    match strategy {
        Strategy::Rank => (RGBColor(47, 129, 247), "rank (Hookline)"),
        Strategy::RandomWindow => (RGBColor(163, 113, 247), "random within a window"),
        Strategy::LowestFree => (RGBColor(191, 135, 0), "lowest free, listed again"),
        Strategy::NextOnConflict => (RGBColor(229, 83, 75), "next on conflict (samples)"),
    }
}

fn text(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

/// `1,000` rather than `1000.0`.
fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value}");
    }
    let digits = format!("{value:.0}");
    match digits.split_at_checked(digits.len().saturating_sub(3)) {
        Some((thousands, rest)) if !thousands.is_empty() => format!("{thousands},{rest}"),
        _ => digits,
    }
}

#[allow(clippy::cast_precision_loss)] // counts of nodes are far below 2^53
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(strategy: Strategy, nodes: usize, cut: bool) -> Point {
        Point {
            strategy: strategy.name().to_owned(),
            nodes,
            makespan_s: as_f64(nodes) * 2.0,
            bound_s: as_f64(nodes) - 10.0,
            calls_per_interface: 8.0,
            conflicts: 0,
            throttles_per_success: 0.0,
            in_service: nodes,
            abandoned: 0,
            holes: 0,
            cut,
        }
    }

    fn scale(points: Vec<Point>) -> Scale {
        Scale {
            networks: 4,
            azs: 1,
            subnet_prefix: 20,
            seed: 1,
            limit_s: 3600,
            most_nodes_of_others: 50,
            fewest_calls_per_interface: 4.5,
            points,
        }
    }

    #[test]
    fn both_panels_and_every_strategy_with_runs_are_drawn() {
        let svg = draw(&scale(vec![
            point(Strategy::Rank, 1, false),
            point(Strategy::Rank, 500, false),
            point(Strategy::LowestFree, 1, false),
        ]))
        .unwrap();
        for text in [
            "Makespan",
            "Calls for each interface",
            "rank (Hookline)",
            "lowest free",
        ] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(!svg.contains("next on conflict"), "it has no run");
        assert!(!svg.contains("Cross"), "none was cut");
    }

    #[test]
    fn plot_notes_which_runs_were_cut_off() {
        let notes = notes_of(&scale(vec![
            point(Strategy::Rank, 100, false),
            point(Strategy::NextOnConflict, 20, true),
        ]));
        assert!(notes[1].contains("after 3600 s"), "{notes:?}");
        assert!(notes[1].contains("up to 50 nodes"), "{notes:?}");
    }

    #[test]
    fn plot_without_runs_is_an_error() {
        assert!(draw(&scale(Vec::new())).is_err());
    }

    #[test]
    fn numbers_are_written_for_people() {
        for (value, says) in [
            (0.5, "0.5"),
            (1.0, "1"),
            (500.0, "500"),
            (10_000.0, "10,000"),
        ] {
            assert_eq!(number(value), says);
        }
    }
}
