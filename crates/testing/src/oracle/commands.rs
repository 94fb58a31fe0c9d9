//! Random streams of commands, the same for the same seed. The generator reads the state of a naive
//! venue that applies the same commands, so that most commands find a live order and the books stay
//! at the wanted size.

use super::naive::{Naive, Order};
use ringside_model::command::{
    AccountQuery, Action, BreakTrade, Cancel, Command, CorrectTrade, DefineFirm, DefineSession,
    DefineSymbol, Display, Enter, EnterIceberg, EnterSpecial, EnterStop, ImportOrder, MassCancel,
    Modify, MoveSymbol, PlanState, Reduce, Replace, RiskLimits, RunTimers, Sequenced, SetBands,
    SetDurability, SetOrderEntry, SetQuote, SetRisk, SetShortSale, SetState, SpecialTerms,
    TradeSide, TradingDay,
};
use ringside_model::domain::{
    AtBand, AtShortTest, Capacity, DayEvent, FirmId, MatchNumber, MoveStep, Name, Nanos, OrderId,
    OrderType, PartitionId, Peg, PostOnly, Price, Quantity, RiskScope, Role, SelfTrade, SeqNo,
    SessionId, Side, SymbolId, SymbolState, Tick, TimeInForce,
};
use ringside_model::durability::Durability;
use ringside_model::reason::Reason;

/// Properties of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Symbols that the stream defines, each with its flow.
    pub symbols: &'static [(SymbolId, Flow)],
    /// Wanted number of live orders, over all symbols.
    pub live: usize,
    /// True if one id may be used on several symbols. Only the whole venue detects that; a shard
    /// does not.
    pub ids_cross_symbols: bool,
    /// True if a mass cancel or the end of a day may cover all symbols.
    pub venue_wide: bool,
    /// Number of orders in a thousand that are stops, the same number of icebergs, and of orders
    /// with special terms; the last kind only on symbols with even numbers. A symbol with such
    /// orders cannot move.
    pub specials: u64,
    /// Number of times in a thousand that a symbol begins to move.
    pub moves: u64,
    /// Factor of the number of events: days that end, mass cancels, changes of state, quotes, bands,
    /// timers.
    pub events: u64,
    /// Lowest seqno of the stream.
    pub seqno_min: u64,
}

/// Prices and quantities of one symbol.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// Highest price; the lowest is 1.
    pub price_max: i64,
    /// Most prices are closer to the centre than two to the power of this number.
    pub spread_bits: u32,
    /// Number of times in a thousand that the centre jumps anywhere in the range.
    pub jumps: u64,
    /// Largest quantity in lots; the smallest is 1.
    pub quantity_max: u64,
}

const DENSE: Flow = Flow { price_max: 20, spread_bits: 3, jumps: 5, quantity_max: 20 };
const WIDE: Flow =
    Flow { price_max: 100_000_000_000, spread_bits: 34, jumps: 10, quantity_max: 1_000 };
const HUGE: Flow = Flow { price_max: i64::MAX, spread_bits: 62, jumps: 20, quantity_max: u64::MAX };
const LONG: Flow = Flow { price_max: 600, spread_bits: 7, jumps: 0, quantity_max: 100 };

/// Profile of few prices, small quantities and much trading.
pub const TINY: Profile = Profile {
    symbols: &[(SymbolId(1), DENSE), (SymbolId(2), DENSE)],
    live: 60,
    ids_cross_symbols: true,
    venue_wide: true,
    specials: 30,
    moves: 6,
    events: 1,
    seqno_min: 1,
};
/// Profile of few prices and many stops, icebergs and orders with special terms, so that rare
/// kinds meet.
pub const SPECIAL: Profile = Profile { specials: 200, moves: 0, ..TINY };
/// Profile of few prices, special orders on all symbols, and many events: what waits, what is over
/// and what comes back meet states, days and timers.
pub const EVENTS: Profile =
    Profile { symbols: &[(SymbolId(2), DENSE), (SymbolId(4), DENSE)], events: 5, ..SPECIAL };
