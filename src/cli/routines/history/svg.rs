//! The history of a routine as a chart in SVG, for pages and reports: the lines, states and changes of
//! the console's chart, on light and on dark pages.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use crate::control::routine::series::RoutineSeries;
use crate::core::base::text;
use crate::core::base::time::human_ms;
use crate::core::metric::axis::{self, ValueAxis};
use crate::core::metric::difference::percent;
use crate::core::metric::series::Bucket;
use crate::core::stack::state::State;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 420.0;
/// The lines, in pixels from the left and from above.
const LEFT: f64 = 76.0;
const RIGHT: f64 = WIDTH - 56.0;
const TOP: f64 = 72.0;
const BOTTOM: f64 = 330.0;
/// The strip of states: from above, and its height.
const STRIP: (f64, f64) = (BOTTOM + 10.0, 16.0);
/// Where times, and what a mark means, are written.
const TIMES: f64 = STRIP.0 + STRIP.1 + 20.0;
const FOOT: f64 = HEIGHT - 14.0;

const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#202124}.big{font-size:17px;font-weight:600}.low{fill:#5f6368}\
.page{fill:#fff}.grid{stroke:#dadce0}.line{fill:none;stroke-width:2;stroke-linejoin:round}\
.p50{stroke:#1a73e8}.p95{stroke:#202124}.p99{stroke:#b06000;stroke-dasharray:5 3}\
.ok{fill:#188038}.degraded{fill:#b06000}.failing{fill:#c5221f}.unknown{fill:#80868b}\
.change{stroke:#681da8;stroke-dasharray:2 3}.diamond{fill:#681da8}\
@media (prefers-color-scheme:dark){text{fill:#e8eaed}.low{fill:#9aa0a6}.page{fill:#1b1d21}.grid{stroke:#3c4043}\
.p50{stroke:#8ab4f8}.p95{stroke:#e8eaed}.p99{stroke:#fdd663}.ok{fill:#81c995}.degraded{fill:#fdd663}\
.failing{fill:#f28b82}.change{stroke:#d7aefb}.diamond{fill:#d7aefb}}";

/// The lines with their classes.
const LINES: [(f64, &str); 3] = [(0.99, "p99"), (0.5, "p50"), (0.95, "p95")];

/// The chart as a document of its own.
pub fn chart(of: &RoutineSeries) -> String {
    let zone = TimeZone::get(&of.timezone).unwrap_or(TimeZone::UTC);
    let (title, about) = (escaped(&of.name), escaped(&about(of, &zone)));
    let mut svg = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\" aria-label=\"{title}: {about}\">\n\
         <style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
         <text class=\"big\" x=\"16\" y=\"28\">{title}</text>\n\
         <text class=\"low\" x=\"16\" y=\"50\">{about}</text>\n"
    );
    let highest = of.series.buckets.iter();
    let highest = highest.filter_map(|bucket| bucket.rollup.quantile_ms(0.99));
    let drawing = Drawing {
        of,
        axis: ValueAxis::of(highest.fold(0.0, f64::max), 6),
        zone,
    };
    drawing.values(&mut svg);
    drawing.times(&mut svg);
    drawing.states(&mut svg);
    drawing.changes(&mut svg);
    if of.series.is_empty() {
        let (x, y) = (LEFT + 12.0, f64::midpoint(TOP, BOTTOM));
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{y}\">no check in this time</text>"
        );
    }
    let names = drawing.lines(&mut svg);
    name_lines(&mut svg, names);
    svg.push_str("</svg>\n");
    svg
}

/// The window with its uptime, downtime and number of checks.
fn about(of: &RoutineSeries, zone: &TimeZone) -> String {
    let numbers = &of.numbers;
    let uptime = numbers.uptime_pct.map_or_else(
        || "no check was answered".to_owned(),
        |pct| format!("{} % up", percent(pct)),
    );
    format!(
        "{} {}, {uptime}, down {}, {} checks, {} each",
        axis::span(of.from.0, of.until.0, zone),
        axis::zone_name(of.until.0, zone),
        human_ms(numbers.failing_ms),
        numbers.samples,
        axis::length(of.series.step.ms()),
    )
}

/// Text of users in XML: harmless characters, and none of those that mean something there.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text::show(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no such characters, not even escaped.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

struct Drawing<'a> {
    of: &'a RoutineSeries,
    axis: ValueAxis,
    zone: TimeZone,
}

impl Drawing<'_> {
    /// The place of a time, pixels from the left.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a window is shorter than 2^52 milliseconds"
    )]
    fn x(&self, at: i64) -> f64 {
        let (from, until) = self.of.series.span();
        let length = until.saturating_sub(from).max(1);
        let part = at.saturating_sub(from).clamp(0, length);
        LEFT + (RIGHT - LEFT) * part as f64 / length as f64
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * (value / self.axis.top).clamp(0.0, 1.0)
    }

    fn values(&self, svg: &mut String) {
        for mark in &self.axis.marks {
            let (y, label) = (self.y(*mark), axis::latency(*mark));
            let (x, middle) = (LEFT - 8.0, y + 4.0);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\n\
                 <text class=\"low\" x=\"{x}\" y=\"{middle:.1}\" text-anchor=\"end\">{label}</text>"
            );
        }
    }

    fn times(&self, svg: &mut String) {
        let (from, until) = self.of.series.span();
        for mark in axis::time_marks(from, until, 12, &self.zone) {
            let (x, label) = (self.x(mark.at), mark.label);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\n\
                 <text class=\"low\" x=\"{x:.1}\" y=\"{TIMES}\" text-anchor=\"middle\">{label}</text>"
            );
        }
    }

    /// The worse a state, the higher its bar: no colour carries a meaning alone.
    fn states(&self, svg: &mut String) {
        for bucket in &self.of.series.buckets {
            let Some(state) = bucket.rollup.totals.shown_state() else {
                continue;
            };
            let part = match state {
                State::Failing => 1.0,
                State::Degraded => 0.6,
                State::Ok => 0.3,
                State::Unknown => 0.1,
            };
            let height = STRIP.1 * part;
            let (x, y) = (self.x(bucket.from_ms), STRIP.0 + STRIP.1 - height);
            let width = (self.x(bucket.until_ms) - x).max(0.5);
            let (class, about) = (state.name(), escaped(&self.about(bucket)));
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\">\
                 <title>{about}</title></rect>"
            );
        }
    }

    /// A bucket in words, shown where the pointer rests.
    fn about(&self, bucket: &Bucket) -> String {
        let totals = &bucket.rollup.totals;
        let latency = bucket.rollup.quantile_ms(0.95);
        let latency = latency.map_or_else(String::new, |ms| format!(", p95 {}", axis::latency(ms)));
        format!(
            "{}: {} checks, {} failing, {} degraded{latency}",
            axis::span(bucket.from_ms, bucket.until_ms, &self.zone),
            totals.answered(),
            totals.failing,
            totals.degraded
        )
    }

    fn changes(&self, svg: &mut String) {
        for change in &self.of.changes {
            let x = self.x(change.at.0);
            let run = change.run.map_or(String::new(), |run| format!(" #{run}"));
            let about = escaped(&format!(
                "{} {}{run} by {}",
                axis::moment(change.at.0, &self.zone),
                change.what,
                change.actor
            ));
            let (left, right, above, below) = (x - 5.0, x + 5.0, TOP - 5.0, TOP + 5.0);
            let _ = writeln!(
                svg,
                "<g><title>{about}</title>\
                 <line class=\"change\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
                 <path class=\"diamond\" d=\"M{x:.1} {above}L{right:.1} {TOP}L{x:.1} {below}L{left:.1} {TOP}Z\"/></g>"
            );
        }
        if !self.of.changes.is_empty() {
            let _ = writeln!(
                svg,
                "<text class=\"low\" x=\"{LEFT}\" y=\"{FOOT}\">◆ a run or an edit changed the service</text>"
            );
        }
    }

    /// The lines, each interrupted where there is no latency; returns where they end.
    fn lines(&self, svg: &mut String) -> Vec<(f64, &'static str)> {
        let mut names = Vec::new();
        for (q, class) in LINES {
            let mut path = String::new();
            let (mut begins, mut end) = (true, None);
            for bucket in &self.of.series.buckets {
                let Some(value) = bucket.rollup.quantile_ms(q) else {
                    begins = true;
                    continue;
                };
                let x = self.x(i64::midpoint(bucket.from_ms, bucket.until_ms));
                let y = self.y(value);
                // Two pixels to begin with, so that a bucket alone is seen.
                let _ = if begins {
                    write!(path, "M{x:.1} {y:.1}h2")
                } else {
                    write!(path, "L{x:.1} {y:.1}")
                };
                (begins, end) = (false, Some(y));
            }
            if let Some(end) = end {
                let _ = writeln!(svg, "<path class=\"line {class}\" d=\"{path}\"/>");
                names.push((end, class));
            }
        }
        names
    }
}

/// The names of the lines where they end, one below the other.
fn name_lines(svg: &mut String, mut names: Vec<(f64, &'static str)>) {
    names.sort_unstable_by_key(|(_, name)| std::cmp::Reverse(*name));
    let (x, mut least) = (RIGHT + 8.0, TOP);
    for (y, name) in names {
        let y = y.max(least);
        least = y + 15.0;
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{:.1}\">{name}</text>", y + 4.0);
    }
}
