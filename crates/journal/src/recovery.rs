//! Opens a journal after whatever ended the last writer.
//!
//! Frames are read up to the last one that continues the chain: that of command **P**. What follows
//! there, and what can be learned of the past, decides.
//!
//! * **D**: the last command that is known to have been on the device: from commit marks, also behind P,
//!   from the digests of segments, and from who asks (a snapshot is named only after the journal up to it
//!   was synced).
//! * **C**: the last command that is known to have been committed: from commit marks, starts of runs and
//!   headers of segments, also behind P. They count if the checksum stored in front of them proves them.
//! * A mode is **strict** if a power cut may take nothing that was acknowledged: `fsync`, and a mode that
//!   is not known because the very first frame is gone. The others are **lenient**.
//!
//! | row | what follows P | P, D and C | strict | lenient |
//! |---|---|---|---|---|
//! | `clean_end` | only zeros | C ≤ P | go on | go on |
//! | `torn_tail` | bytes where the next frame belongs | C ≤ P | cut | cut |
//! | `synced_gone` | anything | P < D | refuse | refuse |
//! | `committed_gone` | anything | D ≤ P < C | refuse | cut, and say what is lost |
//! | `later_segment` | bytes in a segment further on | C ≤ P | refuse | cut |
//! | `gap` | only zeros, and a segment is missing | C ≤ P | refuse | cut |
//! | `header` | a damaged header, or one of another format, semantics, config or history | any | refuse | refuse |
//!
//! Under `fsync` a segment is begun only after all of the one before it is on the device, and names of
//! segments become durable one after the other: bytes further on, or a gap, cannot come from a power cut.
//! In the lenient modes any page and any name may be missing after one. But the zeros of a header page and
//! frames behind them are what a power cut leaves in any mode, of the segment that the writer had just
//! begun: that is a `torn_tail` like any other if nothing in it was committed. A header lies in one sector,
//! which a device writes whole or not at all, so a damaged one is no work of a power cut. A segment of no
//! length counts as missing.
//!
//! Only recovery cuts (`cut.rs`), and it may be interrupted at any step: what is left is the same row again, or a
//! milder one.

use super::cut::{Cut, cut, finish_cut};
use super::damage::Follows;
use super::{JournalError, Lock, Options, Place, Position, Reader, Tail, read_ahead};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::Frame;
use ringside_planted::{Bug, planted};

/// Where a journal goes on.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The last command.
    pub seqno: SeqNo,
    /// The latest official time.
    pub time: Nanos,
    /// The checksum of the last frame.
    pub crc: u32,
    /// The last run of a writer.
    pub epoch: u64,
    /// The mode in force; `None` if no writer has begun.
    pub durability: Option<Durability>,
    /// Behind the last frame; `None` if there is no frame yet.
    pub end: Option<Position>,
    /// Whether the segment of the last frame is ended there, so that the next frame belongs in the next
    /// segment.
    pub segment_ended: bool,
    /// Whether the last run closed the journal: everything in it was synced.
    pub clean: bool,
    /// What was cut off.
    pub cut: Option<Cut>,
    /// The committed commands among that.
    pub lost: Option<Lost>,
}

/// Committed commands that are gone, as the mode that they were committed in allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first.
    pub from: SeqNo,
    /// The last that is known of.
    pub to: SeqNo,
    /// The mode.
    pub mode: Durability,
}

impl Recovered {
    /// What an operator should know, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let lost = self.lost.map(|lost| lost.to_string());
        let cut = self.cut.as_ref().map(|cut| {
            let what = if self.lost.is_some() { "what is left" } else { "a torn tail" };
            let kept: Vec<_> = cut.kept.iter().map(|path| path.display().to_string()).collect();
            format!("cut {what}, {} bytes; kept in {}", cut.bytes, kept.join(", "))
        });
        lost.into_iter().chain(cut).collect()
    }
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Lost { from, to, mode } = self;
        write!(f, "lost seqno {from} to {to}, which {} allows", mode.name())
    }
}

/// What to do about the end of a journal.
pub(super) enum Decision {
    CleanEnd,
    TornTail,
    Lost(Lost),
    /// Why.
    Refuse(String),
}

/// The table.
pub(super) fn decide(
    follows: Follows,
    last: u64,
    synced: u64,
    committed: u64,
    mode: Option<Durability>,
) -> Decision {
    use Decision::{CleanEnd, Refuse, TornTail};
    let lenient = mode.filter(|&mode| mode != Durability::Fsync);
    let first = last + 1;
    if planted(Bug::DamageCutOff) && follows != Follows::Zeros {
        return TornTail;
    }
    match (follows, lenient) {
        // synced_gone
        _ if last < synced => Refuse(format!(
            "seqno {first} to {synced} had been on the device and are missing or damaged"
        )),
        // committed_gone
        (_, None) if last < committed => Refuse(format!(
            "seqno {first} to {committed} had been committed and are missing or damaged"
        )),
        (_, Some(mode)) if last < committed => {
            Decision::Lost(Lost { from: SeqNo(first), to: SeqNo(committed), mode })
        }
        // clean_end
        (Follows::Zeros, _) => CleanEnd,
        // torn_tail
        (Follows::Bytes, _) => TornTail,
        // later_segment
        (Follows::Later, Some(_)) => TornTail,
        (Follows::Later, None) => {
            Refuse("no valid frame here, but a later segment was begun".into())
        }
        // gap
        (Follows::Gap, Some(_)) => TornTail,
        (Follows::Gap, None) => Refuse("the segment, or one after it, is missing".into()),
    }
}

/// Reads the journal from a place on, or from its first frame, gives every frame to `apply`, and cuts
/// what the table says. A place comes with the mode in force there. Everything up to `known_synced` is
/// known to have been on the device.
pub fn recover<E: From<JournalError>>(
    options: &Options,
    _lock: &Lock,
    from: Option<(Place, Option<Durability>)>,
    known_synced: SeqNo,
    mut apply: impl FnMut(&Frame) -> Result<(), E>,
) -> Result<Recovered, E> {
    finish_cut(options)?;
    let mut reader = match from {
        Some((place, mode)) => Reader::open_behind(&options.dir, options.identity, &place, mode)?,
        None => Reader::open(&options.dir, options.identity)?,
    };
    reader.learn_synced(known_synced);
    read_ahead(&mut reader, |frame| apply(frame).map(|()| true))?;
    let behind = reader.behind().expect("a journal that was read has an end");
    let cut = match reader.tail() {
        Some(Tail::Torn { .. } | Tail::Lost { .. }) => {
            Some(cut(options, reader.position(), reader.seqno(), behind)?)
        }
        Some(Tail::Clean) | None => None,
    };
    let lost = match reader.tail() {
        Some(Tail::Lost { lost, .. }) if !planted(Bug::LossNotTold) => Some(lost),
        _ => None,
    };
    Ok(Recovered {
        seqno: reader.seqno(),
        time: reader.time(),
        crc: reader.crc(),
        epoch: reader.epoch(),
        durability: reader.durability(),
        end: reader.is_begun().then(|| reader.position()),
        segment_ended: reader.is_segment_ended(),
        clean: reader.tail() == Some(Tail::Clean) && (reader.is_closed() || !reader.is_begun()),
        cut,
        lost,
    })
}
