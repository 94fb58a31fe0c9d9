//! Live pegs of all symbols, found by what a new quote does to them.
//!
//! Pegs of one symbol, side and kind follow one price. A peg with a bound moves with that price as
//! far as the bound and no farther: its **reach**. A band holds the pegs with a small offset first.
//! So a new price moves the pegs whose reach and whose offset lie beyond the old or the new price,
//! and no command looks at the others.

use super::book::key_of;
use super::market::Quote;
use super::orders::Order;
use super::terms::{Owner, owner_of};
use super::tree::{Tree, Value};
use ringside_model::command::SpecialTerms;
use ringside_model::domain::{AtBand, Peg, SymbolId};
use std::collections::{BTreeMap, BTreeSet};

/// Pegs that follow one price, in the book or out of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    symbol: SymbolId,
    is_parked: bool,
    buy: bool,
    is_midpoint: bool,
    /// True if a limit beyond a band ends the pegs; else the band holds them.
    ends_at_band: bool,
}

/// Peg that a search has found, with the limit that the peg wants.
#[derive(Clone, Copy)]
pub(super) struct Follower {
    /// Seqno of the command that entered or replaced the peg.
    pub since: u64,
    pub owner: Owner,
    pub terms: SpecialTerms,
    /// Limit that the terms want at the present quote; `None` if the peg belongs out of the book,
    /// and where nobody asks for the limit.
    pub price: Option<i64>,
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

/// Place of a peg in its group: its offset, negative for a parked one, and its entry.
type Place = (i64, u64);

/// Peg of a group.
#[derive(Clone, Copy)]
struct Member {
    owner: Owner,
    terms: SpecialTerms,
    /// Key of the followed price at which the bound begins to hold.
    reach: i64,
}

impl Value for Member {
    /// Largest reach of the pegs.
    type Sum = i64;
    const NONE: i64 = i64::MIN;

    fn sum(&self) -> i64 {
        self.reach
    }

    fn join(low: i64, high: i64) -> i64 {
        low.max(high)
    }
}

/// Pegs of a group to look at: those with places above `above` and a reach beyond `beyond`.
#[derive(Clone, Copy)]
struct Sought {
    above: i64,
    beyond: i64,
}

impl Sought {
    const ALL: Sought = Sought { above: i64::MIN, beyond: i64::MIN };
    const NONE: Sought = Sought { above: i64::MAX, beyond: i64::MAX };
}

/// Live pegs by symbol and group.
#[derive(Default)]
pub(super) struct Followers {
    groups: BTreeMap<Group, Tree<Place, Member>>,
    /// Entries of all pegs, by symbol.
    entries: BTreeSet<(SymbolId, u64)>,
    settled: BTreeMap<SymbolId, Settled>,
}

impl Followers {
    /// Adds a peg that comes to rest.
    pub(crate) fn add(&mut self, order: &Order, terms: &SpecialTerms, since: u64) {
        let group = self.groups.entry(group_of(order, terms)).or_insert_with(Tree::new);
        let (owner, reach) = (owner_of(order), reach(order, terms));
        group.set(place(order, terms, since), Member { owner, terms: *terms, reach });
        self.entries.insert((SymbolId(order.symbol), since));
    }

