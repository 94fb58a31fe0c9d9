//! Live pegs of all symbols, found by what a new quote does to them.
//!
//! Pegs of one symbol, side and kind follow one price. A peg with a bound moves with that price as
//! far as the bound and no farther: its **reach**. A new price moves the pegs whose reach lies
//! beyond the old or the new price, and no command looks at the others.

use super::book::key_of;
use super::market::Quote;
use super::orders::Order;
use ringside_model::command::SpecialTerms;
use ringside_model::domain::{OrderId, Peg, SessionId, SymbolId};
use std::collections::{BTreeMap, BTreeSet};

/// Pegs that follow one price, in the book or out of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    symbol: SymbolId,
    is_parked: bool,
    buy: bool,
    is_midpoint: bool,
}

/// Live peg: the seqno of the command that entered or replaced the peg, its owner, and the price
/// that its group follows; `None` without one, or where nobody asks for the price.
#[derive(Clone, Copy)]
pub(super) struct Follower {
    pub since: u64,
    pub owner: (SessionId, OrderId),
    pub followed: Option<i64>,
}

/// Quote, bands and short sale test of a symbol under which all its pegs in the book had their
/// places.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Settled {
    pub quote: Quote,
    pub bands: (i64, i64),
    /// Quoted bid of the short sale test, if the test holds; 0 if the test is against our own bid,
    /// which every order may change.
    pub tested_bid: Option<i64>,
}

/// Session and id of the pegs of a group, by reach and entry.
type Pegs = BTreeMap<(i64, u64), (SessionId, OrderId)>;

/// Live pegs by symbol and group.
#[derive(Default)]
pub(super) struct Followers {
    groups: BTreeMap<Group, Pegs>,
    /// Entries of all pegs, by symbol.
    entries: BTreeSet<(SymbolId, u64)>,
    settled: BTreeMap<SymbolId, Settled>,
}

impl Followers {
    /// Adds a peg that comes to rest.
    pub(crate) fn add(&mut self, order: &Order, terms: &SpecialTerms, since: u64) {
        let owner = (SessionId(order.session), OrderId(order.id));
        let group = self.groups.entry(group_of(order, terms)).or_default();
        group.insert((reach(order, terms), since), owner);
        self.entries.insert((SymbolId(order.symbol), since));
    }

    /// Removes a peg that leaves, if the peg is there.
    pub(crate) fn remove(&mut self, order: &Order, terms: &SpecialTerms, since: u64) {
        let group = group_of(order, terms);
        if let Some(pegs) = self.groups.get_mut(&group) {
            pegs.remove(&(reach(order, terms), since));
            if pegs.is_empty() {
                self.groups.remove(&group);
            }
        }
        self.entries.remove(&(SymbolId(order.symbol), since));
    }

    /// Returns true if a peg of a symbol has this entry.
    pub(crate) fn has(&self, symbol: SymbolId, since: u64) -> bool {
        self.entries.contains(&(symbol, since))
    }

    /// Records for which quote, bands and test all pegs of a symbol in the book have their places;
    /// `None` if that is not known, as after a peg has moved or changed by another command.
    pub(crate) fn settle(&mut self, symbol: SymbolId, settled: Option<Settled>) {
        match settled {
            Some(settled) => self.settled.insert(symbol, settled),
            None => self.settled.remove(&symbol),
        };
    }

    /// Forgets for what the pegs of a symbol had their places, unless that was `now`. A peg that
    /// enters has its place under `now`; if the others have theirs under something else, no single
    /// thing is known of all.
    pub(crate) fn unsettle(&mut self, symbol: SymbolId, now: &Settled) {
        if self.settled.get(&symbol).is_some_and(|settled| settled != now) {
            self.settled.remove(&symbol);
        }
    }

    /// Returns all pegs in the book of a symbol, in the order of their entry.
    pub(crate) fn in_book(&self, symbol: SymbolId) -> Vec<Follower> {
        let groups = groups(symbol, false);
        in_order(groups.into_iter().flat_map(|group| self.beyond(group, i64::MIN, None)))
    }

