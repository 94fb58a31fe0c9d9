//! Symbols that move between partitions, in the naive venue.

use super::{Naive, Order};
use ringside_model::command::{Command, Enter, ImportOrder, MoveSymbol};
use ringside_model::domain::{
    MoveStep, OrderId, OrderNumber, OrderType, Quantity, SessionId, Side, SymbolId, SymbolState,
    TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{
    Canceled, Exported, ExportedTerms, Held, Imported, Moved, SymbolMoved,
};

/// A symbol that is not traded here.
#[derive(Clone, Debug)]
pub struct Away {
    /// Last halt, import or release.
    pub asked: MoveSymbol,
    /// Orders of the symbol, in no meaningful order; imported orders with their id in the other
    /// partition.
    pub orders: Vec<(Order, OrderId)>,
}

impl Naive {
    /// Returns the reason to reject a command about a symbol that cannot be traded here.
    pub(super) fn absence(&self, symbol: SymbolId) -> (Reason, Option<Moved>) {
        match self.away.get(&symbol) {
            None => (Reason::UnknownSymbol, None),
            Some(away) => {
                let is_elsewhere = away.asked.step == MoveStep::Release;
                let reason = if is_elsewhere { Reason::WrongPartition } else { Reason::Moving };
                (reason, Some(moved(&away.asked)))
            }
        }
    }

    pub(super) fn is_traded(&self, symbol: SymbolId) -> bool {
        self.symbols.contains_key(&symbol) && !self.away.contains_key(&symbol)
    }

    pub(super) fn waits(&self, session: SessionId, id: OrderId) -> bool {
        let mut waiting = self.away.values().flat_map(|away| &away.orders);
        waiting.any(|(order, _)| order.session == session && order.id == id)
    }

    /// Returns true if a request names an order that waits, and its symbol is not traded here.
    pub(super) fn names_waiting(&self, command: &Command, id: OrderId) -> bool {
        self.away.contains_key(&command.symbol) && self.waits(command.session, id)
    }

    pub(super) fn move_symbol(&mut self, command: &Command, asked: &MoveSymbol) {
        let reason = match command.verdict {
            Reason::None => self.step(command.symbol, asked).err(),
            verdict => Some(verdict),
        };
        if let Some(reason) = reason {
            let place = self.away.get(&command.symbol).map(|away| moved(&away.asked));
            self.reject_with(command, (OrderId(0), Side::Buy), reason, place);
        }
    }

    fn step(&mut self, symbol: SymbolId, asked: &MoveSymbol) -> Result<(), Reason> {
        use MoveStep::{Export, Halt, Import, Release, Resume};
        self.check_move(symbol)?;
        let kept = MoveSymbol { orders: 0, quantity: Quantity(0), ..*asked };
        let is_empty = !self.orders.iter().any(|order| order.symbol == symbol);
        let was = self.away.get(&symbol).cloned();
        let before = was.as_ref().map(|away| away.asked);
        let step = before.map(|asked| asked.step);
        let orders = was.map_or(vec![], |away| away.orders);
        match (asked.step, step) {
            (Halt, None) => {
                let (go, stay) = self.orders.iter().partition(|order| order.symbol == symbol);
                self.orders = stay;
                let go: Vec<Order> = go;
                let orders: Vec<_> = go.into_iter().map(|order| (order, OrderId(0))).collect();
                self.say_move(symbol, asked, orders.len());
                self.away.insert(symbol, Away { asked: kept, orders });
            }
            (Halt, Some(Halt)) => {
                self.say_move(symbol, asked, orders.len());
                self.away.insert(symbol, Away { asked: kept, orders });
            }
            (Export, Some(Halt))
                if before.is_some_and(|before| before.version == asked.version) =>
            {
                self.say_move(symbol, asked, orders.len());
                self.export(orders);
            }
            (Release, Some(Halt)) => {
                self.say_move(symbol, asked, orders.len());
                self.end_moved(orders);
                self.away.insert(symbol, Away { asked: kept, orders: vec![] });
            }
            (Release, None) if !is_empty => return Err(Reason::InvalidMove),
            (Release, _) | (Import, Some(Release | Import)) => {
                self.say_move(symbol, asked, 0);
                self.away.insert(symbol, Away { asked: kept, orders: vec![] });
            }
            (Resume, None) => self.say_move(symbol, asked, 0),
            (Resume, Some(Halt)) => {
                self.say_move(symbol, asked, 0);
                self.orders.extend(orders.into_iter().map(|(order, _)| order));
                self.away.remove(&symbol);
            }
            (Resume, Some(Import | Release)) => return self.arrive(symbol, asked, orders),
            _ => return Err(Reason::InvalidMove),
        }
        Ok(())
    }

    /// Returns an error if the symbol cannot take any step of a move.
    fn check_move(&self, symbol: SymbolId) -> Result<(), Reason> {
        if !self.symbols.contains_key(&symbol) {
            return Err(Reason::UnknownSymbol);
        }
        if self.work.is_busy {
            return Err(Reason::Busy);
        }
        let is_plain = self.state(symbol) == SymbolState::Open
            && !self.plans.contains_key(&symbol)
            && self.beside(symbol).is_empty()
            && self.stops(symbol).is_empty()
            && !self.is_guarded(symbol)
            && !self.orders.iter().any(|order| {
                order.symbol == symbol && (order.iceberg.is_some() || order.special.is_some())
            });
        if self.is_traded(symbol) && !is_plain {
            return Err(Reason::CannotMove);
        }
        Ok(())
    }

    /// Reports the orders of a symbol to the other partition.
    fn export(&mut self, orders: Vec<(Order, OrderId)>) {
        for (order, _) in in_priority(orders) {
            let terms = ExportedTerms {
                firm: order.firm,
                group: order.group,
                tif: order.tif,
                post_only: order.post_only,
                self_trade: order.self_trade,
            };
            let (attributed, capacity) = (order.attributed, order.capacity);
            self.say(Exported { terms, attributed, capacity }, &order, order.open);
        }
    }

    /// Ends orders that another partition has now.
    fn end_moved(&mut self, orders: Vec<(Order, OrderId)>) {
        for (order, _) in in_priority(orders) {
            let told = Order { open: 0, ..order };
            self.say(Canceled::PLAIN, &told, order.open);
            self.reports.last_mut().unwrap().reason = Reason::Moved;
        }
    }

    /// Resumes a symbol with the orders that have come, if these are all.
    fn arrive(
        &mut self,
        symbol: SymbolId,
        asked: &MoveSymbol,
        orders: Vec<(Order, OrderId)>,
    ) -> Result<(), Reason> {
        let open: u128 = orders.iter().map(|(order, _)| u128::from(order.open)).sum();
        let (bids, offers): (Vec<_>, Vec<_>) =
            orders.iter().partition(|(order, _)| order.side.is_buy());
        let bid = bids.iter().map(|(order, _)| order.price).max();
        let offer = offers.iter().map(|(order, _)| order.price).min();
        let crosses = bid.zip(offer).is_some_and(|(bid, offer)| bid >= offer);
        let count = orders.len() as u64;
        if crosses || (count, open) != (asked.orders, u128::from(asked.quantity.0)) {
            return Err(Reason::InvalidMove);
        }
        let partition = self.away.remove(&symbol).unwrap().asked.partition;
        self.say_move(symbol, asked, orders.len());
        for (order, there) in in_priority(orders) {
            let imported = Imported {
                id_there: there,
                partition,
                attributed: order.attributed,
                capacity: order.capacity,
            };
            self.say(imported, &order, order.open);
            self.orders.push(order);
        }
        Ok(())
    }

    pub(super) fn import_order(
        &mut self,
        number: OrderNumber,
        command: &Command,
        import: &ImportOrder,
    ) {
        let ImportOrder { order: enter, id_there } = import;
        if let Err(reason) = self.check_import(command, enter, *id_there) {
            return self.reject(command, enter.id, enter.side, reason);
        }
        let order = Order::new(number, command, enter, enter.price);
        let away = self.away.get_mut(&command.symbol).unwrap();
        away.orders.push((order, *id_there));
        let held = Held {
            id_there: *id_there,
            partition: away.asked.partition,
            attributed: order.attributed,
            capacity: order.capacity,
        };
        self.say(held, &order, order.open);
    }

    fn check_import(
        &self,
        command: &Command,
        enter: &Enter,
        id_there: OrderId,
    ) -> Result<(), Reason> {
        if command.verdict != Reason::None {
            return Err(command.verdict);
        }
        let away = self.away.get(&command.symbol);
        let takes_orders = away.is_some_and(|away| away.asked.step == MoveStep::Import);
        if !takes_orders || id_there.0 == 0 {
            return Err(Reason::InvalidMove);
        }
        let rests = matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc);
        if enter.order_type != OrderType::Limit || !rests {
            return Err(Reason::Unsupported);
        }
        if enter.price.0 < 1 {
            return Err(Reason::InvalidPrice);
        }
        if enter.quantity.0 == 0 {
            return Err(Reason::InvalidQuantity);
        }
        if !enter.quantity.0.is_multiple_of(self.symbols[&command.symbol].0.lot.0) {
            return Err(Reason::OffLot);
        }
        let (session, id) = (command.session, enter.id);
        if self.find(session, id).is_some() || self.waits(session, id) {
            return Err(Reason::DuplicateId);
        }
        Ok(())
    }

    fn say_move(&mut self, symbol: SymbolId, asked: &MoveSymbol, orders: usize) {
        let told = SymbolMoved { moved: moved(asked), count: orders as u64 };
        self.reports.push(told.about(symbol));
    }
}

/// Sorts bids before offers, best price first, oldest first.
fn in_priority(mut orders: Vec<(Order, OrderId)>) -> Vec<(Order, OrderId)> {
    orders.sort_by_key(|(order, _)| {
        let buy = order.side.is_buy();
        (!buy, if buy { -order.price.0 } else { order.price.0 }, order.time())
    });
    orders
}

fn moved(asked: &MoveSymbol) -> Moved {
    let MoveSymbol { step, partition, version, .. } = *asked;
    Moved { step, partition, version }
}
