//! Limit up to which a standby may publish. A standby makes the streams of all frames that it
//! receives; some of these may never be committed and are cut from the journal later.
//!
//! The thread that makes the streams notes their end behind a command. The thread that receives
//! commit marks sets the committed seqno. The limit is the last note that this seqno covers.

use super::{Day, Encoder, Store, StreamId};
use ringside_model::domain::SeqNo;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

/// Noted ends, and the seqno up to which commands are committed. Any thread may use them.
pub struct Committed<T>(Mutex<Notes<T>>);

/// End of market data behind a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketEnd {
    /// Number of the next message.
    pub next: u64,
    /// Trading day at that command.
    pub day: Day,
    /// Block of the last message, and the bytes of messages in it.
    pub(super) place: (u32, u32),
}

struct Notes<T> {
    /// Notes that may not be committed yet, in the order of the commands.
    open: VecDeque<(SeqNo, T)>,
    /// Last command that is known to be committed; `None` before the first commit mark.
    committed: Option<SeqNo>,
    end: Option<T>,
}

impl<T> Default for Committed<T> {
    fn default() -> Self {
        Committed(Mutex::new(Notes { open: VecDeque::new(), committed: None, end: None }))
    }
}

impl<T: Copy> Committed<T> {
    /// Notes the end of the streams after everything up to a command was made.
    pub fn note(&self, seqno: SeqNo, end: T) {
        let mut notes = self.notes();
        if notes.committed.is_none() {
            // During the recovery of a journal only its end is of use.
            notes.open.clear();
        }
        notes.open.push_back((seqno, end));
        notes.settle();
    }

    /// Marks everything up to a command as committed.
    pub fn commit(&self, seqno: SeqNo) {
        let mut notes = self.notes();
        notes.committed = notes.committed.max(Some(seqno));
        notes.settle();
    }

    /// Returns the noted end of the committed commands; `None` while it is not known.
    pub fn end(&self) -> Option<T> {
        self.notes().end
    }

    fn notes(&self) -> MutexGuard<'_, Notes<T>> {
        self.0.lock().expect("nobody panics")
    }
}

impl<T: Copy> Notes<T> {
    fn settle(&mut self) {
        let Some(committed) = self.committed else { return };
        while let Some((_, end)) = self.open.pop_front_if(|(seqno, _)| *seqno <= committed) {
            self.end = Some(end);
        }
    }
}

impl Encoder<Store> {
    /// Notes the end of market data behind the last command.
    pub fn note(&self, committed: &Committed<MarketEnd>) {
        let (block, used, next) = self.sink().end(StreamId::MARKET_DATA);
        committed.note(self.seqno(), MarketEnd { next, day: self.day(), place: (block, used) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_the_last_note_that_is_committed() {
        let committed = Committed::default();
        committed.note(SeqNo(5), 50);
        committed.note(SeqNo(8), 80);
        assert_eq!(committed.end(), None);
        committed.commit(SeqNo(7));
        assert_eq!(committed.end(), None, "nobody can say what was before the end of the recovery");
        committed.note(SeqNo(9), 90);
        committed.note(SeqNo(9), 91);
        committed.note(SeqNo(12), 120);
        for (seqno, end) in [(8, 80), (11, 91), (9, 91), (12, 120), (20, 120)] {
            committed.commit(SeqNo(seqno));
            assert_eq!(committed.end(), Some(end), "behind {seqno}");
        }
        // A command that is applied late may be committed already.
        for (seqno, end) in [(20, 200), (21, 200)] {
            committed.note(SeqNo(seqno), seqno * 10);
            assert_eq!(committed.end(), Some(end), "behind {seqno}");
        }
    }
}
