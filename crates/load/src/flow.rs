//! Order flow: the commands of a whole market's clients, generated from a seed.
//!
//! The generator keeps its own book while it creates the events. So cancels and replaces name live
//! orders, passive orders do not trade, and the expected trades are known before any venue has seen
//! the flow ([`Flow::trades`]).

use super::model::{Model, Order};
use super::rng::{EXPONENTIAL_ONE, Rng};
use ringside_model::command::{
    Action, Cancel, Command, DefineFirm, DefineSession, DefineSymbol, Enter, Replace,
};
use ringside_model::domain::{
    FirmId, Name, OrderId, Price, Quantity, Role, SessionId, Side, SymbolId, Tick,
};
use ringside_model::reason::Reason;

/// Number of sessions that send the orders of a flow; they are numbered from 1. The next order
/// comes from the session that has sent the fewest. So in all workloads but [`Workload::Shuffled`]
/// the numbers `id × SESSIONS + session − 1` are nearly dense.
pub const SESSIONS: u32 = 8;

/// Kind of order flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// One symbol, 10,000 resting orders within 50 ticks of a mid that wanders a little. 49 %
    /// passive orders, 41 % cancels, 5 % replaces, 5 % crossing orders.
    W1,
    /// The same over 100 symbols with Zipf(1) popularity and books of 1,000 to 100,000 orders.
    W2,
    /// One symbol with thousands of sparse prices and outliers from 1 to 10^11 ticks.
    Wide,
    /// W1 with a mid that rises by 60 % of its price, over far levels and away from abandoned ones.
    Walk,
    /// W1 with client order ids in random order.
    Shuffled,
    /// W1 with 10^6 resting orders.
    Million,
    /// W1 with 10^7 resting orders.
    Deep,
}

/// Parameters of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowSpec {
    /// Kind of flow.
    pub workload: Workload,
    /// Random seed of the flow.
    pub seed: u64,
    /// Number of events after the opening book.
    pub events: usize,
}

/// Commands in send order, and their expected results.
pub struct Flow {
    /// Definitions of the sessions with their firms, then of the symbols.
    pub definitions: Vec<Command>,
    /// Passive orders of the opening book.
    pub setup: Vec<Event>,
    /// Events after the opening book.
    pub events: Vec<Event>,
    /// Trades of the events; the opening book has none.
    pub trades: Trades,
    /// Number of live orders at the end.
    pub live: usize,
}

/// Action of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A new order that rests.
    Passive,
    /// A new order that trades at once; a quantity that finds no match rests.
    Crossing,
    /// A cancel of a live order.
    Cancel,
    /// A replacement of a live order that has not traded; the new order does not trade at once.
    Replace,
}

/// Command of a flow, in 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Limit price in ticks; the new one on a replace, 0 on a cancel.
    pub price: Price,
    /// Quantity; the new one on a replace, 0 on a cancel.
    pub quantity: u32,
    /// Id of the order.
    pub id: u32,
    /// Id of the new order on a replace; otherwise 0.
    pub new_id: u32,
    /// Symbol of the order.
    pub symbol: SymbolId,
    /// Session that sends the command, from 1 to [`SESSIONS`].
    pub session: u16,
    /// Action of the event.
    pub kind: EventKind,
    /// Side of the order.
    pub side: Side,
}

const _: () = assert!(size_of::<Event>() <= 32);

/// Running totals of trades, to compare two runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trades {
    /// Number of trades.
    pub count: u64,
    /// Total quantity of the trades.
    pub quantity: u64,
    /// Hash of the resting orders, prices and quantities, in order of the trades.
    pub hash: u64,
}

impl Trades {
    /// Adds the next trade: session and id of the resting order, price and quantity.
    #[inline]
    pub fn add(&mut self, session: u32, id: u64, price: i64, quantity: u64) {
        self.count += 1;
        self.quantity += quantity;
        let order = id << 8 ^ u64::from(session);
        let terms = (price as u64) << 20 ^ quantity;
        let mixed = (self.hash.rotate_left(29) ^ order).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.hash = (mixed.rotate_left(31) ^ terms).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    }
}

