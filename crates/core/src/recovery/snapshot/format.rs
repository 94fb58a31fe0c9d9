//! Byte format of a snapshot file.
//!
//! ```text
//! ┌────────┬─────────────┬─────────────┬─────────────┬────────┬─────────────┬──────────┬───────┬────────┬──────────┬─────────────┬─────────────┬──────────┬─────────┬────────┬─────┐
//! │ header │ definitions │ rules       │ last prices │ orders │ stop limits │ reserves │ terms │ band   │ settings │ used blocks │ their mixed │ streams  │ traded  │ trades │ end │
//! │        │ (as frames) │ (as frames) │             │        │ reached     │          │       │ timers │ owed work│ of ids      │ symbols     │ sessions │ values  │        │     │
//! └────────┴─────────────┴─────────────┴─────────────┴────────┴─────────────┴──────────┴───────┴────────┴──────────┴─────────────┴─────────────┴──────────┴─────────┴────────┴─────┘
//!
//! header
//!  0       8        12          16       24        32       40      48     56
//! ┌───────┬────────┬───────────┬────────┬─────────┬────────┬───────┬──────┬──────────┐
//! │ magic │ format │ semantics │ config │ segment │ offset │ epoch │ time │ probe …  │
//! ├───────┴────────┼───────────┼────────┴───┬─────┴─┬──────┴┬──────┴──────┴──────────┘
//! │ probe interval │ frame crc │ durability │ day is over │ zeros │ crc   │
//! └────────────────┴───────────┴────────────┴─────────────┴───────┴───────┘
//!  104              112         116          117           118     124     128
//!
//! each section             the content of the end: the CRC-32C of all that is before that section
//! ┌──────┬─────┬───────┬───────────
//! │ kind │ crc │ bytes │ content …
//! └──────┴─────┴───────┴───────────
//!  u32    u32   u64
//! ```
//! All integers are little-endian. The CRC-32C of a section also covers its kind and length. The
//! rows of a section have one canonical order, so equal states at equal places give equal files.

use super::{Snapshot, SnapshotFault};
use crate::registry::exposure::TradedRow;
use crate::registry::rules::VenueRules;
use crate::registry::used_ids::{BLOCK_IDS, UsedBlock, UsedRows};
use crate::streams::{Day, PositionsImage, SessionRow, StreamsImage};
use ringside_engine::{
    BandTimer, Image, OrderImage, OwedImage, ReachedImage, ReserveImage, SettingsImage, StopLimit,
    TermsImage,
};
use ringside_journal::{Identity, LogPlace, Position};
use ringside_model::command::Command;
use ringside_model::domain::{Nanos, Price, SeqNo, SymbolId};
use ringside_model::durability::Durability;
use ringside_model::frame::{Frame, HashProbe};
use std::io::Write;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

const MAGIC: [u8; 8] = *b"RINGSNAP";
const FORMAT_VERSION: u32 = 7;

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    format: u32,
    semantics: u32,
    config_hash: u64,
    segment: u64,
    offset: u64,
    epoch: u64,
    time: u64,
    probe: HashProbe,
    probe_interval: u64,
    frame_crc: u32,
    durability: u8,
    is_day_over: u8,
    zeros: [u8; 6],
    crc: u32,
}

const _: () = assert!(size_of::<Header>() == 128);

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SectionHeader {
    kind: u32,
    crc: u32,
    bytes: u64,
}

/// Kinds of the sections, in the order of the file.
const DEFINITIONS: u32 = 1;
const RULES: u32 = 2;
const LAST_PRICES: u32 = 3;
const ORDERS: u32 = 4;
const STOP_LIMITS: u32 = 5;
const REACHED: u32 = 6;
const RESERVES: u32 = 7;
const TERMS: u32 = 8;
const BAND_TIMERS: u32 = 9;
const USED_BLOCKS: u32 = 10;
const MIXED_SYMBOLS: u32 = 11;
const STREAMS: u32 = 12;
const STREAM_ROWS: u32 = 13;
const SESSION_ROWS: u32 = 14;
const TRADED: u32 = 15;
const OWED: u32 = 16;
const SETTINGS: u32 = 17;
const TRADES: u32 = 18;
const END: u32 = 19;

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct LastPrice {
    symbol: u64,
    price: i64,
}

/// Content of the section `STREAMS`: values that belong to no single stream.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct StreamsHead {
    next_block: u64,
    day: Day,
}