    /// Removes a peg that leaves, if the peg is there.
    pub(crate) fn remove(&mut self, order: &Order, terms: &SpecialTerms, since: u64) {
        let group = group_of(order, terms);
        if let Some(pegs) = self.groups.get_mut(&group) {
            pegs.remove(place(order, terms, since));
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

    /// Returns all pegs in the book of a symbol, in the order of their entry, without their limits.
    pub(crate) fn in_book(&self, symbol: SymbolId) -> Vec<Follower> {
        self.find(symbol, false, |_| (Sought::ALL, None))
    }

    /// Returns the pegs in the book of a symbol that `now` may move, end or park, in the order of
    /// their entry.
    pub(crate) fn touched(&self, symbol: SymbolId, now: &Settled) -> Vec<Follower> {
        let before = self.settled.get(&symbol);
        self.find(symbol, false, |group| {
            let (buy, new) = (group.buy, now.followed(group));
            let before = before.filter(|before| before.guards(buy) == now.guards(buy));
            let sought = match (before.and_then(|before| before.followed(group)), new) {
                (Some(old), Some(new)) if old == new => Sought::NONE,
                (Some(old), Some(new)) => {
                    let beyond = key(buy, old).min(key(buy, new));
                    let held_to = beyond.saturating_sub(now.band(buy));
                    Sought { above: if group.ends_at_band { i64::MIN } else { held_to }, beyond }
                }
                // Without a price before or now, all of the group.
                _ => Sought::ALL,
            };
            (sought, new)
        })
    }

    /// Returns the parked pegs of a symbol that have a price to follow, in the order of their
    /// entry.
    pub(crate) fn parked(&self, symbol: SymbolId, quote: Quote) -> Vec<Follower> {
        self.find(symbol, true, |group| {
            let followed = quote.followed(group.buy, group.is_midpoint);
            let sought = match followed {
                None => Sought::NONE,
                // A price up to the offset leaves no tick for a buying peg.
                Some(price) if group.buy => Sought { above: -price, ..Sought::ALL },
                Some(_) => Sought::ALL,
            };
            (sought, followed)
        })
    }

    /// Returns the pegs of a symbol, in the book or out of it, that are sought in their groups, in
    /// the order of their entry. `ask` says which of a group are sought, and the price that the
    /// group follows.
    fn find(
        &self,
        symbol: SymbolId,
        is_parked: bool,
        ask: impl Fn(Group) -> (Sought, Option<i64>),
    ) -> Vec<Follower> {
        let edge =
            |flag| Group { symbol, is_parked, buy: flag, is_midpoint: flag, ends_at_band: flag };
        let mut found = vec![];
        for (&group, pegs) in self.groups.range(edge(false)..=edge(true)) {
            let (Sought { above, beyond }, followed) = ask(group);
            pegs.each_above((above, u64::MAX), |reach| reach > beyond, &mut |place, peg| {
                let Member { owner, terms, .. } = peg;
                let price = followed.and_then(|price| limit_of(group.buy, &terms, price));
                found.push(Follower { since: place.1, owner, terms, price });
            });
        }
        found.sort_unstable_by_key(|peg| peg.since);
        found
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

    /// Returns the key of the band that bounds the limits of a side.
    fn band(&self, buy: bool) -> i64 {
        key(buy, if buy { self.bands.1 } else { self.bands.0 })
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

fn group_of(order: &Order, terms: &SpecialTerms) -> Group {
    Group {
        symbol: SymbolId(order.symbol),
        is_parked: order.attributes.is_parked(),
        buy: order.attributes.is_buy(),
        is_midpoint: terms.peg == Peg::Midpoint,
        ends_at_band: terms.at_band == AtBand::Cancel,
    }
}

/// Returns a key that is greater the farther a price lies towards the other side.
fn key(buy: bool, price: i64) -> i64 {
    -key_of(buy, price)
}

fn place(order: &Order, terms: &SpecialTerms, since: u64) -> Place {
    let offset = i64::from(terms.peg_offset);
    (if order.attributes.is_parked() { -offset } else { offset }, since)
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

/// Returns the middle of a quote in whole ticks, rounded towards the order's own side.
fn midpoint(bid: i64, offer: i64, buy: bool) -> i64 {
    let sum = i128::from(bid) + i128::from(offer);
    (if buy { sum / 2 } else { (sum + 1) / 2 }) as i64
}

/// Returns the limit of a peg that follows this price; `None` if the limit would be below one tick.
pub(super) fn limit_of(buy: bool, terms: &SpecialTerms, followed: i64) -> Option<i64> {
    let offset = i64::from(terms.peg_offset);
    let price = if buy { followed - offset } else { followed.saturating_add(offset) };
    let bounded = match terms.peg_limit.0 {
        0 => price,
        limit if buy => price.min(limit),
        limit => price.max(limit),
    };
    (bounded >= 1).then_some(bounded)
}
