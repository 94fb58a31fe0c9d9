//! Frame: the same bytes in the ring slot, in the journal and on the way to a standby.
//!
//! ```text
//!  0        2      3         4        8              16             24        28        32
//! ┌────────┬──────┬─────────┬────────┬──────────────┬──────────────┬─────────┬─────────┬──────────
//! │ length │ kind │ verdict │ crc32c │    seqno     │  time (ns)   │ session │ symbol  │ body …
//! └────────┴──────┴─────────┴────────┴──────────────┴──────────────┴─────────┴─────────┴──────────
//!   u16      u8     u8        u32      u64            u64            u32       u32       32 to 224
//! ```
//!
//! Little-endian. A frame has one to four lines of 64 bytes: as many as its body needs, then one
//! with the [`ClientFields`](crate::command::ClientFields) of a client's command. Unused bytes are
//! 0. The
//! checksum covers the whole frame; while it is computed, its field holds the checksum of the frame
//! before. So the frames form a **chain**: a stale, lost or moved frame cannot verify. The journal
//! stores the first four bytes last: a length of 0 means that no frame is here yet.
//!
//! Each command uses one seqno. The *bookkeeping* frames use none: they repeat the seqno of the
//! last command. So the same commands get the same seqnos, whatever the threads do.

pub use crate::command::FrameKind;
use crate::domain::{Nanos, SeqNo, SessionId, SymbolId};
use crate::durability::Durability;
use ringside_planted::{Bug, planted};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// Length of the shortest frame in bytes: a line, which is a cache line.
pub const FRAME_BYTES_MIN: usize = 64;
/// Room for a frame in bytes: four lines. The longest frame of the present kinds has three, and
/// [`FrameKind::allows`] refuses longer frames.
pub const FRAME_BYTES_MAX: usize = 4 * FRAME_BYTES_MIN;
/// Lengths that a frame can have, in bytes.
pub const FRAME_LENGTHS: [usize; 4] = [64, 128, 192, 256];
/// Length of the header, in bytes.
pub const HEADER_BYTES: usize = 32;
/// Length of the longest body, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = FRAME_BYTES_MAX - HEADER_BYTES;

/// Header: the first 32 bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    /// Length of the whole frame in bytes: 64, 128, 192 or 256.
    pub length: u16,
    /// Code of a [`FrameKind`].
    pub kind: u8,
    /// Result of the gateway's checks, as the code of a [`Reason`](crate::reason::Reason).
    pub verdict: u8,
    /// CRC-32C of the chain, see [`Frame::checksum`].
    pub crc: u32,
    /// Seqno of the command; a bookkeeping frame repeats that of the last command.
    pub seqno: u64,
    /// Official time, in ns since the Unix epoch.
    pub time: u64,
    /// Session that sent the command, or 0.
    pub session: u32,
    /// Symbol that the command concerns, or 0.
    pub symbol: u32,
}

/// Frame with room for the longest body: the slot of the input ring.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(64))]
pub struct Frame {
    /// Header: the first 32 bytes of the frame.
    pub header: Header,
    body: [u8; BODY_BYTES_MAX],
}

const _: () = assert!(size_of::<Header>() == HEADER_BYTES && size_of::<Frame>() == FRAME_BYTES_MAX);
#[cfg(target_endian = "big")]
compile_error!("frames are little-endian in memory and in the journal");

/// Returns the length of a frame with a body of `body_bytes` and nothing behind it.
#[inline]
pub(crate) const fn length_with(body_bytes: usize) -> usize {
    (HEADER_BYTES + body_bytes).next_multiple_of(FRAME_BYTES_MIN)
}

impl Default for Frame {
    fn default() -> Self {
        Frame::new_zeroed()
    }
}

impl Frame {
    /// Overwrites this frame with a new frame, whose checksum is not computed yet.
    #[inline]
    pub fn write<B: IntoBytes + Immutable>(&mut self, kind: FrameKind, body: &B) {
        const { assert!(size_of::<B>() <= BODY_BYTES_MAX) };
        let length = const { length_with(size_of::<B>()) };
        self.header = Header {
            length: length as u16,
            kind: kind as u8,
            verdict: 0,
            crc: 0,
            seqno: 0,
            time: 0,
            session: 0,
            symbol: 0,
        };
        let body = body.as_bytes();
        self.body[..body.len()].copy_from_slice(body);
        self.body[body.len()..length - HEADER_BYTES].fill(0);
    }