impl Snapshot {
    /// Writes the bytes of the snapshot's file.
    pub fn write_to(&self, to: &mut impl Write, identity: Identity) -> std::io::Result<()> {
        let mut to = Sections { to, crc: 0 };
        to.write(self.header(identity).as_bytes())?;
        let last_price = |&(symbol, price): &(SymbolId, Price)| LastPrice {
            symbol: symbol.0.into(),
            price: price.0,
        };
        let last_prices: Vec<LastPrice> = self.image.last_prices.iter().map(last_price).collect();
        to.section(DEFINITIONS, &frames(&self.image.definitions))?;
        to.section(RULES, &frames(&self.rules.commands()))?;
        to.section(LAST_PRICES, last_prices.as_bytes())?;
        to.section(ORDERS, self.image.orders.as_bytes())?;
        to.section(STOP_LIMITS, self.image.stop_limits.as_bytes())?;
        to.section(REACHED, self.image.reached.as_bytes())?;
        to.section(RESERVES, self.image.reserves.as_bytes())?;
        to.section(TERMS, self.image.terms.as_bytes())?;
        to.section(BAND_TIMERS, self.image.band_timers.as_bytes())?;
        to.section(SETTINGS, self.image.settings.as_bytes())?;
        to.section(OWED, self.image.owed.as_bytes())?;
        to.section(USED_BLOCKS, self.used_ids.blocks.as_bytes())?;
        to.section(MIXED_SYMBOLS, self.used_ids.symbols.as_bytes())?;
        let StreamsImage { positions, sessions, day } = &self.streams;
        let head = StreamsHead { next_block: positions.next_block.into(), day: *day };
        to.section(STREAMS, head.as_bytes())?;
        to.section(STREAM_ROWS, positions.rows.as_bytes())?;
        to.section(SESSION_ROWS, sessions.as_bytes())?;
        to.section(TRADED, self.traded.as_bytes())?;
        to.section(TRADES, &self.trades)?;
        to.section(END, &to.crc.to_le_bytes())
    }

    /// Decodes the bytes of a file and checks every one of them. [`restore`](Self::restore) finds
    /// out if a venue can be restored from the content.
    ///
    /// # Errors
    /// Damage, or a file of another format, semantics version or config.
    pub fn from_bytes(bytes: &[u8], identity: Identity) -> Result<Snapshot, SnapshotFault> {
        let (header, mut rest) =
            Header::read_from_prefix(bytes).map_err(|_| damaged("shorter than its header"))?;
        let durability = header.check(identity)?;
        let mut take = |kind| take_section(&mut rest, kind);
        let definitions = read_commands(take(DEFINITIONS)?)?;
        let rules = read_rules(take(RULES)?)?;
        let last_prices = rows(take(LAST_PRICES)?)?.into_iter().map(last_price);
        let last_prices = last_prices.collect::<Result<_, _>>()?;
        let orders: Vec<OrderImage> = rows(take(ORDERS)?)?;
        let stop_limits: Vec<StopLimit> = rows(take(STOP_LIMITS)?)?;
        let reached: Vec<ReachedImage> = rows(take(REACHED)?)?;
        let reserves: Vec<ReserveImage> = rows(take(RESERVES)?)?;
        let terms: Vec<TermsImage> = rows(take(TERMS)?)?;
        let band_timers: Vec<BandTimer> = rows(take(BAND_TIMERS)?)?;
        let settings: Vec<SettingsImage> = rows(take(SETTINGS)?)?;
        let owed: Vec<OwedImage> = rows(take(OWED)?)?;
        let blocks: Vec<UsedBlock> = rows(take(USED_BLOCKS)?)?;
        let symbols: Vec<[u32; BLOCK_IDS]> = rows(take(MIXED_SYMBOLS)?)?;
        let head = StreamsHead::read_from_bytes(take(STREAMS)?)
            .map_err(|_| damaged("the streams have no head"))?;
        let next_block =
            u32::try_from(head.next_block).map_err(|_| damaged("a block number is too large"))?;
        let positions = PositionsImage { next_block, rows: rows(take(STREAM_ROWS)?)? };
        let sessions: Vec<SessionRow> = rows(take(SESSION_ROWS)?)?;
        let traded: Vec<TradedRow> = rows(take(TRADED)?)?;
        let trades = take(TRADES)?.to_vec();
        let before_end = &bytes[..bytes.len() - rest.len()];
        let end = take_section(&mut rest, END)?;
        if end != crc32c::crc32c(before_end).to_le_bytes() || !rest.is_empty() {
            return Err(damaged("the end does not match what is before it"));
        }
        Ok(Snapshot {
            place: header.place(),
            durability,
            probe_interval: header.probe_interval,
            probe: header.probe,
            image: Image {
                definitions,
                last_prices,
                is_day_over: header.is_day_over != 0,
                orders,
                stop_limits,
                reached,
                reserves,
                terms,
                band_timers,
                settings,
                owed,
            },
            rules,
            used_ids: UsedRows { blocks, symbols },
            streams: StreamsImage { positions, sessions, day: head.day },
            traded,
            trades,
        })
    }

    fn header(&self, identity: Identity) -> Header {
        let LogPlace { position, time, crc: frame_crc, epoch, .. } = self.place;
        let mut header = Header {
            magic: MAGIC,
            format: FORMAT_VERSION,
            semantics: identity.semantics,
            config_hash: identity.config_hash,
            segment: position.segment,
            offset: position.offset,
            epoch,
            time: time.0,
            probe: self.probe,
            probe_interval: self.probe_interval,
            frame_crc,
            durability: self.durability as u8,
            is_day_over: self.image.is_day_over.into(),
            zeros: [0; 6],
            crc: 0,
        };
        header.crc = header.checksum();
        header
    }
}

