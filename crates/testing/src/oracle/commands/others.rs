//! Definitions, moves, and commands that change no order.

use super::Generator;
use crate::oracle::naive::Naive;
use ringside_model::command::{
    AccountQuery, Action, BreakTrade, Command, CorrectTrade, DefineFirm, DefineSession,
    DefineSymbol, ImportOrder, MoveSymbol, RiskLimits, SetDurability, SetOrderEntry, SetRisk,
    TradeSide,
};
use ringside_model::domain::{
    FirmId, MatchNumber, MoveStep, Name, OrderId, OrderType, PartitionId, Price, Quantity,
    RiskScope, Role, SessionId, SymbolId, Tick, TimeInForce,
};
use ringside_model::durability::Durability;
use ringside_model::reason::Reason;

impl Generator {
    /// Makes a command that changes no order.
    pub(super) fn request(&mut self) -> Command {
        let (session, verdict) = (self.session(), self.verdict());
        let id = OrderId(self.random.bits(64));
        let symbol = self.random.pick(self.profile.symbols).0;
        let (symbol, action) = match self.random.below(4) {
            0 => {
                let enabled = self.random.in_1000(500);
                (SymbolId::NONE, Action::SetOrderEntry(SetOrderEntry { id, enabled }))
            }
            1 => (SymbolId::NONE, Action::AccountQuery(AccountQuery { next: id })),
            2 => self.set_risk(symbol),
            _ => {
                let mut side = || TradeSide {
                    id: OrderId(self.random.bits(64)),
                    session: SessionId(1 + self.random.below(4) as u32),
                    text: [b'x'; 14],
                };
                let sides = [side(), side()];
                let match_number = MatchNumber(self.random.bits(64));
                let trade = BreakTrade::new(match_number, sides);
                let (price, quantity) =
                    (Price(self.random.bits(62) as i64), Quantity(match_number.0));
                let correction = CorrectTrade { trade, price, quantity };
                let is_broken = self.random.in_1000(500);
                let correct = Action::from(correction);
                (symbol, if is_broken { Action::from(trade) } else { correct })
            }
        };
        Command { session, symbol, verdict, action }
    }

    /// Makes risk limits, which no book depends on.
    pub(super) fn set_risk(&mut self, symbol: SymbolId) -> (SymbolId, Action) {
        let scope = *self.random.pick(RiskScope::ALL);
        let of_firm = scope == RiskScope::Firm;
        let firm = FirmId(if of_firm { 1 + self.random.below(3) as u16 } else { 0 });
        let limits = RiskLimits {
            quantity_max: self.random.bits(64),
            killed: self.random.in_1000(300),
            ..RiskLimits::default()
        };
        let symbol = if scope == RiskScope::Symbol { symbol } else { SymbolId::NONE };
        (symbol, Action::from(SetRisk { scope, firm, limits }))
    }

    /// Makes a step of a move, mostly one that follows from the present step, so that each symbol
    /// returns to trading.
    pub(super) fn move_symbol(&mut self, venue: &Naive) -> Command {
        use MoveStep::{Export, Halt, Import, Release, Resume};
        let any = self.random.pick(self.profile.symbols).0;
        let away: Vec<_> = venue.away.keys().copied().collect();
        let some = if away.is_empty() { any } else { *self.random.pick(&away) };
        let symbol = if self.random.in_1000(900) { some } else { any };
        let was = venue.away.get(&symbol);
        if was.is_some_and(|away| away.asked.step == Import) && self.random.in_1000(700) {
            return self.import_order(venue, symbol);
        }
        let likely: &[MoveStep] = match was.map(|away| away.asked.step) {
            None => &[Halt],
            Some(Halt) => &[Export, Resume, Release],
            Some(Release) => &[Import, Import, Resume, Release],
            Some(_) => &[Resume, Resume, Resume, Release, Import],
        };
        let is_likely = self.random.in_1000(930);
        let step = *self.random.pick(if is_likely { likely } else { MoveStep::ALL });
        let asked = was.map_or(0, |away| away.asked.version);
        let version = if self.random.in_1000(900) { asked } else { self.random.below(4) as u32 };
        let orders = was.map_or(&[][..], |away| &away.orders);
        let open = orders.iter().fold(0u64, |sum, (order, _)| sum.wrapping_add(order.open));
        let slip = u64::from(self.random.in_1000(50));
        let asked = MoveSymbol {
            step,
            partition: PartitionId(self.random.below(3) as u16),
            version,
            orders: orders.len() as u64 + slip,
            quantity: Quantity(open),
        };
        let (session, verdict) = (SessionId(0), self.verdict());
        Command { session, symbol, verdict, action: Action::from(asked) }
    }

