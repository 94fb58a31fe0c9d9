//! Common interface of the naive venue and the engine, and the comparison of two venues.

use super::naive::Naive;
use ringside_engine::{Engine, LevelView, OrderView};
use ringside_model::command::Sequenced;
use ringside_model::domain::{OrderId, Price, SessionId, SymbolId};
use ringside_model::report::Report;

/// A venue under test.
pub trait TestedVenue {
    /// Sets the largest number of trades, and of places, of a command.
    fn set_work_max(&mut self, max: u32);
    /// Applies commands in order; the last report of each command is marked.
    fn apply(&mut self, commands: &[Sequenced]) -> Vec<Report>;
    /// Returns the number of live orders.
    fn live_orders(&self) -> usize;
    /// Returns the best level of both sides.
    fn top_of_book(&self, symbol: SymbolId) -> (Option<LevelView>, Option<LevelView>);
    /// Returns the levels of one side, best first.
    fn depth(&self, symbol: SymbolId, buy: bool) -> Vec<LevelView>;
    /// Returns the orders of one level in priority order.
    fn orders_at(&self, symbol: SymbolId, buy: bool, price: Price) -> Vec<OrderView>;
    /// Returns a live order.
    fn order(&self, session: SessionId, id: OrderId) -> Option<OrderView>;
}

/// Returns an engine that owns every symbol. It starts small, so that it has to grow.
pub fn whole_engine() -> Engine {
    Engine::new(4)
}

/// Returns the first difference of two venues in their books or in the orders of these ids. The
/// levels of the first venue are compared.
pub fn difference(
    first: &dyn TestedVenue,
    second: &dyn TestedVenue,
    symbols: &[SymbolId],
    ids: &[(SessionId, OrderId)],
) -> Option<String> {
    fn unequal<T: PartialEq + std::fmt::Debug>(
        what: String,
        first: T,
        second: T,
    ) -> Option<String> {
        (first != second).then(|| format!("{what}:\n  first  {first:?}\n  second {second:?}"))
    }
    let count = unequal("live orders".into(), first.live_orders(), second.live_orders());
    if count.is_some() {
        return count;
    }
    for &symbol in symbols {
        let tops = (first.top_of_book(symbol), second.top_of_book(symbol));
        let mut found = unequal(format!("top of {symbol}"), tops.0, tops.1);
        for buy in [true, false] {
            let levels = first.depth(symbol, buy);
            let what = format!("depth of {symbol}, buy {buy}");
            found = found.or_else(|| unequal(what, levels.clone(), second.depth(symbol, buy)));
            let empty = [i64::MIN, -1, 0, 1, i64::MAX].map(Price);
            for price in levels.iter().map(|level| level.price).chain(empty) {
                found = found.or_else(|| {
                    let first = first.orders_at(symbol, buy, price);
                    let what = format!("orders of {symbol} at {price}, buy {buy}");
                    unequal(what, first, second.orders_at(symbol, buy, price))
                });
            }
        }
        if found.is_some() {
            return found;
        }
    }
    ids.iter().find_map(|&(session, id)| {
        let what = format!("order {id} of session {session}");
        unequal(what, first.order(session, id), second.order(session, id))
    })
}

impl TestedVenue for Naive {
    fn set_work_max(&mut self, max: u32) {
        Naive::set_work_max(self, max);
    }

    fn apply(&mut self, commands: &[Sequenced]) -> Vec<Report> {
        commands.iter().flat_map(|command| self.apply_one(command)).collect()
    }

    fn live_orders(&self) -> usize {
        self.orders.len()
    }

    fn top_of_book(&self, symbol: SymbolId) -> (Option<LevelView>, Option<LevelView>) {
        let best = |buy| self.levels(symbol, buy).first().copied();
        (best(true), best(false))
    }

    fn depth(&self, symbol: SymbolId, buy: bool) -> Vec<LevelView> {
        self.levels(symbol, buy)
    }

    fn orders_at(&self, symbol: SymbolId, buy: bool, price: Price) -> Vec<OrderView> {
        self.level(symbol, buy, price)
    }

    fn order(&self, session: SessionId, id: OrderId) -> Option<OrderView> {
        self.live(session, id)
    }
}

impl TestedVenue for Engine {
    fn set_work_max(&mut self, max: u32) {
        Engine::set_work_max(self, max);
    }

    fn apply(&mut self, commands: &[Sequenced]) -> Vec<Report> {
        let mut reports = Vec::new();
        self.apply_batch(commands, &mut reports);
        reports
    }

    fn live_orders(&self) -> usize {
        Engine::live_orders(self)
    }

    fn top_of_book(&self, symbol: SymbolId) -> (Option<LevelView>, Option<LevelView>) {
        Engine::top_of_book(self, symbol)
    }

    fn depth(&self, symbol: SymbolId, buy: bool) -> Vec<LevelView> {
        Engine::depth(self, symbol, buy)
    }

    fn orders_at(&self, symbol: SymbolId, buy: bool, price: Price) -> Vec<OrderView> {
        Engine::orders_at(self, symbol, buy, price)
    }

    fn order(&self, session: SessionId, id: OrderId) -> Option<OrderView> {
        Engine::order(self, session, id)
    }
}
