//! Tallies of live orders by the time at which they end.
//!
//! Nothing happens at an end: the tally of the orders that are over is summed up when it is asked
//! for. Level 0 has a sum for each end, and a sum of each further level is that of a span of the
//! level below. So a tally costs the same however many orders have ended since the last one: ends
//! from the network are whole seconds, of which the least span has two or three, and each other
//! span has 2048 of those below.

use super::special::Tally;
use ringside_model::domain::Nanos;
use std::collections::BTreeMap;

/// Sums of tallies by end.
#[derive(Default)]
pub(super) struct Ends {
    levels: [BTreeMap<u64, Tally>; SPANS.len()],
}

/// Bits of the span of a sum, by level: one end, 2.1 seconds, 73 minutes, 104 days.
const SPANS: [u32; 4] = [0, 31, 42, 53];

impl Ends {
    /// Adds a part to the orders that end then, or takes it away.
    pub(super) fn change(
        &mut self,
        Nanos(end): Nanos,
        part: Tally,
        change: fn(Tally, Tally) -> Tally,
    ) {
        for (bits, sums) in SPANS.into_iter().zip(&mut self.levels) {
            let span = end >> bits;
            let sum = sums.entry(span).or_default();
            *sum = change(*sum, part);
            if *sum == Tally::default() {
                sums.remove(&span);
            }
        }
    }

    /// Returns the tally of the orders whose end has come.
    pub(super) fn over(&self, now: Nanos) -> Tally {
        let first = self.levels[0].first_key_value();
        if first.is_none_or(|(&end, _)| end > now.0) {
            return Tally::default();
        }
        self.parts(now).fold(Tally::default(), |sum, part| sum.plus(*part))
    }

    /// Returns the sums of which the tally of the orders that are over consists.
    fn parts(&self, Nanos(now): Nanos) -> impl Iterator<Item = &Tally> {
        let after = now.saturating_add(1);
        let above = SPANS.into_iter().skip(1).chain([u64::BITS]);
        SPANS.into_iter().zip(above).zip(&self.levels).flat_map(move |((bits, above), sums)| {
            let first = after.checked_shr(above).unwrap_or(0) << (above - bits);
            sums.range(first..after >> bits).map(|(_, sum)| sum)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Tally = Tally { orders: 1, stops: 0, pegs: 0, minimums: 0, slices: 0 };

    /// Returns the number of orders that are over, and of the sums that were looked at.
    fn over(ends: &Ends, now: u64) -> (u64, usize) {
        (ends.over(Nanos(now)).orders, ends.parts(Nanos(now)).count())
    }

    #[test]
    fn a_tally_costs_the_same_however_many_orders_are_over() {
        let mut ends = Ends::default();
        let orders = 100_000;
        (0..orders).for_each(|_| ends.change(Nanos(77), ONE, Tally::plus));
        assert_eq!([76, 77].map(|now| over(&ends, now)), [(0, 0), (orders, 1)]);
        (0..orders).for_each(|_| ends.change(Nanos(77), ONE, Tally::minus));
        assert!(ends.levels.iter().all(BTreeMap::is_empty));

        let second = 1_000_000_000;
        (1..=orders).for_each(|order| ends.change(Nanos(order * second), ONE, Tally::plus));
        for end in (1..=orders).step_by(997) {
            let (before, _) = over(&ends, end * second - 1);
            let (then, parts) = over(&ends, end * second);
            assert_eq!((before, then), (end - 1, end));
            assert!(parts < 3_000, "{parts} sums");
        }
        assert_eq!(over(&ends, u64::MAX - 1).0, orders);
    }
}
