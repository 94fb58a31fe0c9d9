//! Prefetching along a batch: memory that its commands will touch is requested before it is needed.
//!
//! A cancel is a chain of cache misses: index, order, then neighbours and level. The commands of a
//! batch lie side by side, so the processor can wait for many cache lines at once. Each step is a
//! short loop, where possible without a branch on the kind of the command: a mispredicted branch
//! costs more than the step saves. A useless prefetch does no harm.

use super::Engine;
use super::book::{key_of, side_index};
use super::ladder::LevelSlot;
use super::orders::{Bucket, NIL, Slot};
use ringside_model::command::{
    Action, Cancel, Command, Modify, Reduce, Replace, ReplaceTerms, Sequenced,
};
use ringside_model::domain::OrderId;
use ringside_model::report::ReportSink;
use std::ops::Range;

/// Number of commands that are prefetched together: all that they touch fits the first-level cache.
pub(super) const AHEAD_MAX: usize = 64;

/// Number of live orders from which on levels and neighbours no longer lie in the second-level
/// cache.
const DEEP_ORDERS: usize = 32 * 1024;

/// Number of commands that take each step together in deep books.
const GROUP: usize = 16;

/// Prefetched places of the new orders of a batch, by index of their command.
struct Entering {
    /// Level that the order will join.
    joined: [LevelSlot; AHEAD_MAX],
    /// Resting order that the order will trade with.
    hit: [Slot; AHEAD_MAX],
}

impl Engine {
    /// Makes room for the orders that the commands will add, and computes the index buckets of the
    /// order ids that they name first.
    #[inline(always)]
    pub(super) fn look_ahead(&mut self, commands: &[Sequenced]) -> [Bucket; AHEAD_MAX] {
        self.orders.make_room(commands.len());
        let mut buckets = [Bucket::default(); AHEAD_MAX];
        for (bucket, Sequenced { command, .. }) in buckets.iter_mut().zip(commands) {
            *bucket = self.orders.bucket(command.session, named(command));
            self.orders.prefetch_bucket(*bucket);
        }
        buckets
    }

    /// Prefetches the newest orders of these buckets.
    #[inline(always)]
    pub(super) fn look_at_orders(&self, buckets: &[Bucket]) {
        for &bucket in buckets {
            self.orders.prefetch_in(bucket);
        }
    }

    /// Returns true if levels and neighbours need prefetching, too.
    #[inline(always)]
    pub(super) fn is_deep(&self) -> bool {
        self.orders.live() >= DEEP_ORDERS
    }

    /// Applies commands in groups. While one group is applied, the memory of the three groups
    /// behind it is on its way, each group one step less far.
    #[inline(never)]
    pub(super) fn apply_deep(
        &mut self,
        commands: &[Sequenced],
        buckets: &[Bucket; AHEAD_MAX],
        sink: &mut impl ReportSink,
    ) {
        let count = commands.len();
        let group = |start: usize, steps: usize| match start.checked_sub(steps * GROUP) {
            Some(from) => from.min(count)..(from + GROUP).min(count),
            None => 0..0,
        };
        let mut entering = Entering { joined: [NIL; AHEAD_MAX], hit: [NIL; AHEAD_MAX] };
        for start in (0..count + 3 * GROUP).step_by(GROUP) {
            self.look_at_orders(&buckets[group(start, 0)]);
            self.look_at_levels(commands, group(start, 0), &mut entering);
            self.look_at_neighbours(buckets, group(start, 1), &mut entering);
            self.look_at_next_hits(group(start, 2), &mut entering);
            let ready = group(start, 3);
            for (command, &bucket) in commands[ready.clone()].iter().zip(&buckets[ready]) {
                self.apply(command, bucket, sink);
            }
        }
    }

    /// Prefetches the levels that new orders join, and the first orders that they trade with.
    #[inline(never)]
    fn look_at_levels(&self, commands: &[Sequenced], group: Range<usize>, entering: &mut Entering) {
        let mut enters = [0; GROUP];
        let mut count = 0;
        for (i, Sequenced { command, .. }) in group.clone().zip(&commands[group]) {
            enters[count % GROUP] = i;
            count += usize::from(matches!(command.action, Action::Enter(_)));
        }
        for &i in &enters[..count] {
            let command = &commands[i].command;
            let Action::Enter(enter) = &command.action else { continue };
            let Some(book) = self.book_index(command.symbol) else { continue };
            let (book, buy) = (&self.books[book], enter.side.is_buy());
            let key = key_of(buy, enter.price.0);
            entering.joined[i] = book.sides[side_index(buy)].near(key);
            self.levels.prefetch(entering.joined[i]);
            if book.crosses(buy, key) {
                let best = book.sides[side_index(!buy)].best();
                entering.hit[i] = self.levels.get(best).head;
                self.orders.prefetch(entering.hit[i]);
            }
        }
    }

    /// Prefetches neighbours and levels of the named orders, and the tails of the levels that new
    /// orders join.
    #[inline(never)]
    fn look_at_neighbours(
        &self,
        buckets: &[Bucket; AHEAD_MAX],
        group: Range<usize>,
        entering: &mut Entering,
    ) {
        for (&bucket, &joined) in buckets[group.clone()].iter().zip(&entering.joined[group.clone()])
        {
            self.levels.prefetch(self.orders.prefetch_neighbours_in(bucket));
            self.orders.prefetch(self.levels.get(joined).tail);
        }
        self.look_at_next_hits(group, entering);
    }

    /// Prefetches the orders behind those that new orders trade with.
    #[inline(always)]
    fn look_at_next_hits(&self, group: Range<usize>, entering: &mut Entering) {
        for hit in entering.hit[group].iter_mut().filter(|hit| **hit != NIL) {
            *hit = self.orders.prefetch_next(*hit);
        }
    }
}

/// Returns the order id that an everyday command adds or names first. Other commands compute their
/// buckets themselves.
#[inline(always)]
fn named(command: &Command) -> OrderId {
    match &command.action {
        Action::Enter(enter) => enter.id,
        Action::Reduce(Reduce { id, .. })
        | Action::Replace(Replace { id, .. })
        | Action::Cancel(Cancel { id })
        | Action::Modify(Modify { id, .. })
        | Action::ReplaceTerms(ReplaceTerms { replace: Replace { id, .. }, .. }) => *id,
        _ => OrderId(0),
    }
}
