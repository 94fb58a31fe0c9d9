//! Named laws of the matching rules. The audit counts how often each law was at stake: a law that
//! never was is not proved by a run.

use super::Audit;
use std::fmt::{Debug, Display, Formatter};

macro_rules! laws {
    ($($name:ident = $text:literal,)*) => {
        /// Law that the reports of every run keep.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Law { $(#[doc = $text] $name),* }

        impl Law {
            /// All laws.
            pub const ALL: &[Law] = &[$(Law::$name),*];

            /// Returns the law as a sentence.
            pub fn text(self) -> &'static str {
                match self { $(Law::$name => $text),* }
            }
        }
    };
}

laws! {
    FokWhole = "a fill-or-kill order trades whole or changes nothing",
    MinimumMet = "an incoming order trades its minimum or nothing",
    FirstTradesFirst = "the order that is first in its book trades first, at its price",
    MinimumHasItsTurn = "a resting minimum that the incoming order can meet is not stepped over",
    WithinLimit = "no order trades beyond its limit",
    WithinBands = "nothing trades outside the bands",
    BeforeEnd = "no order trades at its end or later",
    OwnersApart = "two orders of one owner do not trade if the incoming one has a mode",
    PreventedForCause = "self-trade prevention takes quantity only between two orders of one owner",
    QuantityKept = "the open quantity falls by what is traded or cancelled",
    EndsOnce = "an order has one end and no report after the end",
    NotCrossed = "the book of an open symbol is neither crossed nor locked",
    TooSmallForMinimum = "an order rests beyond a minimum only if the order is too small for it",
    MinimumsComeIn = "a resting minimum that the book can meet trades when its symbol opens",
    StopsEnter = "no reached stop waits while the symbol trades",
    TradesWhereOpen = "nothing trades outside continuous trading but in an uncross",
    NumbersNew = "no order number and no match number comes twice",
    WorkBounded = "a command reports in proportion to its orders, places and trades",
}

/// Number of times that each law was at stake.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried([u64; Law::ALL.len()]);

impl Tried {
    pub fn of(&self, law: Law) -> u64 {
        self.0[law as usize]
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Tried) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
    }
}

impl Display for Tried {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        Law::ALL.iter().try_for_each(|&law| writeln!(f, "{:>12}  {}", self.of(law), law.text()))
    }
}

impl Audit {
    /// Counts a law that is at stake, and returns an error if a report breaks it.
    pub(super) fn keep(&mut self, law: Law, holds: bool, at: &dyn Debug) -> Result<(), String> {
        self.tried.0[law as usize] += 1;
        if holds { Ok(()) } else { Err(format!("{}: broken by {at:?}", law.text())) }
    }
}
