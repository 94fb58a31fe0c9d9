//! Curves as SVG: logarithmic latency over percentiles or rates.

use super::figures::duration;
use crate::cli::CliError;
use hdrhistogram::Histogram;
use plotters::prelude::*;
use std::path::Path;

/// A named line of points; latencies are in ns.
pub struct Curve {
    /// Name in the legend.
    pub name: String,
    /// Points in ascending order of x.
    pub points: Vec<(f64, f64)>,
}

const SIZE: (u32, u32) = (900, 540);
const COLOURS: [RGBColor; 4] =
    [RGBColor(27, 94, 168), RGBColor(214, 96, 28), RGBColor(46, 132, 74), RGBColor(120, 60, 140)];

/// Draws latency by percentile: each step to the right has a tenth of the samples beyond it.
pub fn percentiles(
    path: &Path,
    title: &str,
    latencies: &[(&str, &Histogram<u64>)],
) -> Result<(), CliError> {
    let curve = |&(name, histogram): &(&str, &Histogram<u64>)| {
        // The x axis ends at the number of samples, even if the slowest samples are all equally
        // slow.
        let steps = (0..).map(|step| 2f64.powf(f64::from(step) / 8.0));
        let steps = steps.take_while(|x| *x <= histogram.len() as f64);
        let point = |x: f64| (x, histogram.value_at_quantile(1.0 - 1.0 / x).max(1) as f64);
        Curve { name: name.to_string(), points: steps.map(point).collect() }
    };
    let curves: Vec<Curve> = latencies.iter().map(curve).collect();
    let nines = |x: &f64| match x.log10().round() as usize {
        0 => "0".to_string(),
        1 => "90 %".to_string(),
        2 => "99 %".to_string(),
        n => format!("99.{} %", "9".repeat(n - 2)),
    };
    draw(path, title, ("percentile", "latency"), curves, true, &nines)
}

/// Draws latency by requested rate.
pub fn rates(path: &Path, title: &str, curves: Vec<Curve>) -> Result<(), CliError> {
    let millions = |x: &f64| format!("{:.1} M/s", x / 1e6);
    draw(path, title, ("rate asked", "latency"), curves, false, &millions)
}

fn draw(
    path: &Path,
    title: &str,
    (x_name, y_name): (&str, &str),
    curves: Vec<Curve>,
    log_x: bool,
    x_label: &dyn Fn(&f64) -> String,
) -> Result<(), CliError> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let x_max = points().map(|(x, _)| *x).fold(10.0, f64::max);
    let y_min = points().map(|(_, y)| *y).fold(f64::INFINITY, f64::min);
    let y_max = points().map(|(_, y)| *y).fold(1_000.0, f64::max);
    let decade = |y: f64| 10f64.powf(y.log10().floor());
    let y_range = (decade(y_min.clamp(1.0, 1e9))..decade(y_max) * 10.0).log_scale();
    let failed = |error: &dyn std::fmt::Display| {
        CliError::Failure(format!("{}: cannot draw: {error}", path.display()))
    };

    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(|error| failed(&error))?;
    let mut builder = ChartBuilder::on(&root);
    builder
        .caption(title, ("sans-serif", 16))
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(76);
    // Linear and logarithmic axes are two types, hence the macro.
    macro_rules! draw_over {
        ($x_range:expr) => {{
            let mut chart =
                builder.build_cartesian_2d($x_range, y_range).map_err(|error| failed(&error))?;
            chart
                .configure_mesh()
                .x_desc(x_name)
                .y_desc(y_name)
                .x_labels(8)
                .x_label_formatter(&|x| x_label(x))
                .y_label_formatter(&|ns| duration(*ns as u64))
                .light_line_style(BLACK.mix(0.06))
                .label_style(("sans-serif", 12))
                .draw()
                .map_err(|error| failed(&error))?;
            for (curve, colour) in curves.into_iter().zip(COLOURS) {
                chart
                    .draw_series(LineSeries::new(curve.points, colour.stroke_width(2)))
                    .map_err(|error| failed(&error))?
                    .label(curve.name)
                    .legend(move |(x, y)| {
                        PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
                    });
            }
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .label_font(("sans-serif", 12))
                .background_style(WHITE)
                .border_style(BLACK.mix(0.3))
                .draw()
                .map_err(|error| failed(&error))?;
        }};
    }
    if log_x {
        draw_over!((1.0..x_max).log_scale());
    } else {
        draw_over!(0.0..x_max * 1.05);
    }
    root.present().map_err(|error| failed(&error))?;
    drop(root);
    super::write(path, &svg)
}