/// Profile of few prices and plain orders: symbols move between partitions again and again.
pub const MOVING: Profile = Profile { specials: 0, moves: 20, ..TINY };
/// Profile of prices that walk and jump over eleven decimal places.
pub const WIDE_PRICES: Profile = Profile {
    symbols: &[(SymbolId(1), WIDE), (SymbolId(5), WIDE), (SymbolId(6), WIDE)],
    live: 100,
    ids_cross_symbols: true,
    venue_wide: true,
    specials: 30,
    moves: 6,
    events: 1,
    seqno_min: 1,
};
/// Profile of prices and quantities up to the limits of their types.
pub const HUGE_VALUES: Profile = Profile {
    symbols: &[(SymbolId(3), HUGE), (SymbolId(4), HUGE)],
    live: 60,
    ids_cross_symbols: true,
    venue_wide: true,
    specials: 30,
    moves: 6,
    events: 1,
    seqno_min: 1,
};
/// Profile of symbols of every kind, with numbers from the whole range.
pub const MIXED: Profile = Profile {
    symbols: &[
        (SymbolId(1), DENSE),
        (SymbolId(2), WIDE),
        (SymbolId(3), HUGE),
        (SymbolId(64), LONG),
        (SymbolId(1_000), DENSE),
        (SymbolId(65_536), WIDE),
        (SymbolId(99_999), DENSE),
    ],
    live: 120,
    ids_cross_symbols: true,
    venue_wide: true,
    specials: 30,
    moves: 6,
    events: 1,
    seqno_min: 1,
};
/// Profile of thousands of live orders.
pub const DEEP: Profile = Profile {
    symbols: &[(SymbolId(1), LONG), (SymbolId(2), LONG)],
    live: 3_000,
    ids_cross_symbols: true,
    venue_wide: true,
    specials: 30,
    moves: 6,
    events: 1,
    seqno_min: 1,
};

/// Returns the first `count` commands of the stream of this seed.
pub fn stream(profile: Profile, seed: u64, count: usize) -> Vec<Sequenced> {
    let mut generator = Generator::new(profile, seed);
    let mut venue = Naive::default();
    let mut commands = Vec::with_capacity(count);
    for _ in 0..count {
        let command = generator.next(&venue);
        venue.apply_one(&command);
        commands.push(command);
    }
    commands
}

struct Generator {
    random: Random,
    profile: Profile,
    /// Price around which each symbol trades.
    centers: Vec<i64>,
    /// Last orders entered, live or not.
    recent: Vec<(SessionId, OrderId, SymbolId)>,
    seqno: u64,
    time: u64,
    next_id: u64,
}

impl Generator {
    fn new(profile: Profile, seed: u64) -> Self {
        let mut random = Random(seed);
        let centers = profile.symbols.iter().map(|(_, flow)| flow.price_max / 2).collect();
        let seqno = profile.seqno_min - 1 + *random.pick(&[0, 0, 1_000_000]);
        Generator { random, profile, centers, recent: vec![], seqno, time: 1, next_id: 1 }
    }

    fn next(&mut self, venue: &Naive) -> Sequenced {
        // Seqnos have gaps: a shard does not see the commands of other shards.
        let gap = *self.random.pick(&[1, 1, 1, 1, 1, 2, 7]);
        self.seqno += if self.random.in_1000(1) { 1 + self.random.below(3_000) } else { gap };
        self.time += self.random.below(1_000);
        let command = self.command(venue);
        Sequenced { seqno: SeqNo(self.seqno), time: Nanos(self.time), command }
    }

