//! Merges the messages of many lines into one sequence. The first copy of a message is delivered,
//! and later copies are compared with it. Messages that arrive early wait. Messages that no line
//! has brought are a gap. There are no sockets here.

use super::copies::{Compared, Copies, digest};
use super::received::{Received, count};
use crate::moldudp64::{Datagram, END_OF_SESSION, HEARTBEAT};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Time after which a line is no longer waited for: it has been silent that long, or it has been
/// behind the others that long without advancing. 2.5 heartbeat intervals.
const SILENCE: Duration = Duration::from_millis(2_500);

/// Origin of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Index of the line, and its kind: 0 for an A line, 1 for a B line.
    Line(usize, usize),
    /// Re-request server of the feed.
    Server,
}

/// State between the lines and the listener: next number, progress of each line, datagrams that
/// wait.
pub(super) struct Arbiter {
    session: Option<[u8; 10]>,
    /// Number of the next message to deliver. While it is `None`, all messages wait.
    expected: Option<u64>,
    lines: Vec<LineProgress>,
    copies: Copies,
    /// Datagrams that arrived early, by the number of their first message.
    waiting: BTreeMap<u64, Box<[u8]>>,
    waiting_bytes: usize,
    waiting_bytes_max: usize,
    /// Number after the last message of the session, once a line has ended it.
    end: Option<u64>,
    pub(super) received: Received,
}

/// Progress of a line.
#[derive(Clone, Copy)]
struct LineProgress {
    /// Highest number that the line has named as its next.
    next: u64,
    heard: Instant,
    /// Time when `next` last rose, or when another line overtook this one.
    moved: Instant,
}

impl Arbiter {
    /// Creates the state for `lines` lines. Without a `session` the first datagram decides; without
    /// `first` all messages wait for `start_at`.
    pub(super) fn new(
        session: Option<[u8; 10]>,
        first: Option<u64>,
        lines: usize,
        waiting_bytes_max: usize,
        now: Instant,
    ) -> Self {
        Arbiter {
            session,
            expected: first,
            lines: vec![LineProgress { next: 0, heard: now, moved: now }; lines],
            copies: Copies::default(),
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            waiting_bytes_max,
            end: None,
            received: Received::default(),
        }
    }

    /// Number of the next message to deliver.
    pub(super) fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// Session of the feed, once it is known.
    pub(super) fn session(&self) -> Option<[u8; 10]> {
        self.session
    }

    /// Returns true if the last message of the session has been delivered.
    pub(super) fn is_ended(&self) -> bool {
        self.expected.is_some() && self.expected == self.end
    }

    /// Takes a datagram and delivers all messages that are now in sequence.
    pub(super) fn take(
        &mut self,
        source: Source,
        bytes: &[u8],
        now: Instant,
        deliver: &mut impl FnMut(u64, &[u8]),
    ) {
        let Some((datagram, end)) = self.read(bytes) else {
            return count(&mut self.received.foreign);
        };
        if let Source::Line(line, kind) = source {
            if let Some(datagrams) = self.received.datagrams.get_mut(kind) {
                count(datagrams);
            }
            self.hear(line, end, now);
            if datagram.header.count.get() == END_OF_SESSION {
                self.end = Some(end);
            }
        }
        let first = datagram.header.number.get();
        if first == end {
            return;
        }
        if self.expected.is_none_or(|expected| first > expected) {
            return self.hold(first, bytes, &datagram);
        }
        let before = self.received.messages;
        self.deliver(&datagram, deliver);
        if source == Source::Server {
            let delivered = self.received.messages.saturating_sub(before);
            self.received.recovered = self.received.recovered.saturating_add(delivered);
        }
        self.deliver_waiting(deliver);
    }

    /// Sets the number of the next message to deliver; earlier messages are dropped.
    pub(super) fn start_at(&mut self, number: u64, deliver: &mut impl FnMut(u64, &[u8])) {
        self.expected = Some(number);
        self.deliver_waiting(deliver);
    }

