//! Random streams of commands, the same for the same seed. The generator reads the state of a naive
//! venue that applies the same commands, so that most commands find a live order and the books stay
//! at the wanted size.

mod events;
mod orders;
mod others;
mod random;
mod replaces;
mod settings;

use super::naive::Naive;
use ringside_model::command::{Action, Cancel, Command, Reduce, RunTimers, Sequenced, SetQuote};
use ringside_model::domain::{MatchNumber, Nanos, OrderId, SeqNo, SessionId, SymbolId};
use ringside_model::reason::Reason;
use std::collections::BTreeMap;

pub use random::Random;

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
    /// Factor of the number of events: days that end, mass cancels, changes of state, quotes,
    /// bands, timers.
    pub events: u64,
    /// Lowest seqno of the stream.
    pub seqno_min: u64,
    /// True if a command does little work: a few trades and places.
    pub is_bounded: bool,
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
    is_bounded: false,
};
/// Profile of few prices and many stops, icebergs and orders with special terms, so that rare
/// kinds meet.
pub const SPECIAL: Profile = Profile { specials: 200, moves: 0, ..TINY };
/// Profile of few prices, special orders on all symbols, and many events: what waits, what is over
/// and what comes back meet states, days and timers.
pub const EVENTS: Profile =
    Profile { symbols: &[(SymbolId(2), DENSE), (SymbolId(4), DENSE)], events: 5, ..SPECIAL };
/// Profile of commands that have more work to do than one command does: auctions, slices, minimums,
/// pegs, stops and bands in parts.
pub const WORK: Profile =
    Profile { specials: 250, live: 90, events: 3, is_bounded: true, ..EVENTS };
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
    is_bounded: false,
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
    is_bounded: false,
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
    is_bounded: false,
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
    is_bounded: false,
};

impl Profile {
    /// Returns the largest number of trades, and of places, of the commands in the stream of this
    /// seed.
    pub fn work_max(&self, seed: u64) -> u32 {
        match self.is_bounded {
            true => 2 + Random(seed ^ 1 << 63).below(11) as u32,
            false => MatchNumber::TRADES_MAX,
        }
    }
}

/// Returns the first `count` commands of the stream of this seed.
pub fn stream(profile: Profile, seed: u64, count: usize) -> Vec<Sequenced> {
    let mut generator = Generator::new(profile, seed);
    let mut venue = Naive::with_work_max(profile.work_max(seed));
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
    /// Last quote of each symbol.
    quotes: BTreeMap<SymbolId, SetQuote>,
    seqno: u64,
    time: u64,
    next_id: u64,
}

impl Generator {
    fn new(profile: Profile, seed: u64) -> Self {
        let mut random = Random(seed);
        let centers = profile.symbols.iter().map(|(_, flow)| flow.price_max / 2).collect();
        let seqno = profile.seqno_min - 1 + *random.pick(&[0, 0, 1_000_000]);
        let (recent, quotes) = (vec![], BTreeMap::new());
        Generator { random, profile, centers, recent, quotes, seqno, time: 1, next_id: 1 }
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
        let owing = venue.owing();
        if !owing.is_empty() && self.random.in_1000(250) {
            let (session, symbol) = (SessionId(0), *self.random.pick(&owing));
            let action = Action::from(RunTimers);
            return Command { session, symbol, verdict: Reason::None, action };
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
        if let Some(command) = self.protection(venue).or_else(|| self.settings(venue)) {
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