    /// Returns the pegs in the book of a symbol that `now` may move or park, in the order of their
    /// entry.
    pub(crate) fn touched(&self, symbol: SymbolId, now: &Settled) -> Vec<Follower> {
        let before = self.settled.get(&symbol);
        in_order(groups(symbol, false).into_iter().flat_map(|group| {
            let followed = now.followed(group);
            let kept = before.filter(|before| before.guards(group.buy) == now.guards(group.buy));
            let beyond = match (kept.and_then(|kept| kept.followed(group)), followed) {
                (Some(old), Some(new)) if old == new => i64::MAX,
                (Some(old), Some(new)) => key(group.buy, old).min(key(group.buy, new)),
                // Without a price before or now, all of the group.
                _ => i64::MIN,
            };
            self.beyond(group, beyond, followed)
        }))
    }

    /// Returns the parked pegs of a symbol whose group has a price to follow, in the order of their
    /// entry.
    pub(crate) fn parked(&self, symbol: SymbolId, quote: Quote) -> Vec<Follower> {
        let followed = |group: Group| Some((group, quote.followed(group.buy, group.is_midpoint)?));
        let groups = groups(symbol, true).into_iter().filter_map(followed);
        in_order(groups.flat_map(|(group, price)| self.beyond(group, i64::MIN, Some(price))))
    }

    /// Iterates over the pegs of a group whose reach is beyond a key.
    fn beyond(
        &self,
        group: Group,
        beyond: i64,
        followed: Option<i64>,
    ) -> impl Iterator<Item = Follower> {
        let pegs = self.groups.get(&group).filter(|_| beyond < i64::MAX);
        let pegs = pegs.into_iter().flat_map(move |pegs| pegs.range((beyond, u64::MAX)..));
        pegs.map(move |(&(_, since), &owner)| Follower { since, owner, followed })
    }
}

impl Settled {
    fn followed(&self, group: Group) -> Option<i64> {
        self.quote.followed(group.buy, group.is_midpoint)
    }

    /// Returns what bounds the limit of a peg besides its own terms. Only sales can be short.
    fn guards(&self, buy: bool) -> ((i64, i64), Option<i64>) {
        (self.bands, self.tested_bid.filter(|_| !buy))
    }
}

impl Quote {
    /// Returns the price that the pegs of a side follow; `None` without one, or at a crossed quote.
    pub(crate) fn followed(self, buy: bool, is_midpoint: bool) -> Option<i64> {
        let Quote { bid, offer } = self;
        let own = if buy { bid } else { offer };
        if offer != 0 && bid > offer {
            None
        } else if is_midpoint {
            (bid != 0 && offer != 0).then(|| midpoint(bid, offer, buy))
        } else {
            (own != 0).then_some(own)
        }
    }
}

/// Returns the groups of a symbol's pegs, in the book or out of it.
fn groups(symbol: SymbolId, is_parked: bool) -> [Group; 4] {
    [(true, false), (true, true), (false, false), (false, true)].map(|(buy, is_midpoint)| Group {
        symbol,
        is_parked,
        buy,
        is_midpoint,
    })
}

fn group_of(order: &Order, terms: &SpecialTerms) -> Group {
    Group {
        symbol: SymbolId(order.symbol),
        is_parked: order.attributes.is_parked(),
        buy: order.attributes.is_buy(),
        is_midpoint: terms.peg == Peg::Midpoint,
    }
}

/// Returns a key that is greater the farther a price lies towards the other side.
fn key(buy: bool, price: i64) -> i64 {
    -key_of(buy, price)
}

/// Returns the key of the followed price at which the bound of a peg begins to hold.
fn reach(order: &Order, terms: &SpecialTerms) -> i64 {
    match terms.peg_limit.0 {
        0 => i64::MAX,
        limit => {
            let bound = key(order.attributes.is_buy(), limit);
            bound.saturating_add(terms.peg_offset.into())
        }
    }
}

fn in_order(pegs: impl Iterator<Item = Follower>) -> Vec<Follower> {
    let mut pegs: Vec<Follower> = pegs.collect();
    pegs.sort_unstable_by_key(|peg| peg.since);
    pegs
}

/// Returns the middle of a quote in whole ticks, rounded towards the order's own side.
fn midpoint(bid: i64, offer: i64, buy: bool) -> i64 {
    let sum = i128::from(bid) + i128::from(offer);
    (if buy { sum / 2 } else { (sum + 1) / 2 }) as i64
}