    /// Makes an import of an order, mostly on its own side of the price around which the symbol
    /// trades, so that few orders cross.
    pub(super) fn import_order(&mut self, venue: &Naive, symbol: SymbolId) -> Command {
        let mut command = self.enter(venue);
        let Some(&(mut order)) = command.action.entered() else { unreachable!("it enters") };
        let is_likely = self.random.in_1000(900);
        if is_likely {
            let lot = venue.symbols[&symbol].0.lot.0;
            order.quantity = Quantity(lot * (1 + self.random.below(20)));
            let side = if order.side.is_buy() { 1 } else { 3 };
            let at = self.profile.symbols.iter().position(|(other, _)| *other == symbol);
            let quarter = self.profile.symbols[at.unwrap()].1.price_max / 4;
            order.price = Price((quarter * side + self.random.below(5) as i64).max(1));
            (order.order_type, order.tif) = (OrderType::Limit, TimeInForce::Day);
        }
        order.id = self.new_id(venue, command.session, symbol);
        let id_there = OrderId(self.random.below(100));
        command.action = Action::from(ImportOrder { order, id_there });
        Command { symbol, ..command }
    }

    pub(super) fn definition(&mut self) -> Command {
        let name = Name::new("N").unwrap();
        let verdict = self.verdict();
        let random = &mut self.random;
        let firm = FirmId(random.below(6) as u16);
        let action = match random.below(11) {
            10 => Action::from(SetDurability { durability: *random.pick(Durability::ALL) }),
            0 => Action::from(DefineSession { name, firm, role: *random.pick(Role::ALL) }),
            1 => Action::from(DefineFirm { name, firm }),
            _ => return self.symbol_definition(name, verdict),
        };
        let session = SessionId(random.below(6) as u32);
        Command { session, symbol: SymbolId::NONE, verdict, action }
    }

    pub(super) fn symbol_definition(&mut self, name: Name, verdict: Reason) -> Command {
        let random = &mut self.random;
        let at = random.below(self.profile.symbols.len() as u64) as usize;
        let (mut symbol, flow) = self.profile.symbols[at];
        let lots = if flow.quantity_max == u64::MAX { &[1][..] } else { &[1, 1, 5, 100] };
        let mut definition = DefineSymbol {
            name,
            tick: Tick { mantissa: *random.pick(&[1, 25]), scale: random.below(13) as u8 },
            lot: Quantity(*random.pick(lots)),
            collar_bps: *random.pick(&[0, 50, 500, 2_000, 10_000, u32::MAX]),
            reference: Price(*random.pick(&[0, 1, flow.price_max / 2, flow.price_max])),
        };
        if random.in_1000(200) {
            match random.below(5) {
                0 => definition.lot = Quantity(0),
                1 => definition.tick.mantissa = 0,
                2 => definition.tick.scale = Tick::SCALE_MAX + 1,
                3 => definition.reference = Price(-1),
                _ => symbol = SymbolId::NONE,
            }
        }
        let action = Action::from(definition);
        Command { session: self.session(), symbol, verdict, action }
    }
}
