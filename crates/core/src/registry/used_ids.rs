//! Order ids that sessions have used, with the symbol of each id's order.
//!
//! Most sessions count up. So the ids of a session lie in a few tracks of rising ids (`track.rs`):
//! ids that are counted up take nothing while the symbol stays, and some four bytes each if it
//! changes or ids are left out. An id that fits behind no track, and one that is used again for
//! another symbol, takes 20 to 40 bytes.
//!
//! A snapshot has the ids in blocks of 64 neighbours.

mod track;

use ringside_model::command::{Action, Command, OperatorCommand};
use ringside_model::domain::{OrderId, SessionId, SymbolId};
use ringside_model::reason::Reason;
use std::collections::HashMap;
use track::{Run, Track};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// All ids that were ever used. An id never becomes free again, but may be used again.
#[derive(Clone, Debug, Default)]
pub struct UsedIds {
    sessions: HashMap<u32, SessionIds>,
}

/// Used ids of a session.
#[derive(Clone, Debug, Default)]
struct SessionIds {
    /// Tracks of rising ids. An id is in one of them at most.
    tracks: Vec<Track>,
    /// Symbols of the ids that are in no track or have another symbol there.
    others: HashMap<u64, u32>,
    /// Highest id that is not one of an imported order.
    highest: u64,
}

/// All used ids as rows of a snapshot: equal sets give equal rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsedRows {
    /// Blocks, sorted by session and block number.
    pub blocks: Vec<UsedBlock>,
    /// Symbols of the mixed blocks in the same order, zero where an id is free.
    pub symbols: Vec<[u32; BLOCK_IDS]>,
}

/// Block of 64 neighbouring ids of a session, some of them used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct UsedBlock {
    /// Number of the session.
    pub session: u32,
    /// Symbol of all used ids of the block, or [`UsedBlock::MIXED`].
    pub symbol: u32,
    /// Block number: the ids divided by 64.
    pub block: u64,
    /// Bit set of the used ids, the lowest id in the lowest bit.
    pub used: u64,
}

/// Error for rows that no set of ids can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("used ids of session {session}, block {block}: {what}")]
pub(crate) struct UsedRowsError {
    session: u32,
    block: u64,
    what: &'static str,
}

/// Number of ids in a block.
pub(crate) const BLOCK_IDS: usize = 64;
const BLOCK_BITS: u32 = BLOCK_IDS.ilog2();
/// Tracks of a session, at most: more would make each look-up longer.
const TRACKS_MAX: usize = 4;

impl UsedBlock {
    /// Marker in place of a symbol: each id has a symbol of its own. An order may name this number
    /// as its symbol, too; its block is then mixed from the start.
    pub const MIXED: u32 = u32::MAX - 1;
}

impl UsedIds {
    /// Records the id of a new order or of a replace, whatever its outcome, unless the gateway has
    /// marked the id as a duplicate. Over the network, a replace without effect leaves its id free:
    /// the same id comes again, and its last use stands.
    #[inline]
    pub fn observe(&mut self, command: &Command) {
        if let Some(id) = order_id(&command.action)
            && command.verdict != Reason::DuplicateId
        {
            self.insert(command.session, id, command.symbol);
        }
    }

    /// Records an id and its symbol; the last use of an id stands.
    #[inline]
    pub fn insert(&mut self, session: SessionId, id: OrderId, symbol: SymbolId) {
        self.sessions.entry(session.0).or_default().insert(id.0, symbol.0);
    }

    /// Returns the id after the highest one that the session has used: 1 if the session has used
    /// none, 0 if there is no higher id. Ids of imported orders do not count.
    pub fn next(&self, session: SessionId) -> OrderId {
        let highest = self.sessions.get(&session.0).map_or(0, |ids| ids.highest);
        OrderId(highest.wrapping_add(1))
    }

    /// Returns the symbol of the order that the id was last given to; `None` if the id is free.
    #[inline]
    pub fn get(&self, session: SessionId, id: OrderId) -> Option<SymbolId> {
        self.sessions.get(&session.0)?.get(id.0).map(SymbolId)
    }

    /// Returns all used ids as rows.
    pub fn rows(&self) -> UsedRows {
        let mut rows = UsedRows::default();
        let mut sessions: Vec<_> = self.sessions.iter().collect();
        sessions.sort_unstable_by_key(|(session, _)| **session);
        sessions.iter().for_each(|(session, ids)| ids.add_rows(**session, &mut rows));
        rows
    }

