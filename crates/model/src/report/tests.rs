//! Tests of the table of reports.

use super::*;

/// Returns a report with these words in the slots of its body; its option has a value if
/// `is_some`.
fn line(kind: ReportKind, is_some: bool, word: impl Fn(Slot) -> u64) -> Report {
    let mut report = Report::new(kind, Subject::NONE);
    for &(slot, condition) in kind.slots() {
        if condition == "if Bit1" && is_some {
            report.set(Slot::Bit1, 1);
        }
        if !condition.starts_with("if") || is_some {
            report.set(slot, word(slot));
        }
    }
    report
}

#[test]
fn every_body_is_read_as_it_was_written() {
    for &kind in ReportKind::ALL {
        // Every list of codes has the codes 1 and 2.
        for (word, is_some) in [(1, false), (2, false), (1, true), (2, true)] {
            let word = |slot: Slot| if slot.is_bit() { word & 1 } else { word };
            let report = line(kind, is_some, word);
            assert_eq!(report.body().about(report.subject()), report, "{kind:?}");
        }
    }
}

#[test]
fn every_field_has_a_slot_of_its_own() {
    for &kind in ReportKind::ALL {
        for (i, field) in kind.slots().iter().enumerate() {
            assert!(!kind.slots()[..i].contains(field), "{kind:?} {field:?}");
            let is_some = field.1.starts_with("if");
            let changed = |slot: Slot| match slot {
                _ if slot != field.0 => 1,
                _ if slot.is_bit() => 0,
                _ => 2,
            };
            let [all, other] = [line(kind, is_some, |_| 1), line(kind, is_some, changed)];
            assert_ne!(all.body(), other.body(), "{kind:?} {field:?}");
        }
    }
}

impl Slot {
    fn is_bit(self) -> bool {
        use Slot::{Bit1, Bit2, OtherBit0, OtherBit1};
        matches!(self, Bit1 | Bit2 | OtherBit0 | OtherBit1)
    }
}