    fn command(&mut self, venue: &Naive) -> Command {
        if venue.symbols.is_empty() && self.random.in_1000(500) || self.random.in_1000(10) {
            return self.definition();
        }
        let target = self.profile.live as u64;
        let events = self.profile.events;
        if self.random.below(target * 10 / events) == 0 {
            return self.mass_cancel(venue);
        }
        let day_turns = if venue.day_over {
            self.random.in_1000(90)
        } else {
            self.random.below(target * 10 / events) == 0
        };
        if day_turns && self.profile.venue_wide {
            return self.trading_day(venue);
        }
        if self.random.in_1000(10) {
            return self.request();
        }
        if let Some(command) = self.state_change(venue) {
            return command;
        }
        if self.random.in_1000(8) || !venue.plans.is_empty() && self.random.in_1000(30) {
            return self.clock(venue);
        }
        if let Some(command) = self.protection(venue) {
            return command;
        }
        if !venue.away.is_empty() && self.random.in_1000(150)
            || self.random.in_1000(self.profile.moves)
        {
            return self.move_symbol(venue);
        }
        let is_full = venue.orders.len() > self.profile.live;
        let weights = if is_full { [35, 35, 8, 7, 15] } else { [70, 6, 6, 4, 14] };
        let mut draw = self.random.below(100);
        let kind = weights.iter().position(|&weight| {
            let is_it = draw < weight;
            draw = draw.saturating_sub(weight);
            is_it
        });
        if kind == Some(0) {
            return self.enter(venue);
        }
        let (session, id, symbol, order) = self.known_order(venue);
        let verdict = self.verdict();
        let action = match kind {
            Some(1) => Action::Cancel(Cancel { id }),
            Some(2) => Action::Reduce(Reduce { id, quantity: self.reduced(order.as_ref()) }),
            Some(3) => self.modify(id, order.as_ref()),
            _ => self.replace(venue, session, id, symbol, order.as_ref()),
        };
        Command { session, symbol, verdict, action }
    }

    fn enter(&mut self, venue: &Naive) -> Command {
        let (session, symbol) = (self.session(), self.symbol(venue));
        let id = self.new_id(venue, session, symbol);
        let side = *self.random.pick(&[
            Side::Buy,
            Side::Buy,
            Side::Buy,
            Side::Sell,
            Side::Short,
            Side::ShortExempt,
        ]);
        let post_only =
            *self.random.pick(&[PostOnly::Off, PostOnly::Off, PostOnly::Reject, PostOnly::Slide]);
        let mut order_type = OrderType::Limit;
        let mut tif = if self.random.in_1000(250) { TimeInForce::Gtc } else { TimeInForce::Day };
        if post_only == PostOnly::Off || self.random.in_1000(50) {
            use OrderType::{Limit, Market, MarketToLimit};
            order_type = *self.random.pick(&[Limit, Limit, Limit, Limit, Market, MarketToLimit]);
            if self.random.in_1000(300) {
                tif = *self.random.pick(TimeInForce::ALL);
            }
        }
        let is_priced = (order_type == OrderType::Limit) != self.random.in_1000(5);
        let price = if is_priced { self.price(symbol, side.is_buy()) } else { Price(0) };
        let enter = Enter {
            id,
            price,
            quantity: self.quantity(venue, symbol),
            firm: FirmId(*self.random.pick(&[0, 1, 2, 3, 4, u16::MAX])),
            group: *self.random.pick(&[0, 0, 0, 0, 1, 2, u16::MAX]),
            side,
            order_type,
            tif,
            post_only,
            self_trade: *self.random.pick(SelfTrade::ALL),
            capacity: *self.random.pick(Capacity::ALL),
            attributed: self.random.in_1000(300),
        };
        self.recent.push((session, id, symbol));
        if self.recent.len() > 64 {
            self.recent.remove(0);
        }
        let (verdict, chance) = (self.verdict(), self.profile.specials);
        let action = if self.random.in_1000(chance) {
            self.stop(venue, symbol, enter)
        } else if self.random.in_1000(chance) {
            self.iceberg(venue, symbol, enter)
        } else if symbol.0.is_multiple_of(2) && self.random.in_1000(2 * chance) {
            self.special(venue, symbol, enter)
        } else {
            Action::Enter(enter)
        };
        Command { session, symbol, verdict, action }
    }

