//! Trial of an incoming order: the quantity that the order would trade, found without a change of
//! the book. A fill-or-kill order and a minimum quantity depend on it.
//!
//! The trial meets the resting orders in the order in which the matching loop meets them. It takes
//! a level as a whole, reserves included, unless an order of the incoming order's owner stands
//! there, or a minimum that the order may not meet. There it meets the orders one by one: the next
//! slice of an iceberg joins the end of its price level, and self-trade prevention takes from both
//! sides. Levels where no minimum can be met are not looked at.

use super::Engine;
use super::book::{key_of, side_index};
use super::by_place::Sought;
use super::covered::READY;
use super::icebergs::draw_slice;
use super::ladder::{Level, LevelSlot};
use super::matching::{Incoming, prevented};
use super::orders::Slot;
use super::reserved::Behind;
use ringside_model::command::Display;
use ringside_model::domain::{OrderNumber, SelfTrade, SymbolId};
use ringside_planted::{Bug, planted};
use std::collections::VecDeque;

/// Number of orders that are met in the time of one look-up by place.
const LOOK_UP: usize = 8;

/// Incoming order during its trial.
#[derive(Clone, Copy)]
struct Trial {
    self_trade: SelfTrade,
    lot: u64,
    /// Quantity that is still open.
    open: u64,
    /// Quantity that is still to be traded.
    wanted: u64,
    /// Trades and places that the command may still make and give.
    trades_left: u64,
    places_left: u64,
    /// True if the order would need more of them, or might where levels are taken as a whole.
    is_spent: bool,
}

/// Resting order that a trial meets.
struct Resting {
    open: u64,
    /// Quantity behind the slice of an iceberg, and the sizes of its next slices.
    reserve: Option<(u64, Display)>,
    /// True if self-trade prevention applies.
    is_own: bool,
    /// Open quantity that the incoming order must have.
    least: u64,
}

impl Trial {
    /// Returns the result when it is known: true if nothing is left to be traded, false if less is
    /// open than that, or if the command may do no more.
    fn result(&self) -> Option<bool> {
        if self.wanted == 0 {
            return Some(true);
        }
        (self.open < self.wanted || self.is_spent).then_some(false)
    }

    /// Takes trades and places from what the command may still do.
    fn spend(&mut self, trades: u64, places: u64) {
        let left = [(self.trades_left, trades), (self.places_left, places)];
        let left = left.map(|(left, needed)| left.checked_sub(needed));
        self.is_spent |= left.contains(&None);
        [self.trades_left, self.places_left] = left.map(Option::unwrap_or_default);
    }

    /// Trades with all orders of a level, of which no one stands out. They are `orders` at most,
    /// with at most `slices` to come.
    fn meet_level(&mut self, total: u128, orders: u64, slices: u64) -> Option<bool> {
        let traded = u64::try_from(total).unwrap_or(u64::MAX).min(self.open);
        let lots = traded.div_ceil(self.lot);
        self.spend(lots.min(orders + slices), lots.min(slices));
        if self.is_spent {
            return Some(false);
        }
        self.open -= traded;
        self.wanted = self.wanted.saturating_sub(traded);
        self.result()
    }

    /// Meets a resting order; returns the next slice of an iceberg whose slice is used up.
    fn meet(&mut self, resting: Resting) -> Option<Resting> {
        let Resting { open, reserve, is_own, least } = resting;
        if self.open < least {
            return None;
        }
        if is_own {
            let there = open + reserve.map_or(0, |(left, _)| left);
            self.open -= prevented(self.self_trade, there, self.open).1;
            return None;
        }
        let traded = open.min(self.open);
        let next = reserve.filter(|&(left, _)| left > 0 && traded == open);
        self.spend(1, next.is_some().into());
        if self.is_spent {
            return None;
        }
        self.open -= traded;
        self.wanted = self.wanted.saturating_sub(traded);
        let (left, mut display) = next?;
        let slice = display.next.min(left);
        draw_slice(&mut display, self.lot);
        Some(Resting { open: slice, reserve: Some((left - slice, display)), is_own, least })
    }

