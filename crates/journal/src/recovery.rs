//! Opens a journal after any kind of end of the last writer.
//!
//! Recovery reads frames up to the last one that continues the chain: that of command **P**. The
//! content after it, and the evidence about the past, decide.
//!
//! * **D**: the last command known to have been on the device. Evidence: commit marks, also after
//!   P; digests of segments; the caller (a snapshot gets its name only after the journal up to it
//!   was synced).
//! * **C**: the last command known to have been committed. Evidence: commit marks, starts of runs
//!   and headers of segments, also after P, if the checksum stored before them proves them.
//! * A mode is **strict** if a power cut may take nothing that was acknowledged: `fsync`, and an
//!   unknown mode (the very first frame is gone). The other modes are **lenient**.
//!
//! | row | content after P | P, D and C | strict | lenient |
//! |---|---|---|---|---|
//! | `clean_end` | only zeros | C ≤ P | continue | continue |
//! | `torn_tail` | bytes where the next frame belongs | C ≤ P | cut | cut |
//! | `synced_gone` | anything | P < D | refuse | refuse |
//! | `committed_gone` | anything | D ≤ P < C | refuse | cut, and report the loss |
//! | `later_segment` | bytes in a later segment | C ≤ P | refuse | cut |
//! | `gap` | only zeros, and a segment is missing | C ≤ P | refuse | cut |
//! | `header` | a damaged header, or one of another format, semantics, config or history | any | refuse | refuse |
//!
//! Under `fsync` a segment is begun only after the whole segment before it is on the device, and
//! the names of segments become durable one after the other. So a power cut cannot leave bytes in a
//! later segment, or a gap. In the lenient modes a power cut may take any page and any name. But in
//! any mode a power cut may leave a header page of zeros with frames after it, in the segment that
//! the writer had just begun. That is a `torn_tail` like any other if nothing in it was committed.
//! A header lies in one sector, which a device writes completely or not at all, so a power cut does
//! not damage a header. A segment of length zero counts as missing.
//!
//! Recovery cuts with `cut.rs` and may be interrupted at any step: the rest is the same row again,
//! or a milder one.

use super::cut::{Cut, cut, finish_cut};
use super::damage::Follows;
use super::{JournalError, Lock, LogPlace, Options, Position, Reader, Tail, read_ahead};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::Frame;
use ringside_planted::{Bug, planted};

/// Result of a recovery: the state in which a journal continues.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// Seqno of the last command.
    pub seqno: SeqNo,
    /// Latest official time of a command.
    pub time: Nanos,
    /// Checksum of the last frame.
    pub crc: u32,
    /// Number of the last writer's run.
    pub epoch: u64,
    /// Mode in force; `None` if no writer has begun.
    pub durability: Option<Durability>,
    /// Position after the last frame; `None` if there is no frame yet.
    pub end: Option<Position>,
    /// True if the segment of the last frame is ended there, so that the next frame belongs in the
    /// next segment.
    pub segment_ended: bool,
    /// True if the last run closed the journal: everything in it was synced.
    pub clean: bool,
    /// Part that was cut off, if any.
    pub cut: Option<Cut>,
    /// Committed commands that are gone, if any.
    pub lost: Option<Lost>,
}

/// Committed commands that are gone, as the mode in which they were committed allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// First command that is gone.
    pub from: SeqNo,
    /// Last command that is known to be gone.
    pub to: SeqNo,
    /// Mode in which the commands were committed.
    pub mode: Durability,
}

impl Recovered {
    /// Sentences for the operator about lost commands and a cut.
    pub fn notes(&self) -> Vec<String> {
        let lost = self.lost.map(|lost| lost.to_string());
        let cut = self.cut.as_ref().map(|cut| {
            let what = match self.lost {
                Some(_) => "bytes behind the lost commands",
                None => "bytes of a torn tail, which no commit mark covers",
            };
            let kept: Vec<_> = cut.kept.iter().map(|path| path.display().to_string()).collect();
            let kept = if kept.is_empty() { "no file".into() } else { kept.join(", ") };
            format!("journal: cut {} {what}; kept in {kept}", cut.bytes)
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

/// Decision about the end of a journal.
pub(super) enum Decision {
    CleanEnd,
    TornTail,
    Lost(Lost),
    /// Refuse the start, with this reason.
    Refuse(String),
}

/// Decides by the table of this module.
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

/// Reads the journal from a place on, or from its first frame, passes every frame to `apply`, and
/// cuts as the table says. A place comes with the mode in force there. Everything up to
/// `known_synced` is known to have been on the device.
pub fn recover<E: From<JournalError>>(
    options: &Options,
    _lock: &Lock,
    from: Option<(LogPlace, Option<Durability>)>,
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