    /// Turns an order into a stop, mostly a valid one. Now and then the last price has reached it
    /// already; in a call it waits then.
    fn stop(&mut self, venue: &Naive, symbol: SymbolId, mut order: Enter) -> Action {
        if self.random.in_1000(950) {
            order.post_only = PostOnly::Off;
            order.tif = *self.random.pick(&[TimeInForce::Day, TimeInForce::Gtc]);
            let is_limit = order.price.0 > 0;
            order.order_type = if is_limit { OrderType::Limit } else { OrderType::Market };
        }
        // The stop price is where the limits of the other side are.
        let mut stop = self.price(symbol, !order.side.is_buy());
        let last = venue.symbols.get(&symbol).and_then(|(_, last)| *last);
        if let Some(last) = last.filter(|_| self.random.in_1000(150)) {
            let past = self.random.below(3) as i64;
            let reached = if order.side.is_buy() { last.0 - past } else { last.0 };
            stop = Price(reached.max(1));
        }
        Action::EnterStop(EnterStop { order, stop })
    }

    /// Turns an order into an iceberg of a few slices, mostly a valid one.
    fn iceberg(&mut self, venue: &Naive, symbol: SymbolId, mut order: Enter) -> Action {
        if self.random.in_1000(950) {
            order.tif = *self.random.pick(&[TimeInForce::Day, TimeInForce::Gtc]);
            order.order_type = OrderType::Limit;
            order.price.0 = order.price.0.max(1);
        }
        let lot = venue.symbols.get(&symbol).map_or(1, |(definition, _)| definition.lot.0);
        let mut size = || {
            let part = order.quantity.0 / lot.max(1) / (1 + self.random.below(6));
            if self.random.in_1000(20) { self.random.bits(64) } else { lot * part.max(1) }
        };
        let (next, least) = (size(), size());
        let most = least.max(size());
        let is_fixed = self.random.in_1000(600);
        let (least, most) = if is_fixed { (next, next) } else { (least, most) };
        let display = Display { next, least, most, seed: self.random.next() };
        Action::EnterIceberg(EnterIceberg { order, display })
    }