impl Workload {
    /// All workloads, in order.
    pub const ALL: [Workload; 7] = [
        Workload::W1,
        Workload::W2,
        Workload::Wide,
        Workload::Walk,
        Workload::Shuffled,
        Workload::Million,
        Workload::Deep,
    ];

    /// Name of the workload, which `from_str` reads back.
    pub fn name(self) -> &'static str {
        match self {
            Workload::W1 => "w1",
            Workload::W2 => "w2",
            Workload::Wide => "wide",
            Workload::Walk => "walk",
            Workload::Shuffled => "shuffled",
            Workload::Million => "million",
            Workload::Deep => "deep",
        }
    }

    /// Number of resting orders in the book of each symbol.
    fn books(self) -> Vec<usize> {
        match self {
            Workload::W2 => (1..=100).map(|rank| 100_000 / rank).collect(),
            Workload::Million => vec![1_000_000],
            Workload::Deep => vec![10_000_000],
            _ => vec![10_000],
        }
    }
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Workload::ALL.into_iter().find(|w| w.name() == name);
        found.ok_or_else(|| {
            let names = Workload::ALL.map(Workload::name).join(", ");
            format!("no workload is called {name:?}; there are {names}")
        })
    }
}

impl Event {
    /// Command of this event.
    #[inline]
    pub fn command(&self) -> Command {
        let id = OrderId(self.id.into());
        let quantity = Quantity(self.quantity.into());
        let action = match self.kind {
            EventKind::Passive | EventKind::Crossing => Action::Enter(Enter {
                firm: FirmId(self.session),
                ..Enter::limit(id, self.side, quantity, self.price)
            }),
            EventKind::Cancel => Action::Cancel(Cancel { id }),
            EventKind::Replace => Action::Replace(Replace {
                id,
                new_id: OrderId(self.new_id.into()),
                quantity,
                price: self.price,
            }),
        };
        let session = SessionId(self.session.into());
        Command { session, symbol: self.symbol, verdict: Reason::None, action }
    }
}

impl Flow {
    /// Generates definitions, opening orders and events. Equal specs give equal flows.
    pub fn generate(spec: &FlowSpec) -> Flow {
        let mut generator = Generator::new(spec);
        let setup = generator.opening();
        let events = (0..spec.events).map(|_| generator.step()).collect();
        Flow {
            definitions: definitions(generator.targets.len()),
            setup,
            events,
            trades: generator.trades,
            live: (0..generator.targets.len()).map(|book| generator.model.live(book)).sum(),
        }
    }
}

/// Definitions of the sessions, each with its own firm, and of the symbols.
fn definitions(symbols: usize) -> Vec<Command> {
    let define = |session, symbol, action| Command {
        session: SessionId(session),
        symbol: SymbolId(symbol),
        verdict: Reason::None,
        action,
    };
    let name = |prefix: char, n: u32| Name::new(&format!("{prefix}{n}")).expect("a short name");
    let mut definitions = Vec::new();
    for n in 1..=SESSIONS {
        let firm = FirmId(n as u16);
        definitions.push(define(0, 0, Action::from(DefineFirm { firm, name: name('F', n) })));
        definitions.push(define(
            n,
            0,
            Action::from(DefineSession { firm, name: name('S', n), role: Role::File }),
        ));
    }
    for n in 1..=symbols as u32 {
        let symbol = DefineSymbol {
            name: name('Y', n),
            tick: Tick { mantissa: 1, scale: 2 },
            lot: Quantity(1),
            collar_bps: 0,
            reference: Price(0),
        };
        definitions.push(define(0, n, Action::from(symbol)));
    }
    definitions
}

/// Largest quantity of a passive order; the smallest is 1.
const QUANTITY_MAX: u64 = 100;
/// Largest quantity of a crossing order. One crossing order ends 1.6 resting orders on average, so
/// 5 % of them make up for the 49 − 41 % by which orders outnumber cancels.
const CROSSING_MAX: u64 = 170;
/// Number of events of its book, on average, after which a mid moves by one step.
const MID_STEP_EVENTS: u64 = 384;
/// Number of steps that a mid moves away from its start at most.
const MID_STEPS_MAX: i64 = 20;
/// Number of events after which the mid of a walk rises by a tick.
const WALK_TICK_EVENTS: u64 = 400;

