//! What the soak sees of the router: memory, requests in flight and descriptors over time, the verdict, and a picture.

use std::fmt::Write as _;

/// One look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Seconds from the start.
    pub(super) at: f64,
    /// Resident memory, in KiB.
    pub(super) memory: u64,
    /// Requests at providers.
    pub(super) in_flight: u64,
    /// Open descriptors.
    pub(super) descriptors: u64,
}

/// Everything seen.
#[derive(Debug, Default)]
pub(super) struct Watch(pub(super) Vec<Sample>);

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 70.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 40.0;

impl Watch {
    /// The median of the samples between two parts of the whole time.
    pub(super) fn median(&self, from: f64, to: f64, of: fn(&Sample) -> u64) -> u64 {
        let end = self.0.last().map_or(0.0, |last| last.at);
        let inside = |sample: &&Sample| (from * end..=to * end).contains(&sample.at);
        let mut values: Vec<u64> = self.0.iter().filter(inside).map(of).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or(0)
    }

    /// The picture: memory over its scale on the left, requests in flight over theirs on the right.
    pub(super) fn svg(&self, title: &str) -> String {
        let end = self.0.last().map_or(1.0, |last| last.at).max(1.0);
        let memory = |sample: &Sample| sample.memory as f64 / 1024.0;
        let in_flight = |sample: &Sample| sample.in_flight as f64;
        let most_memory = nice(self.0.iter().map(memory).fold(1.0, f64::max));
        let most_in_flight = nice(self.0.iter().map(in_flight).fold(1.0, f64::max));
        let (name, rest) = title.split_once(": ").unwrap_or((title, ""));
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <text x=\"{LEFT}\" y=\"20\" font-weight=\"bold\">{name}</text>\n\
             <text x=\"{LEFT}\" y=\"{:.0}\" fill=\"#555555\">{rest}</text>\n\
             <text x=\"{LEFT}\" y=\"38\" fill=\"#3b6fb6\">resident memory, MiB</text>\n\
             <text x=\"{:.0}\" y=\"38\" fill=\"#b6703b\" text-anchor=\"end\">requests in flight</text>\n",
            HEIGHT - 6.0,
            WIDTH - RIGHT
        );
        for step in 0..=4 {
            let part = f64::from(step) / 4.0;
            let y = HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM);
            let _ = writeln!(
                out,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0}</text>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{:.0}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                part * most_memory,
                WIDTH - RIGHT + 8.0,
                y + 4.0,
                part * most_in_flight
            );
            let x = LEFT + part * (WIDTH - LEFT - RIGHT);
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.0} s</text>",
                HEIGHT - BOTTOM + 18.0,
                part * end
            );
        }
        self.line(&mut out, "#b6703b", end, |sample| in_flight(sample) / most_in_flight);
        self.line(&mut out, "#3b6fb6", end, |sample| memory(sample) / most_memory);
        out.push_str("</svg>\n");
        out
    }

    fn line(&self, out: &mut String, colour: &str, end: f64, part: impl Fn(&Sample) -> f64) {
        // More points than pixels show nothing more.
        let every = (self.0.len() / (WIDTH as usize)).max(1);
        let points: Vec<String> = self
            .0
            .iter()
            .step_by(every)
            .map(|sample| {
                let x = LEFT + sample.at / end * (WIDTH - LEFT - RIGHT);
                let y = HEIGHT - BOTTOM - part(sample) * (HEIGHT - TOP - BOTTOM);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let points = points.join(" ");
        let _ = writeln!(out, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>");
    }
}

/// The next round number above a value.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let step = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0].into_iter().find(|step| step * power >= value * 1.05);
    step.unwrap_or(12.0) * power
}
