//! Counts of features that meet, from commands and reports alone.

use super::features::{Feature, Set, of_order, of_state};
use ringside_model::command::{Action, OperatorCommand, Sequenced};
use ringside_model::domain::{DayEvent, OrderId, Price, SessionId, SymbolId, SymbolState};
use ringside_model::reason::Reason;
use ringside_model::report::{Body, Replaced, Report, ReportKind};
use std::collections::HashMap;

const FEATURES: usize = Feature::ALL.len();

/// Events that an order has lived through, in the table of triples.
pub const LIVED: [&str; 3] = ["auction", "halt", "end of day"];
/// Kinds of orders in the table of triples.
pub const KINDS: [Feature; 4] =
    [Feature::Iceberg, Feature::Minimum, Feature::Stop, Feature::Primary];
/// Event that such an order meets afterwards, in the table of triples.
pub const MEETS: [&str; 2] = ["self-trade prevention", "fill-or-kill"];

/// Number of times that features met, over many streams.
pub struct Counts {
    /// Pairs of features of one order, of an order and its surroundings, and of two orders that
    /// trade.
    pub pairs: [[u64; FEATURES]; FEATURES],
    /// Orders of a kind that have lived through an event and meet something afterwards.
    pub triples: [[[u64; MEETS.len()]; KINDS.len()]; LIVED.len()],
}

impl Counts {
    pub fn new() -> Counts {
        let pairs = [[0; FEATURES]; FEATURES];
        Counts { pairs, triples: Default::default() }
    }

    /// Returns the cells of the table of triples with their names.
    pub fn triples(&self) -> impl Iterator<Item = (String, u64)> {
        let cells = (0..LIVED.len()).flat_map(|lived| {
            (0..KINDS.len()).flat_map(move |kind| (0..MEETS.len()).map(move |m| (lived, kind, m)))
        });
        cells.map(|(lived, kind, meets)| {
            let name = format!("{}, {}, {}", LIVED[lived], KINDS[kind].name(), MEETS[meets]);
            (name, self.triples[lived][kind][meets])
        })
    }

    /// Counts each feature of one set with each of another one.
    fn meet(&mut self, one: Set, other: Set) {
        for a in one.iter() {
            for b in other.iter() {
                self.pairs[a as usize][b as usize] += 1;
                if a != b {
                    self.pairs[b as usize][a as usize] += 1;
                }
            }
        }
    }

    /// Counts each pair of different features of a set.
    fn within(&mut self, set: Set) {
        for a in set.iter() {
            for b in set.iter().filter(|&b| b != a) {
                self.pairs[a as usize][b as usize] += 1;
            }
        }
    }

    /// Counts what an order meets after the events of its life.
    fn after(&mut self, order: &Order, meets: usize) {
        for (event, _) in LIVED.iter().enumerate().filter(|(event, _)| order.lived[*event]) {
            for (kind, &feature) in KINDS.iter().enumerate() {
                self.triples[event][kind][meets] += u64::from(order.features.has(feature));
            }
        }
    }
}

/// Live order with its features, and the events that it has lived through.
#[derive(Clone, Copy)]
struct Order {
    features: Set,
    symbol: SymbolId,
    buy: bool,
    /// Limit in the book; `None` for an order that waits beside the book.
    limit: Option<Price>,
    lived: [bool; LIVED.len()],
}

/// Follows the orders and the surroundings of one stream.
#[derive(Default)]
pub struct Watch {
    orders: HashMap<(SessionId, OrderId), Order>,
    states: HashMap<SymbolId, SymbolState>,
    protections: HashMap<SymbolId, Vec<Feature>>,
    day_over: bool,
}

impl Watch {
    pub fn state(&self, symbol: SymbolId) -> SymbolState {
        self.states.get(&symbol).copied().unwrap_or(SymbolState::Open)
    }

