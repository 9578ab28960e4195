//! Lines over sizes, as SVG.

use anyhow::{Context as _, Result};
use plotters::prelude::*;

/// The highest ratio that is shown.
const TOP: f64 = 1.5;

/// Draws each line's values, ratios to its first, over the sizes; these are evenly spaced, as powers are.
///
/// # Errors
/// If there are no sizes, or the plot can't be drawn.
pub fn lines(sizes: &[usize], lines: &[(String, Vec<f64>)]) -> Result<String> {
    let last = sizes.len().checked_sub(1).context("a plot needs sizes")?;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (800, 360)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(28)
            .y_label_area_size(36)
            .build_cartesian_2d(0.0..last.max(1) as f64, 0.0..TOP)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(sizes.len())
            .y_labels(4)
            .light_line_style(TRANSPARENT)
            .x_label_formatter(&|at| {
                let size = sizes.get(at.round() as usize).filter(|_| at.fract() == 0.0);
                size.map_or_else(String::new, |size| format!("{size} users"))
            })
            .y_label_formatter(&|ratio| format!("{ratio:.1}"))
            .draw()?;
        for (i, (label, ratios)) in lines.iter().enumerate() {
            let style = Palette99::pick(i).stroke_width(2);
            let points = ratios.iter().enumerate().map(|(i, ratio)| (i as f64, ratio.min(TOP)));
            chart
                .draw_series(LineSeries::new(points, style))?
                .label(label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerLeft)
            .background_style(WHITE)
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_line_is_drawn_and_named() {
        let lines = [("get".to_owned(), vec![1.0, 0.9]), ("create".to_owned(), vec![1.0, 0.8])];
        let svg = super::lines(&[100, 1000], &lines).unwrap();
        for part in ["100 users", "1000 users", "get", "create"] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        let drawn = svg.matches(r#"stroke-width="2""#).count();
        assert_eq!(drawn, 2 * lines.len(), "a line and its legend");
    }

    #[test]
    fn without_sizes_there_is_no_plot() {
        assert!(super::lines(&[], &[]).is_err());
    }
}
