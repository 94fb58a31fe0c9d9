//! Book of one symbol: two ladders, and the few facts about the symbol that the matching rules
//! need.

use super::ladder::{Ladder, LevelSlot, Levels};
use super::orders::{Bucket, NIL, Order, Orders, Slot};
use ringside_model::command::DefineSymbol;
use ringside_model::domain::{SymbolId, SymbolState};
use ringside_model::hash;
use ringside_model::reason::Reason;
use ringside_planted::{Bug, planted};

pub(super) struct Book {
    symbol: SymbolId,
    lot: u64,
    /// Lot while the symbol is open, not guarded, without special terms and owes nothing; otherwise
    /// 0, which closes the fast path.
    lot_to_enter: u64,
    state: SymbolState,
    /// True from the end of the trading day to the start of the next one.
    is_day_over: bool,
    /// True if the symbol has bands, a quote or a short sale setting, see [`super::market`].
    is_guarded: bool,
    /// Number of resting orders with special terms.
    special: u32,
    /// True if the symbol owes work, see [`super::work`].
    owes: bool,
    collar_bps: u32,
    reference: i64,
    /// Price of the last trade; 0 before the first trade.
    last: i64,
    /// Hash of symbol and definition.
    identity: u128,
    /// Index of the definition among those of the engine.
    definition: usize,
    /// Ladders of bids and offers, by [`side_index`].
    pub sides: [Ladder; 2],
}

/// Returns the index of a side in [`Book::sides`].
#[inline]
pub(super) fn side_index(buy: bool) -> usize {
    usize::from(!buy)
}

/// Returns the ladder key of a price, see [`super::ladder`]. Prefetching and the queries also pass
/// prices that no order can have, hence the wrapping negation.
#[inline]
pub(super) fn key_of(buy: bool, price: i64) -> i64 {
    if buy { price.wrapping_neg() } else { price }
}

/// Returns the hash of a symbol and its definition.
fn identity(symbol: SymbolId, definition: &DefineSymbol) -> u128 {
    let mut name = [0; 16];
    let text = definition.name.as_str().as_bytes();
    name[..text.len()].copy_from_slice(text);
    let [low, high] = [0, 8].map(|at| u64::from_le_bytes(name[at..at + 8].try_into().unwrap()));
    let tick = definition.tick.mantissa.rotate_left(32) ^ u64::from(definition.tick.scale);
    let (collar, reference) = (definition.collar_bps.into(), definition.reference.0 as u64);
    let symbol_word = u64::MAX - u64::from(symbol.0);
    let name_word = low ^ high.rotate_left(19);
    hash::of_fields([symbol_word, definition.lot.0, collar, reference, name_word, tick])
}

impl Book {
    /// Creates the book of a definition; `place` is its index among those of the engine.
    pub(crate) fn new(symbol: SymbolId, definition: &DefineSymbol, place: usize) -> Self {
        Book {
            symbol,
            lot: definition.lot.0,
            lot_to_enter: definition.lot.0,
            state: SymbolState::Open,
            is_day_over: false,
            is_guarded: false,
            special: 0,
            owes: false,
            collar_bps: definition.collar_bps,
            reference: definition.reference.0,
            last: 0,
            identity: identity(symbol, definition),
            definition: place,
            sides: [Ladder::new(), Ladder::new()],
        }
    }

    /// Takes over the present values of the definition; returns the change of the state hash.
    pub(crate) fn redefine(&mut self, definition: &DefineSymbol) -> u128 {
        let before = self.hash();
        self.lot = definition.lot.0;
        self.collar_bps = definition.collar_bps;
        self.reference = definition.reference.0;
        self.identity = identity(self.symbol, definition);
        self.choose_way();
        self.hash().wrapping_sub(before)
    }

    /// Returns the index of the definition among those of the engine.
    pub(crate) fn definition(&self) -> usize {
        self.definition
    }

    /// Returns the part of the state hash of an open book, without its orders.
    pub(crate) fn hash(&self) -> u128 {
        let low = self.identity as u64;
        let last = hash::of_order([[low, 0], [0, 0]], 0, [0, self.last as u64]);
        self.identity.wrapping_add(last)
    }

    pub(crate) fn symbol(&self) -> SymbolId {
        self.symbol
    }

    /// Returns the lot: quantities are multiples of it.
    pub(crate) fn lot(&self) -> u64 {
        self.lot
    }

    /// Returns the session state.
    #[inline]
    pub(crate) fn state(&self) -> SymbolState {
        self.state
    }

    /// Sets the session state; returns the change of the state hash.
    pub(crate) fn set_state(&mut self, state: SymbolState) -> u128 {
        let before = self.hash_of_state();
        self.state = state;
        self.choose_way();
        self.hash_of_state().wrapping_sub(before)
    }