    /// Restores the ids from rows.
    ///
    /// # Errors
    /// Rows that [`rows`](Self::rows) would not return.
    pub(crate) fn from_rows(rows: &UsedRows) -> Result<UsedIds, UsedRowsError> {
        let mut ids = UsedIds::default();
        let mut symbols = rows.symbols.iter();
        let mut before = None;
        for &row in &rows.blocks {
            let UsedBlock { session, block, .. } = row;
            let wrong = |what| Err(UsedRowsError { session, block, what });
            if before.replace((session, block)).is_some_and(|before| before >= (session, block)) {
                return wrong("not behind the one before it");
            }
            if row.used == 0 || block > u64::MAX >> BLOCK_BITS {
                return wrong("no such block can be");
            }
            let mut own = spread(&row);
            if row.symbol == UsedBlock::MIXED {
                let Some(mixed) = symbols.next() else { return wrong("its symbols are missing") };
                if !is_mixed(&row, mixed) {
                    return wrong("its symbols are not mixed, or a free id has one");
                }
                own = *mixed;
            }
            let ids = ids.sessions.entry(session).or_default();
            let used = (0..).zip(own).filter(|(within, _)| row.used & 1 << within != 0);
            used.for_each(|(within, symbol)| ids.insert(block << BLOCK_BITS | within, symbol));
        }
        match symbols.next() {
            Some(_) => Err(UsedRowsError { session: 0, block: 0, what: "symbols of no block" }),
            None => Ok(ids),
        }
    }
}

impl SessionIds {
    /// Records an id and its symbol. A new id comes behind the nearest track below it.
    fn insert(&mut self, id: u64, symbol: u32) {
        if !OrderId(id).is_imported() {
            self.highest = self.highest.max(id);
        }
        if let Some(track) = self.tracks.iter_mut().find(|track| track.highest() == id) {
            return track.rename_highest(symbol);
        }
        let is_above_all = self.tracks.iter().all(|track| track.highest() < id);
        if !is_above_all && let Some(known) = self.get(id) {
            if known != symbol {
                self.others.insert(id, symbol);
            }
            return;
        }
        let has_room = self.tracks.len() < TRACKS_MAX;
        let below = self.tracks.iter_mut().filter(|track| track.highest() < id);
        match below.max_by_key(|track| track.highest()) {
            Some(track) => track.push(Run::of(id, symbol)),
            None if has_room => self.tracks.push(Track::new(Run::of(id, symbol))),
            None => _ = self.others.insert(id, symbol),
        }
    }

    #[inline]
    fn get(&self, id: u64) -> Option<u32> {
        let other = if self.others.is_empty() { None } else { self.others.get(&id).copied() };
        other.or_else(|| self.tracks.iter().find_map(|track| track.get(id)))
    }

    /// Adds the ids to the rows of a snapshot.
    fn add_rows(&self, session: u32, rows: &mut UsedRows) {
        let others = self.others.iter().map(|(&id, &symbol)| Run::of(id, symbol));
        let mut others: Vec<Run> = others.collect();
        others.sort_unstable_by_key(|run| run.first);
        let tracks = self.tracks.iter();
        let tracks = tracks.map(|track| Box::new(track.runs()) as Box<dyn Iterator<Item = Run>>);
        // The others come last, because their symbols stand.
        let all = tracks.chain([Box::new(others.into_iter()) as _]);
        let mut all: Vec<_> = all.map(|runs| runs.flat_map(by_block).peekable()).collect();
        while let Some(block) = all.iter_mut().filter_map(|runs| runs.peek().map(block_of)).min() {
            let mut row = UsedBlock { session, symbol: 0, block, used: 0 };
            let mut symbols = [0; BLOCK_IDS];
            for runs in &mut all {
                while let Some(run) = runs.next_if(|run| block_of(run) == block) {
                    for id in run.first..=run.last {
                        let within = id as usize % BLOCK_IDS;
                        row.used |= 1 << within;
                        symbols[within] = run.symbol;
                    }
                }
            }
            row.symbol = symbols[row.used.trailing_zeros() as usize];
            if is_mixed(&row, &symbols) {
                row.symbol = UsedBlock::MIXED;
                rows.symbols.push(symbols);
            }
            rows.blocks.push(row);
        }
    }

    /// Returns the bytes of memory that the ids take.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        // A table of hashes has one place in eight free, and a byte beside each place.
        let places = self.others.capacity() * 8 / 7;
        size_of::<SessionIds>()
            + self.tracks.iter().map(Track::bytes).sum::<usize>()
            + places * (size_of::<(u64, u32)>() + 1)
    }
}

/// Splits a run at the edges of the blocks.
fn by_block(Run { first, last, symbol }: Run) -> impl Iterator<Item = Run> {
    (first >> BLOCK_BITS..=last >> BLOCK_BITS).map(move |block| {
        let lowest = block << BLOCK_BITS;
        Run { first: first.max(lowest), last: last.min(lowest | (BLOCK_IDS as u64 - 1)), symbol }
    })
}

