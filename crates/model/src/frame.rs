//! The frame: the same bytes in the ring slot, in the journal and on the way to a standby.
//!
//! ```text
//!  0        2      3         4        8              16             24        28        32
//! ┌────────┬──────┬─────────┬────────┬──────────────┬──────────────┬─────────┬─────────┬──────────
//! │ length │ kind │ verdict │ crc32c │    seqno     │  time (ns)   │ session │ symbol  │ body …
//! └────────┴──────┴─────────┴────────┴──────────────┴──────────────┴─────────┴─────────┴──────────
//!   u16      u8     u8        u32      u64            u64            u32       u32       32 or 96
//! ```
//!
//! Little-endian. A frame is 64 bytes long, or 128 when its body needs it; the rest is zero. The
//! checksum covers the whole frame, with the checksum of the frame before in the place of its own, so
//! the frames form a **chain**: one that is stale, lost or moved cannot verify. In a journal the first
//! four bytes are stored last: a length of zero says that nothing is here yet.
//!
//! Commands use a sequence number each. The *bookkeeping* frames use none (they repeat the number of
//! the last command), so that the same commands get the same numbers whatever the threads were doing.

use crate::domain::{Nanos, SeqNo, SessionId, SymbolId, byte_enum};
use crate::durability::Durability;
use ringside_planted::{Bug, planted};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// The shortest frame, one cache line, in bytes.
pub const FRAME_BYTES_MIN: usize = 64;
/// The longest frame, in bytes.
pub const FRAME_BYTES_MAX: usize = 128;
/// The header, in bytes.
pub const HEADER_BYTES: usize = 32;
/// The longest body, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = FRAME_BYTES_MAX - HEADER_BYTES;

byte_enum! {
    /// What a frame holds. From 128 on it is bookkeeping.
    FrameKind {
        /// A new order.
        Enter = 1 "enter",
        /// A lower total quantity; keeps priority.
        Reduce = 2 "reduce",
        /// New terms; new priority.
        Replace = 3 "replace",
        /// The end of an order.
        Cancel = 4 "cancel",
        /// The end of many orders.
        MassCancel = 5 "mass_cancel",
        /// Another sell marking, a lower total quantity, or both; keeps priority.
        Modify = 6 "modify",
        /// Whether a session may enter orders.
        SetOrderEntry = 7 "set_order_entry",
        /// A session asks which id it may use next.
        AccountQuery = 8 "account_query",
        /// A new order that waits for a trade at its stop price.
        EnterStop = 9 "enter_stop",
        /// A new order that shows a part of itself at a time.
        EnterIceberg = 10 "enter_iceberg",
        /// A new order with terms that few orders have.
        EnterRich = 11 "enter_rich",
        /// A new instrument.
        DefineSymbol = 16 "define_symbol",
        /// A new session.
        DefineSession = 17 "define_session",
        /// A new firm.
        DefineFirm = 18 "define_firm",
        /// Another durability mode.
        SetDurability = 19 "set_durability",
        /// The trading day begins or ends.
        TradingDay = 20 "trading_day",
        /// A trade is taken back.
        BreakTrade = 21 "break_trade",
        /// A step of an instrument from one partition to another.
        MoveSymbol = 22 "move_symbol",
        /// An order that comes with its instrument.
        ImportOrder = 23 "import_order",
        /// Another state of an instrument.
        SetState = 24 "set_state",
        /// The state that an instrument has next, and when.
        PlanState = 25 "plan_state",
        /// Time has passed for an instrument.
        Tick = 26 "tick",
        /// Other price bands of an instrument.
        SetBands = 27 "set_bands",
        /// Another reference quote of an instrument.
        SetQuote = 28 "set_quote",
        /// Whether short sales of an instrument are restricted.
        SetShortSale = 29 "set_short_sale",
        /// Other risk limits of a session, a firm or an instrument.
        SetRisk = 30 "set_risk",
        /// A trade had other terms than was told.
        CorrectTrade = 31 "correct_trade",
        /// A writer began to append: the first frame of each of its runs.
        EpochStart = 128 "epoch_start",
        /// Everything up to a sequence number was committed when this was written.
        CommitMark = 129 "commit_mark",
        /// The state hash and the output hash after a command.
        HashProbe = 130 "hash_probe",
        /// The segment ends here, the next one goes on.
        SegmentEnd = 131 "segment_end",
    }
}

