//! Order ids that sessions have used, with the symbol of each id's order.
//!
//! Most sessions count up, and many stay with one symbol for a while. So 64 neighbouring ids of a
//! session form a block: a bit for each used id, and one symbol for all of them. A block of several
//! symbols has 64 symbols, each of as many bytes as the largest needs. A hundred million ids that
//! were counted up take 100 to 600 MB instead of several GB.

use ringside_model::command::{Action, Command, OperatorCommand};
use ringside_model::domain::{OrderId, SessionId, SymbolId};
use ringside_model::reason::Reason;
use std::collections::HashMap;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// All ids that were ever used. An id never becomes free again, but may be used again.
#[derive(Clone, Debug)]
pub struct UsedIds {
    blocks: Vec<Block>,
    /// Index in `blocks` by session and block number.
    places: HashMap<(u32, u64), usize>,
    /// Symbols of blocks that are or were mixed.
    symbols: Planes,
    /// Index of the block that a session used last, by the low bits of the session number: most ids
    /// are in the same block as the one before.
    recent: [usize; RECENT],
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
const RECENT: usize = 64;

#[derive(Clone, Debug)]
struct Block {
    row: UsedBlock,
    /// Planes of the symbols if they are or were mixed.
    planes: BlockPlanes,
}

/// Symbols of many blocks, split into bytes: a plane holds one byte of each symbol of one block,
/// zero where an id is free. A plane is allocated with its first byte that is not zero; plane 0
/// stands for all others.
#[derive(Clone, Debug)]
struct Planes(Vec<[u8; BLOCK_IDS]>);

/// Planes of one block, the plane of the lowest bytes first. Zero is the plane of zeros.
type BlockPlanes = [u32; size_of::<u32>()];

impl Planes {
    #[inline]
    fn get(&self, planes: BlockPlanes, within: usize) -> u32 {
        u32::from_le_bytes(planes.map(|plane| self.0[plane as usize][within]))
    }

    #[inline]
    fn set(&mut self, planes: &mut BlockPlanes, within: usize, symbol: u32) {
        for (plane, byte) in planes.iter_mut().zip(symbol.to_le_bytes()) {
            if *plane == 0 {
                if byte == 0 {
                    continue;
                }
                *plane = u32::try_from(self.0.len()).expect("2^32 planes are 256 GiB");
                self.0.push([0; BLOCK_IDS]);
            }
            self.0[*plane as usize][within] = byte;
        }
    }

    fn set_all(&mut self, planes: &mut BlockPlanes, symbols: &[u32; BLOCK_IDS]) {
        for (within, &symbol) in symbols.iter().enumerate() {
            self.set(planes, within, symbol);
        }
    }