    /// Gives an order special terms, mostly valid ones.
    fn special(&mut self, venue: &Naive, symbol: SymbolId, mut order: Enter) -> Action {
        let lot = venue.symbols.get(&symbol).map_or(1, |(definition, _)| definition.lot.0);
        let lots = order.quantity.0 / lot.max(1);
        let some = lot.wrapping_mul(1 + self.random.below(lots));
        let kind = self.random.below(20);
        let mut terms = SpecialTerms {
            at_band: *self.random.pick(AtBand::ALL),
            at_short_test: *self.random.pick(AtShortTest::ALL),
            ..SpecialTerms::NONE
        };
        if kind < 8 {
            order.order_type = OrderType::Limit;
            order.price.0 = order.price.0.max(1);
            order.tif = *self.random.pick(&[TimeInForce::Day, TimeInForce::Gtc]);
        }
        match kind {
            0..6 => {
                (terms.hidden, order.attributed) = (true, false);
                terms.min_quantity = Quantity(if self.random.in_1000(500) { some } else { 0 });
            }
            6..8 => order.tif = TimeInForce::Gtc,
            8..10 => {
                order.tif = TimeInForce::Ioc;
                terms.min_quantity = Quantity(some);
            }
            10..18 => {
                order.order_type = OrderType::Limit;
                order.tif =
                    *self.random.pick(&[TimeInForce::Day, TimeInForce::Gtc, TimeInForce::Gtc]);
                order.post_only = PostOnly::Off;
                terms.peg = *self.random.pick(&[Peg::Primary, Peg::Primary, Peg::Midpoint]);
                terms.hidden = terms.peg == Peg::Midpoint || self.random.in_1000(200);
                order.attributed &= !terms.hidden;
                terms.peg_limit = *self.random.pick(&[Price(0), order.price]);
                if terms.peg == Peg::Primary {
                    terms.peg_offset = *self.random.pick(&[0, 0, 1, 3, u32::MAX]);
                }
                order.price = Price(i64::from(self.random.in_1000(10)));
            }
            _ => {
                terms.hidden = self.random.in_1000(500);
                terms.min_quantity = Quantity(*self.random.pick(&[0, lot, some, u64::MAX]));
                terms.peg = *self.random.pick(&[Peg::None, Peg::None, Peg::Primary]);
                terms.expire = Nanos(*self.random.pick(&[0, 1, self.time, u64::MAX]));
            }
        }
        if kind < 8 && order.tif == TimeInForce::Gtc {
            let soon = self.time + self.random.below(60_000);
            terms.expire = Nanos(if self.random.in_1000(20) { self.time } else { soon });
        }
        // Between two auctions a minimum cannot be met; it can when the symbol opens.
        let collects = venue.state(symbol) != SymbolState::Open;
        if kind < 6 && collects && self.random.in_1000(700) {
            order.price = self.price(symbol, !order.side.is_buy());
            order.price.0 = order.price.0.max(1);
            terms.min_quantity = Quantity(some);
        }
        // An order that comes to rest at a band, as the only one there, and ends some time later.
        let has_bands = venue.bands.get(&symbol).is_some_and(|bands| bands.bps > 0);
        if matches!(kind, 6 | 7) && has_bands && self.random.in_1000(300) {
            let flow = self.flow(symbol).map(|at| self.profile.symbols[at].1);
            let far = if order.side.is_buy() { flow.map_or(1, |flow| flow.price_max) } else { 1 };
            (order.price, order.post_only) = (Price(far), PostOnly::Off);
            terms.at_band = AtBand::Reprice;
            let later = *self.random.pick(&[1, 5, 14, 15, 16]) * 1_000_000_000;
            terms.expire = Nanos(self.time + later);
        }
        // Orders of a quote at a band that end before the pause is due, at that time, or later.
        if let Some(&(buy, band, due)) = venue.limit_states.get(&symbol)
            && self.random.in_1000(300)
        {
            (order.order_type, order.tif) = (OrderType::Limit, TimeInForce::Gtc);
            order.side = if buy { Side::Buy } else { Side::Sell };
            (order.price, order.post_only) = (band, PostOnly::Off);
            let apart = *self.random.pick(&[0, 0, 1, 5, 14]) * 1_000_000_000;
            let later = self.random.in_1000(300);
            let end = if later { due + apart } else { due.saturating_sub(apart) };
            terms = SpecialTerms { expire: Nanos(end), ..SpecialTerms::NONE };
        }
        Action::EnterSpecial(EnterSpecial { order, terms })
    }

    fn replace(
        &mut self,
        venue: &Naive,
        session: SessionId,
        id: OrderId,
        symbol: SymbolId,
        order: Option<&Order>,
    ) -> Action {
        let buy = order.is_none_or(|order| order.side.is_buy());
        let new_id = if self.random.in_1000(10) { id } else { self.new_id(venue, session, symbol) };
        let quantity = if self.random.in_1000(300) {
            self.reduced(order)
        } else {
            self.quantity(venue, symbol)
        };
        let price = match order {
            // No limit.
            Some(order) if order.is_for_auction() && self.random.in_1000(300) => Price(0),
            Some(order) if self.random.in_1000(200) => order.price,
            _ => self.price(symbol, buy),
        };
        self.recent.push((session, new_id, symbol));
        Action::Replace(Replace { id, new_id, quantity, price })
    }

    /// Makes a modify: mostly between the two sell markings, sometimes to the other side of the
    /// book.
    fn modify(&mut self, id: OrderId, order: Option<&Order>) -> Action {
        let sells = order.is_some_and(|order| !order.side.is_buy());
        let side = match self.random.below(10) {
            0..4 => None,
            4 => Some(*self.random.pick(Side::ALL)),
            _ if sells => Some(*self.random.pick(&Side::ALL[1..])),
            _ => Some(Side::Buy),
        };
        let quantity = self.random.in_1000(600).then(|| self.reduced(order));
        Action::Modify(Modify { id, side, quantity })
    }

