//! Reports as a picture: bars of p99 on a logarithmic scale, with goodput beside them.

use std::fmt::Write;

use super::Report;

const WIDTH: f64 = 760.0;
const LABEL: f64 = 170.0;
const RIGHT: f64 = 190.0;
const ROW: f64 = 22.0;

/// One picture of one or several reports, as SVG. Bars are the p99 of the time to the first token on a logarithmic
/// scale; the vertical line is the omniscient reference.
#[must_use]
pub fn svg(reports: &[Report]) -> String {
    let rows: usize = reports.iter().map(|report| report.strategies.len() + 2).sum();
    let height = rows as f64 * ROW + 30.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let mut top = 10.0;
    for report in reports {
        top = draw(&mut out, report, top);
    }
    out.push_str("</svg>\n");
    out
}

/// Draws a report and returns where it ends.
fn draw(out: &mut String, report: &Report, mut top: f64) -> f64 {
    let times = || report.strategies.iter().map(|finding| finding.ttft_p99_ms).filter(|ms| ms.is_finite() && *ms > 0.0);
    let least = times().fold(f64::INFINITY, f64::min).max(1e-3);
    let most = times().fold(least * 10.0, f64::max);
    let from = (least / 2.0).ln();
    let x = |ms: f64| LABEL + (WIDTH - LABEL - RIGHT) * (ms.max(least).ln() - from) / (most.ln() - from);
    let _ = writeln!(
        out,
        "<text x=\"10\" y=\"{:.1}\" font-weight=\"bold\">{} at load {}, {} replica(s): p99 of the time to the first \
         token, logarithmic</text>",
        top + 14.0,
        escaped(&report.scenario),
        report.load,
        report.replicas
    );
    top += ROW;
    let begin = top;
    for finding in &report.strategies {
        let end = if finding.ttft_p99_ms.is_finite() { x(finding.ttft_p99_ms) } else { LABEL };
        let colour = if finding.strategy == super::OMNISCIENT { "#8a8a8a" } else { "#3b6fb6" };
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LABEL}\" y=\"{:.1}\" width=\"{:.1}\" height=\"14\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{:.0} ms, {:.1} % good, {:.2}×</text>",
            LABEL - 8.0,
            top + 14.0,
            escaped(&finding.strategy),
            top + 3.0,
            (end - LABEL).max(1.0),
            end + 6.0,
            top + 14.0,
            finding.ttft_p99_ms,
            finding.goodput * 100.0,
            finding.ratio_to_omniscient
        );
        top += ROW;
    }
    if let Some(reference) = report.of(super::OMNISCIENT).filter(|finding| finding.ttft_p99_ms.is_finite()) {
        let at = x(reference.ttft_p99_ms);
        let _ = writeln!(
            out,
            "<line x1=\"{at:.1}\" y1=\"{begin:.1}\" x2=\"{at:.1}\" y2=\"{top:.1}\" stroke=\"#8a8a8a\" \
             stroke-dasharray=\"3 3\"/>"
        );
    }
    top + ROW
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