fn block_of(run: &Run) -> u64 {
    run.first >> BLOCK_BITS
}

/// Returns the order id that a command gives to an order: to a new, a replaced or an imported one.
#[inline]
fn order_id(action: &Action) -> Option<OrderId> {
    match action {
        Action::Operator(OperatorCommand::ImportOrder(import)) => Some(import.order.id),
        action => action.new_id(),
    }
}

/// Returns the order id that a command of a network session asks to use up.
///
/// Ids of a network session count up, so the highest one stands for all. Two rules differ from
/// those of [`UsedIds`]: requests that name no single order use up an id, too, and a replace uses
/// up its id only if it takes effect or is refused service.
#[inline]
pub fn counted_id(action: &Action) -> Option<u32> {
    match action {
        Action::MassCancel(filter) => counted(filter.id),
        Action::SetOrderEntry(set) => counted(set.id),
        action => counted(order_id(action)?),
    }
}

/// Returns an id in the count of a network session. Ids of imported orders come from the venue, and
/// ids of more than 32 bits from an operator: neither counts.
#[inline]
pub(crate) fn counted(id: OrderId) -> Option<u32> {
    u32::try_from(id.0).ok().filter(|_| !id.is_imported())
}

/// Two sets are equal if they hold the same ids and symbols, in whatever order they were recorded.
impl PartialEq for UsedIds {
    fn eq(&self, other: &Self) -> bool {
        self.rows() == other.rows()
    }
}

/// Returns the symbol of each id of a block with a single symbol; zero for free ids.
fn spread(row: &UsedBlock) -> [u32; BLOCK_IDS] {
    std::array::from_fn(|i| if row.used & 1 << i != 0 { row.symbol } else { 0 })
}

