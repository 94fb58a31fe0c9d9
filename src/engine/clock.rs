//! What happens because time has passed. Official time comes with the commands: a tick is one that brings nothing else.

use super::Engine;
use crate::command::Sequenced;
use crate::report::{Report, ReportKind, ReportSink};

impl Engine {
    /// What was due for an instrument happens.
    pub(super) fn tick(&mut self, at: &Sequenced, sink: &mut impl ReportSink) {
        let Some(book) = self.book_to_change(&at.command, sink) else { return };
        let symbol = at.command.symbol;
        sink.report(Report { kind: ReportKind::Ticked, symbol, ..Report::BLANK });
        self.bands_due(at, book, sink);
    }
}
