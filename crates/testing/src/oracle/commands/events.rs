//! States, days, timers, quotes and bands of a stream.

use super::{Generator, Random};
use crate::oracle::naive::Naive;
use ringside_model::command::{
    Action, Command, MassCancel, PlanState, RunTimers, SetBands, SetQuote, SetShortSale, SetState,
    TradingDay,
};
use ringside_model::domain::{
    DayEvent, FirmId, Nanos, OrderId, Price, SessionId, SymbolId, SymbolState,
};
use ringside_model::reason::Reason;

impl Generator {
    /// Makes an end of the day, or a start soon after it.
    pub(super) fn trading_day(&mut self, venue: &Naive) -> Command {
        let next = if venue.day_over { DayEvent::Start } else { DayEvent::End };
        let any = *self.random.pick(DayEvent::ALL);
        let event = if self.random.in_1000(900) { next } else { any };
        self.pass_time(venue);
        let (session, verdict) = (self.session(), self.verdict());
        // The event covers all symbols, whichever symbol the command names.
        let symbol = *self.random.pick(&[SymbolId::NONE, SymbolId::NONE, SymbolId(1)]);
        Command { session, symbol, verdict, action: Action::from(TradingDay { event }) }
    }

    /// Makes a change of state, mostly to the next state of a symbol that is not open, so that each
    /// returns to trading.
    pub(super) fn state_change(&mut self, venue: &Naive) -> Option<Command> {
        use SymbolState::{CancelOnly, Closed, ClosingCall, Halted, Open, PreOpen, ReopeningCall};
        if !self.random.in_1000(8 + 4 * self.profile.events) {
            return None;
        }
        let symbol = self.symbol(venue);
        let likely: &[SymbolState] = match venue.state(symbol) {
            Open => &[Halted, ClosingCall, ClosingCall, PreOpen, ReopeningCall, CancelOnly, Open],
            Closed => &[PreOpen, Open],
            PreOpen | ReopeningCall => &[Open, Open, Open, Halted],
            ClosingCall => &[Closed, Closed, Open],
            Halted | CancelOnly => &[ReopeningCall, Open],
        };
        let is_likely = self.random.in_1000(930);
        let state = *self.random.pick(if is_likely { likely } else { SymbolState::ALL });
        let (session, verdict) = (SessionId(0), self.verdict());
        let collar_off = self.random.in_1000(150);
        let action = Action::from(SetState { state, collar_off });
        Some(Command { session, symbol, verdict, action })
    }

    /// Makes a tick for a symbol, or plans a state for a little later.
    pub(super) fn clock(&mut self, venue: &Naive) -> Command {
        let planned: Vec<_> = venue.plans.keys().copied().collect();
        let any = self.symbol(venue);
        let has_plan = !planned.is_empty() && self.random.in_1000(800);
        let symbol = if has_plan { *self.random.pick(&planned) } else { any };
        let plan = PlanState {
            due: Nanos(self.time + self.random.below(20_000)),
            random_ns: *self.random.pick(&[0, 0, 1, 5_000, u64::MAX]),
            seed: self.random.next(),
            state: *self.random.pick(SymbolState::ALL),
        };
        let due = if self.random.in_1000(100) { Nanos(0) } else { plan.due };
        let is_tick = has_plan || self.random.in_1000(300);
        let plan = Action::from(PlanState { due, ..plan });
        let action = if is_tick { Action::from(RunTimers) } else { plan };
        let (session, verdict) = (SessionId(0), self.verdict());
        Command { session, symbol, verdict, action }
    }

    /// Makes bands close to the price of a symbol, quotes, short sale restrictions, and ticks,
    /// mostly for symbols with a due timer. Only in streams with special orders, and not for all
    /// symbols, because a protected symbol cannot move.
    pub(super) fn protection(&mut self, venue: &Naive) -> Option<Command> {
        let pegs = venue.orders.iter().filter(|order| order.is_peg());
        let pegged: Vec<SymbolId> = pegs.map(|peg| peg.symbol).collect();
        let chance = if self.profile.is_bounded { 100 } else { 50 };
        if !pegged.is_empty() && self.random.in_1000(chance) {
            let symbol = *self.random.pick(&pegged);
            let (session, verdict) = (SessionId(0), self.verdict());
            let action = Action::from(self.quote(symbol));
            return Some(Command { session, symbol, verdict, action });
        }
        let quoted = self.random.pick(self.profile.symbols).0;
        if !quoted.0.is_multiple_of(3) && self.random.in_1000(self.profile.specials / 10) {
            let (session, verdict) = (SessionId(0), self.verdict());
            let action = Action::from(self.quote(quoted));
            return Some(Command { session, symbol: quoted, verdict, action });
        }
        let due: Vec<SymbolId> =
            venue.limit_states.keys().chain(venue.reopenings.keys()).copied().collect();
        let chance = match (venue.limit_states.is_empty(), due.is_empty()) {
            (false, _) => 80,
            (true, false) => 40,
            (true, true) => 24,
        };
        if self.profile.specials == 0 || !self.random.in_1000(chance * self.profile.events) {
            return None;
        }
        let (session, mut symbol, verdict) = (SessionId(0), self.symbol(venue), self.verdict());
        if symbol.0.is_multiple_of(3) {
            return None;
        }
        let action = match self.random.below(if due.is_empty() { 12 } else { 24 }) {
            0..4 => Action::from(self.bands(symbol)),
            4..7 => Action::from(self.quote(symbol)),
            7..10 => {
                let (restricted, automatic) = (self.random.in_1000(400), self.random.in_1000(500));
                Action::from(SetShortSale { restricted, automatic })
            }
            _ => {
                if !due.is_empty() && self.random.in_1000(950) {
                    symbol = *self.random.pick(&due);
                }
                // Seconds and minutes; mostly long enough for the due timer.
                self.time += *self.random.pick(&[0, 1, 14, 15, 16, 60, 300, 301]) * 1_000_000_000;
                // Often another command comes before the tick.
                if self.random.in_1000(400) {
                    return None;
                }
                Action::from(RunTimers)
            }
        };
        Some(Command { session, symbol, verdict, action })
    }