struct Generator {
    workload: Workload,
    rng: Rng,
    model: Model,
    trades: Trades,
    popularity: Popularity,
    distances: Distances,
    /// Number of orders that each book should have.
    targets: Vec<usize>,
    /// Mid of each book: offers enter at the mid or above, bids below.
    mids: Vec<i64>,
    /// Initial value of the mids.
    centre: i64,
    mid_step: i64,
    ids: Ids,
    /// Number of events so far, without the opening book.
    done: u64,
}

impl Generator {
    fn new(spec: &FlowSpec) -> Self {
        let mut rng = Rng::new(spec.seed);
        let targets = spec.workload.books();
        let (centre, mid_step, distances) = match spec.workload {
            Workload::Wide => (10_000_000, 177, Distances::sparse(&mut rng)),
            // The walk covers 60 % of the price.
            Workload::Walk => {
                let ticks = spec.events as u64 / WALK_TICK_EVENTS;
                ((ticks * 10 / 6).max(1000) as i64, 0, Distances::dense())
            }
            _ => (10_000, 1, Distances::dense()),
        };
        Generator {
            workload: spec.workload,
            rng,
            model: Model::new(targets.len()),
            trades: Trades::default(),
            popularity: Popularity::zipf(targets.len()),
            distances,
            mids: vec![centre; targets.len()],
            targets,
            centre,
            mid_step,
            ids: Ids::new(spec),
            done: 0,
        }
    }

    /// Fills every book up to its target, all of them in parallel.
    fn opening(&mut self) -> Vec<Event> {
        let mut events = Vec::with_capacity(self.targets.iter().sum());
        let mut filled = 0;
        while filled < self.targets[0] {
            for book in 0..self.targets.len() {
                // The first book is the largest. For each of its orders the other books get their
                // share.
                let due = (filled + 1) * self.targets[book] / self.targets[0];
                while self.model.live(book) < due {
                    events.push(self.passive(book));
                }
            }
            filled += 1;
        }
        events
    }

    fn step(&mut self) -> Event {
        let book = self.popularity.draw(&mut self.rng);
        self.move_mid(book);
        self.done += 1;
        match self.rng.below(100) {
            0..5 => self.replace(book),
            5..10 => self.cross(book),
            _ if self.wants_order(book) => self.passive(book),
            _ => self.cancel(book),
        }
    }

    fn move_mid(&mut self, book: usize) {
        if self.workload == Workload::Walk {
            self.mids[book] = self.centre + (self.done / WALK_TICK_EVENTS) as i64;
        } else if self.rng.chance(1, MID_STEP_EVENTS) {
            let step = if self.rng.chance(1, 2) { self.mid_step } else { -self.mid_step };
            let range = MID_STEPS_MAX * self.mid_step;
            let from_centre = (self.mids[book] + step - self.centre).clamp(-range, range);
            self.mids[book] = self.centre + from_centre;
        }
    }

    /// Returns true if a passive order comes next, and not a cancel: 49 times in 90, and a little
    /// more or less often if the book has fewer or more orders than its target.
    fn wants_order(&mut self, book: usize) -> bool {
        let target = self.targets[book] as i64;
        let missing = target - self.model.live(book) as i64;
        let share = (49 * target + 450 * missing).clamp(0, 90 * target);
        self.rng.chance(share as u64, 90 * target as u64)
    }

    fn passive(&mut self, book: usize) -> Event {
        let buy = self.rng.chance(1, 2);
        let price = self.passive_price(book, buy);
        let quantity = 1 + self.rng.below(QUANTITY_MAX) as u32;
        self.enter(EventKind::Passive, book, buy, price, quantity)
    }

    /// Creates a crossing order. The touch follows the mid: if the best offer is below the mid, a
    /// bid crosses; if the best bid is at the mid or above, an offer crosses; otherwise the side is
    /// random.
    fn cross(&mut self, book: usize) -> Event {
        let best = [false, true].map(|buy| self.model.price_of_level(book, buy, 0));
        let mid = self.mids[book];
        let buy = match best {
            [Some(offer), _] if offer < mid => true,
            [_, Some(bid)] if bid >= mid => false,
            _ => self.rng.chance(1, 2),
        };
        // One crossing order in ten may also reach the second level.
        let deep = self.rng.chance(1, 10).then(|| self.model.price_of_level(book, !buy, 1));
        let Some(price) = deep.flatten().or(best[usize::from(!buy)]) else {
            return self.passive(book);
        };
        let quantity = 1 + self.rng.below(CROSSING_MAX) as u32;
        self.enter(EventKind::Crossing, book, buy, price, quantity)
    }

