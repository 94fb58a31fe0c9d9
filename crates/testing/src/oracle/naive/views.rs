//! Questions to the naive venue.

use super::{Naive, Order};
use ringside_engine::{LevelView, OrderView};
use ringside_model::command::Command;
use ringside_model::domain::{OrderId, Price, SessionId, SymbolId};
use std::cmp::Reverse;

impl Naive {
    /// Returns one side of one book in priority order, without the orders that wait beside the
    /// book.
    pub(super) fn side(&self, symbol: SymbolId, buy: bool) -> Vec<Order> {
        let is_there = |o: &&Order| o.symbol == symbol && o.side.is_buy() == buy && !o.is_hidden();
        let mut side: Vec<Order> = self.orders.iter().filter(is_there).copied().collect();
        if buy {
            side.sort_by_key(|order| (Reverse(order.price), order.time()));
        } else {
            side.sort_by_key(|order| (order.price, order.time()));
        }
        side
    }

    pub(super) fn find(&self, session: SessionId, id: OrderId) -> Option<Order> {
        self.orders.iter().find(|order| order.session == session && order.id == id).copied()
    }

    /// Returns the live order that a command names, of its session and its symbol.
    pub(super) fn find_named(&self, command: &Command, id: OrderId) -> Option<Order> {
        self.find(command.session, id).filter(|order| order.symbol == command.symbol)
    }

    /// Returns the levels of one side, best first.
    pub fn levels(&self, symbol: SymbolId, buy: bool) -> Vec<LevelView> {
        self.side(symbol, buy)
            .chunk_by(|a, b| a.price == b.price)
            .map(|level| LevelView {
                price: level[0].price,
                quantity: level.iter().map(|order| u128::from(order.shown())).sum(),
                orders: level.len() as u32,
            })
            .collect()
    }

    /// Returns the orders of one level in priority order.
    pub fn level(&self, symbol: SymbolId, buy: bool, price: Price) -> Vec<OrderView> {
        let side = self.side(symbol, buy);
        side.iter().filter(|order| order.price == price).map(Order::view).collect()
    }

    /// Returns a live order.
    pub fn live(&self, session: SessionId, id: OrderId) -> Option<OrderView> {
        self.find(session, id).as_ref().map(Order::view)
    }
}
