//! Opens a journal after whatever ended the last writer.
//!
//! | what is found behind the last good frame | decision |
//! |---|---|
//! | only zeros | clean end |
//! | bytes, and no commit mark behind them that covers them | torn tail: copied aside, zeroed, said |
//! | bytes, and a commit mark behind them that covers them | corruption: refused |
//! | a later segment that was begun | corruption: refused |
//! | a segment missing, its header damaged, of another format, semantics or config | refused |
//!
//! Only recovery cuts.

use super::segment::WriteSegment;
use super::{JournalError, Lock, Options, Position, Reader, Tail};
use crate::domain::{Nanos, SeqNo};
use crate::durability::Durability;
use crate::frame::Frame;
use std::path::PathBuf;

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
    /// The torn tail that was cut off.
    pub cut: Option<Cut>,
}

/// A torn tail that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file that keeps its bytes.
    pub kept: PathBuf,
    /// How many bytes.
    pub bytes: u64,
}

/// Reads the whole journal, gives every frame to `apply`, and cuts a torn tail.
pub fn recover<E: From<JournalError>>(
    options: &Options,
    _lock: &Lock,
    mut apply: impl FnMut(&Frame) -> Result<(), E>,
) -> Result<Recovered, E> {
    let mut reader = Reader::open(&options.dir, options.identity)?;
    while let Some(frame) = reader.next_frame()? {
        apply(&frame)?;
    }
    let cut = match reader.tail() {
        Some(Tail::Torn { to }) => Some(cut(options, &reader, to)?),
        _ => None,
    };
    Ok(Recovered {
        seqno: reader.seqno(),
        time: reader.time(),
        crc: reader.crc(),
        epoch: reader.epoch(),
        durability: reader.durability(),
        end: reader.is_begun().then(|| reader.position()),
        cut,
    })
}

/// Copies a torn tail into a file of its own and sets it to zero, on the device as well.
fn cut(options: &Options, reader: &Reader, to: Position) -> Result<Cut, JournalError> {
    let from = reader.position();
    let mut segment = WriteSegment::open(&options.dir, from.segment)?;
    let kept = segment.path.with_extension(format!("cut-{}", reader.seqno()));
    let bytes = &segment.bytes()[from.offset as usize..to.offset as usize];
    std::fs::write(&kept, bytes).map_err(JournalError::io(&kept, "keep the torn tail"))?;
    segment.clear(from.offset, to.offset);
    segment.sync(&*options.device, from.offset, to.offset)?;
    Ok(Cut { kept, bytes: to.offset - from.offset })
}