    /// Sets seqno and time and closes the chain: `previous` is the checksum of the frame before.
    /// Returns the checksum. The frame must not change afterwards.
    #[inline]
    pub fn seal(&mut self, seqno: SeqNo, time: Nanos, previous: u32) -> u32 {
        self.header.seqno = seqno.0;
        self.header.time = time.0;
        self.header.crc = if planted(Bug::ChecksumNotChained) { 0 } else { previous };
        self.header.crc = crc32c::crc32c(self.bytes());
        self.header.crc
    }

    /// Puts a line behind the body. [`Frame::seal`] comes after it.
    #[inline]
    pub(crate) fn append_line<L: IntoBytes + Immutable>(&mut self, line: &L) {
        const { assert!(size_of::<L>() == FRAME_BYTES_MIN) };
        let at = usize::from(self.header.length) - HEADER_BYTES;
        self.body[at..at + FRAME_BYTES_MIN].copy_from_slice(line.as_bytes());
        self.header.length += FRAME_BYTES_MIN as u16;
    }

    /// Returns the line behind a body of `body_bytes`, read as `L`; `None` if there is no line, or
    /// more than one, or if its bytes are no `L`.
    #[inline]
    pub(crate) fn line_behind<L>(&self, body_bytes: usize) -> Option<&L>
    where
        L: TryFromBytes + KnownLayout + Immutable,
    {
        let line = self.bytes().get(length_with(body_bytes)..)?;
        L::try_ref_from_bytes(line).ok()
    }

    /// Copies another frame, except the bytes behind its length.
    #[inline]
    pub fn copy_from(&mut self, other: &Frame) {
        self.copy_lines(other.bytes());
    }

    /// Copies whole lines over the beginning of this frame. Copies of a fixed length are a few
    /// vector moves; a copy of variable length is a call.
    #[inline]
    fn copy_lines(&mut self, lines: &[u8]) {
        let to = self.as_mut_bytes().as_chunks_mut::<FRAME_BYTES_MIN>().0;
        for (to, from) in to.iter_mut().zip(lines.as_chunks::<FRAME_BYTES_MIN>().0) {
            *to = *from;
        }
    }

    /// Returns the bytes that are stored and sent.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.as_bytes()[..usize::from(self.header.length)]
    }

    /// Returns the body, read as `B`; `None` if its bytes are no `B` or the frame is too short for
    /// it.
    #[inline]
    pub fn body<B: TryFromBytes + KnownLayout + Immutable>(&self) -> Option<&B> {
        let length = usize::from(self.header.length);
        let body = self.body.get(..length.checked_sub(HEADER_BYTES)?)?;
        B::try_ref_from_prefix(body).ok().map(|(body, _)| body)
    }

    /// Returns the body, read as `B`, of a frame that has nothing behind the body.
    #[inline(always)]
    pub(crate) fn whole_body<B: TryFromBytes + KnownLayout + Immutable>(&self) -> Option<&B> {
        let is_whole = usize::from(self.header.length) == const { length_with(size_of::<B>()) };
        B::try_ref_from_bytes(&self.body[..size_of::<B>()]).ok().filter(|_| is_whole)
    }

    /// Returns the body, read as `B`, of a frame that may have
    /// [`ClientFields`](crate::command::ClientFields) behind the body.
    #[inline(always)]
    pub(crate) fn body_before_client_fields<B>(&self) -> Option<&B>
    where
        B: TryFromBytes + KnownLayout + Immutable,
    {
        let behind =
            usize::from(self.header.length).wrapping_sub(const { length_with(size_of::<B>()) });
        let is_whole = behind == 0 || behind == FRAME_BYTES_MIN;
        B::try_ref_from_bytes(&self.body[..size_of::<B>()]).ok().filter(|_| is_whole)
    }

    /// Returns the durability mode that the frame sets; `None` for every other frame and for a
    /// rejected change.
    #[inline]
    pub fn new_durability(&self) -> Option<Durability> {
        let sets = self.header.kind == FrameKind::SetDurability as u8 && self.header.verdict == 0;
        if sets { self.body().copied() } else { None }
    }

    /// Returns the CRC-32C of the frame with `previous`, the checksum of the frame before, in its
    /// checksum field.
    #[inline]
    pub fn checksum(&self, previous: u32) -> u32 {
        let mut header = self.header;
        header.crc = if planted(Bug::ChecksumNotChained) { 0 } else { previous };
        let body = self.bytes().get(HEADER_BYTES..).unwrap_or_default();
        crc32c::crc32c_append(crc32c::crc32c(header.as_bytes()), body)
    }

    /// Returns the seqno of the command.
    #[inline]
    pub fn seqno(&self) -> SeqNo {
        SeqNo(self.header.seqno)
    }

    /// Returns the official time.
    #[inline]
    pub fn time(&self) -> Nanos {
        Nanos(self.header.time)
    }

    /// Returns the symbol, or [`SymbolId::NONE`].
    #[inline]
    pub fn symbol(&self) -> SymbolId {
        SymbolId(self.header.symbol)
    }

    /// Returns the session, or 0.
    #[inline]
    pub fn session(&self) -> SessionId {
        SessionId(self.header.session)
    }

    /// Returns the kind; `None` if no kind has the code.
    #[inline]
    pub fn kind(&self) -> Option<FrameKind> {
        FrameKind::from_code(self.header.kind)
    }

    /// Returns the kind; `None` if no kind has the code, or if the kind does not
    /// [allow](FrameKind::allows) the length of the frame.
    #[inline]
    pub fn kind_with_length(&self) -> Option<FrameKind> {
        self.kind().filter(|kind| kind.allows(self.header.length.into()))
    }

    /// Reads a frame from the start of `bytes`; `None` if its length is none of a frame or `bytes`
    /// is shorter. Does not verify the checksum.
    pub fn read(bytes: &[u8]) -> Option<Frame> {
        let mut frame = Frame::default();
        frame.read_from(bytes).then_some(frame)
    }

    /// Reads a frame over this frame; returns false if there is none. Bytes behind the length of a
    /// short frame stay.
    #[inline]
    pub fn read_from(&mut self, bytes: &[u8]) -> bool {
        let Some(&[low, high]) = bytes.first_chunk() else { return false };
        let length = usize::from(u16::from_le_bytes([low, high]));
        let Some(lines) = bytes.get(..length).filter(|_| FRAME_LENGTHS.contains(&length)) else {
            return false;
        };
        self.copy_lines(lines);
        true
    }

    /// Returns true if the checksum is right for a frame behind one with the checksum `previous`.
    #[inline]
    pub fn verify(&mut self, previous: u32) -> bool {
        let carried = std::mem::replace(&mut self.header.crc, previous);
        let expected = crc32c::crc32c(self.bytes());
        self.header.crc = carried;
        expected == carried
    }
}

