//! Reference data of symbols in a stream.

use super::Generator;
use crate::oracle::naive::Naive;
use ringside_model::command::{Action, ChangeSymbol, Command, SetReference, SetStopWaves};
use ringside_model::domain::{Nanos, Price, Quantity, SessionId, SymbolId, Tick};

impl Generator {
    /// Makes a new prior close or last price, other settings of a symbol, mostly of one without
    /// orders, or a cap on waves of stops. Only in streams with special orders, and not for all
    /// symbols, because a symbol with settings of its own cannot move.
    pub(super) fn settings(&mut self, venue: &Naive) -> Option<Command> {
        if self.profile.specials == 0 {
            return None;
        }
        let symbols = self.profile.symbols.iter().map(|(symbol, _)| *symbol);
        let has_orders = |symbol: SymbolId| venue.orders.iter().any(|o| o.symbol == symbol);
        let is_free =
            |symbol: &SymbolId| venue.symbols.contains_key(symbol) && !has_orders(*symbol);
        let free: Vec<SymbolId> = symbols.filter(is_free).collect();
        let (session, verdict) = (SessionId(0), self.verdict());
        if !free.is_empty() && self.random.in_1000(60) {
            let symbol = *self.random.pick(&free);
            let action = Action::from(self.change(symbol));
            let is_guarded = symbol.0.is_multiple_of(3);
            return (!is_guarded).then_some(Command { session, symbol, verdict, action });
        }
        if !self.random.in_1000(6 * self.profile.events.min(2)) {
            return None;
        }
        let symbol = self.symbol(venue);
        let action = match self.random.below(10) {
            _ if symbol.0.is_multiple_of(3) => return None,
            0 => Action::from(self.change(symbol)),
            1 => Action::from(SetStopWaves { waves_max: *self.random.pick(&[0, 1, 1, 2, 100]) }),
            _ => {
                let mut price = |chance: u64| {
                    let price = self.price(symbol, true);
                    if self.random.in_1000(chance) { price } else { Price(0) }
                };
                let (prior_close, last) = (price(500), price(600));
                Action::from(SetReference { prior_close, last })
            }
        };
        Some(Command { session, symbol, verdict, action })
    }

    fn change(&mut self, symbol: SymbolId) -> ChangeSymbol {
        let is_huge =
            self.flow(symbol).is_some_and(|at| self.profile.symbols[at].1.quantity_max == u64::MAX);
        let random = &mut self.random;
        let tick = Tick { mantissa: *random.pick(&[1, 5, 25, 0]), scale: random.below(13) as u8 };
        let lot = Quantity(if is_huge { 1 } else { *random.pick(&[1, 1, 5, 100, 0]) });
        let collar_bps = *random.pick(&[0, 50, 500, 2_000, 10_000, u32::MAX]);
        let auction = *random.pick(&[0, 1, 500, 1_000, 1_000, 3_000, 10_000, 10_001]);
        let extension = Nanos(*random.pick(&[0, 1, 20_000, 1_000_000, 5_000_000_000]));
        let extensions = *random.pick(&[0, 1, 1, 2, 3]);
        ChangeSymbol {
            tick: random.in_1000(150).then_some(tick),
            lot: random.in_1000(200).then_some(lot),
            collar_bps: random.in_1000(200).then_some(collar_bps),
            auction_collar_bps: random.in_1000(700).then_some(auction),
            extension: random.in_1000(700).then_some(extension),
            extensions: random.in_1000(700).then_some(extensions),
        }
    }
}