    /// Makes a reference quote, sometimes of one side, locked, crossed, none, or with both sides or
    /// one as before.
    pub(super) fn quote(&mut self, symbol: SymbolId) -> SetQuote {
        let before = self.quotes.get(&symbol).copied();
        let before = before.unwrap_or(SetQuote { bid: Price(0), offer: Price(0) });
        let (one, other) = (self.price(symbol, true), self.price(symbol, false));
        let (low, high) = (one.min(other), one.max(other));
        let (bid, offer) = match self.random.below(10) {
            0 => (Price(0), Price(0)),
            1 => (low, Price(0)),
            2 => (Price(0), high),
            3 => (high, high),
            4 => (high, low),
            5 => (before.bid, before.offer),
            6 => (before.bid, before.bid.max(high)),
            7 => (low.min(before.offer), before.offer),
            _ => (low, high),
        };
        let quote = SetQuote { bid, offer };
        self.quotes.insert(symbol, quote);
        quote
    }

    /// Often lets time pass before a command that covers many orders: up to the end of an order, or
    /// up to the pause of a limit state.
    pub(super) fn pass_time(&mut self, venue: &Naive) {
        const SOON: u64 = 20_000_000_000;
        let ends: Vec<u64> =
            venue.orders.iter().filter_map(|order| Some(order.end_time()?.0)).collect();
        let near: Vec<u64> =
            ends.into_iter().filter(|end| *end <= self.time.saturating_add(SOON)).collect();
        if !near.is_empty() && self.random.in_1000(600) {
            self.time = self.time.max(*self.random.pick(&near));
        }
        if !venue.limit_states.is_empty() && self.random.in_1000(400) {
            self.time += 15_000_000_000;
        }
    }

    pub(super) fn bands(&mut self, symbol: SymbolId) -> SetBands {
        let at = self.flow(symbol).unwrap_or(0);
        let (center, flow) = (self.centers[at], self.profile.symbols[at].1);
        let random = &mut self.random;
        let (is_static, is_dynamic) = (random.in_1000(400), random.in_1000(600));
        let mut bands = SetBands::default();
        if is_static {
            let offset = |random: &mut Random| random.bits(flow.spread_bits + 1) as i64;
            let low = center.saturating_sub(offset(random)).max(1);
            bands.low = Price(if random.in_1000(200) { 0 } else { low });
            let high = center.saturating_add(offset(random));
            bands.high = Price(if random.in_1000(200) { 0 } else { high });
        }
        if is_dynamic {
            bands.bps = *random.pick(&[1, 500, 1_000, 2_000, 5_000, 10_000]);
            bands.reference = Price(if random.in_1000(500) { 0 } else { center });
        }
        match random.below(60) {
            0 => bands.bps = 10_001,
            1 => bands.low = Price(-1),
            2 => (bands.low, bands.high) = (Price(center), Price(1)),
            3 => bands.reference = Price(i64::MAX),
            _ => {}
        }
        bands
    }

    pub(super) fn mass_cancel(&mut self, venue: &Naive) -> Command {
        self.pass_time(venue);
        let random = &mut self.random;
        let any = *random.pick(Reason::ALL);
        let causes = [Reason::Operator, Reason::Disconnect, Reason::NotPermitted, any];
        let verdict = if random.in_1000(400) { *random.pick(&causes) } else { Reason::None };
        let mut filter = MassCancel { id: OrderId(random.below(3)), ..MassCancel::default() };
        if random.in_1000(500) {
            filter.session = Some(SessionId(1 + random.below(4) as u32));
        }
        if random.in_1000(300) {
            filter.firm = Some(FirmId(random.below(4) as u16));
        }
        if random.in_1000(200) {
            filter.group = Some(random.below(3) as u16);
        }
        if random.in_1000(300) {
            filter.buy = Some(random.in_1000(500));
        }
        let mut symbol = random.pick(self.profile.symbols).0;
        if random.in_1000(300) {
            let wide = if self.profile.venue_wide { SymbolId::NONE } else { symbol };
            symbol = *random.pick(&[wide, wide, SymbolId(9)]);
        }
        let action = Action::MassCancel(filter);
        Command { session: self.session(), symbol, verdict, action }
    }
}