    fn all(&self, planes: BlockPlanes) -> [u32; BLOCK_IDS] {
        std::array::from_fn(|within| self.get(planes, within))
    }
}

impl Default for Planes {
    fn default() -> Self {
        Planes(vec![[0; BLOCK_IDS]])
    }
}

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
        let (number, within) = split(id);
        let place = match self.place(session.0, number) {
            Some(place) => place,
            None => {
                self.add(UsedBlock { session: session.0, symbol: symbol.0, block: number, used: 0 })
            }
        };
        self.recent[session.0 as usize % RECENT] = place;
        let Block { row, planes } = &mut self.blocks[place];
        if row.symbol == symbol.0 && row.symbol != UsedBlock::MIXED {
            row.used |= 1 << within;
            return;
        }
        if row.symbol != UsedBlock::MIXED {
            self.symbols.set_all(planes, &spread(row));
            row.symbol = UsedBlock::MIXED;
        }
        let again = row.used & 1 << within != 0;
        row.used |= 1 << within;
        self.symbols.set(planes, within, symbol.0);
        // Only a second use of an id can make all symbols of a mixed block equal.
        if again && !is_mixed(row, &self.symbols.all(*planes)) {
            row.symbol = symbol.0;
        }
    }

    /// Returns the id after the highest one that the session has used: 1 if the session has used
    /// none, 0 if there is no higher id. Ids of imported orders do not count.
    pub fn next(&self, session: SessionId) -> OrderId {
        let counted = |row: &UsedBlock| !OrderId(row.block << BLOCK_BITS).is_imported();
        let own = self.blocks.iter().filter(|block| block.row.session == session.0);
        let own = own.filter(|block| counted(&block.row));
        let highest = own.map(|Block { row, .. }| {
            (row.block << BLOCK_BITS) + u64::from(u64::BITS - 1 - row.used.leading_zeros())
        });
        OrderId(highest.max().unwrap_or(0).wrapping_add(1))
    }

    /// Returns the symbol of the order that the id was last given to; `None` if the id is free.
    #[inline]
    pub fn get(&self, session: SessionId, id: OrderId) -> Option<SymbolId> {
        let (number, within) = split(id);
        let &Block { row, planes } = &self.blocks[self.place(session.0, number)?];
        if row.used & 1 << within == 0 {
            return None;
        }
        let mixed = row.symbol == UsedBlock::MIXED;
        Some(SymbolId(if mixed { self.symbols.get(planes, within) } else { row.symbol }))
    }

    /// Returns all used ids as rows.
    pub fn rows(&self) -> UsedRows {
        let mut blocks: Vec<&Block> = self.blocks.iter().collect();
        blocks.sort_unstable_by_key(|block| (block.row.session, block.row.block));
        let mixed = blocks.iter().filter(|block| block.row.symbol == UsedBlock::MIXED);
        UsedRows {
            symbols: mixed.map(|block| self.symbols.all(block.planes)).collect(),
            blocks: blocks.iter().map(|block| block.row).collect(),
        }
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
            let mut planes = BlockPlanes::default();
            if row.symbol == UsedBlock::MIXED {
                let Some(own) = symbols.next() else { return wrong("its symbols are missing") };
                if !is_mixed(&row, own) {
                    return wrong("its symbols are not mixed, or a free id has one");
                }
                ids.symbols.set_all(&mut planes, own);
            }
            ids.places.insert((session, block), ids.blocks.len());
            ids.blocks.push(Block { row, planes });
        }
        match symbols.next() {
            Some(_) => Err(UsedRowsError { session: 0, block: 0, what: "symbols of no block" }),
            None => Ok(ids),
        }
    }

    #[inline]
    fn place(&self, session: u32, number: u64) -> Option<usize> {
        let recent = self.recent[session as usize % RECENT];
        match self.blocks.get(recent) {
            Some(Block { row, .. }) if (row.session, row.block) == (session, number) => {
                Some(recent)
            }
            _ => self.places.get(&(session, number)).copied(),
        }
    }

    #[inline(never)]
    fn add(&mut self, row: UsedBlock) -> usize {
        let place = self.blocks.len();
        self.blocks.push(Block { row, planes: BlockPlanes::default() });
        self.places.insert((row.session, row.block), place);
        place
    }
}

impl Default for UsedIds {
    fn default() -> Self {
        let (blocks, symbols) = (vec![], Planes::default());
        UsedIds { blocks, places: HashMap::new(), symbols, recent: [0; RECENT] }
    }
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
        self.blocks.len() == other.blocks.len() && self.rows() == other.rows()
    }
}

/// Returns the number of an id's block and the index within the block.
#[inline]
fn split(OrderId(id): OrderId) -> (u64, usize) {
    (id >> BLOCK_BITS, id as usize % BLOCK_IDS)
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
    fn blocks_that_are_mixed_for_a_while_take_no_more_room_each_time() {
        let mut ids = UsedIds::default();
        let mut insert = |id, symbol| {
            ids.insert(SessionId(1), OrderId(id), SymbolId(symbol));
            let mixed = ids.blocks[0].row.symbol == UsedBlock::MIXED;
            assert_eq!(UsedIds::from_rows(&ids.rows()).as_ref(), Ok(&ids));
            (mixed, ids.symbols.0.len() - 1)
        };
        assert_eq!(insert(1, 7), (false, 0));
        assert_eq!(insert(1, 8), (false, 1), "the only id of the block is of another symbol now");
        for _ in 0..3 {
            assert_eq!(insert(2, 7), (true, 1));
            assert_eq!(insert(2, 8), (false, 1));
        }
        assert_eq!(insert(3, 255), (true, 1));
        assert_eq!(insert(3, 256), (true, 2), "a symbol of two bytes");
        assert_eq!(insert(3, 1 << 24), (true, 3), "the third byte is zero");
        for _ in 0..3 {
            assert_eq!(insert(3, 8), (false, 3));
            assert_eq!(insert(3, u32::from(u16::MAX)), (true, 3));
        }
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