    fn enter(
        &mut self,
        kind: EventKind,
        book: usize,
        buy: bool,
        price: i64,
        quantity: u32,
    ) -> Event {
        let session = self.ids.next_session();
        let id = self.ids.next_of(session);
        self.model.enter(Order::new(book, session, id, buy, price, quantity), &mut self.trades);
        event(kind, book, session, id, buy).with_terms(price, quantity)
    }

    fn cancel(&mut self, book: usize) -> Event {
        let abandoned = self.workload == Workload::Walk && self.rng.chance(1, 2);
        let pulled = if abandoned { self.offer_below_mid(book) } else { None };
        match pulled.or_else(|| self.model.draw(book, &mut self.rng)) {
            Some(slot) => self.cancel_of(slot),
            None => self.passive(book),
        }
    }

    fn cancel_of(&mut self, slot: u32) -> Event {
        let Order { book, session, id, buy, .. } = *self.model.order(slot);
        self.model.remove(slot);
        event(EventKind::Cancel, book as usize, session, id, buy)
    }

    /// Best offer, if it is below the mid: sellers cancel it while the market walks towards it.
    /// Crossing orders alone would not clear the way.
    fn offer_below_mid(&self, book: usize) -> Option<u32> {
        let slot = self.model.first(book, false)?;
        (self.model.order(slot).price < self.mids[book]).then_some(slot)
    }

    fn replace(&mut self, book: usize) -> Event {
        let Some(slot) = self.model.draw(book, &mut self.rng) else { return self.passive(book) };
        let Order { session, id, buy, partly_executed, .. } = *self.model.order(slot);
        // An order with executions is canceled instead: the quantity of a replace includes executed
        // shares, and books that count otherwise would read the event differently.
        if partly_executed {
            return self.cancel_of(slot);
        }
        self.model.remove(slot);
        let price = self.passive_price(book, buy);
        let quantity = 1 + self.rng.below(QUANTITY_MAX) as u32;
        let new_id = self.ids.next_of(session);
        self.model.enter(Order::new(book, session, new_id, buy, price, quantity), &mut self.trades);
        let event = event(EventKind::Replace, book, session, id, buy).with_terms(price, quantity);
        Event { new_id, ..event }
    }

    /// Price at a random distance from the mid that does not reach the other side.
    fn passive_price(&mut self, book: usize, buy: bool) -> i64 {
        let distance = match self.workload {
            Workload::Walk if self.rng.chance(1, 50) => {
                self.rng.below(self.centre as u64 * 6 / 10) as i64
            }
            Workload::Wide if self.rng.chance(1, 100) => self.outlier(buy),
            _ => self.distances.draw(&mut self.rng),
        };
        let other = self.model.price_of_level(book, !buy, 0);
        let mid = self.mids[book];
        if buy {
            let price = mid - 1 - distance;
            other.map_or(price, |offer| price.min(offer - 1)).max(1)
        } else {
            let price = mid + distance;
            other.map_or(price, |bid| price.max(bid + 1))
        }
    }

    /// Distance to a price between 1 and the mid, or between the mid and 10^11; each order of
    /// magnitude is equally likely.
    fn outlier(&mut self, buy: bool) -> i64 {
        let mid = self.mids[0];
        if buy {
            let exponent = self.rng.below(8) as u32;
            let price = 1 + self.rng.below(10u64.pow(exponent));
            (mid - 1 - price as i64).max(0)
        } else {
            let exponent = 8 + self.rng.below(4) as u32;
            self.rng.below(10u64.pow(exponent) - mid as u64) as i64
        }
    }
}

/// Event without price and quantity.
fn event(kind: EventKind, book: usize, session: u32, id: u32, buy: bool) -> Event {
    Event {
        price: Price(0),
        quantity: 0,
        id,
        new_id: 0,
        symbol: SymbolId(book as u32 + 1),
        session: session as u16,
        kind,
        side: if buy { Side::Buy } else { Side::Sell },
    }
}