    /// Makes an end of the day, or a start soon after it.
    fn trading_day(&mut self, venue: &Naive) -> Command {
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
    fn state_change(&mut self, venue: &Naive) -> Option<Command> {
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
        Some(Command { session, symbol, verdict, action: Action::from(SetState { state }) })
    }

    /// Makes a tick for a symbol, or plans a state for a little later.
    fn clock(&mut self, venue: &Naive) -> Command {
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
    fn protection(&mut self, venue: &Naive) -> Option<Command> {
        let pegs = venue.orders.iter().filter(|order| order.is_peg());
        let pegged: Vec<SymbolId> = pegs.map(|peg| peg.symbol).collect();
        if !pegged.is_empty() && self.random.in_1000(50) {
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

    /// Makes a reference quote, sometimes of one side, locked, crossed, or none.
    fn quote(&mut self, symbol: SymbolId) -> SetQuote {
        let (one, other) = (self.price(symbol, true), self.price(symbol, false));
        let (low, high) = (one.min(other), one.max(other));
        let (bid, offer) = match self.random.below(10) {
            0 => (Price(0), Price(0)),
            1 => (low, Price(0)),
            2 => (Price(0), high),
            3 => (high, high),
            4 => (high, low),
            _ => (low, high),
        };
        SetQuote { bid, offer }
    }

    /// Often lets time pass before a command that covers many orders: up to the end of an order, or
    /// up to the pause of a limit state.
    fn pass_time(&mut self, venue: &Naive) {
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

    fn bands(&mut self, symbol: SymbolId) -> SetBands {
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

    /// Makes a command that changes no order.
    fn request(&mut self) -> Command {
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
    fn set_risk(&mut self, symbol: SymbolId) -> (SymbolId, Action) {
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
    fn move_symbol(&mut self, venue: &Naive) -> Command {
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
    fn import_order(&mut self, venue: &Naive, symbol: SymbolId) -> Command {
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

    fn mass_cancel(&mut self, venue: &Naive) -> Command {
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

    fn definition(&mut self) -> Command {
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

    fn symbol_definition(&mut self, name: Name, verdict: Reason) -> Command {
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

    /// Picks an order to act on, mostly a live one.
    fn known_order(&mut self, venue: &Naive) -> (SessionId, OrderId, SymbolId, Option<Order>) {
        let live = !venue.orders.is_empty() && !self.random.in_1000(80);
        let order = live.then(|| *self.random.pick(&venue.orders));
        let (session, id, mut symbol) = match order {
            Some(order) => (order.session, order.id, order.symbol),
            None if !self.recent.is_empty() && self.random.in_1000(800) => {
                *self.random.pick(&self.recent)
            }
            None => (self.session(), OrderId(self.random.bits(64)), self.symbol(venue)),
        };
        if self.random.in_1000(20) {
            symbol = self.symbol(venue);
        }
        (session, id, symbol, order)
    }

    /// Returns an id for a new order: mostly an unused one, sometimes an id that is or was in use,
    /// or one at the limits of the range.
    fn new_id(&mut self, venue: &Naive, session: SessionId, symbol: SymbolId) -> OrderId {
        self.next_id += 1 + self.random.below(3);
        if self.profile.ids_cross_symbols {
            match self.random.below(200) {
                0 => return OrderId(*self.random.pick(&[0, 1, u64::MAX])),
                1..5 if !venue.orders.is_empty() => return self.random.pick(&venue.orders).id,
                5..10 if !self.recent.is_empty() => return self.random.pick(&self.recent).1,
                10..30 => return OrderId(self.random.next() | 1 << 63),
                _ => return OrderId(self.next_id),
            }
        }
        let used = venue.orders.iter().find(|o| o.session == session && o.symbol == symbol);
        match used {
            Some(order) if self.random.in_1000(20) => order.id,
            _ => OrderId(self.next_id << 32 | u64::from(symbol.0)),
        }
    }

    /// Returns a new total for an order, usually below the present one.
    fn reduced(&mut self, order: Option<&Order>) -> Quantity {
        let total = order.map_or(10, |order| order.open + order.executed);
        Quantity(match self.random.below(20) {
            0 => 0,
            1 => total,
            2 => self.random.bits(64),
            3 => total.saturating_add(1),
            4 => order.map_or(1, |order| order.executed),
            // A multiple of every lot size in use.
            5..15 => self.random.below(total) / 100 * 100,
            _ => self.random.below(total),
        })
    }

    fn quantity(&mut self, venue: &Naive, symbol: SymbolId) -> Quantity {
        let max = self.flow(symbol).map_or(10, |at| self.profile.symbols[at].1.quantity_max);
        let lot = venue.symbols.get(&symbol).map_or(1, |(definition, _)| definition.lot.0);
        Quantity(match self.random.below(200) {
            0 => 0,
            1 => u64::MAX,
            2 => lot + 1,
            _ if max == u64::MAX => self.random.bits(64).max(1),
            _ => lot * (1 + self.random.below(max)),
        })
    }

    /// Returns a price around the centre of the symbol, mostly on the passive side.
    fn price(&mut self, symbol: SymbolId, buy: bool) -> Price {
        let at = self.flow(symbol).unwrap_or(0);
        let flow = self.profile.symbols[at].1;
        let random = &mut self.random;
        if random.in_1000(6) {
            return Price(*random.pick(&[0, 1, -1, i64::MIN, i64::MAX, flow.price_max]));
        }
        let clamp = |price: i128| price.clamp(1, i128::from(flow.price_max)) as i64;
        if random.in_1000(flow.jumps) {
            let distance = i128::from(random.bits(63));
            let far = i128::from(flow.price_max) - distance;
            self.centers[at] = clamp(if random.in_1000(500) { distance } else { far });
        } else if random.in_1000(20) {
            let step = i128::from(random.bits(flow.spread_bits - 1));
            let center = i128::from(self.centers[at]);
            self.centers[at] =
                clamp(if random.in_1000(500) { center + step } else { center - step });
        }
        let offset = i128::from(random.bits(flow.spread_bits));
        let down = buy != random.in_1000(150);
        let center = i128::from(self.centers[at]);
        Price(clamp(if down { center - offset } else { center + 1 + offset }))
    }

    fn flow(&self, symbol: SymbolId) -> Option<usize> {
        self.profile.symbols.iter().position(|&(known, _)| known == symbol)
    }

    fn symbol(&mut self, venue: &Naive) -> SymbolId {
        let defined: Vec<SymbolId> = venue.symbols.keys().copied().collect();
        if defined.is_empty() || self.random.in_1000(15) {
            let other = self.random.pick(self.profile.symbols).0;
            return *self.random.pick(&[other, SymbolId::NONE, SymbolId(9), SymbolId(u32::MAX)]);
        }
        *self.random.pick(&defined)
    }

    fn session(&mut self) -> SessionId {
        if self.random.in_1000(10) {
            return SessionId(*self.random.pick(&[0, 5, 70_000, u32::MAX]));
        }
        SessionId(1 + self.random.below(4) as u32)
    }

    fn verdict(&mut self) -> Reason {
        if self.random.in_1000(20) { *self.random.pick(Reason::ALL) } else { Reason::None }
    }
}

/// The generator SplitMix64.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a number below `end`; zero if `end` is zero.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Returns a number of at most `max` bits; every length is equally likely.
    pub fn bits(&mut self, max: u32) -> u64 {
        let bits = self.below(u64::from(max) + 1) as u32;
        self.next().checked_shr(64 - bits).unwrap_or(0)
    }

    pub fn in_1000(&mut self, chance: u64) -> bool {
        self.below(1_000) < chance
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }
}