impl FrameKind {
    /// Whether the frame is a command and has a sequence number of its own.
    #[inline]
    pub fn is_command(self) -> bool {
        (self as u8) < 128
    }
}

/// The first 32 bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    /// Length of the whole frame in bytes, 64 or 128.
    pub length: u16,
    /// The code of a [`FrameKind`].
    pub kind: u8,
    /// What the gateway found about the command, as the code of a [`Reason`](crate::reason::Reason).
    pub verdict: u8,
    /// See [`Frame::checksum`].
    pub crc: u32,
    /// The command's place; a bookkeeping frame repeats that of the last command.
    pub seqno: u64,
    /// Official time, in ns since the Unix epoch.
    pub time: u64,
    /// The session that sent the command, or 0.
    pub session: u32,
    /// The instrument that the command concerns, or 0.
    pub symbol: u32,
}

/// One frame with room for the longest body: the slot of the input ring.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(64))]
pub struct Frame {
    /// The header.
    pub header: Header,
    body: [u8; BODY_BYTES_MAX],
}

const _: () = assert!(size_of::<Header>() == HEADER_BYTES && size_of::<Frame>() == FRAME_BYTES_MAX);
#[cfg(target_endian = "big")]
compile_error!("frames are little-endian in memory and in the journal");

impl Default for Frame {
    fn default() -> Self {
        Frame::new_zeroed()
    }
}

impl Frame {
    /// Overwrites this frame with a new one whose checksum is not computed yet.
    #[inline]
    pub fn write<B: IntoBytes + Immutable>(&mut self, kind: FrameKind, body: &B) {
        const { assert!(size_of::<B>() <= BODY_BYTES_MAX) };
        let length = if size_of::<B>() <= FRAME_BYTES_MIN - HEADER_BYTES {
            FRAME_BYTES_MIN
        } else {
            FRAME_BYTES_MAX
        };
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

    /// Numbers and stamps the frame and closes the chain: `previous` is the checksum of the frame
    /// before. Nothing may change in it afterwards.
    #[inline]
    pub fn seal(&mut self, seqno: SeqNo, time: Nanos, previous: u32) -> u32 {
        self.header.seqno = seqno.0;
        self.header.time = time.0;
        self.header.crc = if planted(Bug::ChecksumNotChained) { 0 } else { previous };
        self.header.crc = crc32c::crc32c(self.bytes());
        self.header.crc
    }

    /// Puts a second line behind a body that fits the first: what a client must be told again and no matcher
    /// needs. [`Frame::seal`] comes after it.
    #[inline]
    pub(crate) fn append_line<L: IntoBytes + Immutable>(&mut self, line: &L) {
        const { assert!(size_of::<L>() == FRAME_BYTES_MIN) };
        assert_eq!(
            usize::from(self.header.length),
            FRAME_BYTES_MIN,
            "the body fits the first line"
        );
        self.header.length = FRAME_BYTES_MAX as u16;
        self.body[FRAME_BYTES_MIN - HEADER_BYTES..].copy_from_slice(line.as_bytes());
    }

    /// Overwrites the last 32 bytes of a body that takes all the room there is. [`Frame::seal`] comes after it.
    pub(crate) fn set_tail<T: IntoBytes + Immutable>(&mut self, tail: &T) {
        const { assert!(size_of::<T>() == 32) };
        self.body[BODY_BYTES_MAX - 32..].copy_from_slice(tail.as_bytes());
    }

    /// The second line, read as `L`; `None` if there is none, or its bytes are no such line.
    #[inline]
    pub fn line<L: TryFromBytes + KnownLayout + Immutable>(&self) -> Option<&L> {
        let long = usize::from(self.header.length) == FRAME_BYTES_MAX;
        L::try_ref_from_bytes(&self.body[FRAME_BYTES_MIN - HEADER_BYTES..]).ok().filter(|_| long)
    }

    /// Makes this frame the same as another, whose bytes behind its length are left out.
    #[inline]
    pub fn copy_from(&mut self, other: &Frame) {
        let (from, to) = (other.as_bytes(), self.as_mut_bytes());
        // Two copies of a fixed length are a few vector stores; one of any length is a call.
        to[..FRAME_BYTES_MIN].copy_from_slice(&from[..FRAME_BYTES_MIN]);
        if usize::from(other.header.length) > FRAME_BYTES_MIN {
            to[FRAME_BYTES_MIN..].copy_from_slice(&from[FRAME_BYTES_MIN..]);
        }
    }

    /// The bytes that travel.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.as_bytes()[..usize::from(self.header.length)]
    }