/// Body of a [`FrameKind::EpochStart`] frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct EpochStart {
    /// Number of this run, above the number of every earlier run in the journal. In a cluster it is
    /// the epoch of the record that names the leader; otherwise it is one more than before.
    pub epoch: u64,
    /// Interval of the hash probes: a probe describes each command whose seqno is a multiple of it.
    pub probe_interval: u64,
    /// Durability mode at the start of the run.
    pub durability: Durability,
    /// Padding, always 0.
    pub zero: [u8; 7],
}

/// Body of a [`FrameKind::CommitMark`] frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CommitMark {
    /// Highest seqno that had been committed.
    pub committed: u64,
    /// Highest seqno that was known to be on the device.
    pub synced: u64,
}

/// Body of a [`FrameKind::HashProbe`] frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct HashProbe {
    /// Seqno of the command after which the hashes hold.
    pub seqno: u64,
    /// Number of reports up to this command.
    pub reports: u64,
    /// Low and high half of the state hash.
    pub state: [u64; 2],
    /// Low and high half of the output hash.
    pub output: [u64; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(seqno: u64, previous: u32) -> Frame {
        let mut frame = Frame::default();
        frame.write(FrameKind::CommitMark, &CommitMark { committed: seqno, synced: 0 });
        frame.seal(SeqNo(seqno), Nanos(7), previous);
        frame
    }

    #[test]
    fn every_bit_counts_for_the_checksum() {
        let frame = frame(1, 99);
        for bit in 0..frame.bytes().len() * 8 {
            let mut bytes = frame.bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let valid = Frame::read(&bytes).is_some_and(|f| f.checksum(99) == f.header.crc);
            assert!(!valid, "bit {bit}");
        }
        assert_ne!(frame.checksum(98), frame.header.crc);
    }

    #[test]
    fn a_frame_has_as_many_lines_as_its_body_needs() {
        assert_eq!(frame(1, 0).bytes().len(), 64);
        let mut long = Frame::default();
        let probe = HashProbe { seqno: 1, reports: 2, state: [3, 4], output: [5, 6] };
        long.write(FrameKind::HashProbe, &probe);
        assert_eq!(long.bytes().len(), 128);
        assert_eq!(long.body::<HashProbe>(), Some(&probe));
        let read = Frame::read(long.bytes()).unwrap();
        assert_eq!(read.bytes(), long.bytes());
        assert!(Frame::read(&long.bytes()[..127]).is_none());
        assert!(frame(1, 0).body::<HashProbe>().is_none(), "body beyond the frame");
    }
}