impl Event {
    fn with_terms(self, price: i64, quantity: u32) -> Event {
        Event { price: Price(price), quantity, ..self }
    }
}

/// Order ids of the clients: rising by 1 in each session, or unique and in random order.
struct Ids {
    next: [u32; SESSIONS as usize],
    /// Key of the permutation, if the ids are shuffled.
    shuffle: Option<u32>,
    orders: u32,
}

impl Ids {
    fn new(spec: &FlowSpec) -> Self {
        let shuffle = (spec.workload == Workload::Shuffled).then_some(spec.seed as u32);
        Ids { next: [1; SESSIONS as usize], shuffle, orders: 0 }
    }

    /// Session that has sent the fewest orders.
    fn next_session(&self) -> u32 {
        let fewest = (0..SESSIONS).min_by_key(|&s| self.next[s as usize]);
        fewest.expect("there are sessions") + 1
    }

    fn next_of(&mut self, session: u32) -> u32 {
        let next = &mut self.next[session as usize - 1];
        let id = *next;
        *next += 1;
        match self.shuffle {
            None => id,
            Some(key) => loop {
                self.orders += 1;
                let id = permuted(self.orders ^ key);
                if id != 0 {
                    break id;
                }
            },
        }
    }
}

/// Permutation of all 32-bit numbers: each step is invertible.
fn permuted(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7FEB_352D);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846C_A68B);
    x ^ x >> 16
}

/// Random choice of the next symbol.
struct Popularity {
    /// Cumulative sums of the weights.
    sums: Vec<u64>,
}

impl Popularity {
    /// Zipf distribution: the symbol of rank k has the weight 1 / k.
    fn zipf(symbols: usize) -> Self {
        let weights = (1..=symbols as u64).map(|rank| (1 << 32) / rank);
        let sums = weights.scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Popularity { sums: sums.collect() }
    }

    fn draw(&self, rng: &mut Rng) -> usize {
        match self.sums[..] {
            [_] => 0,
            [.., total] => {
                let at = rng.below(total);
                self.sums.partition_point(|&sum| sum <= at)
            }
            [] => unreachable!("there is a symbol"),
        }
    }
}

/// Random distance of a passive order from the mid.
struct Distances {
    /// Distance at each of `QUANTILES` equal steps of probability.
    quantiles: Vec<i64>,
}

impl Distances {
    const QUANTILES: u64 = 1 << 14;

    /// Geometric with a mean of 15 ticks, limited to 50.
    fn dense() -> Self {
        Self::geometric(&(0..=50).collect::<Vec<i64>>(), 15)
    }

    /// Geometric over levels that lie 1 to 1000 ticks apart.
    fn sparse(rng: &mut Rng) -> Self {
        let mut at = 0;
        let levels = (0..2000).map(|_| {
            let gap = u128::from(rng.exponential()) * 200 / u128::from(EXPONENTIAL_ONE);
            at += (1 + gap as i64).min(1000);
            at
        });
        Self::geometric(&levels.collect::<Vec<i64>>(), 300)
    }

    /// Each level is `mean` / (`mean` + 1) times as likely as the one before. Computed in whole
    /// numbers, so that rounding is the same on all platforms.
    fn geometric(levels: &[i64], mean: u64) -> Self {
        let weights = std::iter::successors(Some(1u64 << 48), |w| Some(w / (mean + 1) * mean));
        let weights: Vec<u64> = weights.take(levels.len()).collect();
        let total: u64 = weights.iter().sum();
        let (mut level, mut below) = (0, weights[0]);
        let quantiles = (0..Self::QUANTILES).map(|i| {
            let at = (u128::from(total) * u128::from(2 * i + 1)) / u128::from(2 * Self::QUANTILES);
            while u128::from(below) <= at {
                level += 1;
                below += weights[level];
            }
            levels[level]
        });
        Distances { quantiles: quantiles.collect() }
    }