    /// Returns true while the symbol trades continuously: it is open, and the day is on.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.state == SymbolState::Open && !self.is_day_over
    }

    /// Returns true from the end of the trading day to the start of the next one.
    pub(crate) fn is_day_over(&self) -> bool {
        self.is_day_over
    }

    /// Sets if the trading day is over; returns the change of the state hash.
    pub(crate) fn set_day_over(&mut self, is_day_over: bool) -> u128 {
        let before = self.hash_of_state();
        self.is_day_over = is_day_over;
        self.choose_way();
        self.hash_of_state().wrapping_sub(before)
    }

    /// Returns the part of the state hash of session state and day.
    fn hash_of_state(&self) -> u128 {
        let of = |what, value| hash::of_fields([what, self.symbol.0.into(), value, 0, 0, u64::MAX]);
        let of_state = match self.state {
            SymbolState::Open => 0,
            state => of(4, state as u64),
        };
        of_state.wrapping_add(if self.is_day_over { of(9, 0) } else { 0 })
    }

    /// Returns true if bands, a quote or the short sale price test may apply.
    #[inline]
    pub(crate) fn is_guarded(&self) -> bool {
        self.is_guarded
    }

    /// Sets the result of [`Book::is_guarded`].
    pub(crate) fn set_guarded(&mut self, is_guarded: bool) {
        self.is_guarded = is_guarded;
        self.choose_way();
    }

    /// Returns true if some orders of the symbol have special terms; an incoming order then takes
    /// the slow path.
    #[inline]
    pub(crate) fn has_terms(&self) -> bool {
        self.special > 0
    }

    /// Counts an order with special terms that rests from now on.
    pub(crate) fn add_special(&mut self) {
        self.special += 1;
        self.choose_way();
    }

    /// Counts an order with special terms that rests no more.
    pub(crate) fn take_special(&mut self) {
        self.special -= 1;
        self.choose_way();
    }

    /// Returns true if the symbol owes work of an earlier command.
    #[inline]
    pub(crate) fn owes(&self) -> bool {
        self.owes
    }

    /// Sets the result of [`Book::owes`].
    pub(crate) fn set_owes(&mut self, owes: bool) {
        self.owes = owes;
        self.choose_way();
    }

    fn choose_way(&mut self) {
        let is_open = self.is_open() || planted(Bug::ShortWayLeftOpen);
        let is_plain = is_open && !self.is_guarded && !self.has_terms() && !self.owes;
        self.lot_to_enter = if is_plain { self.lot } else { 0 };
    }

    /// Returns the last price or, before the first trade, the prior close; 0 without either.
    pub(crate) fn reference(&self) -> i64 {
        if self.last != 0 { self.last } else { self.reference }
    }

    /// Returns the prior close; 0 for none.
    pub(crate) fn prior_close(&self) -> i64 {
        self.reference
    }

    /// Returns the price of the last trade; 0 before the first trade.
    pub(crate) fn last(&self) -> i64 {
        self.last
    }

    /// Stores the price of a trade; returns the change of the state hash.
    #[inline(always)]
    pub(crate) fn set_last(&mut self, price: i64) -> u128 {
        if price == self.last {
            return 0;
        }
        let before = self.hash();
        self.last = price;
        self.hash().wrapping_sub(before)
    }

    /// Returns the worst price at which a market order may trade.
    pub(crate) fn collar(&self, buy: bool) -> i64 {
        let reference = self.reference();
        let open_end = if buy { i64::MAX } else { 1 };
        if reference == 0 || self.collar_bps == 0 {
            return open_end;
        }
        let delta = i128::from(reference) * i128::from(self.collar_bps) / 10_000;
        let bound = if buy { i128::from(reference) + delta } else { i128::from(reference) - delta };
        bound.clamp(1, i128::from(i64::MAX)) as i64
    }

    /// Returns true if the fast path is open and an order can have this quantity. No quantity is a
    /// multiple of 0 lots.
    #[inline(always)]
    pub(crate) fn is_plain(&self, quantity: u64) -> bool {
        quantity != 0 && (self.lot_to_enter == 1 || quantity.is_multiple_of(self.lot_to_enter))
    }

    /// Checks that an order of this symbol can have this quantity.
    #[inline(always)]
    pub(crate) fn check_quantity(&self, quantity: u64) -> Result<(), Reason> {
        if quantity == 0 {
            Err(Reason::InvalidQuantity)
        } else if self.lot != 1 && !quantity.is_multiple_of(self.lot) {
            Err(Reason::OffLot)
        } else {
            Ok(())
        }
    }

    /// Returns true if an order of this side and key would trade at once, by price alone.
    #[inline(always)]
    pub(crate) fn crosses(&self, buy: bool, key: i64) -> bool {
        let other = &self.sides[side_index(!buy)];
        other.best_key() <= key.wrapping_neg() && other.best() != NIL
    }

    /// Puts an order at the end of its price level.
    #[inline(always)]
    pub(crate) fn rest(
        &mut self,
        order: Order,
        key: i64,
        bucket: Bucket,
        orders: &mut Orders,
        levels: &mut Levels,
    ) {
        link(&mut self.sides, order, key, bucket, orders, levels);
    }
}

/// Puts an order at the end of the level of `key` on its side, and into the index.
#[inline(always)]
pub(super) fn link(
    sides: &mut [Ladder; 2],
    order: Order,
    key: i64,
    bucket: Bucket,
    orders: &mut Orders,
    levels: &mut Levels,
) {
    let side = &mut sides[side_index(order.attributes.is_buy())];
    let slot_of_level = side.find_or_insert(key, levels);
    let level = levels.get_mut(slot_of_level);
    let tail = level.tail;
    let open = order.open;
    let order = Order { level: slot_of_level, prev: tail, next: NIL, ..order };
    let slot = orders.insert(order, bucket);
    orders.get_mut(tail).next = slot;
    level.append(slot, open);
    orders.record(slot);
}

/// Removes an order from its level, the level's total and the index; `bucket` is the bucket of its
/// id. Returns the level if the level is now empty and has to leave its ladder.
#[inline(always)]
pub(super) fn unlink(
    slot: Slot,
    bucket: Bucket,
    orders: &mut Orders,
    levels: &mut Levels,
) -> Option<LevelSlot> {
    let Order { prev, next, level: slot_of_level, open, .. } = *orders.get(slot);
    orders.get_mut(prev).next = next;
    orders.get_mut(next).prev = prev;
    orders.remove(slot, bucket);
    let level = levels.get_mut(slot_of_level);
    level.take_out(prev, next, open);
    let is_empty = level.count == 0;
    orders.record_end(slot);
    is_empty.then_some(slot_of_level)
}