    /// Meets the orders of one price level, and no more of them than the result needs. Next slices
    /// come behind all orders of the level.
    fn meet_all(&mut self, mut level: impl Iterator<Item = Resting>) -> Option<bool> {
        let mut slices = VecDeque::new();
        while self.result().is_none()
            && let Some(resting) = level.next().or_else(|| slices.pop_front())
        {
            slices.extend(self.meet(resting));
        }
        self.result()
    }
}

/// Levels and orders that an incoming order needs if it trades with all that stands there.
struct Within {
    levels: usize,
    orders: usize,
    /// Quantity that the order does not get even so, reserves left aside.
    lacking: u128,
}

/// Levels on which an order of the incoming order's owner may stand.
enum Own {
    /// None.
    Nowhere,
    /// These levels, sorted by slot, and those on which one of these sessions has an order.
    Some { levels: Vec<LevelSlot>, sessions: Vec<u32> },
    /// All levels: to look at their orders costs no more than to look for those of the owner.
    All,
}

impl Engine {
    /// Returns true if an incoming order would trade `wanted` in all. Quantity that self-trade
    /// prevention takes does not count, nor what the command may not trade any more.
    ///
    /// A level that is taken as a whole has at most the trades of its orders and slices. Where that
    /// could be too many, the trial begins again and meets all orders one by one.
    pub(super) fn can_trade(
        &mut self,
        book: usize,
        incoming: &Incoming,
        limit: i64,
        wanted: u64,
    ) -> bool {
        let limit = key_of(!incoming.order.attributes.is_buy(), limit);
        let within = self.within(book, incoming, limit);
        if within.levels == 0 || self.lacks(book, incoming, limit, wanted, &within) {
            return false;
        }
        let left = |done: u32| u64::from(self.work_max - done);
        let mut trial = Trial {
            self_trade: incoming.order.attributes.self_trade(),
            lot: self.books[book].lot(),
            open: incoming.order.open,
            wanted,
            trades_left: left(incoming.traded.count),
            places_left: left(incoming.traded.placed),
            is_spent: false,
        };
        let mut quick = trial;
        let own = self.own_levels(incoming, &within);
        let is_filled = self.run_trial(book, incoming, limit, &mut quick, &own);
        if !quick.is_spent {
            return is_filled;
        }
        self.run_trial(book, incoming, limit, &mut trial, &Own::All)
    }

    /// Lets an incoming order meet the levels up to a limit; returns true if it would trade what it
    /// wants.
    fn run_trial(
        &self,
        book: usize,
        incoming: &Incoming,
        limit: i64,
        trial: &mut Trial,
        own: &Own,
    ) -> bool {
        let (symbol, buy) = (self.books[book].symbol(), !incoming.order.attributes.is_buy());
        let ladders = [Some(&self.books[book].sides), self.hidden(symbol, false)];
        let mut ladders = ladders.map(|sides| {
            let side = sides.map(|sides| &sides[side_index(buy)]).into_iter();
            let levels = side.flat_map(|side| side.iter());
            levels.map(|level| (self.levels.get(level).key, level)).peekable()
        });
        let mut reserves = self.reserved.of_side(symbol, buy).peekable();
        let mut behind = None;
        loop {
            let minimum = self.minimums.first(symbol, buy, behind, trial.open);
            let minimum = minimum.map(|slot| self.orders.get(slot).level);
            let minimum = minimum.map(|level| (self.levels.get(level).key, level));
            let keys = ladders.each_mut().map(|levels| levels.peek().map(|&(key, _)| key));
            let keys = keys.into_iter().chain([minimum.map(|(key, _)| key)]).flatten();
            let Some(best) = keys.min().filter(|&best| best <= limit) else { return false };
            let is_best = |&(key, _): &(i64, LevelSlot)| key == best;
            let [displayed, hidden] = ladders.each_mut().map(|levels| levels.next_if(is_best));
            if let Some((_, level)) = displayed {
                while reserves.next_if(|&(key, _)| key < best).is_some() {}
                let reserve = reserves.next_if(|&(key, _)| key == best);
                let behind = reserve.map_or_else(Behind::default, |(_, behind)| behind);
                let result = if self.may_stand_on(level, incoming, own) {
                    trial.meet_all(self.queue(level).map(|slot| self.in_trial(slot, incoming)))
                } else {
                    let level = self.levels.get(level);
                    let total = level.total() + behind.quantity;
                    trial.meet_level(total, level.count.into(), behind.slices)
                };
                if let Some(result) = result {
                    return result;
                }
            }
            let levels =
                [hidden, minimum.filter(is_best)].map(|level| level.map(|(_, level)| level));
            if let Some(result) = self.meet_hidden(trial, incoming, levels, own) {
                return result;
            }
            behind = Some((best, u64::MAX));
        }
    }