/// Returns true if free ids have no symbol and the used ids cannot share one symbol.
fn is_mixed(row: &UsedBlock, symbols: &[u32; BLOCK_IDS]) -> bool {
    let first = symbols[row.used.trailing_zeros() as usize];
    let one = UsedBlock { symbol: first, ..*row };
    let free_are_zero = (0..BLOCK_IDS).all(|i| row.used & 1 << i != 0 || symbols[i] == 0);
    free_are_zero && (*symbols != spread(&one) || first == UsedBlock::MIXED)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Random(u64);

    impl Random {
        fn below(&mut self, end: u64) -> u64 {
            self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            ((u128::from(self.0) * u128::from(end)) >> 64) as u64
        }
    }

    const SYMBOLS: [u32; 6] = [0, 1, 2, 1 << 24, UsedBlock::MIXED, u32::MAX];

    /// Returns random ids of `symbols` different symbols, and a map of every single id as the
    /// model.
    fn used(seed: u64, symbols: u64) -> (UsedIds, HashMap<(u32, u64), u32>) {
        let mut random = Random(seed);
        let (mut ids, mut model) = (UsedIds::default(), HashMap::new());
        let mut next = [1u64; 4];
        for step in 0..20_000 {
            let session = [1, 2, 66, u32::MAX][random.below(4) as usize];
            let counter = &mut next[session as usize % 4];
            *counter += random.below(3);
            let id = match random.below(10) {
                0 => u64::MAX - random.below(100),
                1 => random.below(u64::MAX),
                2 => random.below(1_000),
                _ => *counter,
            };
            let symbol = SYMBOLS[(random.below(symbols) + seed) as usize % SYMBOLS.len()];
            let expected = model.get(&(session, id)).copied();
            assert_eq!(get(&ids, session, id), expected, "step {step}, seed {seed}");
            ids.insert(SessionId(session), OrderId(id), SymbolId(symbol));
            model.insert((session, id), symbol);
        }
        ids.insert(SessionId(1), OrderId(u64::MAX), SymbolId(3));
        model.insert((1, u64::MAX), 3);
        (ids, model)
    }

    fn get(ids: &UsedIds, session: u32, id: u64) -> Option<u32> {
        ids.get(SessionId(session), OrderId(id)).map(|symbol| symbol.0)
    }

    #[test]
    fn every_id_has_the_symbol_of_its_last_use() {
        for seed in 0..24 {
            let (ids, model) = used(seed, 1 + seed % 4);
            let again = UsedIds::from_rows(&ids.rows()).unwrap();
            for (&(session, id), &symbol) in &model {
                for ids in [&ids, &again] {
                    assert_eq!(get(ids, session, id), Some(symbol), "{session}/{id}");
                    let neighbour = (session, id.wrapping_add(1));
                    let expected = model.get(&neighbour).copied();
                    assert_eq!(get(ids, neighbour.0, neighbour.1), expected);
                }
            }
            let bits: u32 = ids.rows().blocks.iter().map(|row| row.used.count_ones()).sum();
            assert_eq!(bits as usize, model.len());
        }
    }

    #[test]
    fn the_next_id_is_above_all_of_the_session() {
        let mut ids = UsedIds::default();
        let next = |ids: &UsedIds, session| ids.next(SessionId(session)).0;
        assert_eq!(next(&ids, 1), 1);
        for (id, expected) in [(5, 6), (3, 6), (63, 64), (64, 65), (700, 701), (u64::MAX, 0)] {
            ids.insert(SessionId(1), OrderId(id), SymbolId(1));
            assert_eq!((next(&ids, 1), next(&ids, 2)), (expected, 1), "after {id}");
        }
    }

    #[test]
    fn an_id_takes_few_bytes_whatever_its_distance_to_the_one_before() {
        let count = 100_000;
        let bytes = |ids: &UsedIds| {
            let bytes: usize = ids.sessions.values().map(SessionIds::bytes).sum();
            bytes as f64 / count as f64
        };
        let counted = |step: u64, symbols: u64| {
            let mut ids = UsedIds::default();
            for number in 1..=count {
                let symbol = SymbolId((number % symbols * 300) as u32);
                ids.insert(SessionId(1), OrderId(number * step), symbol);
            }
            bytes(&ids)
        };
        assert!(counted(1, 1) < 0.01);
        for (step, symbols) in
            [(1, 3), (2, 1), (2, 3), (32, 3), (63, 1), (64, 1), (64, 3), (1000, 3)]
        {
            let bytes = counted(step, symbols);
            assert!(bytes < 8.0, "{bytes} bytes for an id in steps of {step}, {symbols} symbols");
        }
        let (mut ids, mut random) = (UsedIds::default(), Random(1));
        (0..count)
            .for_each(|_| ids.insert(SessionId(1), OrderId(random.below(1 << 63)), SymbolId(1)));
        assert!(bytes(&ids) < 40.0, "{} bytes for a random id", bytes(&ids));
    }

    #[test]
    fn ids_of_imported_orders_leave_the_others_a_track_of_their_own() {
        let mut ids = UsedIds::default();
        for number in 1..=1_000 {
            ids.insert(SessionId(1), OrderId(number), SymbolId(1));
            ids.insert(SessionId(1), OrderId(OrderId::IMPORTED_MIN.0 + number), SymbolId(2));
        }
        let own = &ids.sessions[&1];
        assert_eq!((own.tracks.len(), own.others.len()), (2, 0));
        assert_eq!(ids.next(SessionId(1)), OrderId(1_001));
    }

    #[test]
    fn equal_ids_are_equal_rows_in_whatever_order_they_came() {
        let (ids, model) = used(5, 3);
        let mut sorted: Vec<_> = model.into_iter().collect();
        sorted.sort_unstable();
        let mut again = UsedIds::default();
        for &((session, id), symbol) in sorted.iter().rev() {
            again.insert(SessionId(session), OrderId(id), SymbolId(symbol));
        }
        assert_eq!(again.rows(), ids.rows());
        assert_eq!(again, ids);
        assert_eq!(UsedIds::from_rows(&ids.rows()).unwrap(), ids);
        again.insert(SessionId(77), OrderId(1), SymbolId(1));
        assert_ne!(again, ids);
    }

    #[test]
    fn rows_that_no_ids_have_are_refused() {
        type Alter = fn(&mut UsedRows, usize);
        let cases: [(&str, Alter); 9] = [
            ("not behind", |rows, _| rows.blocks[1].session = 0),
            ("not behind", |rows, _| rows.blocks.insert(0, rows.blocks[0])),
            ("no such block", |rows, _| rows.blocks[0].used = 0),
            ("no such block", |rows, _| rows.blocks.last_mut().unwrap().block = 1 << 58),
            ("missing", |rows, _| _ = rows.symbols.pop()),
            ("of no block", |rows, _| rows.symbols.push([0; 64])),
            ("not mixed", |rows, mixed| {
                rows.symbols[0] = spread(&UsedBlock { symbol: 5, ..rows.blocks[mixed] });
            }),
            ("a free id", |rows, mixed| {
                let free = rows.blocks[mixed].used.trailing_ones();
                rows.symbols[0][free as usize] = 1;
            }),
            ("not mixed", |rows, mixed| rows.blocks[mixed].symbol = 1),
        ];
        let rows = used(6, 2).0.rows();
        let full = |row: &UsedBlock| row.symbol == UsedBlock::MIXED && row.used != u64::MAX;
        let mixed = rows.blocks.iter().position(full).unwrap();
        assert!(rows.blocks[..mixed].iter().all(|row| row.symbol != UsedBlock::MIXED));
        for (expected, alter) in cases {
            let mut altered = rows.clone();
            alter(&mut altered, mixed);
            let error = UsedIds::from_rows(&altered).expect_err(expected).to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