    pub fn command(&mut self, command: &Sequenced, reports: &[Report], counts: &mut Counts) {
        let mut incoming = None;
        let mut trades = reports.iter();
        while let Some(r) = trades.next() {
            let key = (r.session, r.id);
            match r.body() {
                Body::Accepted(_) | Body::Imported(_) => {
                    let features = of_order(&command.command.action).unwrap_or_default();
                    counts.within(features.and(self.surroundings(r.symbol)));
                    let (symbol, buy, lived) = (r.symbol, r.side.is_buy(), Default::default());
                    let order = Order { features, symbol, buy, limit: limit_of(r), lived };
                    self.orders.insert(key, order);
                    incoming = Some(key);
                }
                Body::Replaced(Replaced { old_id, .. }) => {
                    if let Some(order) = self.orders.remove(&(r.session, old_id)) {
                        self.orders.insert(key, Order { limit: limit_of(r), ..order });
                    }
                    incoming = Some(key);
                }
                Body::Triggered(_) | Body::Entered(_) | Body::Repriced(_) => {
                    self.elected_by(command, key, counts);
                    self.move_to(key, limit_of(r));
                    incoming = Some(key);
                }
                Body::Restated(_) | Body::Parked(_) => self.move_to(key, limit_of(r)),
                Body::Executed(executed) => {
                    let Some(removing) = trades.next() else { return };
                    let mark = Set::from_iter(executed.auction.map(|_| Feature::Uncross));
                    self.trade([key, (removing.session, removing.id)], mark, counts);
                    self.forget(r);
                    self.forget(removing);
                }
                Body::Canceled(_) => {
                    if r.reason == Reason::SelfTrade {
                        self.prevent(key, incoming, counts);
                    }
                    if r.reason == Reason::FokNotFillable {
                        self.try_out(key, counts);
                    }
                    if r.reason == Reason::Collar {
                        self.touch(key, Feature::Collar, counts);
                    }
                    self.forget(r);
                }
                _ => self.surround(command, r, counts),
            }
        }
    }

    /// Counts a stop that a fill-or-kill order elects.
    fn elected_by(&mut self, command: &Sequenced, key: (SessionId, OrderId), counts: &mut Counts) {
        let own = of_order(&command.command.action).filter(|own| own.has(Feature::Fok));
        if let (Some(own), Some(&order)) = (own, self.orders.get(&key)) {
            counts.meet(own, order.features);
            counts.after(&order, 1);
        }
    }

    fn move_to(&mut self, key: (SessionId, OrderId), limit: Option<Price>) {
        if let Some(order) = self.orders.get_mut(&key) {
            order.limit = limit;
        }
    }

    /// Counts the orders that a fill-or-kill order meets on its trial.
    fn try_out(&self, key: (SessionId, OrderId), counts: &mut Counts) {
        let Some(own) = self.orders.get(&key) else { return };
        let meets = |limit: Price| {
            let limits = (own.limit.unwrap_or_default(), limit);
            limits.0.0 == 0 || if own.buy { limits.0 >= limits.1 } else { limits.0 <= limits.1 }
        };
        let others = self.orders.values().filter(|o| o.symbol == own.symbol && o.buy != own.buy);
        for order in others.filter(|o| o.limit.is_some_and(meets)) {
            counts.meet(own.features, order.features);
            counts.after(order, 1);
        }
    }

    fn trade(&mut self, keys: [(SessionId, OrderId); 2], mark: Set, counts: &mut Counts) {
        let [Some(&resting), Some(&removing)] = keys.map(|key| self.orders.get(&key)) else {
            return;
        };
        counts.meet(resting.features, removing.features);
        for order in [&resting, &removing] {
            counts.meet(order.features, mark);
            counts.meet(order.features, self.surroundings(order.symbol));
        }
        counts.meet(mark, self.surroundings(resting.symbol));
        if removing.features.has(Feature::Fok) {
            counts.after(&resting, 1);
        }
    }

    /// Counts an order that self-trade prevention cuts, and the order that was on its way.
    fn prevent(
        &mut self,
        key: (SessionId, OrderId),
        incoming: Option<(SessionId, OrderId)>,
        counts: &mut Counts,
    ) {
        self.touch(key, Feature::Prevented, counts);
        let Some(&order) = self.orders.get(&key) else { return };
        counts.after(&order, 0);
        let other = incoming.filter(|other| *other != key);
        if let Some(&other) = other.and_then(|other| self.orders.get(&other)) {
            counts.meet(order.features, other.features);
            counts.meet(other.features, Set::from_iter([Feature::Prevented]));
            counts.after(&other, 0);
        }
    }

