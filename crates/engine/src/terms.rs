//! Special terms of live orders: an expiry time, no display, a minimum quantity, a peg, and the
//! choices at a price band and at the short sale price test.
//!
//! The terms lie beside the orders, by session and id: an order that enters again under another
//! number keeps its row. The table keeps its part of the state hash, which has the number.

use super::orders::Order;
use ringside_model::command::SpecialTerms;
use ringside_model::domain::{OrderId, Peg, SessionId};
use ringside_model::hash;
use std::collections::BTreeMap;

/// Special terms of an order.
#[derive(Clone, Copy)]
pub(super) struct KeptTerms {
    /// Terms that the client asked for.
    pub asked: SpecialTerms,
    /// Seqno of the command that entered or replaced the order. New limits leave it as it is.
    pub since: u64,
}

/// Session of an order, and the session's id of the order.
pub(super) type Owner = (SessionId, OrderId);

/// Special terms of all orders that have some.
#[derive(Default)]
pub(super) struct Terms {
    rows: BTreeMap<Owner, KeptTerms>,
    /// Wrapping sum of the rows' parts of the state hash.
    hash: u128,
}

impl Terms {
    /// Inserts the terms of an order that has none here.
    pub(crate) fn insert(&mut self, order: &Order, kept: &KeptTerms) {
        self.hash = self.hash.wrapping_add(kept.hash(order, order.number));
        let before = self.rows.insert(owner_of(order), *kept);
        debug_assert!(before.is_none(), "an order has one row");
    }

    /// Removes and returns the terms of an order that has some.
    pub(crate) fn remove(&mut self, order: &Order) -> KeptTerms {
        let kept = self.rows.remove(&owner_of(order)).expect("a special order has terms");
        self.hash = self.hash.wrapping_sub(kept.hash(order, order.number));
        kept
    }

    /// Records that an order with these terms gets another number.
    pub(crate) fn renumber(&mut self, old: &Order, kept: &KeptTerms, number: u64) {
        let (before, after) = (kept.hash(old, old.number), kept.hash(old, number));
        self.hash = self.hash.wrapping_sub(before).wrapping_add(after);
    }

    /// Returns the terms of an order that has some.
    pub(crate) fn get(&self, order: &Order) -> &KeptTerms {
        self.rows.get(&owner_of(order)).expect("a special order has terms")
    }

    /// Iterates over all rows, by session and id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Owner, &KeptTerms)> {
        self.rows.iter().map(|(&owner, kept)| (owner, kept))
    }

    /// Returns the table's part of the state hash.
    pub(crate) fn hash(&self) -> u128 {
        self.hash
    }
}

impl KeptTerms {
    /// Returns the part of the state hash of an order's terms while the order has this number.
    fn hash(&self, order: &Order, number: u64) -> u128 {
        let KeptTerms { asked, since } = *self;
        let SpecialTerms { expire, min_quantity, peg_limit, peg_offset, peg, .. } = asked;
        let SpecialTerms { hidden, at_band, at_short_test, .. } = asked;
        let what = |what: u64| what << 32 | u64::from(order.symbol);
        let choices = u64::from(hidden) | (at_band as u64) << 8 | (at_short_test as u64) << 16;
        let follows = u64::from(peg_offset) | (peg as u64) << 32 | choices << 40;
        let fields = [what(7), number, expire.0, min_quantity.0, peg_limit.0 as u64, follows];
        let of_terms = hash::of_fields(fields);
        if peg == Peg::None {
            return of_terms;
        }
        of_terms.wrapping_add(hash::of_fields([what(21), number, since, 0, 0, u64::MAX]))
    }
}

/// Returns the owner of an order.
pub(super) fn owner_of(order: &Order) -> Owner {
    (SessionId(order.session), OrderId(order.id))
}