    fn draw(&self, rng: &mut Rng) -> i64 {
        self.quantiles[rng.below(Self::QUANTILES) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashMap};

    fn flow(workload: Workload, seed: u64, events: usize) -> Flow {
        Flow::generate(&FlowSpec { workload, seed, events })
    }

    /// Workloads that are quick to generate.
    const QUICK: [Workload; 4] = [Workload::W1, Workload::Wide, Workload::Walk, Workload::Shuffled];

    #[test]
    fn a_seed_decides_the_flow() {
        for workload in QUICK {
            let (one, same, other) =
                (flow(workload, 1, 5000), flow(workload, 1, 5000), flow(workload, 2, 5000));
            assert!(one.setup == same.setup && one.events == same.events);
            assert_eq!(one.trades, same.trades);
            assert!(one.events != other.events, "{workload}");
        }
        // Pinned results of an earlier run: every machine must compute the same.
        let trades = flow(Workload::W1, 1, 100_000).trades;
        let pinned = (12_753, 415_669, 4_040_410_389_724_342_201);
        assert_eq!((trades.count, trades.quantity, trades.hash), pinned);
    }

    #[test]
    fn names_are_read_back() {
        for workload in Workload::ALL {
            assert_eq!(workload.name().parse(), Ok(workload));
        }
        assert!("w9".parse::<Workload>().is_err());
    }

    #[test]
    fn the_mix_is_what_it_says() {
        let n = 400_000;
        let flow = flow(Workload::W1, 3, n);
        let permille = |kind| flow.events.iter().filter(|e| e.kind == kind).count() * 1000 / n;
        assert!(permille(EventKind::Passive).abs_diff(490) <= 8);
        assert!(permille(EventKind::Cancel).abs_diff(410) <= 8);
        assert!(permille(EventKind::Replace).abs_diff(50) <= 3);
        assert!(permille(EventKind::Crossing).abs_diff(50) <= 3);
        assert!(flow.events.iter().all(|e| e.quantity <= CROSSING_MAX as u32));
    }

    #[test]
    fn books_stay_as_full_as_they_were() {
        for workload in QUICK.into_iter().chain([Workload::W2]) {
            let spec = FlowSpec { workload, seed: 4, events: 1_000_000 };
            let mut generator = Generator::new(&spec);
            generator.opening();
            for i in 0..spec.events {
                generator.step();
                if i % 1000 == 0 {
                    let live: usize =
                        (0..generator.targets.len()).map(|b| generator.model.live(b)).sum();
                    let target: usize = generator.targets.iter().sum();
                    assert!(live.abs_diff(target) < target / 10, "{workload}: {live} after {i}");
                }
            }
        }
    }

    #[test]
    fn the_book_of_w1_has_its_levels_and_stays_near_its_mid() {
        let spec = FlowSpec { workload: Workload::W1, seed: 5, events: 2_000_000 };
        let mut generator = Generator::new(&spec);
        generator.opening();
        let mut levels = Vec::new();
        for i in 0..spec.events {
            generator.step();
            if i % 20_000 == 0 {
                levels.push(generator.model.levels(0));
                let best = generator.model.price_of_level(0, true, 0).unwrap();
                assert!((best - generator.centre).abs() < 30, "{best}");
            }
        }
        let mean = levels.iter().sum::<usize>() / levels.len();
        assert!(mean.abs_diff(119) <= 6, "{mean}");
    }

    #[test]
    fn wide_prices_reach_far_and_lie_apart() {
        let flow = flow(Workload::Wide, 6, 200_000);
        let prices: Vec<i64> = flow.events.iter().map(|e| e.price.0).filter(|&p| p > 0).collect();
        assert!(prices.iter().any(|&p| p < 10_000) && prices.iter().any(|&p| p > 50_000_000_000));
        assert!(prices.iter().all(|&p| (1..=100_000_000_000).contains(&p)));
        let near = prices.iter().filter(|&&p| (9_000_000..11_000_000).contains(&p)).count();
        assert!(near * 100 > prices.len() * 95);
        let mut distinct = prices;
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() > 5_000, "{}", distinct.len());
    }