    /// Meets the hidden orders of one price: those without a minimum on one level, those with one
    /// on another.
    fn meet_hidden(
        &self,
        trial: &mut Trial,
        incoming: &Incoming,
        levels: [Option<LevelSlot>; 2],
        own: &Own,
    ) -> Option<bool> {
        let of = |level: Option<LevelSlot>| level.map(|level| self.levels.get(level));
        let total = levels.iter().map(|&level| of(level).map_or(0, Level::total)).sum::<u128>();
        let may_stand = |&level: &LevelSlot| self.may_stand_on(level, incoming, own);
        let stands_own = levels.iter().flatten().any(may_stand);
        // What trades with every order of the level meets every minimum.
        if !stands_own && (levels[1].is_none() || total <= trial.open.into()) {
            let orders =
                levels.iter().map(|&level| of(level).map_or(0, |level| level.count.into()));
            return trial.meet_level(total, orders.sum(), 0);
        }
        let symbol = SymbolId(incoming.order.symbol);
        let buy = !incoming.order.attributes.is_buy();
        let mut without_minimum = levels[0].into_iter().flat_map(|level| self.queue(level));
        let mut next = without_minimum.next();
        let mut behind = levels[1].map(|level| (self.levels.get(level).key, 0));
        while trial.result().is_none() {
            let with_minimum = behind.and_then(|behind| {
                let slot = self.minimums.first(symbol, buy, Some(behind), trial.open)?;
                (self.orders.get(slot).level == levels[1]?).then_some(slot)
            });
            let age = |slot: Slot| OrderNumber(self.orders.get(slot).number).age();
            let first = [next, with_minimum].into_iter().flatten().min_by_key(|&slot| age(slot));
            let Some(slot) = first else { break };
            if next == first {
                next = without_minimum.next();
            } else {
                behind = behind.map(|(key, _)| (key, age(slot)));
            }
            trial.meet(self.in_trial(slot, incoming));
        }
        trial.result()
    }

    /// Finds the levels on which an order of the incoming order's owner may stand. The search costs
    /// the levels and the orders of the owner that are not found by place, or the orders of the
    /// levels if these are fewer.
    fn own_levels(&mut self, incoming: &Incoming, within: &Within) -> Own {
        let order = &incoming.order;
        let mut levels = vec![];
        let mut sessions = vec![];
        if order.attributes.self_trade() == SelfTrade::None {
            return Own::Nowhere;
        }
        let (levels_within, mut left) = (within.levels, within.orders);
        let sought = Sought { buy: Some(!order.attributes.is_buy()), symbol: Some(order.symbol) };
        let mut ready = READY;
        let candidates = self.owners_of(incoming);
        for &session in &candidates {
            self.orders.make_ready(session, candidates.len(), &mut ready);
            let owners = self.orders.owners();
            let by_place = owners.is_by_place(session);
            let look_ups = if by_place { levels_within * LOOK_UP } else { 0 };
            let cost = owners.live_in_runs(session) + look_ups;
            let Some(rest) = left.checked_sub(cost) else { return Own::All };
            left = rest;
            let found = owners.by_place().of(session, sought);
            let level = |slot: Slot| self.orders.get(slot).level;
            let before = levels.len();
            levels.extend(found.take(levels_within + 1).map(level));
            if levels.len() - before > levels_within {
                levels.truncate(before);
                sessions.push(session);
            }
            let is_own = |&slot: &Slot| {
                let resting = self.orders.get(slot);
                sought.has(resting) && incoming.owns(resting)
            };
            levels.extend(self.orders.in_runs(session).filter(is_own).map(level));
        }
        if levels.is_empty() && sessions.is_empty() {
            return Own::Nowhere;
        }
        levels.sort_unstable();
        Own::Some { levels, sessions }
    }