impl Header {
    /// Checks that the header is intact and fits `wanted`; returns the durability.
    fn check(&self, wanted: Identity) -> Result<Durability, SnapshotFault> {
        let same = |what, found: u64, wanted: u64| match found == wanted {
            true => Ok(()),
            false => {
                let (found, wanted) = (format!("{found:#x}"), format!("{wanted:#x}"));
                Err(SnapshotFault::Mismatch { what, found, wanted })
            }
        };
        if self.magic != MAGIC {
            return Err(damaged("this is no snapshot (wrong magic)"));
        }
        same("the format version", self.format.into(), FORMAT_VERSION.into())?;
        if self.crc != self.checksum() {
            return Err(damaged("the header does not match its checksum"));
        }
        same("the semantics version", self.semantics.into(), wanted.semantics.into())?;
        same("the config hash", self.config_hash, wanted.config_hash)?;
        let is_known = self.zeros == [0; 6] && self.is_day_over <= 1;
        let durability = Durability::from_code(self.durability).filter(|_| is_known);
        durability.ok_or_else(|| damaged("the header has a value that this version does not know"))
    }

    fn checksum(&self) -> u32 {
        let bytes = self.as_bytes();
        crc32c::crc32c(&bytes[..bytes.len() - size_of::<u32>()])
    }

    fn place(&self) -> LogPlace {
        LogPlace {
            position: Position { segment: self.segment, offset: self.offset },
            seqno: SeqNo(self.probe.seqno),
            time: Nanos(self.time),
            crc: self.frame_crc,
            epoch: self.epoch,
        }
    }
}

impl SectionHeader {
    fn new(kind: u32, content: &[u8]) -> Self {
        let mut header = SectionHeader { kind, crc: 0, bytes: content.len() as u64 };
        header.crc = crc32c::crc32c_append(crc32c::crc32c(header.as_bytes()), content);
        header
    }
}

/// Writer of sections that keeps the checksum of all bytes so far.
struct Sections<'a, W> {
    to: &'a mut W,
    crc: u32,
}

impl<W: Write> Sections<'_, W> {
    fn section(&mut self, kind: u32, content: &[u8]) -> std::io::Result<()> {
        self.write(SectionHeader::new(kind, content).as_bytes())?;
        self.write(content)
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.to.write_all(bytes)
    }
}

fn take_section<'a>(rest: &mut &'a [u8], kind: u32) -> Result<&'a [u8], SnapshotFault> {
    let (header, behind) = SectionHeader::read_from_prefix(rest)
        .map_err(|_| damaged(format!("it ends before section {kind}")))?;
    let length = usize::try_from(header.bytes).unwrap_or(usize::MAX);
    let Some((content, behind)) = behind.split_at_checked(length) else {
        return Err(damaged(format!("it ends inside section {kind}")));
    };
    let expected = SectionHeader::new(kind, content);
    if header.kind != kind || header.crc != expected.crc {
        return Err(damaged(format!("section {kind} does not match its checksum")));
    }
    *rest = behind;
    Ok(content)
}

fn frames(commands: &[Command]) -> Vec<u8> {
    let mut bytes = vec![];
    for command in commands {
        let mut frame = Frame::default();
        command.encode(&mut frame);
        bytes.extend_from_slice(frame.bytes());
    }
    bytes
}

fn read_commands(mut bytes: &[u8]) -> Result<Vec<Command>, SnapshotFault> {
    let mut commands = vec![];
    while !bytes.is_empty() {
        let frame = Frame::read(bytes).ok_or_else(|| damaged("a command is cut off"))?;
        let command = Command::decode(&frame);
        commands.push(command.ok_or_else(|| damaged("a command cannot be read"))?);
        bytes = &bytes[frame.bytes().len()..];
    }
    Ok(commands)
}

fn read_rules(bytes: &[u8]) -> Result<VenueRules, SnapshotFault> {
    let (commands, mut rules) = (read_commands(bytes)?, VenueRules::default());
    commands.iter().for_each(|command| rules.observe(command));
    if rules.commands() != commands {
        return Err(damaged("what holds is not said in its one order"));
    }
    Ok(rules)
}

fn last_price(row: LastPrice) -> Result<(SymbolId, Price), SnapshotFault> {
    let symbol = u32::try_from(row.symbol).map_err(|_| damaged("a symbol number is too large"))?;
    Ok((SymbolId(symbol), Price(row.price)))
}

fn rows<T: TryFromBytes>(bytes: &[u8]) -> Result<Vec<T>, SnapshotFault> {
    let chunks = bytes.chunks_exact(size_of::<T>());
    if !chunks.remainder().is_empty() {
        return Err(damaged("a section is no whole number of rows"));
    }
    // A section can take most of the memory, so the capacity is exact.
    let mut rows = Vec::with_capacity(chunks.len());
    for row in chunks.map(T::try_read_from_bytes) {
        rows.push(row.map_err(|_| damaged("a row has a value that no row has"))?);
    }
    Ok(rows)
}

fn damaged(detail: impl Into<String>) -> SnapshotFault {
    SnapshotFault::Damaged(detail.into())
}
