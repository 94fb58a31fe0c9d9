//! Makes one sequence of two lines: the first copy of a message wins, what comes early waits, and what neither
//! line has brought is a gap. It knows no sockets.

use crate::protocol::moldudp64::{Datagram, END_OF_SESSION, HEARTBEAT};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

/// A line that has been silent for longer than this, two heartbeats and a half, is not waited for.
const SILENCE: Duration = Duration::from_millis(2_500);

/// What has come so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Datagrams of line A and line B, heartbeats among them.
    pub datagrams: [u64; 2],
    /// Messages that were delivered.
    pub messages: u64,
    /// Messages that had come before. With two lines without loss each message comes twice.
    pub duplicates: u64,
    /// Times that messages were missing on both lines.
    pub gaps: u64,
    /// Messages that came from the re-request server before they came from a line.
    pub recovered: u64,
    /// Requests that were sent to it.
    pub requests: u64,
    /// Datagrams that are none, or of another session.
    pub foreign: u64,
    /// Datagrams that came early and found no room to wait.
    pub dropped: u64,
}

/// Where a datagram came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Line A is 0, line B is 1.
    Line(usize),
    /// The re-request server.
    Server,
}

/// The state between lines and listener.
pub(super) struct Arbiter {
    session: Option<[u8; 10]>,
    /// The next message to deliver; `None` before it is known: everything waits.
    expected: Option<u64>,
    lines: [Option<Line>; 2],
    /// Datagrams that came early, by the number of their first message.
    waiting: BTreeMap<u64, Box<[u8]>>,
    waiting_bytes: usize,
    waiting_bytes_max: usize,
    /// The number of the message that never comes.
    end: Option<u64>,
    pub(super) received: Received,
}

/// What a line has told.
#[derive(Clone, Copy)]
struct Line {
    /// The highest number that it has named as its next.
    next: u64,
    heard: Instant,
}

impl Arbiter {
    /// `lines` are those that exist.
    pub(super) fn new(
        session: Option<[u8; 10]>,
        first: Option<u64>,
        lines: [bool; 2],
        waiting_bytes_max: usize,
        now: Instant,
    ) -> Self {
        Arbiter {
            session,
            expected: first,
            lines: lines.map(|exists| exists.then_some(Line { next: 0, heard: now })),
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            waiting_bytes_max,
            end: None,
            received: Received::default(),
        }
    }

    /// The next message to deliver.
    pub(super) fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// The session, once it is known.
    pub(super) fn session(&self) -> Option<[u8; 10]> {
        self.session
    }

    /// Whether the last message of the session has been delivered.
    pub(super) fn is_ended(&self) -> bool {
        self.expected.is_some() && self.expected == self.end
    }

    /// Takes a datagram and delivers what is in sequence now; gives the number of messages delivered.
    pub(super) fn take(
        &mut self,
        source: Source,
        bytes: &[u8],
        now: Instant,
        deliver: &mut impl FnMut(u64, &[u8]),
    ) -> usize {
        let Some((datagram, end)) = self.read(bytes) else {
            self.received.foreign += 1;
            return 0;
        };
        if let Source::Line(index) = source {
            self.received.datagrams[index] += 1;
            if let Some(line) = &mut self.lines[index] {
                *line = Line { next: line.next.max(end), heard: now };
            }
            if datagram.header.count.get() == END_OF_SESSION {
                self.end = Some(end);
            }
        }
        let first = datagram.header.number.get();
        if first == end {
            return 0;
        }
        if self.expected.is_none_or(|expected| first > expected) {
            self.hold(first, bytes, end - first);
            return 0;
        }
        let delivered = self.deliver(&datagram, deliver);
        if source == Source::Server {
            self.received.recovered += delivered as u64;
        }
        delivered + self.deliver_waiting(deliver)
    }

    /// Says which message is the next; everything before it is forgotten.
    pub(super) fn start_at(&mut self, number: u64, deliver: &mut impl FnMut(u64, &[u8])) -> usize {
        self.expected = Some(number);
        self.deliver_waiting(deliver)
    }

    /// The messages that are missing next: all lines that still speak have passed them.
    pub(super) fn gap(&self, now: Instant) -> Option<Range<u64>> {
        let expected = self.expected?;
        let lines = self.lines.iter().flatten();
        let speaking = lines.clone().filter(|line| now - line.heard <= SILENCE);
        let passed = match speaking.map(|line| line.next).min() {
            Some(passed) => passed,
            // Where no line speaks any more, what they told last still holds.
            None => lines.map(|line| line.next).max()?,
        };
        let next_held = self.waiting.keys().next().copied().unwrap_or(u64::MAX);
        let gap = expected..passed.min(next_held);
        (!gap.is_empty()).then_some(gap)
    }

    /// The datagram and the number behind its last message.
    fn read<'a>(&mut self, bytes: &'a [u8]) -> Option<(Datagram<'a>, u64)> {
        let datagram = Datagram::parse(bytes).ok()?;
        let header = datagram.header;
        if *self.session.get_or_insert(header.session) != header.session {
            return None;
        }
        let messages = match header.count.get() {
            HEARTBEAT | END_OF_SESSION => 0,
            count => count,
        };
        let first = header.number.get();
        let end = first.checked_add(messages.into()).filter(|_| first > 0)?;
        Some((datagram, end))
    }

    fn deliver(&mut self, datagram: &Datagram, deliver: &mut impl FnMut(u64, &[u8])) -> usize {
        let mut delivered = 0;
        for (number, message) in datagram.messages() {
            if self.expected.is_some_and(|expected| number < expected) {
                self.received.duplicates += 1;
                continue;
            }
            deliver(number, message);
            self.expected = Some(number + 1);
            delivered += 1;
        }
        self.received.messages += delivered as u64;
        delivered
    }

    fn hold(&mut self, first: u64, bytes: &[u8], messages: u64) {
        let held = self.waiting.get(&first).map_or(0, |held| held.len());
        if bytes.len() <= held {
            self.received.duplicates += messages;
        } else if self.waiting_bytes - held + bytes.len() > self.waiting_bytes_max {
            self.received.dropped += 1;
        } else {
            self.waiting_bytes += bytes.len() - held;
            self.waiting.insert(first, bytes.into());
        }
    }

    fn deliver_waiting(&mut self, deliver: &mut impl FnMut(u64, &[u8])) -> usize {
        let mut delivered = 0;
        while let Some(entry) = self.waiting.first_entry()
            && self.expected.is_some_and(|expected| *entry.key() <= expected)
        {
            let bytes = entry.remove();
            self.waiting_bytes -= bytes.len();
            let datagram = Datagram::parse(&bytes).expect("what waits has been read");
            delivered += self.deliver(&datagram, deliver);
        }
        delivered
    }
}