    /// Numbers of the messages that are missing next: every line that is waited for has passed
    /// them.
    pub(super) fn gap(&self, now: Instant) -> Option<Range<u64>> {
        let expected = self.expected?;
        let waited_for = |line: &&LineProgress| {
            now.saturating_duration_since(line.heard.min(line.moved)) <= SILENCE
        };
        let passed = match self.lines.iter().filter(waited_for).map(|line| line.next).min() {
            Some(passed) => passed,
            // If no line is waited for any more, the highest number heard still holds.
            None => self.told()?,
        };
        let next_held = self.waiting.keys().next().copied().unwrap_or(u64::MAX);
        let gap = expected..passed.min(next_held);
        (!gap.is_empty()).then_some(gap)
    }

    /// Highest number that any line has named as its next.
    fn told(&self) -> Option<u64> {
        self.lines.iter().map(|line| line.next).max()
    }

    /// Records that a line has named its next number.
    fn hear(&mut self, line: usize, next: u64, now: Instant) {
        let told = self.told();
        let Some(line) = self.lines.get_mut(line) else { return };
        line.heard = now;
        if next <= line.next {
            return;
        }
        *line = LineProgress { next, heard: now, moved: now };
        if told < Some(next) {
            let overtaken = self.lines.iter_mut().filter(|line| Some(line.next) == told);
            overtaken.for_each(|line| line.moved = now);
        }
    }