    #[test]
    fn a_walk_takes_the_market_along() {
        let flow = flow(Workload::Walk, 7, 1_000_000);
        let crossing = |events: &[Event]| {
            let prices = events.iter().filter(|e| e.kind == EventKind::Crossing).map(|e| e.price.0);
            prices.clone().sum::<i64>() / prices.count() as i64
        };
        let (first, last) = (crossing(&flow.events[..10_000]), crossing(&flow.events[990_000..]));
        assert!((last - first) * 100 > first * 55, "{first} to {last}");
    }

    #[test]
    fn shuffled_ids_are_unique_and_the_others_rise() {
        let ids = |flow: &Flow| -> Vec<(u16, u32)> {
            let all = flow.setup.iter().chain(&flow.events);
            let new = all.filter(|e| e.kind != EventKind::Cancel);
            new.map(|e| (e.session, if e.kind == EventKind::Replace { e.new_id } else { e.id }))
                .collect()
        };
        let mut shuffled: Vec<u32> =
            ids(&flow(Workload::Shuffled, 8, 50_000)).into_iter().map(|(_, id)| id).collect();
        let rising = shuffled.windows(2).filter(|w| w[0] < w[1]).count();
        assert!(rising.abs_diff(shuffled.len() / 2) < shuffled.len() / 50);
        let n = shuffled.len();
        shuffled.sort_unstable();
        shuffled.dedup();
        assert_eq!(shuffled.len(), n);
        let mut last = [0; SESSIONS as usize + 1];
        for (session, id) in ids(&flow(Workload::W1, 8, 50_000)) {
            assert_eq!(id, last[session as usize] + 1);
            last[session as usize] = id;
        }
        assert!(last[1..].iter().all(|&n| n.abs_diff(last[1]) < 50), "{last:?}");
    }

    /// Symbol, true for a buy order, rank of the price, time.
    type Place = (u32, bool, i64, usize);

    /// Book that is too simple to be wrong: session, id and open quantity of all orders in one
    /// sorted map.
    #[derive(Default)]
    struct NaiveBook {
        queue: BTreeMap<Place, (u16, u32, u32)>,
        places: HashMap<(u16, u32), Place>,
        trades: Trades,
    }

    impl NaiveBook {
        fn apply(&mut self, time: usize, e: &Event) {
            if matches!(e.kind, EventKind::Cancel | EventKind::Replace) {
                let place = self.places.remove(&(e.session, e.id)).expect("the order is live");
                let order = self.queue.remove(&place).expect("the order is live");
                assert_eq!((place.0, place.1), (e.symbol.0, e.side.is_buy()), "{order:?}");
            }
            if e.kind == EventKind::Cancel {
                return;
            }
            let trades_before = self.trades.count;
            let id = if e.kind == EventKind::Replace { e.new_id } else { e.id };
            let (symbol, buy) = (e.symbol.0, e.side.is_buy());
            let limit = if buy { -e.price.0 } else { e.price.0 };
            let mut open = e.quantity;
            while open > 0 {
                let side = (symbol, !buy, i64::MIN, 0)..(symbol, !buy, i64::MAX, 0);
                let Some((&place, order)) = self.queue.range_mut(side).next() else { break };
                // The ranks of the two sides have opposite signs.
                if -place.2 < limit {
                    break;
                }
                let quantity = open.min(order.2);
                self.trades.add(order.0.into(), order.1.into(), place.2.abs(), quantity.into());
                open -= quantity;
                order.2 -= quantity;
                if order.2 == 0 {
                    self.places.remove(&(order.0, order.1));
                    self.queue.remove(&place);
                }
            }
            if open > 0 {
                let place = (symbol, buy, limit, time);
                self.queue.insert(place, (e.session, id, open));
                assert!(self.places.insert((e.session, id), place).is_none(), "a live id again");
            }
            let traded = self.trades.count > trades_before;
            assert_eq!(traded, e.kind == EventKind::Crossing, "{e:?}");
        }
    }

    #[test]
    fn a_naive_book_agrees_on_every_trade_and_every_live_order() {
        for workload in QUICK {
            let flow = flow(workload, 9, 60_000);
            let mut book = NaiveBook::default();
            flow.setup.iter().chain(&flow.events).enumerate().for_each(|(i, e)| book.apply(i, e));
            assert!(flow.trades.count > 3000, "{workload}");
            assert_eq!((book.trades, book.places.len()), (flow.trades, flow.live), "{workload}");
        }
    }
}
