//! The subscriber at the end of the pipeline: counts reports and measures their latency.

use super::tally::Tally;
use hdrhistogram::Histogram;
use ringside_core::merge::Subscriber;
use ringside_core::pipeline::{Point, Trace};
use ringside_model::durability::Durability;
use ringside_model::report::Published;
use std::ops::Range;

/// The time between two points, over all sampled commands.
pub struct Span {
    /// Name in the tables.
    pub name: &'static str,
    /// Points at which the time begins and ends.
    points: [Point; 2],
    /// Samples in nanoseconds.
    pub histogram: Histogram<u64>,
}

impl Span {
    fn new(name: &'static str, from: Point, to: Point) -> Self {
        const NS_MAX: u64 = 100_000_000_000;
        let histogram = Histogram::new_with_bounds(1, NS_MAX, 3).expect("bounds in order");
        Span { name, points: [from, to], histogram }
    }
}

/// The subscriber of a measured run.
pub struct Collector<'a> {
    trace: &'a Trace,
    /// Seqnos of the measured commands.
    measured: Range<u64>,
    /// Counts of all reports.
    pub tally: Tally,
    /// End-to-end spans first: from the intended time, then from the send. The spans between stages
    /// follow.
    pub spans: Vec<Span>,
    /// Time when the last measured command was published, in ns.
    pub ended_ns: u64,
}

impl<'a> Collector<'a> {
    /// Returns a collector that measures the commands with these seqnos.
    pub fn new(trace: &'a Trace, measured: Range<u64>, durability: Durability) -> Self {
        use Point::{Intended, Journaled, Matched, Published, Sequenced};
        let mut spans = vec![
            Span::new("end to end, from the intended time", Intended, Published),
            Span::new("end to end, from the send", Sequenced, Published),
            Span::new("intended to sequenced", Intended, Sequenced),
        ];
        if durability == Durability::Volatile {
            // The journal stage runs in parallel: its stamp does not bound the time when a report
            // leaves.
            spans.push(Span::new("sequenced to matched", Sequenced, Matched));
        } else {
            spans.push(Span::new("sequenced to journaled", Sequenced, Journaled));
            spans.push(Span::new("journaled to matched", Journaled, Matched));
        }
        spans.push(Span::new("matched to published", Matched, Published));
        Collector { trace, measured, tally: Tally::default(), spans, ended_ns: 0 }
    }

    fn sample(&mut self, seqno: u64) {
        self.ended_ns = self.trace.now_ns();
        self.trace.set(Point::Published, seqno, self.ended_ns);
        if Trace::samples(seqno) {
            for span in &mut self.spans {
                let [from, to] = span.points.map(|point| self.trace.get(point, seqno));
                span.histogram.saturating_record(to.saturating_sub(from));
            }
        }
    }
}

impl Subscriber for Collector<'_> {
    #[inline]
    fn report(&mut self, published: &Published) {
        self.tally.report(published);
        let seqno = published.seqno.0;
        let due = Trace::samples(seqno) || seqno + 1 == self.measured.end;
        if due && published.index == 0 && self.measured.contains(&seqno) {
            self.sample(seqno);
        }
    }
}
