//! Counts of the reports of a venue: two runs with the same reports have the same tally.

use ringside_core::merge::Subscriber;
use ringside_load::flow::Trades;
use ringside_model::reason::Reason;
use ringside_model::report::{Body, Executed, Published, Report, ReportKind};
use std::collections::BTreeMap;

/// Counts of reports and quantities by kind, of reports by reason, and the trades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    reports: [u64; 256],
    quantities: [u128; 256],
    reasons: [u64; 256],
    /// All trades, each counted once, from the report to its resting side.
    pub trades: Trades,
}

impl Default for Tally {
    fn default() -> Self {
        let trades = Trades::default();
        Tally { reports: [0; 256], quantities: [0; 256], reasons: [0; 256], trades }
    }
}

impl Tally {
    /// Returns the number of reports of a kind.
    pub fn reports(&self, kind: ReportKind) -> u64 {
        self.reports[usize::from(kind as u8)]
    }

    /// Returns the sum of the quantities in reports of a kind.
    pub fn quantity(&self, kind: ReportKind) -> u128 {
        self.quantities[usize::from(kind as u8)]
    }

    /// Returns the number of all reports.
    pub fn total(&self) -> u64 {
        self.reports.iter().sum()
    }

    /// Returns the nonzero counts by the name of the kind.
    pub fn by_kind(&self) -> BTreeMap<&'static str, u64> {
        let kinds = ReportKind::ALL.iter().map(|&kind| (kind.name(), self.reports(kind)));
        kinds.filter(|(_, count)| *count > 0).collect()
    }

    /// Returns the nonzero counts by the name of the reason.
    pub fn by_reason(&self) -> BTreeMap<&'static str, u64> {
        let count = |reason: Reason| self.reasons[usize::from(reason as u8)];
        let reasons = Reason::ALL.iter().map(|&reason| (reason.name(), count(reason)));
        reasons.filter(|(_, count)| *count > 0).collect()
    }
}

impl Subscriber for Tally {
    #[inline]
    fn report(&mut self, published: &Published) {
        let report = &published.report;
        self.reports[usize::from(report.kind as u8)] += 1;
        self.quantities[usize::from(report.kind as u8)] += u128::from(report.quantity.0);
        self.reasons[usize::from(report.reason as u8)] += 1;
        if let Body::Executed(Executed { removed: false, .. }) = report.body() {
            let Report { session, id, price, quantity, .. } = report;
            self.trades.add(session.0, id.0, price.0, quantity.0);
        }
    }
}

impl ringside_core::venue::Recover for Tally {}