    /// Parses a datagram; returns it with the number after its last message. `None` if it is
    /// malformed or of another session.
    fn read<'a>(&mut self, bytes: &'a [u8]) -> Option<(Datagram<'a>, u64)> {
        let datagram = Datagram::parse(bytes).ok()?;
        let header = datagram.header;
        let messages = match header.count.get() {
            HEARTBEAT | END_OF_SESSION => 0,
            count => count,
        };
        let first = header.number.get();
        let end = first.checked_add(messages.into()).filter(|_| first > 0)?;
        let session = *self.session.get_or_insert(header.session);
        (session == header.session).then_some((datagram, end))
    }

    fn deliver(&mut self, datagram: &Datagram, deliver: &mut impl FnMut(u64, &[u8])) {
        for (number, message) in datagram.messages() {
            if self.expected.is_some_and(|expected| number < expected) {
                self.received.compare(number, self.copies.compare(number, digest(message)));
                continue;
            }
            deliver(number, message);
            self.copies.remember(number, digest(message));
            // Exact: the number after the last message of a datagram is one.
            self.expected = Some(number.saturating_add(1));
            count(&mut self.received.messages);
        }
    }

    fn hold(&mut self, first: u64, bytes: &[u8], datagram: &Datagram) {
        let mut held_bytes = 0;
        if let Some(held) = self.waiting.get(&first) {
            held_bytes = held.len();
            // What waits could be parsed when it came.
            let held = Datagram::parse(held).ok();
            let held = held.iter().flat_map(Datagram::messages);
            for ((number, ours), (_, theirs)) in held.zip(datagram.messages()) {
                let copy = if ours == theirs { Compared::Same } else { Compared::Different };
                self.received.compare(number, copy);
            }
        }
        if bytes.len() <= held_bytes {
            return;
        }
        let others_bytes = self.waiting_bytes.saturating_sub(held_bytes);
        let waiting_bytes = others_bytes.saturating_add(bytes.len());
        if waiting_bytes > self.waiting_bytes_max {
            return count(&mut self.received.dropped);
        }
        self.waiting_bytes = waiting_bytes;
        self.waiting.insert(first, bytes.into());
    }

    fn deliver_waiting(&mut self, deliver: &mut impl FnMut(u64, &[u8])) {
        while let Some(entry) = self.waiting.first_entry()
            && self.expected.is_some_and(|expected| *entry.key() <= expected)
        {
            let bytes = entry.remove();
            self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes.len());
            // What waits could be parsed when it came.
            if let Ok(datagram) = Datagram::parse(&bytes) {
                self.deliver(&datagram, deliver);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::IntoBytes;

    const A: Source = Source::Line(0, 0);
    const B: Source = Source::Line(1, 1);
    /// A line of another node.
    const OTHER_A: Source = Source::Line(2, 0);

    /// Datagram with one message for each text, numbered from `first`.
    fn datagram(first: u64, texts: &[&str]) -> Vec<u8> {
        let (number, count) = (first.into(), (texts.len() as u16).into());
        let header = crate::moldudp64::Header { session: *b"SESSION   ", number, count };
        let mut bytes = header.as_bytes().to_vec();
        for text in texts {
            bytes.extend((text.len() as u16).to_be_bytes());
            bytes.extend(text.bytes());
        }
        bytes
    }

    struct Listens {
        arbiter: Arbiter,
        began: Instant,
        heard: String,
    }

    impl Listens {
        fn new() -> Self {
            let began = Instant::now();
            let arbiter = Arbiter::new(None, Some(1), 3, 1000, began);
            Listens { arbiter, began, heard: String::new() }
        }

        fn take(&mut self, ms: u64, from: Source, first: u64, texts: &[&str]) {
            let (now, heard) = (self.began + Duration::from_millis(ms), &mut self.heard);
            let mut deliver = |_, message: &[u8]| heard.push_str(str::from_utf8(message).unwrap());
            self.arbiter.take(from, &datagram(first, texts), now, &mut deliver);
        }

        fn gap(&self, ms: u64) -> Option<Range<u64>> {
            self.arbiter.gap(self.began + Duration::from_millis(ms))
        }
    }

    #[test]
    fn of_many_copies_the_first_counts_and_the_others_are_compared() {
        let mut listens = Listens::new();
        listens.take(0, A, 1, &["a", "b"]);
        listens.take(0, OTHER_A, 1, &["a", "b", "c"]);
        listens.take(0, B, 2, &["b", "c", "d"]);
        let Received { messages, duplicates, compared, datagrams, .. } = listens.arbiter.received;
        assert_eq!((messages, duplicates, compared, datagrams), (4, 4, 4, [2, 1]));
        assert_eq!((listens.arbiter.received.mismatches, &listens.heard[..]), (0, "abcd"));
        listens.take(0, OTHER_A, 3, &["c", "x", "e"]);
        listens.take(0, Source::Server, 2, &["y", "c"]);
        let Received { mismatches, first_mismatch, compared, .. } = listens.arbiter.received;
        assert_eq!((mismatches, first_mismatch, compared), (2, Some(2), 8));
        assert_eq!(listens.heard, "abcde");
    }

    #[test]
    fn copies_that_wait_are_compared_too() {
        let mut listens = Listens::new();
        listens.take(0, A, 2, &["b"]);
        listens.take(0, B, 2, &["x", "c"]);
        let Received { mismatches, first_mismatch, .. } = listens.arbiter.received;
        assert_eq!((mismatches, first_mismatch), (1, Some(2)));
        // These copies begin at different messages, so they are compared on delivery.
        listens.take(0, OTHER_A, 3, &["y"]);
        listens.take(0, A, 1, &["a"]);
        let Received { mismatches, first_mismatch, compared, .. } = listens.arbiter.received;
        assert_eq!((mismatches, first_mismatch, compared), (2, Some(2), 2));
    }

    #[test]
    fn a_copy_of_what_was_never_delivered_here_is_not_compared() {
        let mut listens = Listens::new();
        listens.arbiter.start_at(10, &mut |_, _| {});
        listens.take(0, A, 8, &["h", "i", "j"]);
        listens.take(0, B, 8, &["h", "i", "j"]);
        let Received { duplicates, compared, not_compared, .. } = listens.arbiter.received;
        assert_eq!((duplicates, compared, not_compared), (5, 1, 4));
    }

    #[test]
    fn a_line_that_speaks_and_does_not_move_is_waited_for_only_so_long() {
        let mut listens = Listens::new();
        for line in [A, B, OTHER_A] {
            listens.take(0, line, 1, &["a"]);
        }
        // At first all lines are level. Then OTHER_A, whose node is cut off from the others,
        // repeats its next number and does not advance.
        for ms in [5_000, 6_000] {
            [A, B, OTHER_A].into_iter().for_each(|line| listens.take(ms, line, 2, &[]));
        }
        listens.take(7_000, A, 3, &["c"]);
        listens.take(7_000, B, 3, &["c"]);
        assert_eq!(listens.gap(7_001), None, "the third line may bring it");
        for ms in [8_000, 9_000] {
            for (line, next) in [(A, 4), (B, 4), (OTHER_A, 2)] {
                listens.take(ms, line, next, &[]);
            }
        }
        assert_eq!(listens.gap(9_499), None, "as long as a line that is silent");
        assert_eq!(listens.gap(9_600), Some(2..3));
        listens.take(9_700, Source::Server, 2, &["b"]);
        // OTHER_A is not waited for again before it has advanced …
        listens.take(9_800, A, 5, &["e"]);
        listens.take(9_800, B, 5, &["e"]);
        assert_eq!(listens.gap(9_801), Some(4..5));
        // … which it does now.
        listens.take(9_900, OTHER_A, 2, &["b"]);
        assert_eq!(listens.gap(9_901), None);
        listens.take(9_902, OTHER_A, 3, &["c", "d"]);
        assert_eq!((listens.gap(9_903), &listens.heard[..]), (None, "abcde"));
    }

    #[test]
    fn datagrams_that_wait_have_so_much_room() {
        /// Text of a datagram's only message, for so many bytes in all.
        fn text(bytes: usize) -> String {
            "x".repeat(bytes - 22)
        }
        let mut listens = Listens::new();
        listens.take(0, A, 2, &[&text(500)]);
        listens.take(0, A, 4, &[&text(400)]);
        // A longer copy takes the room of a shorter one.
        listens.take(0, B, 2, &[&text(600)]);
        assert_eq!(listens.arbiter.received.dropped, 0);
        listens.take(0, B, 4, &[&text(401)]);
        assert_eq!(listens.arbiter.received.dropped, 1);
        // A datagram that is delivered leaves its room to others.
        listens.take(0, A, 1, &["a"]);
        listens.take(0, A, 6, &[&text(601)]);
        assert_eq!(listens.arbiter.received.dropped, 2);
        listens.take(0, A, 6, &[&text(600)]);
        assert_eq!(listens.arbiter.received.dropped, 2);
        listens.take(0, A, 3, &["c"]);
        listens.take(0, A, 5, &["e"]);
        assert_eq!(listens.arbiter.expected(), Some(7));
    }

    #[test]
    fn a_foreign_datagram_does_not_decide_the_session() {
        let mut listens = Listens::new();
        let mut foreign = datagram(0, &["z"]);
        foreign[0] = b'x';
        listens.arbiter.take(A, &foreign, listens.began, &mut |_, _| panic!("delivered"));
        listens.take(0, A, 1, &["a"]);
        assert_eq!((listens.arbiter.received.foreign, &listens.heard[..]), (1, "a"));
    }

    #[test]
    fn a_datagram_that_is_malformed_or_of_another_session_is_foreign() {
        let mut listens = Listens::new();
        listens.take(0, A, 1, &["a"]);
        let mut other_session = datagram(2, &["b"]);
        other_session[0] = b'x';
        for bytes in [&other_session[..], &datagram(0, &["z"]), &datagram(2, &["b"])[..22]] {
            listens.arbiter.take(A, bytes, listens.began, &mut |_, _| panic!("delivered"));
        }
        let Received { foreign, datagrams, .. } = listens.arbiter.received;
        assert_eq!((foreign, datagrams, listens.arbiter.expected()), (3, [1, 0], Some(2)));
    }
}
