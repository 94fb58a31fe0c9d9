//! The matching engine: `(state, command) → (state, reports)`.
//!
//! A plain library: no thread, file, socket, clock or randomness. Live, replay, standby and simulator
//! call the same [`Engine::apply_batch`], and a program that only wants an order book can, too.

use crate::command::Sequenced;
use crate::domain::{OrderId, OrderNumber, Price, Quantity, SessionId, Side, SymbolId};
use crate::report::ReportSink;

/// The books of one shard.
pub struct Engine {}

/// Which part of the venue an engine owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// This one, from 0.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

/// One price of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelView {
    /// The price.
    pub price: Price,
    /// The open quantity of its orders.
    pub quantity: u128,
    /// How many orders rest there.
    pub orders: u32,
}

/// A live order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// The venue's number of it.
    pub number: OrderNumber,
    /// The session that owns it.
    pub session: SessionId,
    /// The session's id of it.
    pub id: OrderId,
    /// Its instrument.
    pub symbol: SymbolId,
    /// Its side.
    pub side: Side,
    /// Its limit.
    pub price: Price,
    /// What is left to trade.
    pub open: Quantity,
    /// What has traded, over all its replacements.
    pub executed: Quantity,
}

impl Engine {
    /// An engine without instruments, with room for `orders` live orders before it has to grow.
    pub fn new(_shard: Shard, _orders: usize) -> Self {
        todo!()
    }

    /// Applies commands in order. Each must belong to this shard or concern the whole venue; each
    /// yields at least one report.
    pub fn apply_batch(&mut self, _commands: &[Sequenced], _sink: &mut impl ReportSink) {
        todo!()
    }

    /// The hash of the state: the sum over all shards is the hash of the venue.
    pub fn state_hash(&self) -> u128 {
        todo!()
    }

    /// How many orders are live.
    pub fn live_orders(&self) -> usize {
        todo!()
    }

    /// The best bid and the best offer.
    pub fn top_of_book(&self, _symbol: SymbolId) -> (Option<LevelView>, Option<LevelView>) {
        todo!()
    }

    /// The levels of one side, best first.
    pub fn depth(&self, _symbol: SymbolId, _buy: bool) -> Vec<LevelView> {
        todo!()
    }

    /// The orders of one level in priority order.
    pub fn orders_at(&self, _symbol: SymbolId, _buy: bool, _price: Price) -> Vec<OrderView> {
        todo!()
    }

    /// A live order by the id that its session gave it.
    pub fn order(&self, _session: SessionId, _id: OrderId) -> Option<OrderView> {
        todo!()
    }
}