    /// Returns true if everything up to a limit is less than what an incoming order wants.
    fn lacks(
        &self,
        book: usize,
        incoming: &Incoming,
        limit: i64,
        wanted: u64,
        within: &Within,
    ) -> bool {
        let may_lack = u128::from(incoming.order.open - wanted);
        if within.lacking <= may_lack {
            return false;
        }
        let buy = !incoming.order.attributes.is_buy();
        let reserves = self.reserved.of_side(self.books[book].symbol(), buy);
        let reserves = reserves.take_while(|&(key, _)| key <= limit);
        within.lacking > may_lack + reserves.map(|(_, behind)| behind.quantity).sum::<u128>()
    }

    /// Returns the sessions that may have orders of an incoming order's owner.
    fn owners_of(&self, incoming: &Incoming) -> Vec<u32> {
        let (attributes, owners) = (incoming.order.attributes, self.orders.owners());
        let (firm, group) = (attributes.firm(), attributes.group());
        let session = (firm == 0).then_some(incoming.order.session);
        let firms = (firm != 0).then(|| owners.of_firm(firm)).into_iter().flatten();
        let groups = (group != 0).then(|| owners.of_group(group)).into_iter().flatten();
        session.into_iter().chain(firms).chain(groups).collect()
    }

    #[inline]
    fn may_stand_on(&self, level: LevelSlot, incoming: &Incoming, own: &Own) -> bool {
        let (levels, sessions) = match own {
            Own::Nowhere => return false,
            Own::All => return true,
            Own::Some { levels, sessions } => (levels, sessions),
        };
        let side = (!incoming.order.attributes.is_buy(), incoming.order.symbol);
        let by_place = self.orders.owners().by_place();
        levels.binary_search(&level).is_ok()
            || sessions.iter().any(|&session| by_place.has(session, side, level))
    }

    /// Counts what an incoming order needs up to a limit if it trades with all that stands there,
    /// reserves left aside.
    fn within(&self, book: usize, incoming: &Incoming, limit: i64) -> Within {
        let side = side_index(!incoming.order.attributes.is_buy());
        let lacking = u128::from(incoming.order.open);
        let mut within = Within { levels: 0, orders: 0, lacking };
        for sides in self.displayed_and_hidden(book) {
            for level in sides[side].iter().map(|level| self.levels.get(level)) {
                if level.key > limit || within.lacking == 0 {
                    break;
                }
                within.lacking = within.lacking.saturating_sub(level.total());
                within.levels += 1;
                within.orders += level.count as usize;
            }
        }
        within
    }

    fn in_trial(&self, slot: Slot, incoming: &Incoming) -> Resting {
        let order = self.orders.get(slot);
        let reserve = order.attributes.has_reserve().then(|| self.reserve(order));
        let mut resting = Resting {
            open: order.open,
            reserve,
            is_own: incoming.owns(order),
            least: self.least(order),
        };
        if planted(Bug::ReserveAheadOfOthers)
            && let Some((left, _)) = resting.reserve.take()
        {
            resting.open += left;
        }
        resting
    }
}