    /// The body, read as `B`; `None` if its bytes are no such body or the frame is too short for it.
    #[inline]
    pub fn body<B: TryFromBytes + KnownLayout + Immutable>(&self) -> Option<&B> {
        let length = usize::from(self.header.length);
        let body = self.body.get(..length.checked_sub(HEADER_BYTES)?)?;
        B::try_ref_from_prefix(body).ok().map(|(body, _)| body)
    }

    /// The CRC-32C of the frame with the previous frame's in its checksum field.
    #[inline]
    pub fn checksum(&self, previous: u32) -> u32 {
        let mut frame = *self;
        frame.header.crc = if planted(Bug::ChecksumNotChained) { 0 } else { previous };
        crc32c::crc32c(frame.bytes())
    }

    /// The command's place.
    #[inline]
    pub fn seqno(&self) -> SeqNo {
        SeqNo(self.header.seqno)
    }

    /// Official time.
    #[inline]
    pub fn time(&self) -> Nanos {
        Nanos(self.header.time)
    }

    /// The instrument, or [`SymbolId::NONE`].
    #[inline]
    pub fn symbol(&self) -> SymbolId {
        SymbolId(self.header.symbol)
    }

    /// The session, or 0.
    #[inline]
    pub fn session(&self) -> SessionId {
        SessionId(self.header.session)
    }

    /// The kind, `None` if the code is not one.
    #[inline]
    pub fn kind(&self) -> Option<FrameKind> {
        FrameKind::from_code(self.header.kind)
    }

    /// Reads a frame from the start of `bytes`: `None` if its length is neither 64 nor 128 or there
    /// are fewer bytes. The checksum is not looked at.
    pub fn read(bytes: &[u8]) -> Option<Frame> {
        let mut frame = Frame::default();
        frame.read_from(bytes).then_some(frame)
    }

    /// The same, over this frame; `false` if there is none. Bytes behind a short frame's length stay.
    #[inline]
    pub fn read_from(&mut self, bytes: &[u8]) -> bool {
        // Two copies of a fixed length are a few vector moves; one of any length is a call.
        let Some(line) = bytes.first_chunk::<FRAME_BYTES_MIN>() else { return false };
        let length = usize::from(u16::from_le_bytes([line[0], line[1]]));
        match bytes.first_chunk::<FRAME_BYTES_MAX>() {
            Some(lines) if length == FRAME_BYTES_MAX => self.as_mut_bytes().copy_from_slice(lines),
            _ if length == FRAME_BYTES_MIN => {
                self.as_mut_bytes()[..FRAME_BYTES_MIN].copy_from_slice(line)
            }
            _ => return false,
        }
        true
    }

    /// Whether the frame carries the checksum that it should have behind one that carries `previous`.
    #[inline]
    pub fn verify(&mut self, previous: u32) -> bool {
        let carried = std::mem::replace(&mut self.header.crc, previous);
        let expected = crc32c::crc32c(self.bytes());
        self.header.crc = carried;
        expected == carried
    }
}

/// The body of [`FrameKind::EpochStart`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct EpochStart {
    /// The number of this run, one more than that of the run before.
    pub epoch: u64,
    /// In this run a hash probe describes each command whose number is a multiple of this.
    pub probe_interval: u64,
    /// The mode in which it begins.
    pub durability: Durability,
    /// Zero.
    pub zero: [u8; 7],
}

/// The body of [`FrameKind::CommitMark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CommitMark {
    /// The highest sequence number that had been committed.
    pub committed: u64,
    /// The highest sequence number that was known to be on the device.
    pub synced: u64,
}

/// The body of [`FrameKind::SetDurability`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SetDurability {
    /// The mode from this command on.
    pub durability: Durability,
}

/// The body of [`FrameKind::HashProbe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct HashProbe {
    /// The hashes are those after this command.
    pub seqno: u64,
    /// The number of reports up to there.
    pub reports: u64,
    /// The low and the high half of the state hash.
    pub state: [u64; 2],
    /// The low and the high half of the output hash.
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
    fn a_frame_has_one_or_two_lines() {
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