    fn touch(&self, key: (SessionId, OrderId), feature: Feature, counts: &mut Counts) {
        if let Some(order) = self.orders.get(&key) {
            let here = Set::from_iter([feature]);
            counts.meet(order.features, here);
            counts.meet(self.surroundings(order.symbol), here);
        }
    }

    fn forget(&mut self, r: &Report) {
        if r.open.0 == 0 {
            self.orders.remove(&(r.session, r.id));
        }
    }

    /// Follows states and protections; each new one meets the live orders of its symbol.
    fn surround(&mut self, command: &Sequenced, r: &Report, counts: &mut Counts) {
        match r.body() {
            Body::StateChanged(changed) => {
                self.states.insert(r.symbol, changed.state);
                self.met_by_orders(r.symbol, of_state(changed.state), counts);
                let is_call = changed.state.auction().is_some();
                let is_halt = changed.state == SymbolState::Halted;
                for order in self.orders.values_mut().filter(|order| order.symbol == r.symbol) {
                    order.lived[0] |= is_call;
                    order.lived[1] |= is_halt;
                }
            }
            Body::TradingDay(day) => {
                self.day_over = day.event == DayEvent::End;
                let symbols: Vec<SymbolId> = self.orders.values().map(|o| o.symbol).collect();
                if self.day_over {
                    symbols.iter().for_each(|&s| self.met_by_orders(s, Feature::DayOver, counts));
                    self.orders.values_mut().for_each(|order| order.lived[2] = true);
                }
            }
            Body::BandsSet(_) => {
                let Action::Operator(OperatorCommand::SetBands(asked)) = command.command.action
                else {
                    return;
                };
                let is_static = asked.low.0 > 0 || asked.high.0 > 0;
                self.protect(r.symbol, Feature::StaticBands, is_static, counts);
                self.protect(r.symbol, Feature::DynamicBands, asked.bps > 0, counts);
            }
            Body::LimitState(state) => {
                self.protect(r.symbol, Feature::LimitState, state.stands, counts);
            }
            Body::ShortSaleSet(set) => {
                self.protect(r.symbol, Feature::Restriction, set.restricted, counts);
            }
            Body::Quoted(quoted) => {
                let is_there = quoted.bid.0 > 0 || quoted.offer.0 > 0;
                self.protect(r.symbol, Feature::Quote, is_there, counts);
            }
            _ => {}
        }
    }

    fn protect(&mut self, symbol: SymbolId, feature: Feature, is_on: bool, counts: &mut Counts) {
        let protections = self.protections.entry(symbol).or_default();
        protections.retain(|&known| known != feature);
        if is_on {
            protections.push(feature);
            self.met_by_orders(symbol, feature, counts);
        }
    }

    fn met_by_orders(&self, symbol: SymbolId, feature: Feature, counts: &mut Counts) {
        let here = Set::from_iter([feature]);
        for order in self.orders.values().filter(|order| order.symbol == symbol) {
            counts.meet(order.features, here);
        }
        let around = self.surroundings(symbol).iter().filter(|&other| other != feature).collect();
        counts.meet(around, here);
    }

    fn surroundings(&self, symbol: SymbolId) -> Set {
        let state = self.state(symbol);
        let protections = self.protections.get(&symbol).into_iter().flatten().copied();
        let day = self.day_over.then_some(Feature::DayOver);
        protections.chain([of_state(state)]).chain(day).collect()
    }
}

/// Returns the limit of an order in the book. Stops that wait and parked pegs are beside the book.
fn limit_of(r: &Report) -> Option<Price> {
    let is_beside = match r.body() {
        Body::Accepted(accepted) => accepted.stop.is_some(),
        Body::Replaced(replaced) => replaced.stop.is_some(),
        Body::Triggered(triggered) => triggered.old_order == r.order,
        _ => r.kind == ReportKind::Parked,
    };
    (!is_beside).then_some(r.price)
}
